//! The audit: what all have written down, held against each other and against the report.

use std::collections::{BTreeMap, HashMap, HashSet};

use exeunt::{ActorReport, Ended, Overflow, Reason, Report};

use super::Figures;
use super::actors::{Account, Asked, Book, Shared};
use super::play::STAGEHAND;
use super::program::{Kind, Number, Policy, Program, Way};

pub(crate) struct Audit<'a> {
    pub(crate) program: &'a Program,
    pub(crate) books: &'a BTreeMap<String, Shared>,
    pub(crate) report: &'a Report,
    pub(crate) accounts: Vec<Account>,
    pub(crate) asked: Asked,
    /// What was left in the channels.
    pub(crate) left: Vec<(String, Number)>,
}

impl Audit<'_> {
    pub(crate) fn hold(&self) -> Figures {
        exeunt_testkit::assert_balanced(self.report);
        for (name, book) in self.books {
            let book = book.lock().unwrap();
            self.m1_m2_seen_once_or_never(name, &book);
            self.m3_in_order(name, &book);
            self.r1_figures(name, &book);
            let is_pool = self.role_of(name).threads > 1;
            assert!(is_pool || book.called_after_its_end == 0, "{name} handled after its end");
        }
        self.m5_answers("nobody", &self.asked);
        for (name, book) in self.books {
            let heard = book.lock().unwrap().heard.clone();
            self.m5_answers(name, &heard);
            self.m5_answers_that_come_later(name);
        }
        for i in 0..self.program.roles.len() {
            self.o1_order(i);
            self.o3_all_is_handled(i);
            self.m1_what_others_read_is_theirs(i);
            self.d3_who_hangs_is_given_up(i);
            self.d4_daemons_are_last(i);
            self.f1_restarts(i);
        }
        self.d1_nobody_is_cut_short();
        self.f1_restarts_of_children();
        self.f3_whose_failure_a_child_was();
        self.f3_whose_failure_it_was();
        self.o2_o4_nobody_is_refused();
        self.figures()
    }

    fn figures(&self) -> Figures {
        let (accepted, refused): (Vec<_>, Vec<_>) =
            self.accounts.iter().flatten().partition(|(.., accepted)| *accepted);
        let sum = |figure: fn(&ActorReport) -> u64| self.report.actors.iter().map(figure).sum();
        let answers = self.asked.iter().filter(|(.., answer)| answer.is_ok()).count();
        let by = |way: Way| accepted.iter().filter(|(_, number, _)| number.way == way).count();
        let all = 0..self.program.roles.len();
        let in_rings = all.filter(|&i| self.drained(i) && !self.program.ring(i).is_empty());
        let in_teams =
            (0..self.program.roles.len()).filter(|&i| self.program.roles[i].team.is_some());
        let children = || self.report.actors.iter().filter(|line| is_child(&line.name));
        let of_children = |figure: fn(&ActorReport) -> u64| children().map(figure).sum();
        let heard = self.books.values().map(|book| book.lock().unwrap().heard.len() as u64).sum();
        Figures([
            accepted.len() as u64,
            refused.len() as u64,
            sum(|line| line.handled),
            sum(|line| line.failed),
            sum(|line| line.returned),
            sum(|line| line.overflowed),
            sum(|line| line.restarts),
            answers as u64,
            (self.asked.len() - answers) as u64,
            by(Way::Urgent) as u64,
            by(Way::Channel) as u64,
            self.left.len() as u64,
            in_rings.count() as u64,
            sum(|line| line.threads.len() as u64),
            sum(|line| u64::from(line.ended == Ended::Abandoned)),
            sum(|line| u64::from(line.ended == Ended::Daemon)),
            in_teams.map(|i| self.line(i).restarts).sum(),
            heard,
            self.report.actors.iter().map(|line| line.cancelled).sum(),
            self.books.values().map(|book| book.lock().unwrap().ticks.len() as u64).sum(),
            of_children(|line| line.restarts),
            of_children(|line| u64::from(line.ended == Ended::Failed)),
        ])
    }

    fn m1_m2_seen_once_or_never(&self, name: &str, book: &Book) {
        let seen: Vec<Number> = [&book.handled[..], &book.failed, &book.returned].concat();
        let unique: HashSet<Number> = seen.iter().copied().collect();
        assert_eq!(seen.len(), unique.len(), "{name} saw something twice\n{}", self.report);
        let (timed, seen): (Vec<Number>, Vec<Number>) =
            seen.into_iter().partition(|number| number.way == Way::Timer);
        self.m1_timers(name, book, &timed);
        let unique: HashSet<Number> = seen.into_iter().collect();
        let sent = self.accounts.iter().flatten().filter(|(to, ..)| to == name);
        let (accepted, refused): (Vec<_>, Vec<_>) = sent.partition(|(.., accepted)| *accepted);
        let accepted: HashSet<Number> = accepted.iter().map(|(_, number, _)| *number).collect();
        assert_eq!(unique, accepted, "{name}: seen, and accepted\n{}", self.report);
        for (_, number, _) in refused {
            assert!(!unique.contains(number), "{name} saw {number:?}, which was refused");
        }
    }

    /// A timer has come, or counts as cancelled; each tick has come.
    fn m1_timers(&self, name: &str, book: &Book, seen: &[Number]) {
        let ticks = seen.iter().filter(|number| number.kind == Kind::Work).count();
        assert!(seen.iter().all(|n| book.timed.contains(n) || book.ticks.contains(n)), "{name}");
        if !self.lines(name).any(is_cut_off) {
            let cancelled: u64 = self.lines(name).map(|line| line.cancelled).sum();
            let come = (seen.len() - ticks) as u64;
            assert_eq!(come + cancelled, book.timed.len() as u64, "{name}\n{}", self.report);
            assert_eq!(ticks, book.ticks.len(), "{name}\n{}", self.report);
        }
    }

    /// Of each sender, on each way. Several threads take in that order, and may finish in another.
    fn m3_in_order(&self, name: &str, book: &Book) {
        if self.role_of(name).threads > 1 {
            return;
        }
        for seen in [&book.handled, &book.failed] {
            let mut last: HashMap<(u32, Way), u32> = HashMap::new();
            for number in seen.iter().filter(|number| number.way != Way::Timer) {
                let before = last.insert((number.sender, number.way), number.place);
                assert!(before < Some(number.place), "{name}: {number:?} after {before:?}");
            }
        }
    }

    /// A child has a line for each incarnation of its parent.
    fn r1_figures(&self, name: &str, book: &Book) {
        let lines: Vec<_> = self.report.actors.iter().filter(|line| line.name == name).collect();
        if !is_child(name) {
            assert_eq!(lines.len(), 1, "{name}\n{}", self.report);
        }
        let sums = lines.iter().fold([0; 3], |[handled, failed, returned], line| {
            [handled + line.handled, failed + line.failed, returned + line.returned]
        });
        let seen = [&book.handled, &book.failed, &book.returned].map(|list| list.len() as u64);
        // What a daemon had in its hands when it was dismissed counts as failed, however it came out.
        let came_out = seen[0].saturating_sub(sums[0]);
        assert!(came_out <= self.in_hand(name, &lines), "{name}\n{}", self.report);
        let seen = [seen[0] - came_out, seen[1] + came_out, seen[2]];
        assert_eq!(sums, seen, "{name}\n{}", self.report);
    }

    /// How many messages a daemon may have had in its hands when it was dismissed.
    fn in_hand(&self, name: &str, lines: &[&ActorReport]) -> u64 {
        let threads = self.role_of(name).threads as u64;
        let is_dismissed = lines.iter().any(|line| line.ended == Ended::Daemon);
        if is_dismissed { threads } else { 0 }
    }

    fn m5_answers(&self, asker: &str, asked: &Asked) {
        for (name, number, answer) in asked {
            let book = self.books[name].lock().unwrap();
            match answer {
                Ok(answer) => {
                    assert_eq!(answer, number, "an answer to another question");
                    assert!(book.handled.contains(number), "{number:?} was answered unhandled");
                }
                Err(was_accepted) => {
                    // Who asks a daemon hears of its end, and not what it does after that.
                    let is_handled = book.handled.contains(number);
                    // Who waits for its children to begin anew handles then what they asked.
                    let is_moot = self.role_of(name).is_daemon || is_above(name, asker);
                    assert!(
                        !is_handled || is_moot,
                        "{number:?}, {was_accepted}: handled, without answer"
                    );
                }
            }
        }
    }

    /// Who comes to a good end has heard of all whom it asked, once of each.
    fn m5_answers_that_come_later(&self, name: &str) {
        let book = self.books[name].lock().unwrap();
        let unique: HashSet<Number> = book.heard.iter().map(|(_, number, _)| *number).collect();
        assert_eq!(unique.len(), book.heard.len(), "{name} heard of one ask twice");
        // An incarnation may be over though none follows it: who falls with a child, or stops for others, and finds
        // nothing to do in a drain, is not made anew.
        let is_over = |line: &ActorReport| match line.name == name {
            true => line.failed + line.restarts > 0,
            false => is_above(name, &line.name) && line.ended == Ended::Failed,
        };
        let has_been_over = self.report.actors.iter().any(is_over);
        let may_stop = !is_child(name) && self.program.is_taken_along(Self::index_of(name));
        if self.has_left_well(name) && !has_been_over && !may_stop {
            assert_eq!(book.heard.len(), book.asked, "{name}\n{}", self.report);
        }
    }

    /// Whose name that is, or whose child's.
    fn index_of(name: &str) -> usize {
        name[1..].trim_end_matches(char::is_alphabetic).parse().unwrap()
    }

    fn role_of(&self, name: &str) -> &super::program::Role {
        &self.program.roles[Self::index_of(name)]
    }

    fn line(&self, i: usize) -> &ActorReport {
        self.report.actor(&format!("a{i}")).unwrap()
    }

    /// Whether it left in its turn: not before, because it was told to or had failed.
    fn drained(&self, i: usize) -> bool {
        let has_left_early = self.is_told_to_stop(i) || self.program.may_leave_with_others(i);
        self.line(i).ended == Ended::Drained && !has_left_early
    }

    fn is_told_to_stop(&self, i: usize) -> bool {
        let deeds = self.program.scripts.iter().flatten();
        deeds.into_iter().any(|deed| matches!(deed, super::program::Deed::Stop(at) if *at == i))
    }

    fn place(&self, i: usize) -> usize {
        let name = format!("a{i}");
        self.report.actors.iter().position(|line| line.name == name).unwrap()
    }

    fn o1_order(&self, i: usize) {
        for to in self.program.downstream(i).into_iter().filter(|&to| self.drained(to)) {
            assert!(self.place(i) < self.place(to), "a{to} left before a{i}\n{}", self.report);
        }
    }

    fn o2_o4_nobody_is_refused(&self) {
        for (name, book) in self.books {
            // A daemon goes on when others have left, and so may who was given up.
            let goes_on = self.lines(name).any(|line| line.ended == Ended::Abandoned)
                || self.role_of(name).is_daemon;
            for (to, has_waited) in book.lock().unwrap().closed.iter().filter(|_| !goes_on) {
                let may_be = match (is_above(to, name), Self::index_of(to) == Self::index_of(name))
                {
                    (true, _) => self.may_refuse_its_child(to, *has_waited),
                    // What a parent sends to a child that leaves with it is between the two.
                    (_, true) => is_above(name, to) || self.may_refuse_its_sibling(to),
                    _ => self.may_refuse_others(Self::index_of(to)),
                };
                assert!(may_be, "{name} was refused by {to}\n{}", self.report);
            }
        }
    }

    fn lines(&self, name: &str) -> impl Iterator<Item = &ActorReport> {
        self.report.actors.iter().filter(move |line| line.name == name)
    }

    /// Whether it has handled all that it had accepted, and nothing has cut it short.
    fn has_left_well(&self, name: &str) -> bool {
        // A pool has ended as the worst of its threads, of which that may have been the last to read.
        self.lines(name).all(|line| matches!(line.ended, Ended::Drained | Ended::Completed))
    }

    /// Its mailbox is open for those below it until they have left, whenever and why ever it leaves. But there is no
    /// use in waiting for room with somebody who waits for them, to begin anew.
    fn may_refuse_its_child(&self, parent: &str, has_waited: bool) -> bool {
        let begins_anew = self.lines(parent).any(|line| line.restarts > 0);
        !self.has_left_well(parent) || has_waited && begins_anew
    }

    /// Who has met its deadline stops its children, all at once.
    fn may_refuse_its_sibling(&self, name: &str) -> bool {
        !self.has_left_well(name) || self.role_of(name).deadline.is_some()
    }

    fn may_refuse_others(&self, i: usize) -> bool {
        if self.line(i).ended == Ended::Daemon {
            return self.is_told_to_stop(i) || self.program.may_leave_with_others(i);
        }
        !self.drained(i)
    }

    fn o3_all_is_handled(&self, i: usize) {
        let (role, line) = (&self.program.roles[i], self.line(i));
        let book = self.books[&format!("a{i}")].lock().unwrap();
        if line.ended == Ended::Drained {
            assert_eq!(line.returned, line.overflowed, "a{i}\n{}", self.report);
            let drops = matches!(role.overflow, Overflow::DropNewest | Overflow::DropOldest);
            assert!(drops || line.overflowed == 0, "a{i}\n{}", self.report);
            // Who was about to begin anew, and found nothing to do, need not have stopped twice.
            assert!(book.is_stopped, "a{i} has not said goodbye\n{}", self.report);
        }
        // A failure may have begun the drain before anything was put there; and who fails in its turn, with nothing
        // in its mailbox, is not made anew for the sake of a channel.
        let is_certain =
            role.threads == 1 && line.failed + line.restarts == 0 && !self.report.is_failure();
        if self.drained(i) && is_certain {
            let name = format!("a{i}");
            let left =
                self.left.iter().any(|(to, number)| *to == name && number.sender == STAGEHAND);
            assert!(!left, "a{i} has left what was in its channel\n{}", self.report);
        }
        let has_ended_of_it = !is_cut_off(line) && !line.threads.iter().any(is_cut_off);
        if role.policy != Policy::OnFailure && line.failed > 0 && has_ended_of_it {
            assert_eq!(line.ended, Ended::Failed, "a{i}\n{}", self.report);
            assert!(line.failed <= role.threads as u64, "a{i}\n{}", self.report);
        }
    }

    /// A thread that fails leaves the mailbox to the other threads of its pool. When those have gone, it is the last: what
    /// comes then, by its children or by one who takes his time to put something in, is returned.
    fn m1_what_others_read_is_theirs(&self, i: usize) {
        let Program { roles, scripts, .. } = self.program;
        let line = self.line(i);
        let late: usize = scripts.len() + roles.iter().map(|role| role.threads).sum::<usize>();
        let has_readers = line.threads.iter().any(|thread| thread.ended == Ended::Drained);
        if has_readers && roles.iter().all(|role| role.children.is_empty()) {
            let returned = line.returned - line.overflowed;
            assert!(returned <= late as u64, "a{i}\n{}", self.report);
        }
    }

    /// Where nobody hangs, everybody gets on.
    fn d1_nobody_is_cut_short(&self) {
        for line in self.report.actors.iter().filter(|line| line.ended == Ended::Overdue) {
            let has_deadline = self.role_of(&line.name).deadline.is_some();
            assert!(has_deadline || self.program.hangs, "{}\n{}", line.name, self.report);
        }
    }

    /// And nobody else is.
    fn d3_who_hangs_is_given_up(&self, i: usize) {
        let book = self.books[&format!("a{i}")].lock().unwrap();
        let has_hung = book.failed.iter().any(|number| number.kind == Kind::Hang);
        let is_given_up = self.line(i).ended == Ended::Abandoned;
        // A daemon is, if it was told to stop.
        let is_waited_for = !self.program.roles[i].is_daemon;
        assert!(has_hung == is_given_up || has_hung && !is_waited_for, "a{i}\n{}", self.report);
    }

    /// Nobody waits for them, and they are there until all others have ended.
    fn d4_daemons_are_last(&self, i: usize) {
        let is_dismissed = self.line(i).ended == Ended::Daemon;
        assert!(self.program.roles[i].is_daemon || !is_dismissed, "a{i}\n{}", self.report);
        let after = self.report.actors.iter().skip(self.place(i));
        let others = after.filter(|_| is_dismissed).map(|line| self.role_of(&line.name));
        assert!(others.into_iter().all(|role| role.is_daemon), "a{i}\n{}", self.report);
    }

    /// Nobody begins anew but for a failure, its own or of somebody by whom it is taken along, and each counts once.
    fn f1_restarts(&self, i: usize) {
        let role = &self.program.roles[i];
        let others = (0..self.program.roles.len()).filter(|&j| self.program.takes_along(j, i));
        let failures: u64 = others.map(|j| self.failures_in(&format!("a{j}"))).sum();
        let most = match role.policy {
            Policy::OnFailure => failures * role.threads as u64,
            Policy::Never | Policy::Temporary => 0,
        };
        assert!(self.line(i).restarts <= most, "a{i}\n{}", self.report);
    }

    /// Of somebody, and of those below it.
    fn failures_in(&self, name: &str) -> u64 {
        let is_meant = |other: &str| other == name || is_above(name, other);
        let lines = self.report.actors.iter().filter(|line| is_meant(&line.name));
        let books = self.books.iter().filter(|(name, _)| is_meant(name));
        let tripped = books.map(|(_, book)| book.lock().unwrap().tripped);
        lines.map(|line| line.failed).chain(tripped).sum()
    }

    /// Nor does a child.
    fn f1_restarts_of_children(&self) {
        for (name, child) in self.program.all_children() {
            let restarts: u64 = self.lines(&name).map(|line| line.restarts).sum();
            let most = match child.policy {
                Policy::OnFailure => self.failures_in(&name),
                Policy::Never | Policy::Temporary => 0,
            };
            assert!(restarts <= most, "{name}\n{}", self.report);
        }
    }

    /// A child's failure is nobody's, or its parent's, unless that was leaving.
    fn f3_whose_failure_a_child_was(&self) {
        for (name, child) in self.program.all_children() {
            for line in self.lines(&name).filter(|line| line.ended == Ended::Failed) {
                let is_absorbed = child.policy == Policy::Temporary;
                assert!(line.absorbed || !is_absorbed, "{name}\n{}", self.report);
                assert!(child.policy != Policy::OnFailure, "{name}\n{}", self.report);
                let has_fallen = child.policy == Policy::Never && line.absorbed;
                let parent = &name[..name.len() - 1];
                // One that would begin anew, and finds in a drain that there is nothing to do, leaves well.
                let begins_anew = self.role_of(&name).policy == Policy::OnFailure;
                let is_well = (!begins_anew || is_child(parent)) && self.has_left_well(parent);
                assert!(!has_fallen || !is_well, "{name} and {parent}\n{}", self.report);
            }
        }
    }

    /// And that no other is.
    fn f3_whose_failure_it_was(&self) {
        for (i, role) in self.program.roles.iter().enumerate() {
            let line = self.line(i);
            let is_absorbed = line.ended != Ended::Failed || line.absorbed;
            match (role.policy, role.team) {
                (Policy::Never, None) => {
                    assert!(!line.absorbed, "a{i}\n{}", self.report);
                }
                (Policy::Temporary, _) => assert!(is_absorbed, "a{i}\n{}", self.report),
                (Policy::OnFailure, _) if !self.program.is_bounded(i) => {
                    assert!(line.ended != Ended::Failed, "a{i}\n{}", self.report);
                }
                _ => {}
            }
        }
        if let (Reason::Failure { name, .. }, false) = (&self.report.reason, self.program.hangs) {
            // Of a pool it is named by its thread.
            let name = name.split('/').next().unwrap();
            let is_its = |line: &ActorReport| line.ended == Ended::Failed && !line.absorbed;
            assert!(self.lines(name).any(is_its), "{name}\n{}", self.report);
        }
    }
}

/// Whether it was left where it was, so that what it had in its hands came out later, or never.
fn is_cut_off(line: &ActorReport) -> bool {
    matches!(line.ended, Ended::Daemon | Ended::Abandoned)
}

fn is_child(name: &str) -> bool {
    name.ends_with(char::is_alphabetic)
}

/// Whether the one is the parent of the other, or of one above that.
fn is_above(one: &str, other: &str) -> bool {
    let rest = other.strip_prefix(one).unwrap_or_default();
    rest.starts_with(char::is_alphabetic)
}

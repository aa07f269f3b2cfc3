//! The audit: what all have written down, held against each other and against the report.

use std::collections::{BTreeMap, HashMap, HashSet};

use exeunt::{ActorReport, Ended, Overflow, Report};

use super::Figures;
use super::actors::{Account, Asked, Book, Shared};
use super::play::{STAGEHAND, Ways};
use super::program::{Kind, Number, Policy, Program, Way};

mod failures;
mod families;
mod topics;
mod routers;
mod figures;

pub(crate) struct Audit {
    pub(crate) program: Program,
    pub(crate) books: BTreeMap<String, Shared>,
    pub(crate) report: Report,
    pub(crate) accounts: Vec<Account>,
    pub(crate) asked: Asked,
    /// What those who have no book have sent to several.
    pub(crate) ways: Ways,
    /// What was left in the channels.
    pub(crate) left: Vec<(String, Number)>,
}

impl Audit {
    pub(crate) fn hold(&self) -> Figures {
        exeunt_testkit::assert_balanced(&self.report);
        for (name, book) in &self.books {
            let book = book.lock().unwrap();
            self.m1_m2_seen_once_or_never(name, &book);
            self.m3_in_order(name, &book);
            self.r1_figures(name, &book);
            let is_pool = self.role_of(name).threads > 1;
            assert!(is_pool || book.called_after_its_end == 0, "{name} handled after its end");
        }
        self.m5_answers("nobody", &self.asked);
        for (name, book) in &self.books {
            let heard = book.lock().unwrap().heard.clone();
            self.m5_answers(name, &heard);
            self.m5_answers_that_come_later(name);
        }
        for i in 0..self.program.roles.len() {
            self.o1_order(i);
            self.o3_all_is_handled(i);
            self.o3_children_leave_first(i);
            self.m1_what_others_read_is_theirs(i);
            self.d3_who_hangs_is_given_up(i);
            self.d4_daemons_are_last(i);
            self.f1_restarts(i);
        }
        self.topics();
        self.routers();
        self.d1_nobody_is_cut_short();
        self.f1_restarts_of_children();
        self.f3_whose_failure_a_child_was();
        self.f3_whose_failure_it_was();
        self.o2_o4_nobody_is_refused();
        self.figures()
    }

    fn m1_m2_seen_once_or_never(&self, name: &str, book: &Book) {
        let seen = book.seen();
        let (of_topics, seen) = seen.into_iter().partition(|number| number.way == Way::Topic);
        self.m1_once_a_thread(name, of_topics);
        let unique: HashSet<Number> = seen.iter().copied().collect();
        assert_eq!(seen.len(), unique.len(), "{name} saw something twice\n{}", self.report);
        let (timed, seen): (Vec<Number>, Vec<Number>) =
            seen.into_iter().partition(|number| number.way == Way::Timer);
        self.m1_timers(name, book, &timed);
        let seen = seen.into_iter().filter(|number| number.way != Way::Router);
        let unique: HashSet<Number> = seen.collect();
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
                // A router puts it into the same mailbox.
                let way = if number.way == Way::Router { Way::Ordinary } else { number.way };
                let before = last.insert((number.sender, way), number.place);
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
        let in_hand: u64 = lines.iter().map(|line| in_hand(line)).sum();
        assert!(came_out <= in_hand, "{name}\n{}", self.report);
        let seen = [seen[0] - came_out, seen[1] + came_out, seen[2]];
        assert_eq!(sums, seen, "{name}\n{}", self.report);
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
        if self.has_left_well(name) && self.has_one_incarnation(name) {
            assert_eq!(book.heard.len(), book.asked, "{name}\n{}", self.report);
        }
    }

    /// An incarnation may be over though none follows it: who falls with a child, or stops for others, and finds
    /// nothing to do in a drain, is not made anew.
    fn has_one_incarnation(&self, name: &str) -> bool {
        let is_over = |line: &ActorReport| match line.name == name {
            true => line.failed + line.restarts > 0,
            false => is_above(name, &line.name) && line.ended == Ended::Failed,
        };
        let may_stop = !is_child(name) && self.program.is_taken_along(Self::index_of(name));
        !may_stop && !self.report.actors.iter().any(is_over)
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
        let has_left_early = self.is_told_to_stop(i)
            || self.program.may_leave_with_others(i)
            || self.has_ended_by_itself(i);
        self.line(i).ended == Ended::Drained && !has_left_early
    }

    /// Whether nobody could reach it any more. If the drain began at that moment it counts as drained.
    fn has_ended_by_itself(&self, i: usize) -> bool {
        let name = format!("a{i}");
        let book = self.books[&name].lock().unwrap();
        book.is_stopped && !book.has_had_its_turn && self.has_one_incarnation(&name)
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
        let by_children = self.edge_of_children(i);
        let downstream = self.program.downstream(i).into_iter().chain(by_children);
        for to in downstream.filter(|&to| self.drained(to)) {
            assert!(self.place(i) < self.place(to), "a{to} left before a{i}\n{}", self.report);
        }
    }

    /// Whom the children of `i` feed and it does not, if one of those who say so was there when the drain began.
    pub(super) fn edge_of_children(&self, i: usize) -> Option<usize> {
        let (name, role) = (format!("a{i}"), &self.program.roles[i]);
        // Each thread of a pool has a wiring of its own.
        let early = self.books[&name].lock().unwrap().early_families;
        let is_certain = early == role.threads && self.has_one_incarnation(&name);
        let mut children = role.children.iter().zip('a'..);
        // Who leaves in the drain was there.
        let has_stayed = |letter: char| {
            let child = format!("{name}{letter}");
            let mut lines = self.lines(&child).peekable();
            lines.peek().is_some() && lines.all(|line| line.ended == Ended::Drained)
        };
        let is_heard = children.any(|(child, letter)| child.is_declared && has_stayed(letter));
        role.children_feed.filter(|_| is_certain && is_heard)
    }

    /// Whether the one is fed by children only, the other among them, of whom perhaps none had said so when the drain began.
    fn is_fed_by_children_in_vain(&self, to: &str, name: &str) -> bool {
        let (to, of) = (Self::index_of(to), Self::index_of(name));
        let is_fed = self.program.roles[of].children_feed == Some(to);
        is_child(name) && is_fed && self.edge_of_children(of).is_none()
    }

    fn o2_o4_nobody_is_refused(&self) {
        for (name, book) in &self.books {
            let closed = book.lock().unwrap().closed.clone();
            for (to, has_waited) in &closed {
                let may_be = self.may_refuse(to, name, *has_waited);
                assert!(may_be, "{name} was refused by {to}\n{}", self.report);
            }
        }
    }

    /// Whether the one may be closed to the other, who sends to it.
    fn may_refuse(&self, to: &str, name: &str, has_waited: bool) -> bool {
        // A daemon goes on when others have left, and so may who was given up.
        let goes_on = self.lines(name).any(|line| line.ended == Ended::Abandoned)
            || self.role_of(name).is_daemon;
        goes_on
            || match (is_above(to, name), Self::index_of(to) == Self::index_of(name)) {
                (true, _) => self.may_refuse_its_child(to, has_waited),
                // What a parent sends to a child that leaves with it is between the two.
                (_, true) => is_above(name, to) || self.may_refuse_its_sibling(to),
                _ if self.is_fed_by_children_in_vain(to, name) => true,
                _ => self.may_refuse_others(Self::index_of(to)),
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
        let (role, line, drained) = (&self.program.roles[i], self.line(i), self.drained(i));
        let book = self.books[&format!("a{i}")].lock().unwrap();
        if line.ended == Ended::Drained {
            // What he reads is an incarnation's.
            let reads = self.program.papers_of(i).next().is_some();
            let is_certain = !reads || self.has_one_incarnation(&format!("a{i}"));
            assert!(!is_certain || line.returned == line.overflowed, "a{i}\n{}", self.report);
            let papers = self.program.papers_of(i).map(|(_, paper)| paper.overflow);
            let drops = |overflow| matches!(overflow, Overflow::DropNewest | Overflow::DropOldest);
            let drops = papers.chain([role.overflow]).any(drops);
            assert!(drops || line.overflowed == 0, "a{i}\n{}", self.report);
            // Who was about to begin anew, and found nothing to do, need not have stopped twice.
            assert!(book.is_stopped, "a{i} has not said goodbye\n{}", self.report);
        }
        // A failure may have begun the drain before anything was put there; and who fails in its turn, with nothing
        // in its mailbox, is not made anew for the sake of a channel.
        let name = format!("a{i}");
        let is_certain =
            role.threads == 1 && self.has_one_incarnation(&name) && !self.report.is_failure();
        if drained && is_certain {
            let left =
                self.left.iter().any(|(to, number)| *to == name && number.sender == STAGEHAND);
            assert!(!left, "a{i} has left what was in its channel\n{}", self.report);
        }
        if role.policy != Policy::OnFailure && line.failed > 0 && !is_cut_off(line) {
            assert_eq!(line.ended, Ended::Failed, "a{i}\n{}", self.report);
            assert!(line.failed <= role.threads as u64, "a{i}\n{}", self.report);
        }
    }

    /// A thread that fails leaves the mailbox to the other threads of its pool. When those have gone, it is the last: what
    /// comes then, by its children or by one who takes his time to put something in, is returned.
    fn m1_what_others_read_is_theirs(&self, i: usize) {
        let Program { roles, scripts, .. } = &self.program;
        let line = self.line(i);
        let late: usize = scripts.len() + roles.iter().map(|role| role.threads).sum::<usize>();
        let has_readers = line.threads.iter().any(|thread| thread.ended == Ended::Drained);
        let reads_papers = self.program.papers_of(i).next().is_some();
        if has_readers && !reads_papers && roles.iter().all(|role| role.children.is_empty()) {
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
}

/// Whether it was left where it was, so that what it had in its hands came out later, or never; or one of its threads was,
/// though the pool has ended as the worst of them, which may have failed.
pub(crate) fn is_cut_off(line: &ActorReport) -> bool {
    matches!(line.ended, Ended::Daemon | Ended::Abandoned) || line.threads.iter().any(is_cut_off)
}

/// How many messages a daemon may have had in its hands when it was dismissed: one, or one for each thread to which that
/// happened, though others of its pool had failed before.
fn in_hand(line: &ActorReport) -> u64 {
    match &line.threads[..] {
        [] => u64::from(line.ended == Ended::Daemon),
        threads => threads.iter().map(in_hand).sum(),
    }
}

fn is_child(name: &str) -> bool {
    name.ends_with(char::is_alphabetic)
}

/// Whether the one is the parent of the other, or of one above that.
fn is_above(one: &str, other: &str) -> bool {
    let rest = other.strip_prefix(one).unwrap_or_default();
    rest.starts_with(char::is_alphabetic)
}

//! The play: the actors are spawned, the scripts performed, the system drained, and all of it audited.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender};
use exeunt::{
    Addr, AskError, Event, Group, Inbox, Report, SendError, SendTimeoutError, System, TrySendError,
};

use super::actors::{
    Account, Asked, Curtain, Friend, Letter, Offspring, Player, Shared, returned_to,
};
use super::audit::Audit;
use super::papers::{Edition, Kiosk, Press};
use super::program::{Child, Deed, Kind, Number, Paper, Program, Team, Way};
use super::routes::{Route, Routed};
use super::tellings::tell;
use crate::support::dice::Dice;
use crate::support::{HANG, ms, patient};

/// Who the thread is that puts something into each channel just before the drain.
pub(crate) const STAGEHAND: u32 = 900;

/// A channel to one of the actors, with both its ends.
type Channel = Option<(Sender<Letter>, Receiver<Letter>)>;

/// How long one who belongs to nobody waits for room, if it does not wait as long as it takes.
const SOON: Duration = Duration::from_micros(200);

/// What one script has sent.
type Script = (Account, Ways);

/// What went to several, or to one of several, and was sent by nobody who has a book.
#[derive(Default)]
pub(crate) struct Ways {
    pub(crate) published: Vec<Edition>,
    pub(crate) routed: Vec<Routed>,
    pub(crate) told: Vec<Number>,
}

impl Ways {
    fn add(&mut self, other: Ways) {
        self.published.extend(other.published);
        self.routed.extend(other.routed);
        self.told.extend(other.told);
    }
}

/// Who is there to be sent to.
#[derive(Clone)]
struct Cast {
    addrs: Vec<Addr<Letter>>,
    channels: Vec<Channel>,
    presses: Vec<Option<Press>>,
    /// To all.
    route: Option<Route>,
}

/// Lets those come back that hang, however the play ends.
struct Falls(Event);

impl Drop for Falls {
    fn drop(&mut self) {
        self.0.set();
    }
}

pub(crate) fn play(seed: u64) -> Audit {
    let program = Program::thrown(&mut Dice::new(seed));
    let curtain = Curtain { rises: Event::new(), falls: Event::new() };
    let falls = Falls(curtain.falls.clone());
    let mut system = patient("random");
    if program.hangs {
        system.set_stall_limit(ms(500)).set_grace(ms(300));
    }
    let teams = build(&program.teams, &mut system);
    let books = BTreeMap::new();
    let births = Arc::default();
    let (system_now, curtain_now) = (&mut system, &curtain);
    let mut spawning = Spawning {
        system: system_now,
        program: &program,
        teams,
        curtain: curtain_now,
        births,
        books,
    };
    let cast = spawning.all();
    curtain.rises.set();
    let books = spawning.books;
    let asked: Arc<Mutex<Asked>> = Arc::default();
    let senders: Vec<thread::JoinHandle<Script>> = program
        .scripts
        .iter()
        .map(|script| {
            let (script, cast, asked) = (script.clone(), cast.clone(), Arc::clone(&asked));
            thread::spawn(move || perform(&script, &cast, &asked))
        })
        .collect();
    let channels = cast.channels.clone();
    drop(cast);
    // A yield takes as long as others want it to.
    let began = Instant::now();
    while began.elapsed() < program.patience {
        thread::yield_now();
    }
    let mut accounts = vec![put_into_each(&channels)];
    let report = system.shutdown();
    let mut ways = Ways::default();
    for sender in senders {
        let (account, its_ways) = sender.join().unwrap();
        accounts.push(account);
        ways.add(its_ways);
    }
    drop(falls);
    await_all(&books, &report);
    accounts.extend(books.values().map(|book| book.lock().unwrap().sent.clone()));
    let left = take_back(&channels, &mut accounts);
    let asked = std::mem::take(&mut *asked.lock().unwrap());
    Audit { program, books, report, accounts, asked, ways, left }
}

/// A daemon that was in the middle of something, and who was given up, come to their end after the report; the books are
/// closed when nobody has one in its hands any more.
fn await_all(books: &BTreeMap<String, Shared>, report: &Report) {
    for (name, book) in books {
        let began = Instant::now();
        while Arc::strong_count(book) > 1 {
            assert!(began.elapsed() < HANG, "{name} has never ended\n{report}");
            thread::sleep(ms(1));
        }
    }
}

fn build(teams: &[Team], system: &mut System) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for (i, team) in teams.iter().enumerate() {
        let group = system.group(&format!("g{i}"));
        let group = match groups.last() {
            Some(before) if team.is_within_the_one_before => group.within(before),
            _ => group,
        };
        let group = group
            .strategy(team.strategy)
            .intensity(team.most.unwrap_or(u32::MAX), Duration::MAX)
            .auto_shutdown(team.auto_shutdown);
        groups.push(group.build().unwrap());
    }
    groups
}

/// What lies in a channel when the drain begins is taken.
fn put_into_each(channels: &[Channel]) -> Account {
    let mut account = Account::new();
    for (i, channel) in channels.iter().enumerate() {
        let Some((sender, _)) = channel else { continue };
        for place in 0..2 {
            let kind = Kind::Work;
            let number = Number { sender: STAGEHAND, place, way: Way::Channel, kind };
            sender.send(Letter { number, reply: None }).unwrap();
            account.push((format!("a{i}"), number, true));
        }
    }
    account
}

/// What was left in the channels was not accepted: nobody had said so. Gives it.
fn take_back(channels: &[Channel], accounts: &mut [Account]) -> Vec<(String, Number)> {
    let mut left = Vec::new();
    for (i, channel) in channels.iter().enumerate() {
        let receiver = channel.iter().map(|(_, receiver)| receiver);
        let letters = receiver.flat_map(Receiver::try_iter);
        left.extend(letters.map(|letter| (format!("a{i}"), letter.number)));
    }
    for (to, number, is_accepted) in accounts.iter_mut().flatten() {
        let is_left = |(name, other): &(String, Number)| name == to && other == number;
        *is_accepted &= !left.iter().any(is_left);
    }
    left
}

/// What is spawned, from what, and into what.
struct Spawning<'a> {
    system: &'a mut System,
    program: &'a Program,
    teams: Vec<Group>,
    curtain: &'a Curtain,
    births: Arc<AtomicU32>,
    books: BTreeMap<String, Shared>,
}

impl Spawning<'_> {
    fn all(&mut self) -> Cast {
        let roles = &self.program.roles;
        // Those whom somebody before them sends to have their mailboxes before that one.
        let is_fed_early = |i: &usize| roles.iter().any(|role| role.feeds_back.contains(i));
        let early = (0..roles.len()).filter(is_fed_early);
        let mut early: BTreeMap<usize, (Addr<Letter>, Inbox<Letter>)> =
            early.map(|i| (i, exeunt::mailbox(roles[i].capacity))).collect();
        let addrs_of_early: BTreeMap<usize, Addr<Letter>> =
            early.iter().map(|(&i, (addr, _))| (i, addr.clone())).collect();
        let papers = roles.iter().enumerate();
        let presses =
            papers.map(|(i, role)| Some(Press::new(&format!("t{i}"), role.paper.as_ref()?)));
        let presses = presses.collect();
        let mut cast = Cast { addrs: Vec::new(), channels: Vec::new(), presses, route: None };
        for (i, role) in roles.iter().enumerate() {
            let ring = self.program.ring(i);
            let friend = |to: usize, addr: &Addr<Letter>| Friend {
                name: format!("a{to}"),
                addr: addr.clone(),
                is_of_the_ring: ring.contains(&to),
                is_waited_for: to < i && !self.program.is_taken_along(to),
                kind: Kind::Work,
                fails_every: 0,
            };
            let before = role.feeds.iter().map(|&to| friend(to, &cast.addrs[to]));
            let after = role.feeds_back.iter().map(|&to| friend(to, &addrs_of_early[&to]));
            let feeds: Vec<Friend> = before.chain(after).collect();
            let for_children = role.children_feed.map(|to| friend(to, &cast.addrs[to]));
            let inbox = early.remove(&i).map(|(_, inbox)| inbox);
            let channel: Channel = role.has_channel.then(crossbeam_channel::unbounded);
            let receiver = channel.as_ref().map(|(_, receiver)| receiver.clone());
            cast.addrs.push(self.one(i, inbox, feeds, for_children, receiver, &cast.presses));
            cast.channels.push(channel);
        }
        let all: Vec<Friend> = cast.addrs.iter().map(Friend::of_nobody).collect();
        cast.route = Route::over(&all.iter().collect::<Vec<_>>(), self.program.turns);
        cast
    }

    fn one(
        &mut self,
        i: usize,
        inbox: Option<Inbox<Letter>>,
        feeds: Vec<Friend>,
        children_feed: Option<Friend>,
        channel: Option<Receiver<Letter>>,
        presses: &[Option<Press>],
    ) -> Addr<Letter> {
        let role = &self.program.roles[i];
        let name = format!("a{i}");
        let book = Shared::default();
        self.books.insert(name.clone(), Arc::clone(&book));
        let children = self.offspring(&name, &role.children);
        let mut builder = match role.threads {
            1 => self.system.actor(&name),
            threads => self.system.pool(&name, threads),
        };
        builder = match inbox {
            Some(inbox) => builder.inbox(inbox),
            None => builder.capacity(role.capacity),
        };
        builder = builder.overflow(role.overflow).returned(returned_to(&book));
        if let Some(capacity) = role.urgent {
            builder = builder.urgent(capacity);
        }
        builder = builder.restart(role.policy.restart());
        if let Some(team) = role.team {
            builder = builder.within(&self.teams[team]);
        }
        if role.is_significant {
            builder = builder.significant();
        }
        if role.is_daemon {
            builder = builder.daemon();
        }
        if let Some(deadline) = role.deadline {
            builder = builder.drain_deadline(deadline);
        }
        if role.is_declared {
            builder = builder.feeds_nothing();
            for friend in &feeds {
                builder = builder.feeds(&friend.addr);
            }
        }
        let press = presses[i].clone();
        let kiosk = |(of, paper): (usize, &Paper)| Some(presses[of].as_ref()?.kiosk(paper));
        let kiosks: Vec<Kiosk> = self.program.papers_of(i).filter_map(kiosk).collect();
        let is_member = |friend: &&Friend| {
            let members = role.routing.iter().flat_map(|routing| &routing.members);
            members.into_iter().any(|to| friend.name == format!("a{to}"))
        };
        let members: Vec<&Friend> = feeds.iter().filter(is_member).collect();
        let route = role.routing.as_ref().and_then(|routing| Route::over(&members, routing.turns));
        let is_pool = role.threads > 1;
        let (sends, made) = (Arc::new(AtomicU32::new(0)), AtomicU32::new(0));
        let me = 1_000 * (i as u32 + 1);
        let (curtain, births) = (self.curtain.clone(), Arc::clone(&self.births));
        builder
            .spawn_with(move || Player {
                name: name.clone(),
                book: Arc::clone(&book),
                children: children.clone(),
                to_children: Vec::new(),
                feeds: feeds.clone(),
                children_feed: children_feed.clone(),
                channel: channel.clone(),
                press: press.clone(),
                kiosks: kiosks.clone(),
                route: route.clone(),
                sends: Arc::clone(&sends),
                // One thread after the other is one sender; several at once are several.
                me: me + if is_pool { made.fetch_add(1, Ordering::Relaxed) } else { 0 },
                births: Arc::clone(&births),
                curtain: curtain.clone(),
                ticks: false,
            })
            .unwrap()
    }

    /// The children of somebody have its name and a letter more each.
    fn offspring(&mut self, parent: &str, children: &[Child]) -> Vec<Offspring> {
        let mut all = Vec::new();
        for (&child, letter) in children.iter().zip('a'..) {
            let name = format!("{parent}{letter}");
            let children = self.offspring(&name, &child.children());
            let book = Shared::default();
            self.books.insert(name.clone(), Arc::clone(&book));
            all.push(Offspring { name, book, child, children });
        }
        all
    }
}

fn perform(script: &[Deed], cast: &Cast, asked: &Mutex<Asked>) -> Script {
    let (mut account, mut ways) = (Account::new(), Ways::default());
    let plain = |number| Letter { number, reply: None };
    let addrs = &cast.addrs;
    for &deed in script {
        let (to, number, back) = match deed {
            Deed::Stop(to) => {
                addrs[to].stop();
                continue;
            }
            Deed::Pause => {
                thread::yield_now();
                continue;
            }
            Deed::Route(number) => {
                ways.routed.extend(cast.route.as_ref().map(|route| route.send(number)));
                continue;
            }
            Deed::AskOne(number) => {
                ways.routed.extend(cast.route.as_ref().map(|route| route.ask(number)));
                continue;
            }
            Deed::TellAll(number) => {
                let told = tell(addrs.clone(), number).into_iter();
                account.extend(told.map(|(to, refused)| (to, number, refused.is_none())));
                ways.told.push(number);
                continue;
            }
            Deed::Publish(to, number) => {
                let publish = |press: &Press| press.publish(number, Some(SOON));
                ways.published.extend(cast.presses[to].as_ref().map(publish));
                continue;
            }
            Deed::Send(to, number) => {
                (to, number, addrs[to].send(plain(number)).err().map(SendError::into_message))
            }
            Deed::TrySend(to, number) => {
                let sent = addrs[to].try_send(plain(number));
                (to, number, sent.err().map(TrySendError::into_message))
            }
            Deed::SendTimeout(to, number) => {
                let sent = addrs[to].send_timeout(plain(number), SOON);
                (to, number, sent.err().map(SendTimeoutError::into_message))
            }
            Deed::SendUrgent(to, number) => {
                let sent = addrs[to].send_urgent(plain(number));
                (to, number, sent.err().map(SendError::into_message))
            }
            Deed::TrySendUrgent(to, number) => {
                let sent = addrs[to].try_send_urgent(plain(number));
                (to, number, sent.err().map(TrySendError::into_message))
            }
            Deed::Put(to, number) => {
                let Some((sender, _)) = &cast.channels[to] else { continue };
                (to, number, sender.send(plain(number)).err().map(|error| error.0))
            }
            Deed::Ask(to, number) => {
                let question = |reply| Letter { number, reply: Some(reply) };
                let answer = addrs[to].ask_timeout(question, HANG / 2);
                assert!(!matches!(answer, Err(AskError::Timeout(_))), "an ask did not end");
                let name = addrs[to].name().to_owned();
                let (answer, back) = match answer {
                    Ok(answer) => (Ok(answer), None),
                    Err(AskError::NotSent(error)) => (Err(false), Some(error.into_message())),
                    Err(_) => (Err(true), None),
                };
                asked.lock().unwrap().push((name, number, answer));
                (to, number, back)
            }
        };
        let is_accepted = back.is_none();
        back.iter().for_each(|letter| assert_eq!(letter.number, number, "another's message"));
        account.push((addrs[to].name().to_owned(), number, is_accepted));
    }
    (account, ways)
}

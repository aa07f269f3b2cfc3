//! Programs at random, against a sequential account of them: who is spawned (with which wiring, capacity,
//! overflow, policy, deadline and children), who sends what to whom and how, who is asked, who fails, who is
//! told to stop, and when the drain begins, all of it thrown from one seed.
//!
//! Every message has a number of its own, and says by it what its handler will do. Each who sends keeps an
//! account; afterwards all accounts are held against what the handlers and the dead-letter hooks saw, and
//! against the report:
//!
//! - M1: what was accepted was seen exactly once, as the report says;
//! - M2: what was refused came back, and was seen never;
//! - M3: what one sender sent to one actor was handled in its order;
//! - M5: every ask ended, with the answer to its own question if with one at all;
//! - O1: who feeds others left before them, declared or not;
//! - O2: nobody that drains was refused by whom it feeds, unless that one had left for a reason of its own;
//! - O3: who drained had handled all but what overflowed, and its `stopped` hook was the last that was called;
//! - R1: everybody has one line in the report.
//!
//! Single actors under restarts are for `restarts_at_random.rs`, cycles for `rings.rs`.
//!
//! `EXEUNT_PROGRAMS=20000 cargo test --release --test programs_at_random` runs so many instead of 150; a
//! failure prints the seed of its program, which `EXEUNT_SEED` runs alone.
#![allow(clippy::unwrap_used)]

mod support;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, Once};
use std::time::{Duration, Instant, SystemTime};
use std::{env, fmt, panic, thread};

use exeunt::{
    Actor, ActorReport, Addr, AskError, Capacity, Context, Ended, Error, Overflow, Reply, Report,
    Restart, SendError, SendTimeoutError, System, TrySendError,
};
use support::{HANG, guarded_for, ms};

#[test]
fn m1_m2_m3_m5_o1_o2_o3_r1_programs_at_random() {
    silence_planned_panics();
    if let Some(seed) = number_in("EXEUNT_SEED") {
        eprintln!("{:?}", run(seed));
        return;
    }
    let first = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos() as u64;
    let programs = number_in("EXEUNT_PROGRAMS").unwrap_or(150);
    let mut all = Figures::default();
    for n in 0..programs {
        let one = run(first.wrapping_add(n));
        for (all, one) in all.0.iter_mut().zip(one.0) {
            *all += one;
        }
    }
    eprintln!("{programs} programs: {all:?}");
    // What is asserted of what never happens is not asserted.
    assert!(all.0.iter().all(|&figure| figure > 0), "too quiet for a test: {all:?}");
}

/// What there was to be held against what.
#[derive(Default)]
struct Figures([u64; 9]);

impl fmt::Debug for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [
            "accepted",
            "refused",
            "handled",
            "failed",
            "returned",
            "overflowed",
            "restarts",
            "answers",
            "unanswered",
        ];
        f.debug_map().entries(names.iter().zip(self.0)).finish()
    }
}

fn number_in(variable: &str) -> Option<u64> {
    env::var(variable).ok().map(|number| number.parse().expect(variable))
}

fn run(seed: u64) -> Figures {
    let played = thread::Builder::new().spawn(move || guarded_for(4 * HANG, move || play(seed)));
    played.unwrap().join().unwrap_or_else(|panic| {
        eprintln!("failed: EXEUNT_SEED={seed}\n{:#?}", Program::thrown(&mut Dice(seed)));
        panic::resume_unwind(panic);
    })
}

// The program.

#[derive(Debug)]
struct Program {
    /// In the order of spawning.
    roles: Vec<Role>,
    /// What each of the threads that belong to nobody does, one after the other.
    scripts: Vec<Vec<Deed>>,
    /// After what time the drain begins.
    patience: Duration,
}

#[derive(Clone, Debug)]
struct Role {
    /// Whom it sends to, of those before it.
    feeds: Vec<usize>,
    is_declared: bool,
    capacity: Capacity,
    overflow: Overflow,
    /// Whether it is restarted as often as it fails.
    is_restarted: bool,
    deadline: Option<Duration>,
    /// Whether it has a child, to whom it sends, and who sends to it.
    has_child: bool,
}

#[derive(Clone, Copy, Debug)]
enum Deed {
    Send(usize, Number),
    TrySend(usize, Number),
    SendTimeout(usize, Number),
    Ask(usize, Number),
    Stop(usize),
    Pause,
}

/// The number of a message: who sent it first, its place among those of the same sender, and what is to be
/// done about it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
struct Number {
    sender: u32,
    place: u32,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
enum Kind {
    Work,
    /// Is sent on to all that the actor feeds.
    Pass,
    Fail,
    Panic,
    Dawdle,
}

impl Program {
    fn thrown(dice: &mut Dice) -> Program {
        let roles: Vec<Role> = (0..1 + dice.below(5)).map(|i| Role::thrown(i, dice)).collect();
        let failures = dice.below(3) * 2;
        let scripts = (0..1 + dice.below(3))
            .map(|sender| {
                let deeds = 20 + dice.below(120);
                (0..deeds)
                    .map(|place| Deed::thrown(sender, place, roles.len(), failures, dice))
                    .collect()
            })
            .collect();
        let patience = Duration::from_micros((dice.below(4) * dice.below(1_000)) as u64);
        Program { roles, scripts, patience }
    }
}

impl Role {
    fn thrown(i: usize, dice: &mut Dice) -> Role {
        let is_declared = dice.below(3) > 0;
        Role {
            feeds: (0..i).filter(|_| dice.below(2) == 0).collect(),
            is_declared,
            capacity: match dice.below(4) {
                0 => Capacity::Unbounded,
                n => Capacity::Bounded([1, 2, 64][n - 1]),
            },
            overflow: [
                Overflow::Wait,
                Overflow::Wait,
                Overflow::Refuse,
                Overflow::DropNewest,
                Overflow::DropOldest,
            ][dice.below(5)],
            is_restarted: dice.below(4) > 0,
            deadline: (dice.below(8) == 0).then(|| ms(dice.below(3) as u64)),
            has_child: dice.below(4) == 0,
        }
    }
}

impl Deed {
    fn thrown(sender: usize, place: usize, roles: usize, failures: usize, dice: &mut Dice) -> Deed {
        let kind = match dice.below(200) {
            n if n < failures => [Kind::Fail, Kind::Panic][n % 2],
            n if n < 12 => Kind::Dawdle,
            n if n < 100 => Kind::Pass,
            _ => Kind::Work,
        };
        let number = Number { sender: sender as u32, place: place as u32, kind };
        let to = dice.below(roles);
        match dice.below(100) {
            0 => Deed::Stop(to),
            1..10 => Deed::Pause,
            10..25 => Deed::Ask(to, number),
            25..50 => Deed::TrySend(to, number),
            50..70 => Deed::SendTimeout(to, number),
            _ => Deed::Send(to, number),
        }
    }
}

struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((word ^ (word >> 31)) % bound as u64) as usize
    }
}

// The accounts.

/// What one who sends knows of what it sent: to whom, what, and whether it was accepted.
type Account = Vec<(String, Number, bool)>;

/// What one actor, all of its incarnations together, has seen, and what it has sent.
#[derive(Default, Debug)]
struct Book {
    handled: Vec<Number>,
    failed: Vec<Number>,
    returned: Vec<Number>,
    sent: Account,
    /// By whom its sends were refused because the mailbox was closed.
    closed: Vec<String>,
    /// How often its `stopped` hook was called, and whether that was the last of all.
    is_stopped: bool,
    called_after_its_end: u32,
}

type Shared = Arc<Mutex<Book>>;

// The actors.

struct Letter {
    number: Number,
    reply: Option<Reply<Number>>,
}

struct Player {
    book: Shared,
    child: Option<(String, Shared)>,
    to_child: Option<Addr<Letter>>,
    feeds: Vec<(String, Addr<Letter>)>,
    /// The number of its own sends, so that no two are alike.
    sends: Arc<AtomicU32>,
    me: u32,
}

/// A panic that is part of the test and need not be printed.
struct Planned;

impl Player {
    fn pass_on(&mut self, kind: Kind) {
        let child = self.child.as_ref().zip(self.to_child.as_ref());
        let child = child.map(|((name, _), addr)| (name, addr));
        let feeds = self.feeds.iter().map(|(name, addr)| (name, addr));
        for (name, addr) in feeds.chain(child) {
            let place = self.sends.fetch_add(1, Ordering::Relaxed);
            let number = Number { sender: self.me, place, kind };
            let sent = addr.send(Letter { number, reply: None });
            let mut book = self.book.lock().unwrap();
            book.sent.push((name.clone(), number, sent.is_ok()));
            if let Err(SendError::Closed(letter)) = sent {
                assert_eq!(letter.number, number);
                book.closed.push(name.clone());
            }
        }
    }
}

impl Actor for Player {
    type Msg = Letter;

    fn started(&mut self, cx: &mut Context<Self>) -> exeunt::Result {
        self.book.lock().unwrap().is_stopped = false;
        if let Some((name, book)) = &self.child {
            let child = Player {
                book: Arc::clone(book),
                child: None,
                to_child: None,
                feeds: Vec::new(),
                sends: Arc::clone(&self.sends),
                me: self.me,
            };
            let returned = returned_to(book);
            let builder = cx.actor(name).capacity(Capacity::Unbounded).returned(returned);
            self.to_child = builder.feeds_nothing().spawn(child).ok();
        }
        Ok(())
    }

    fn handle(&mut self, letter: Letter, _cx: &mut Context<Self>) -> exeunt::Result {
        let Letter { number, reply } = letter;
        {
            let mut book = self.book.lock().unwrap();
            book.called_after_its_end += u32::from(book.is_stopped);
        }
        match number.kind {
            Kind::Fail | Kind::Panic => {
                self.book.lock().unwrap().failed.push(number);
                if number.kind == Kind::Panic {
                    panic::panic_any(Planned);
                }
                return Err(Error::msg("as it was told"));
            }
            Kind::Dawdle => thread::sleep(Duration::from_micros(300)),
            Kind::Pass => self.pass_on(Kind::Work),
            Kind::Work => {}
        }
        if let Some(reply) = reply {
            let _ = reply.send(number);
        }
        self.book.lock().unwrap().handled.push(number);
        Ok(())
    }

    fn stopped(&mut self, _cx: &mut Context<Self>) -> exeunt::Result {
        // Its goodbye comes last, and is handled too.
        self.to_child = None;
        self.child = None;
        self.pass_on(Kind::Work);
        self.book.lock().unwrap().is_stopped = true;
        Ok(())
    }
}

fn returned_to(book: &Shared) -> impl FnMut(Letter) + Send + use<> {
    let book = Arc::clone(book);
    move |letter| book.lock().unwrap().returned.push(letter.number)
}

// The play.

/// How an ask ended: whom it asked, what, and what came back.
type Asked = Vec<(String, Number, Result<Number, bool>)>;

fn play(seed: u64) -> Figures {
    let program = Program::thrown(&mut Dice(seed));
    let mut system = System::new("random");
    system.set_drain_budget(20 * HANG).set_stall_limit(HANG).set_grace(HANG);
    let mut books: BTreeMap<String, Shared> = BTreeMap::new();
    let mut addrs: Vec<Addr<Letter>> = Vec::new();
    for (i, role) in program.roles.iter().enumerate() {
        addrs.push(spawn(&mut system, i, role, &addrs, &mut books));
    }
    let asked: Arc<Mutex<Asked>> = Arc::default();
    let senders: Vec<thread::JoinHandle<Account>> = program
        .scripts
        .iter()
        .map(|script| {
            let (script, addrs, asked) = (script.clone(), addrs.clone(), Arc::clone(&asked));
            thread::spawn(move || perform(&script, &addrs, &asked))
        })
        .collect();
    drop(addrs);
    // A yield takes as long as others want it to.
    let began = Instant::now();
    while began.elapsed() < program.patience {
        thread::yield_now();
    }
    let report = system.shutdown();
    let mut accounts: Vec<Account> = senders.into_iter().map(|s| s.join().unwrap()).collect();
    accounts.extend(books.values().map(|book| book.lock().unwrap().sent.clone()));
    let asked = std::mem::take(&mut *asked.lock().unwrap());
    Audit { program: &program, books: &books, report: &report, accounts, asked }.hold()
}

fn spawn(
    system: &mut System,
    i: usize,
    role: &Role,
    addrs: &[Addr<Letter>],
    books: &mut BTreeMap<String, Shared>,
) -> Addr<Letter> {
    let name = format!("a{i}");
    let book = Shared::default();
    books.insert(name.clone(), Arc::clone(&book));
    let child = role.has_child.then(|| (format!("a{i}c"), Shared::default()));
    books.extend(child.clone());
    let mut builder = system.actor(&name).capacity(role.capacity).overflow(role.overflow);
    builder = builder.returned(returned_to(&book));
    if role.is_restarted {
        builder = builder.restart(Restart::on_failure().intensity(u32::MAX, Duration::MAX));
    }
    if let Some(deadline) = role.deadline {
        builder = builder.drain_deadline(deadline);
    }
    if role.is_declared {
        builder = builder.feeds_nothing();
        for &to in &role.feeds {
            builder = builder.feeds(&addrs[to]);
        }
    }
    let feeds: Vec<_> =
        role.feeds.iter().map(|&to| (format!("a{to}"), addrs[to].clone())).collect();
    let sends = Arc::new(AtomicU32::new(0));
    let me = 1_000 + i as u32;
    builder
        .spawn_with(move || Player {
            book: Arc::clone(&book),
            child: child.clone(),
            to_child: None,
            feeds: feeds.clone(),
            sends: Arc::clone(&sends),
            me,
        })
        .unwrap()
}

fn perform(script: &[Deed], addrs: &[Addr<Letter>], asked: &Mutex<Asked>) -> Account {
    let mut account = Account::new();
    let plain = |number| Letter { number, reply: None };
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
            Deed::Send(to, number) => {
                (to, number, addrs[to].send(plain(number)).err().map(SendError::into_message))
            }
            Deed::TrySend(to, number) => {
                let sent = addrs[to].try_send(plain(number));
                (to, number, sent.err().map(TrySendError::into_message))
            }
            Deed::SendTimeout(to, number) => {
                let sent = addrs[to].send_timeout(plain(number), Duration::from_micros(200));
                (to, number, sent.err().map(SendTimeoutError::into_message))
            }
            Deed::Ask(to, number) => {
                let question = |reply| Letter { number, reply: Some(reply) };
                let answer = addrs[to].ask_timeout(question, HANG / 2);
                assert!(!matches!(answer, Err(AskError::Timeout)), "an ask did not end");
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
    account
}

// The audit.

struct Audit<'a> {
    program: &'a Program,
    books: &'a BTreeMap<String, Shared>,
    report: &'a Report,
    accounts: Vec<Account>,
    asked: Asked,
}

impl Audit<'_> {
    fn hold(&self) -> Figures {
        exeunt_testkit::assert_balanced(self.report);
        for (name, book) in self.books {
            let book = book.lock().unwrap();
            self.m1_m2_seen_once_or_never(name, &book);
            self.m3_in_order(name, &book);
            self.r1_figures(name, &book);
            assert_eq!(book.called_after_its_end, 0, "{name} handled after its end");
        }
        self.m5_answers();
        for (i, role) in self.program.roles.iter().enumerate() {
            self.o1_order(i, role);
            self.o3_all_is_handled(i, role);
        }
        self.o2_nobody_is_refused();
        self.figures()
    }

    fn figures(&self) -> Figures {
        let (accepted, refused): (Vec<_>, Vec<_>) =
            self.accounts.iter().flatten().partition(|(.., accepted)| *accepted);
        let sum = |figure: fn(&ActorReport) -> u64| self.report.actors.iter().map(figure).sum();
        let answers = self.asked.iter().filter(|(.., answer)| answer.is_ok()).count();
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
        ])
    }

    fn m1_m2_seen_once_or_never(&self, name: &str, book: &Book) {
        let seen: Vec<Number> = [&book.handled[..], &book.failed, &book.returned].concat();
        let unique: HashSet<Number> = seen.iter().copied().collect();
        assert_eq!(seen.len(), unique.len(), "{name} saw something twice\n{}", self.report);
        let sent = self.accounts.iter().flatten().filter(|(to, ..)| to == name);
        let (accepted, refused): (Vec<_>, Vec<_>) = sent.partition(|(.., accepted)| *accepted);
        let accepted: HashSet<Number> = accepted.iter().map(|(_, number, _)| *number).collect();
        assert_eq!(unique, accepted, "{name}: seen, and accepted\n{}", self.report);
        for (_, number, _) in refused {
            assert!(!unique.contains(number), "{name} saw {number:?}, which was refused");
        }
    }

    fn m3_in_order(&self, name: &str, book: &Book) {
        for seen in [&book.handled, &book.failed] {
            let mut last: HashMap<u32, u32> = HashMap::new();
            for number in seen {
                let before = last.insert(number.sender, number.place);
                assert!(before < Some(number.place), "{name}: {number:?} after {before:?}");
            }
        }
    }

    /// A child has a line for each incarnation of its parent.
    fn r1_figures(&self, name: &str, book: &Book) {
        let lines: Vec<_> = self.report.actors.iter().filter(|line| line.name == name).collect();
        if !name.ends_with('c') {
            assert_eq!(lines.len(), 1, "{name}\n{}", self.report);
        }
        let sums = lines.iter().fold([0; 3], |[handled, failed, returned], line| {
            [handled + line.handled, failed + line.failed, returned + line.returned]
        });
        let seen = [&book.handled, &book.failed, &book.returned].map(|list| list.len() as u64);
        assert_eq!(sums, seen, "{name}\n{}", self.report);
    }

    fn m5_answers(&self) {
        for (name, number, answer) in &self.asked {
            let book = self.books[name].lock().unwrap();
            match answer {
                Ok(answer) => {
                    assert_eq!(answer, number, "an answer to another question");
                    assert!(book.handled.contains(number), "{number:?} was answered unhandled");
                }
                Err(was_accepted) => {
                    let is_handled = book.handled.contains(number);
                    assert!(!is_handled, "{number:?}, {was_accepted}: handled, without answer");
                }
            }
        }
    }

    /// Whether it left in its turn: not before, because it was told to or had failed.
    fn drained(&self, i: usize) -> bool {
        self.report.actor(&format!("a{i}")).is_some_and(|line| line.ended == Ended::Drained)
            && !self.is_told_to_stop(i)
    }

    fn is_told_to_stop(&self, i: usize) -> bool {
        let deeds = self.program.scripts.iter().flatten();
        deeds.into_iter().any(|deed| matches!(deed, Deed::Stop(at) if *at == i))
    }

    fn place(&self, i: usize) -> usize {
        let name = format!("a{i}");
        self.report.actors.iter().position(|line| line.name == name).unwrap()
    }

    fn o1_order(&self, i: usize, role: &Role) {
        let undeclared = (!role.is_declared).then_some(0..i).into_iter().flatten();
        for to in undeclared.chain(role.feeds.iter().copied()).filter(|&to| self.drained(to)) {
            assert!(self.place(i) < self.place(to), "a{to} left before a{i}\n{}", self.report);
        }
    }

    fn o2_nobody_is_refused(&self) {
        for (name, book) in self.books {
            for to in &book.lock().unwrap().closed {
                let i: usize = to[1..].trim_end_matches('c').parse().unwrap();
                let left_early = !self.drained(i) || self.program.roles[i].deadline.is_some();
                // What a parent sends to a child that leaves with it is between the two.
                let is_child = to.ends_with('c');
                assert!(left_early || is_child, "{name} was refused by {to}\n{}", self.report);
            }
        }
    }

    fn o3_all_is_handled(&self, i: usize, role: &Role) {
        let line = self.report.actor(&format!("a{i}")).unwrap();
        let book = self.books[&format!("a{i}")].lock().unwrap();
        if line.ended == Ended::Drained {
            assert_eq!(line.returned, line.overflowed, "a{i}\n{}", self.report);
            let drops = matches!(role.overflow, Overflow::DropNewest | Overflow::DropOldest);
            assert!(drops || line.overflowed == 0, "a{i}\n{}", self.report);
            // Who was about to begin anew, and found nothing to do, need not have stopped twice.
            assert!(book.is_stopped, "a{i} has not said goodbye\n{}", self.report);
        }
        if !role.is_restarted && line.failed > 0 {
            assert_eq!((line.ended, line.failed), (Ended::Failed, 1), "a{i}\n{}", self.report);
        }
    }
}

fn silence_planned_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !info.payload().is::<Planned>() {
                usual(info);
            }
        }));
    });
}

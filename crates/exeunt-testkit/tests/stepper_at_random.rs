//! That every message is accounted for, whatever happens to an actor in whatever order: thousands of
//! random sequences of operations on a stepper, held after each against a simple sequential model of the
//! contract. The model is told what each step was, and knows whether it could have been that.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, unbounded};
use exeunt::{Actor, Backoff, Context, Error, Restart, TrySendError};
use exeunt_testkit::{Step, Stepper, Verdict};

const SEQUENCES: u64 = 10_000;
const OPERATIONS: u64 = 50;

const CAPACITY: usize = 6;
const RESTARTS: usize = 3;
const WITHIN: u64 = 20;
const FIRST_DELAY: u64 = 1;
const CEILING: u64 = 4;
const IDLE_AFTER: u64 = 10;

#[derive(Clone, Copy, PartialEq, Debug)]
enum Kind {
    Work,
    Fail,
    Panic,
    /// The actor asks for its own end.
    Stop,
    /// The actor sends itself some work after so many seconds.
    Later(u64),
}

struct Player(Receiver<Kind>);

impl Actor for Player {
    type Msg = Kind;

    fn started(&mut self, cx: &mut Context<Self>) -> exeunt::Result {
        cx.attach(self.0.clone(), |kind| kind);
        cx.set_idle_timeout(Duration::from_secs(IDLE_AFTER));
        Ok(())
    }

    fn handle(&mut self, kind: Kind, cx: &mut Context<Self>) -> exeunt::Result {
        match kind {
            Kind::Work => {}
            Kind::Fail => return Err(Error::msg("told to")),
            Kind::Panic => std::panic::resume_unwind(Box::new("told to")),
            Kind::Stop => cx.stop(),
            Kind::Later(seconds) => {
                cx.send_after(Duration::from_secs(seconds), Kind::Work);
            }
        }
        Ok(())
    }
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Policy {
    Never,
    Temporary,
    OnFailure,
    Always,
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Standing {
    Up,
    RestingUntil(u64),
    Gone,
}

/// What the contract says of one actor. Times are in seconds.
struct Model {
    policy: Policy,
    now: u64,
    standing: Standing,
    queue: VecDeque<Kind>,
    timers: Vec<u64>,
    items: usize,
    /// How many items may still be taken, in its turn.
    quota: Option<usize>,
    injected: usize,
    /// Others want it to end, and it has not looked yet.
    is_told_to_stop: bool,
    is_in_turn: bool,
    /// This incarnation knows of its turn.
    has_heard: bool,
    /// It is to begin anew by its own wish, after so long.
    wish: Option<u64>,
    idle_since: Option<u64>,
    // Supervision.
    history: VecDeque<u64>,
    last_delay: Option<u64>,
    running_since: Option<u64>,
    // The ledger.
    accepted: u64,
    handled: u64,
    failed: u64,
    returned: u64,
    cancelled: u64,
    restarts: u64,
}

impl Model {
    fn new(policy: Policy) -> Model {
        Model {
            policy,
            now: 0,
            standing: Standing::Up,
            queue: VecDeque::new(),
            timers: Vec::new(),
            items: 0,
            quota: None,
            injected: 0,
            is_told_to_stop: false,
            is_in_turn: false,
            has_heard: false,
            wish: None,
            idle_since: None,
            history: VecDeque::new(),
            last_delay: None,
            running_since: None,
            accepted: 0,
            handled: 0,
            failed: 0,
            returned: 0,
            cancelled: 0,
            restarts: 0,
        }
    }

    fn begin_turn(&mut self) {
        if self.standing != Standing::Gone {
            self.is_in_turn = true;
            self.wish = None;
        }
    }

    /// What it is told before it does anything.
    fn hear(&mut self) {
        if std::mem::take(&mut self.is_told_to_stop) {
            self.begin_turn();
        }
        if self.standing == Standing::Up && self.is_in_turn && !self.has_heard {
            self.has_heard = true;
            self.cancel_timers();
            self.quota = Some(self.items);
        }
    }

    fn cancel_timers(&mut self) {
        self.cancelled += self.timers.len() as u64;
        self.timers.clear();
    }

    fn due_timers(&self) -> usize {
        self.timers.iter().filter(|&&due| due <= self.now).count()
    }

    fn takable_items(&self) -> usize {
        self.items.min(self.quota.unwrap_or(usize::MAX))
    }

    fn is_idle(&self) -> bool {
        !self.is_in_turn && self.idle_since.is_some_and(|since| self.now - since >= IDLE_AFTER)
    }

    fn has_work(&self) -> bool {
        !self.queue.is_empty() || self.due_timers() > 0 || self.takable_items() > 0
    }

    fn next_due(&self) -> Option<u64> {
        let due = match self.standing {
            Standing::Gone => None,
            Standing::RestingUntil(until) => Some(until),
            Standing::Up => {
                let idles = self.idle_since.filter(|_| !self.is_in_turn).map(|s| s + IDLE_AFTER);
                self.timers.iter().copied().chain(idles).min()
            }
        };
        due.map(|due| due.saturating_sub(self.now))
    }

    /// Whether one more restart is absorbed, and after how long.
    fn restart(&mut self) -> Option<u64> {
        while self.history.front().is_some_and(|then| self.now - then > WITHIN) {
            self.history.pop_front();
        }
        if self.history.len() == RESTARTS {
            return None;
        }
        self.history.push_back(self.now);
        if self.running_since.is_some_and(|since| self.now.saturating_sub(since) > CEILING) {
            self.last_delay = None;
        }
        let delay = self.last_delay.map_or(FIRST_DELAY, |last| (2 * last).min(CEILING));
        self.last_delay = Some(delay);
        self.running_since = Some(self.now + delay);
        Some(delay)
    }

    /// The incarnation has ended.
    fn end(&mut self, standing: Standing) {
        self.cancel_timers();
        self.quota = None;
        self.idle_since = None;
        self.has_heard = false;
        self.standing = standing;
        if standing == Standing::Gone {
            self.returned += self.queue.len() as u64;
            self.queue.clear();
        }
    }

    fn rest(&mut self, delay: u64) {
        self.end(Standing::RestingUntil(self.now + delay));
    }

    /// What a message did that was handled.
    fn follow(&mut self, kind: Kind) {
        self.handled += 1;
        match kind {
            Kind::Work => {}
            Kind::Fail | Kind::Panic => panic!("{kind:?} was handled"),
            Kind::Later(_) if self.is_in_turn => self.cancelled += 1,
            Kind::Later(seconds) => self.timers.push(self.now + seconds),
            Kind::Stop if self.is_in_turn || self.policy == Policy::Never => self.begin_turn(),
            Kind::Stop => {
                self.wish = (self.policy == Policy::Always).then(|| self.restart()).flatten();
                if self.wish.is_none() {
                    self.begin_turn();
                }
            }
        }
    }

    /// Takes the message that was taken.
    fn take(&mut self, from: &Step) -> Kind {
        match from {
            Step::Message => return self.queue.pop_front().expect("nothing was queued"),
            Step::Timer => {
                assert!(self.due_timers() > 0, "no timer was due");
                let first = *self.timers.iter().min().unwrap();
                let at = self.timers.iter().position(|&due| due == first).unwrap();
                self.timers.remove(at);
            }
            _ => {
                assert!(self.takable_items() > 0, "there was no item");
                self.items -= 1;
                self.quota = self.quota.map(|quota| quota - 1);
            }
        }
        self.accepted += 1;
        Kind::Work
    }

    fn expect_failure(&mut self, from: &Step) -> Verdict {
        let kind = self.take(from);
        if self.injected > 0 {
            self.injected -= 1;
        } else {
            assert!(matches!(kind, Kind::Fail | Kind::Panic), "{kind:?} failed");
        }
        self.failed += 1;
        let delay = match self.policy {
            Policy::Never => Err(Verdict::GivesUp),
            Policy::Temporary => Err(Verdict::Leaves),
            Policy::OnFailure | Policy::Always => self.restart().ok_or(Verdict::GivesUp),
        };
        match delay {
            Err(verdict) => {
                self.end(Standing::Gone);
                verdict
            }
            Ok(delay) => {
                let delay = if self.is_in_turn { 0 } else { delay };
                self.rest(delay);
                Verdict::Restarts { after: Duration::from_secs(delay) }
            }
        }
    }

    /// Takes a step that was taken, and says what it must have been.
    fn step(&mut self, was: &Step, failed_on: &Step) -> Step {
        self.hear();
        match self.standing {
            Standing::Gone => Step::Nothing,
            Standing::RestingUntil(until) if self.now < until && !self.is_in_turn => Step::Nothing,
            Standing::RestingUntil(_) => {
                if self.is_in_turn && self.queue.is_empty() {
                    self.end(Standing::Gone);
                    return Step::Ended;
                }
                self.restarts += 1;
                self.standing = Standing::Up;
                Step::Began
            }
            Standing::Up => self.work(was, failed_on),
        }
    }

    fn work(&mut self, was: &Step, failed_on: &Step) -> Step {
        if let Some(delay) = self.wish.take() {
            self.rest(delay);
            return Step::Retired { after: Duration::from_secs(delay) };
        }
        if !self.has_work() {
            return self.wait();
        }
        self.idle_since = None;
        match was {
            Step::Message | Step::Timer | Step::Item => {
                assert_eq!(self.injected, 0, "an injected failure was forgotten");
                let kind = self.take(was);
                self.follow(kind);
                was.clone()
            }
            Step::Failed { error, .. } => {
                let verdict = self.expect_failure(failed_on);
                Step::Failed { error: error.clone(), verdict }
            }
            _ => panic!("{was:?}, with work to do"),
        }
    }

    fn wait(&mut self) -> Step {
        if self.is_in_turn {
            self.end(Standing::Gone);
            return Step::Ended;
        }
        if self.is_idle() {
            self.idle_since = Some(self.now);
            return Step::Idle;
        }
        self.idle_since.get_or_insert(self.now);
        Step::Nothing
    }

    fn halt(&mut self) {
        self.is_told_to_stop = false;
        self.end(Standing::Gone);
    }
}

/// An actor and its model, which are to agree.
struct Pair {
    stepper: Stepper<Player>,
    model: Model,
    items: Sender<Kind>,
    /// Kept, so that what is in it stays when the actor ends.
    _channel: Receiver<Kind>,
    buried: Arc<AtomicU64>,
}

impl Pair {
    fn new(policy: Policy) -> Pair {
        let (items, channel) = unbounded();
        let _channel = channel.clone();
        let buried = Arc::new(AtomicU64::new(0));
        let restart = match policy {
            Policy::Never => Restart::never(),
            Policy::Temporary => Restart::temporary(),
            Policy::OnFailure => Restart::on_failure(),
            Policy::Always => Restart::always(),
        };
        let seconds = Duration::from_secs;
        let backoff = Backoff::exponential(seconds(FIRST_DELAY), seconds(CEILING));
        let bury = Arc::clone(&buried);
        let stepper = Stepper::builder("player")
            .capacity(CAPACITY)
            .returned(move |_kind| {
                bury.fetch_add(1, Ordering::Relaxed);
            })
            .restart(restart.intensity(RESTARTS as u32, seconds(WITHIN)).backoff(backoff))
            .start_with(move || Player(channel.clone()));
        Pair { stepper, model: Model::new(policy), items, _channel, buried }
    }

    fn send(&mut self, kind: Kind) {
        match self.stepper.send(kind) {
            Ok(()) => {
                self.model.queue.push_back(kind);
                self.model.accepted += 1;
                assert!(self.model.queue.len() <= CAPACITY);
                assert!(!self.model.is_in_turn && self.model.standing != Standing::Gone);
            }
            Err(TrySendError::Full(..)) => assert_eq!(self.model.queue.len(), CAPACITY),
            Err(_) => {
                assert!(self.model.is_in_turn || self.model.standing == Standing::Gone);
            }
        }
    }

    fn step(&mut self) -> bool {
        let was = self.stepper.step();
        let failed_on = self.failed_on();
        let expected = self.model.step(&was, &failed_on);
        assert_eq!(was, expected);
        self.agree();
        was.is_something()
    }

    /// Where the message came from, if it failed.
    fn failed_on(&self) -> Step {
        let snapshot = self.stepper.snapshot();
        let left = snapshot.queued as u64 + snapshot.returned - self.model.returned;
        if left < self.model.queue.len() as u64 {
            Step::Message
        } else if self.items.len() < self.model.items {
            Step::Item
        } else {
            Step::Timer
        }
    }

    fn run(&mut self) {
        while self.step() {}
    }

    fn advance(&mut self, mut seconds: u64) {
        self.run();
        while let Some(due) = self.model.next_due().filter(|&due| due <= seconds) {
            assert_eq!(self.stepper.next_due(), Some(Duration::from_secs(due)));
            self.pass(due);
            seconds -= due;
            self.run();
        }
        self.pass(seconds);
        self.run();
    }

    fn pass(&mut self, seconds: u64) {
        self.stepper.pass(Duration::from_secs(seconds));
        self.model.now += seconds;
    }

    fn agree(&self) {
        let (is, model) = (self.stepper.snapshot(), &self.model);
        assert_eq!(is.queued, model.queue.len(), "queued");
        assert_eq!(is.handled, model.handled, "handled");
        assert_eq!(is.failed, model.failed, "failed");
        assert_eq!(is.returned, model.returned, "returned");
        assert_eq!(is.restarts, model.restarts, "restarts");
        assert_eq!(self.buried.load(Ordering::Relaxed), model.returned, "buried");
        let ended = is.handled + is.failed + is.returned;
        assert_eq!(ended + is.queued as u64, model.accepted, "m1");
        if let Some(report) = self.stepper.report() {
            assert_eq!(report.accepted(), model.accepted, "m1, in the report");
            assert_eq!(report.cancelled, model.cancelled, "cancelled");
        }
        assert_eq!(self.stepper.report().is_some(), model.standing == Standing::Gone);
        assert_eq!(self.stepper.actor().is_some(), model.standing == Standing::Up);
    }

    fn operate(&mut self, dice: &mut Dice) {
        match dice.below(20) {
            0..6 => self.send(Kind::Work),
            6 => self.send(Kind::Fail),
            7 => self.send(Kind::Panic),
            8 if dice.below(4) == 0 => self.send(Kind::Stop),
            8..10 => self.send(Kind::Later(dice.below(8))),
            10 => {
                self.items.send(Kind::Work).unwrap();
                self.model.items += 1;
            }
            11 if dice.below(3) == 0 => {
                self.stepper.inject_error("injected");
                self.model.injected += 1;
            }
            12 if dice.below(3) == 0 => {
                self.stepper.inject_panic("injected");
                self.model.injected += 1;
            }
            13 => self.run(),
            14 => self.advance(dice.below(30)),
            15 => self.pass(dice.below(6)),
            16 if dice.below(20) == 0 => {
                self.stepper.addr().stop();
                self.model.is_told_to_stop = self.model.standing != Standing::Gone;
            }
            17 if dice.below(20) == 0 => {
                self.stepper.turn();
                self.model.begin_turn();
            }
            18 if dice.below(40) == 0 => {
                self.stepper.halt();
                self.model.halt();
            }
            _ => drop(self.step()),
        }
        self.agree();
    }

    fn finish(&mut self, dice: &mut Dice) {
        self.stepper.turn();
        self.model.begin_turn();
        if dice.below(2) == 0 {
            self.run();
        } else {
            self.stepper.halt();
            if self.model.standing != Standing::Gone {
                self.model.halt();
            }
        }
        self.agree();
        assert_eq!(self.model.standing, Standing::Gone);
    }
}

/// The same numbers each time, and others for each seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }
}

#[test]
fn m1_nothing_vanishes_whatever_happens_in_whatever_order() {
    let mut ends = [0; 4];
    for seed in 0..SEQUENCES {
        let played = std::panic::catch_unwind(|| play(seed));
        let restarts = played.unwrap_or_else(|_| panic!("the sequence of seed {seed}"));
        ends[restarts.min(3) as usize] += 1;
    }
    // It was worth the while: there are sequences with none, one, two and more restarts.
    assert!(ends.iter().all(|&sequences| sequences > 100), "{ends:?}");
}

fn play(seed: u64) -> u64 {
    let mut dice = Dice(seed);
    let policies = [Policy::Never, Policy::Temporary, Policy::OnFailure, Policy::Always];
    let mut pair = Pair::new(policies[dice.below(4) as usize]);
    for _ in 0..OPERATIONS {
        pair.operate(&mut dice);
    }
    pair.finish(&mut dice);
    pair.model.restarts
}

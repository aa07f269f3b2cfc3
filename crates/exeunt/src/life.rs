//! What the actor's thread, the conductor and a watcher know of one actor in common: its orders
//! (your turn; stop now; begin anew), its figures, and what it is doing.

use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::time::Instant;

use crate::departure::Departure;
use crate::event::Event;
use crate::mailbox::Post;
use crate::report::Ended;
use crate::stage::Stage;
use crate::unwind;
pub(crate) use activity::{Activity, Other};
pub(crate) use incarnation::Summons;
use incarnation::{Family, Orders};

mod activity;
mod incarnation;

pub(crate) struct Life {
    pub(crate) name: String,
    /// Its place in the order of spawning.
    pub(crate) index: usize,
    pub(crate) is_daemon: bool,
    /// Whose child it is.
    pub(crate) parent: Option<Arc<Life>>,
    /// Whether anybody but the system has a say when it fails.
    pub(crate) is_supervised: bool,
    /// Whether there may be another incarnation.
    pub(crate) is_restartable: bool,
    pub(crate) stage: Arc<Stage>,
    /// Set when its turn has come: what is queued is to be handled, and then it is to end.
    pub(crate) stopping: Event,
    /// Set when its deadline has passed: nothing more is to be handled, and no wait goes on.
    pub(crate) must_stop: Event,
    /// Set just before `must_stop`, and for all whose deadlines come together before any of them hears
    /// of it.
    overdue: AtomicBool,
    /// The ring with which it leaves, when its mailbox is open for that and for nobody else: the index of
    /// its first.
    ring: OnceLock<usize>,
    /// The turn of those with whom it drains as one has come: what it takes from beside its mailbox comes to an
    /// end. Set before its bell is rung.
    last_call: AtomicBool,
    /// Set just before its mailbox is closed, because its turn has come.
    called: AtomicBool,
    /// It reads its mailbox no more.
    resigned: AtomicBool,
    /// It has let go of its mailbox.
    left: AtomicBool,
    /// What is told to whoever watches it, when it has ended.
    pub(crate) departure: Departure,
    /// Whether it fell asleep with asks out, whose answers will wake it.
    awaits_answers: AtomicBool,
    pulse: Pulse,
    ledger: Mutex<Ledger>,
    /// Written under the ledger's lock.
    overflowed: AtomicU64,
    orders: Mutex<Orders>,
    family: Mutex<Family>,
    /// The mailboxes that it has beside its own.
    annexes: Mutex<Vec<Arc<dyn Post>>>,
}

/// The only words that are written for every message, on a cache line of their own: nobody else
/// writes here, and others look rarely.
#[derive(Default)]
#[repr(align(128))]
struct Pulse {
    /// The number of handled messages, shifted left by two, over what the thread is in: [`RUNNER`],
    /// [`MESSAGE`], [`HOOK`] or [`ASLEEP`]. One word, so that both are seen at the same moment.
    word: AtomicU64,
    /// Signs of life that the user's code gave by itself.
    signs: AtomicU64,
}

const PLACE_BITS: u32 = 2;
const PLACE_MASK: u64 = (1 << PLACE_BITS) - 1;
const RUNNER: u64 = 0;
const MESSAGE: u64 = 1;
const HOOK: u64 = 2;
/// It waits, with nothing in its hands.
const ASLEEP: u64 = 3;

/// What is written rarely, under a lock.
#[derive(Default)]
struct Ledger {
    failed: u64,
    returned: u64,
    restarts: u64,
    cancelled: u64,
    activity: Activity,
    /// How many waits for somebody it has begun.
    waits: u64,
    /// What it calls the message that it is on, if it calls them anything.
    label: Option<&'static str>,
    outcome: Option<Outcome>,
    /// When its deadline comes, as the conductor sees it; or, if it has come, when it is given up.
    deadline: Option<Instant>,
    /// The figures as they stood when the system had the last word: they stand for good.
    disowned: Option<Figures>,
}

/// How a thread ended, as it says itself.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    Completed,
    Drained,
    Overdue,
    Failed(String),
    /// By a failure that somebody else takes on.
    Absorbed(String),
    /// The system has given up on it and written its figures down: it has no say any more.
    Disowned,
}

impl Outcome {
    pub(crate) fn is_failure(&self) -> bool {
        matches!(self, Outcome::Failed(_) | Outcome::Absorbed(_))
    }

    /// What the report says of it: how it ended, of what, and whether that was absorbed. `None` if
    /// its thread has no say.
    pub(crate) fn told(self) -> Option<(Ended, Option<String>, bool)> {
        match self {
            Outcome::Completed => Some((Ended::Completed, None, false)),
            Outcome::Drained => Some((Ended::Drained, None, false)),
            Outcome::Overdue => Some((Ended::Overdue, None, false)),
            Outcome::Failed(error) => Some((Ended::Failed, Some(error), false)),
            Outcome::Absorbed(error) => Some((Ended::Failed, Some(error), true)),
            Outcome::Disowned => None,
        }
    }
}

/// The figures of one actor at one moment.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Figures {
    pub(crate) handled: u64,
    pub(crate) failed: u64,
    pub(crate) returned: u64,
    /// Those of the returned for which there was no room.
    pub(crate) overflowed: u64,
    pub(crate) restarts: u64,
    /// Timers that its turn found pending.
    pub(crate) cancelled: u64,
}

/// A look at the pulse: two that are equal mean that nothing was finished in between.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Sample {
    word: u64,
    signs: u64,
    failed: u64,
    /// It has had its last word: what still runs are the destructors of its thread.
    is_over: bool,
}

impl Sample {
    /// Whether the thread is in the user's code. If not, it is in ours, where nothing blocks for
    /// good, and will see its orders by itself.
    pub(crate) fn is_in_user_code(self) -> bool {
        self.is_over || matches!(self.word & PLACE_MASK, MESSAGE | HOOK)
    }

    /// Whether it is in its handler, with a message in its hands.
    pub(crate) fn is_handling(self) -> bool {
        !self.is_over && self.word & PLACE_MASK == MESSAGE
    }

    /// Grows with everything that is achieved.
    pub(crate) fn pulse(self) -> u64 {
        (self.word >> PLACE_BITS).wrapping_add(self.signs).wrapping_add(self.failed)
    }

    /// Whether it waits, with nothing in its hands.
    pub(crate) fn is_asleep(self) -> bool {
        self.word & PLACE_MASK == ASLEEP
    }
}

impl Life {
    pub(crate) fn new(name: String, index: usize, is_daemon: bool, stage: Arc<Stage>) -> Life {
        Life {
            name,
            index,
            is_daemon,
            parent: None,
            is_supervised: false,
            is_restartable: false,
            stage,
            stopping: Event::new(),
            must_stop: Event::new(),
            overdue: AtomicBool::new(false),
            ring: OnceLock::new(),
            last_call: AtomicBool::new(false),
            called: AtomicBool::new(false),
            resigned: AtomicBool::new(false),
            left: AtomicBool::new(false),
            departure: Departure::default(),
            awaits_answers: AtomicBool::new(false),
            pulse: Pulse::default(),
            ledger: Mutex::default(),
            overflowed: AtomicU64::new(0),
            orders: Mutex::default(),
            family: Mutex::default(),
            annexes: Mutex::default(),
        }
    }

    // What the actor's own thread says.

    /// A message goes to the handler.
    #[inline]
    pub(crate) fn enter_message(&self) {
        // Only this thread writes the word, so it needs no read-modify-write, which would cost
        // more than all the rest of the bookkeeping.
        let word = self.pulse.word.load(Ordering::Relaxed);
        self.pulse.word.store((word & !PLACE_MASK) | MESSAGE, Ordering::Release);
    }

    /// The handler returned `Ok`.
    #[inline]
    pub(crate) fn leave_handled(&self) {
        let word = self.pulse.word.load(Ordering::Relaxed);
        self.pulse.word.store((word & !PLACE_MASK) + (1 << PLACE_BITS), Ordering::Release);
    }

    /// The handler returned an error, or panicked.
    pub(crate) fn leave_failed(&self) {
        // Both words under the lock that `disown` takes: it sees the message in the handler, or
        // failed, and never twice.
        let mut ledger = self.ledger();
        ledger.failed += 1;
        self.set_place(RUNNER);
    }

    /// Runs code of the user's that is not about a message.
    pub(crate) fn in_hook<R>(&self, activity: Activity, hook: impl FnOnce() -> R) -> R {
        let before = self.swap_activity(activity);
        self.set_place(HOOK);
        let result = hook();
        self.set_place(RUNNER);
        self.swap_activity(before);
        result
    }

    /// Says what the actor is doing while it waits inside its own code.
    pub(crate) fn during<R>(&self, activity: Activity, wait: impl FnOnce() -> R) -> R {
        let before = self.swap_activity(activity);
        let result = wait();
        self.swap_activity(before);
        result
    }

    /// The thread is about to wait, with nothing in its hands.
    pub(crate) fn fall_asleep(&self) {
        self.set_place(ASLEEP);
    }

    /// Says, before it falls asleep, whether answers are to come to it.
    pub(crate) fn set_awaits_answers(&self, awaits: bool) {
        self.awaits_answers.store(awaits, Ordering::Relaxed);
    }

    /// Whether answers are to come to it. To be asked of somebody who was seen asleep.
    pub(crate) fn awaits_answers(&self) -> bool {
        self.awaits_answers.load(Ordering::Relaxed)
    }

    /// It has woken, and has not yet taken anything: whoever finds that something was taken finds
    /// it awake, or finds it counted.
    pub(crate) fn wake_up(&self) {
        self.set_place(RUNNER);
    }

    /// Says what the message is called that is handled next.
    pub(crate) fn set_label(&self, label: &'static str) {
        self.ledger().label = Some(label);
    }

    pub(crate) fn label(&self) -> Option<&'static str> {
        let ledger = self.ledger();
        let place = self.pulse.word.load(Ordering::Acquire) & PLACE_MASK;
        ledger.label.filter(|_| place == MESSAGE)
    }

    pub(crate) fn count_restart(&self) {
        self.ledger().restarts += 1;
    }

    pub(crate) fn count_cancelled(&self, timers: u64) {
        if timers > 0 {
            self.ledger().cancelled += timers;
        }
    }

    /// Whether `other` is its parent, or its parent's parent, and so on.
    pub(crate) fn descends_from(&self, other: &Life) -> bool {
        std::iter::successors(self.parent.as_deref(), |life| life.parent.as_deref())
            .any(|life| std::ptr::eq(life, other))
    }

    /// Whether its mailbox is open for `other` although it is closed: for those below it, and for those of its
    /// ring and those below them. It is so until it is closed for good.
    pub(crate) fn is_open_for(&self, other: &Life) -> bool {
        let is_of_its_ring = |ring: usize| {
            std::iter::successors(Some(other), |life| life.parent.as_deref())
                .any(|life| life.ring.get() == Some(&ring))
        };
        other.descends_from(self) || self.ring.get().copied().is_some_and(is_of_its_ring)
    }

    /// Whether it leaves together with others, who may still send to it.
    pub(crate) fn leaves_with_ring(&self) -> bool {
        self.ring.get().is_some()
    }

    /// From the moment that its mailbox closes, it stays open for those of that ring.
    pub(crate) fn join_ring(&self, first: usize) {
        self.ring.get_or_init(|| first);
    }

    pub(crate) fn sign_of_life(&self) {
        self.pulse.signs.fetch_add(1, Ordering::Relaxed);
    }

    /// Takes what is left in the mailbox and counts it, both or neither: once the system has had
    /// the last word, what is left is the system's to take.
    pub(crate) fn take_returned<M>(&self, take: impl FnOnce() -> Vec<M>) -> Vec<M> {
        let mut ledger = self.ledger();
        if matches!(ledger.outcome, Some(Outcome::Disowned)) {
            return Vec::new();
        }
        let messages = take();
        ledger.returned += messages.len() as u64;
        messages
    }

    /// The same, for those that have to make room.
    pub(crate) fn take_overflowed<M>(&self, take: impl FnOnce() -> Vec<M>) -> Vec<M> {
        self.take_returned(|| {
            let messages = take();
            self.overflowed.fetch_add(messages.len() as u64, Ordering::Relaxed);
            messages
        })
    }

    /// The last word of the thread, unless the system has had it already.
    pub(crate) fn end(&self, outcome: Outcome) {
        self.ledger().outcome.get_or_insert(outcome);
    }

    /// Counts what the system took from the mailbox of a disowned actor.
    pub(crate) fn count_returned(&self, messages: u64) {
        if let Some(figures) = &mut self.ledger().disowned {
            figures.returned += messages;
        }
    }

    /// It, or the system in its place, reads its mailbox no more. Whether that is news.
    pub(crate) fn resign_once(&self) -> bool {
        !self.resigned.swap(true, Ordering::SeqCst)
    }

    /// It, or the system in its place, lets go of its mailbox. Whether that is news.
    pub(crate) fn leave_once(&self) -> bool {
        !self.left.swap(true, Ordering::SeqCst)
    }

    pub(crate) fn set_overdue(&self) {
        self.overdue.store(true, Ordering::SeqCst);
    }

    /// Whether its deadline has come, though it may still have to hear of it.
    pub(crate) fn is_overdue(&self) -> bool {
        self.overdue.load(Ordering::SeqCst)
    }

    /// Says that the turn of its ring has come. Whether that is news.
    pub(crate) fn announce_last_call(&self) -> bool {
        !self.last_call.swap(true, Ordering::SeqCst)
    }

    pub(crate) fn is_last_call(&self) -> bool {
        self.last_call.load(Ordering::SeqCst)
    }

    pub(crate) fn set_called(&self) {
        self.called.store(true, Ordering::SeqCst);
    }

    /// Says when its next limit comes. For who looks; it changes nothing.
    pub(crate) fn set_deadline(&self, deadline: Option<Instant>) {
        self.ledger().deadline = deadline;
    }

    /// When its next limit comes, if it is its turn and it has one.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let ledger = self.ledger();
        ledger.deadline.filter(|_| ledger.outcome.is_none())
    }

    pub(crate) fn was_called(&self) -> bool {
        self.called.load(Ordering::SeqCst)
    }

    // What the others see, and the one thing they do.

    pub(crate) fn sample(&self) -> Sample {
        let ledger = self.ledger();
        Sample {
            word: self.pulse.word.load(Ordering::Acquire),
            signs: self.pulse.signs.load(Ordering::Relaxed),
            failed: ledger.failed,
            is_over: ledger.outcome.is_some(),
        }
    }

    pub(crate) fn figures(&self) -> Figures {
        let ledger = self.ledger();
        ledger.disowned.unwrap_or_else(|| self.figures_of(&ledger))
    }

    fn figures_of(&self, ledger: &Ledger) -> Figures {
        Figures {
            handled: self.pulse.word.load(Ordering::Acquire) >> PLACE_BITS,
            failed: ledger.failed,
            returned: ledger.returned,
            overflowed: self.overflowed.load(Ordering::Relaxed),
            restarts: ledger.restarts,
            cancelled: ledger.cancelled,
        }
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.ledger().outcome.is_some()
    }

    pub(crate) fn outcome(&self) -> Option<Outcome> {
        self.ledger().outcome.clone()
    }

    /// What it is doing, in words.
    pub(crate) fn doing(&self) -> String {
        let ledger = self.ledger();
        let place = self.pulse.word.load(Ordering::Acquire) & PLACE_MASK;
        match (&ledger.outcome, place) {
            (Some(_), _) => "in its thread's destructors".to_owned(),
            (None, RUNNER | ASLEEP) if !ledger.activity.is_a_wait() => {
                "between two messages".to_owned()
            }
            (None, MESSAGE) if ledger.activity.is_a_wait() => Activity::Working.to_string(),
            (None, _) => ledger.activity.to_string(),
        }
    }

    /// Whether it waits to begin anew.
    pub(crate) fn is_resting(&self) -> bool {
        self.ledger().activity == Activity::Resting
    }

    /// Whom it waits for, in what way, and which of its waits it is.
    pub(crate) fn waits_for(&self) -> Option<(Activity, u64)> {
        let ledger = self.ledger();
        let waits = ledger.outcome.is_none() && ledger.activity.is_for_somebody();
        waits.then(|| (ledger.activity.clone(), ledger.waits))
    }

    /// The place of the one in whose mailbox it waits for room, if that is of its system.
    pub(crate) fn waits_for_room_of(&self) -> Option<usize> {
        match self.waits_for()?.0 {
            Activity::Sending(to) => to.index,
            _ => None,
        }
    }

    /// Takes the actor's last word from it and gives its figures, with the message that is in its
    /// hands counted as failed. `None` if the thread was quicker and has ended by itself.
    pub(crate) fn disown(&self) -> Option<Figures> {
        let mut ledger = self.ledger();
        if ledger.outcome.is_some() {
            return None;
        }
        ledger.outcome = Some(Outcome::Disowned);
        let word = self.pulse.word.load(Ordering::Acquire);
        let in_hand = u64::from(word & PLACE_MASK == MESSAGE);
        let figures = self.figures_of(&ledger);
        ledger.disowned = Some(Figures {
            handled: word >> PLACE_BITS,
            failed: figures.failed + in_hand,
            ..figures
        });
        ledger.disowned
    }

    fn set_place(&self, place: u64) {
        let word = self.pulse.word.load(Ordering::Relaxed);
        self.pulse.word.store((word & !PLACE_MASK) | place, Ordering::Release);
    }

    pub(crate) fn swap_activity(&self, activity: Activity) -> Activity {
        let mut ledger = self.ledger();
        ledger.waits += u64::from(activity.is_for_somebody());
        std::mem::replace(&mut ledger.activity, activity)
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        unwind::lock(&self.ledger)
    }
}

thread_local! {
    static CURRENT: RefCell<Option<Arc<Life>>> = const { RefCell::new(None) };
}

/// Says whose thread this is.
pub(crate) fn set_current(life: Arc<Life>) {
    CURRENT.with(|current| *current.borrow_mut() = Some(life));
}

/// Runs code as if this thread were that actor's.
#[cfg(feature = "stepper")]
pub(crate) fn as_current<R>(life: &Arc<Life>, code: impl FnOnce() -> R) -> R {
    struct Restore(Option<Arc<Life>>);
    impl Drop for Restore {
        fn drop(&mut self) {
            let before = self.0.take();
            let _ = CURRENT.try_with(|current| current.replace(before));
        }
    }
    let _restore = Restore(CURRENT.with(|current| current.replace(Some(Arc::clone(life)))));
    code()
}

/// The actor or task whose thread this is; `None` on a thread of the program's own, and in the
/// last moments of any thread.
pub(crate) fn current() -> Option<Arc<Life>> {
    CURRENT.try_with(|current| current.borrow().clone()).ok().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn life() -> Life {
        Life::new("a".into(), 0, false, Arc::new(Stage::new("test".into())))
    }

    #[test]
    fn m1_a_message_is_handled_failed_or_in_hand_and_never_two_of_them() {
        let life = life();
        life.enter_message();
        assert!(life.sample().is_in_user_code());
        life.leave_handled();
        life.enter_message();
        life.leave_failed();
        assert!(!life.sample().is_in_user_code());
        assert_eq!(life.figures(), Figures { handled: 1, failed: 1, ..Figures::default() });

        life.enter_message();
        assert_eq!(life.disown(), Some(Figures { handled: 1, failed: 2, ..Figures::default() }));
    }

    #[test]
    fn d3_who_has_the_last_word_has_it_alone() {
        let quick = life();
        quick.end(Outcome::Drained);
        assert_eq!(quick.disown(), None);

        let slow = life();
        assert!(slow.disown().is_some());
        slow.end(Outcome::Drained);
        assert!(matches!(slow.outcome(), Some(Outcome::Disowned)));
    }

    #[test]
    fn d1_two_samples_differ_if_anything_was_finished_in_between() {
        let life = life();
        life.enter_message();
        let before = life.sample();
        assert_eq!(before, life.sample());
        life.leave_failed();
        life.enter_message();
        assert_ne!(before, life.sample());
        let before = life.sample();
        life.sign_of_life();
        assert_ne!(before, life.sample());
    }
}

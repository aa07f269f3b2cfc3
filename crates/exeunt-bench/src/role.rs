//! What an actor does in a workload, the same for every contender: the contender carries messages
//! to it, and does what it says is to be done [then](Then).

use std::hint::black_box;
use std::ops::Range;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded, unbounded};

use crate::measure::Failure;
use crate::placement::Cpu;
use crate::troupe::Part;

/// How long a result is waited for before its contender counts as hung.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The role of an actor whose addresses are `A`.
pub(crate) enum Role<A> {
    /// Adds up a known count of numbers, and tells the sum.
    Sum(Sum),
    /// Sends each number on.
    Forward(A),
    /// Takes its time over each number, counts it, and sends it on if there is a next.
    Work(Work<A>),
    /// Tells how long ago, on its clock, the number was.
    Clock(Instant, Sender<u64>),
    /// Adds up numbers with others, each for itself.
    Share(Share),
    /// Plays with others, whose addresses it is told when all are there.
    Part(Part<A>),
}

pub(crate) struct Sum {
    /// What is done at the first number, and before it counts.
    first: Option<Box<dyn FnOnce() + Send>>,
    left: u64,
    total: u64,
    /// Gone with the actor.
    result: Sender<u64>,
}

pub(crate) struct Work<A> {
    pub(crate) time: Duration,
    pub(crate) handled: Arc<AtomicU64>,
    pub(crate) next: Option<A>,
}

/// What remains to be done with a number.
pub(crate) enum Then {
    Rest,
    Forward,
    /// Be busy for so long, say [`Role::worked`], then forward.
    Work(Duration),
}

impl<A> Role<A> {
    /// Takes one number. What a [part](Role::Part) says to the others it says at once, by `send`, which
    /// must not wait: the mailboxes of a troupe are unbounded.
    #[inline]
    pub(crate) fn step(&mut self, n: u64, send: impl FnMut(&A, u64)) -> Then {
        match self {
            Role::Sum(sum) => sum.add(n),
            Role::Forward(_) => return Then::Forward,
            Role::Work(work) => return Then::Work(work.time),
            Role::Clock(epoch, result) => {
                let _ = result.send(nanos_since(*epoch).saturating_sub(n));
            }
            Role::Share(share) => share.add(n),
            Role::Part(part) => part.take(n, send),
        }
        Then::Rest
    }

    /// The work on a number is done.
    pub(crate) fn worked(&self) {
        if let Role::Work(work) = self {
            work.handled.fetch_add(1, Relaxed);
        }
    }

    /// To whom it sends.
    #[inline]
    pub(crate) fn next(&self) -> Option<&A> {
        match self {
            Role::Forward(next) => Some(next),
            Role::Work(work) => work.next.as_ref(),
            Role::Sum(_) | Role::Clock(..) | Role::Share(_) | Role::Part(_) => None,
        }
    }

    /// Whether it sends to some that are not there yet.
    pub(crate) fn is_part(&self) -> bool {
        matches!(self, Role::Part(_))
    }

    /// Takes one number and does all there is to do, for contenders whose handlers may block.
    #[inline]
    pub(crate) fn play(&mut self, n: u64, mut send: impl FnMut(&A, u64)) {
        match self.step(n, &mut send) {
            Then::Rest => return,
            Then::Forward => {}
            Then::Work(time) => {
                // What the workload says that a message takes, and no wait for anything.
                thread::sleep(time);
                self.worked();
            }
        }
        if let Some(next) = self.next() {
            send(next, n);
        }
    }
}

impl Sum {
    #[inline]
    fn add(&mut self, n: u64) {
        if let Some(first) = self.first.take() {
            first();
        }
        self.total += black_box(n);
        self.left -= 1;
        if self.left == 0 {
            // Nobody listens when the run has already failed.
            let _ = self.result.send(self.total);
        }
    }
}

/// The numbers that one of several has taken, on a cache line of its own, which nobody else writes: so to count costs
/// nothing.
#[repr(align(128))]
#[derive(Default)]
struct Tally {
    taken: AtomicU64,
    total: AtomicU64,
}

pub(crate) struct Share(Arc<Tally>);

impl Share {
    #[inline]
    fn add(&mut self, n: u64) {
        let Tally { taken, total } = &*self.0;
        total.store(total.load(Relaxed) + black_box(n), Relaxed);
        taken.store(taken.load(Relaxed) + 1, Release);
    }
}

/// What several have taken together.
#[derive(Clone, Default)]
pub(crate) struct Shares(Arc<Mutex<Vec<Arc<Tally>>>>);

impl Shares {
    /// A role that takes some of the numbers.
    pub(crate) fn role<A>(&self) -> Role<A> {
        let tally = Arc::new(Tally::default());
        self.0.lock().expect("nobody panicked").push(Arc::clone(&tally));
        Role::Share(Share(tally))
    }

    /// Waits until all of these numbers have been taken, and checks their sum.
    pub(crate) fn check(&self, numbers: Range<u64>) -> Result<(), Failure> {
        let (count, expected) = (numbers.end - numbers.start, numbers.sum::<u64>());
        let tallies = self.0.lock().expect("nobody panicked").clone();
        let began = Instant::now();
        loop {
            let taken: u64 = tallies.iter().map(|tally| tally.taken.load(Acquire)).sum();
            if taken >= count {
                break;
            }
            if began.elapsed() > PATIENCE {
                return Err(Failure::Wrong(format!("{taken} of {count} within {PATIENCE:?}")));
            }
            thread::yield_now();
        }
        match tallies.iter().map(|tally| tally.total.load(Relaxed)).sum::<u64>() {
            sum if sum == expected => Ok(()),
            sum => Err(Failure::Wrong(format!("the sum is {sum}, not {expected}"))),
        }
    }
}

/// What a question is answered with.
pub(crate) fn answer(n: u64) -> u64 {
    black_box(n) + 1
}

pub(crate) fn nanos_since(epoch: Instant) -> u64 {
    u64::try_from(epoch.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

/// Sums of one or many actors, and the actors that are still there.
pub(crate) struct Sums {
    sender: Sender<u64>,
    receiver: Receiver<u64>,
}

impl Sums {
    pub(crate) fn new() -> Sums {
        let (sender, receiver) = unbounded();
        Sums { sender, receiver }
    }

    /// A role that adds up `count` numbers.
    pub(crate) fn role<A>(&self, count: u64) -> Role<A> {
        self.role_after(None, count)
    }

    /// A role that adds up `count` numbers, on that CPU if there is one.
    pub(crate) fn role_on<A>(&self, cpu: Option<Cpu>, count: u64) -> Role<A> {
        self.role_after(cpu.map(|cpu| Box::new(move || cpu.take()) as _), count)
    }

    /// A role that adds up `count` numbers, but handles none before something is sent, so that they queue up.
    pub(crate) fn gated<A>(&self, count: u64) -> (Role<A>, Sender<()>) {
        let (open, gate) = bounded(1);
        (self.role_after(Some(Box::new(move || _ = gate.recv())), count), open)
    }

    fn role_after<A>(&self, first: Option<Box<dyn FnOnce() + Send>>, count: u64) -> Role<A> {
        Role::Sum(Sum { first, left: count, total: 0, result: self.sender.clone() })
    }

    /// Waits for one sum, and checks that it is that of these numbers.
    pub(crate) fn check(&self, numbers: Range<u64>) -> Result<(), Failure> {
        let expected: u64 = numbers.sum();
        match self.receiver.recv_timeout(PATIENCE) {
            Ok(sum) if sum == expected => Ok(()),
            Ok(sum) => Err(Failure::Wrong(format!("the sum is {sum}, not {expected}"))),
            Err(_) => Err(Failure::Wrong(format!("no sum within {PATIENCE:?}"))),
        }
    }

    /// Checks that no actor is left. Some say that they have ended a moment before they are gone.
    pub(crate) fn check_gone(self) -> Result<(), Failure> {
        self.check_gone_within(PATIENCE)
    }

    fn check_gone_within(self, time: Duration) -> Result<(), Failure> {
        let Sums { sender, receiver } = self;
        drop(sender);
        let until = Instant::now() + time;
        loop {
            match receiver.recv_deadline(until) {
                Ok(_) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
                Err(RecvTimeoutError::Timeout) => {
                    return Err(Failure::Wrong(format!(
                        "an actor is left {time:?} after the stop"
                    )));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_is_told_when_it_is_complete_and_checked() {
        let sums = Sums::new();
        let mut role: Role<()> = sums.role(3);
        (0..3).for_each(|n| role.play(n, |(), _| ()));
        assert_eq!(sums.check(0..3), Ok(()));
        (0..3).for_each(|n| sums.role::<()>(1).play(n, |(), _| ()));
        assert_eq!(sums.check(1..2), Err(Failure::Wrong("the sum is 0, not 1".to_owned())));
    }

    #[test]
    fn an_actor_that_goes_a_moment_after_its_end_is_told_from_one_that_stays() {
        let [stays, goes] = [(); 2].map(|()| Sums::new());
        let roles: [Role<()>; 2] = [&stays, &goes].map(|sums| sums.role(1));
        let wrong = Err(Failure::Wrong("an actor is left 1ms after the stop".to_owned()));
        assert_eq!(stays.check_gone_within(Duration::from_millis(1)), wrong);
        let end = thread::spawn(move || drop(roles));
        assert_eq!(goes.check_gone(), Ok(()));
        end.join().unwrap();
    }

    #[test]
    fn what_several_have_taken_is_checked_together() {
        let shares = Shares::default();
        let mut roles: Vec<Role<()>> = (0..3).map(|_| shares.role()).collect();
        (0..7).for_each(|n| roles[n as usize % 3].play(n, |(), _| ()));
        assert_eq!(shares.check(0..7), Ok(()));
        let wrong = Err(Failure::Wrong("the sum is 21, not 28".to_owned()));
        assert_eq!(shares.check(1..8), wrong);
    }

    #[test]
    fn work_is_counted_and_sent_on() {
        let handled = Arc::new(AtomicU64::new(0));
        let work = Work { time: Duration::ZERO, handled: Arc::clone(&handled), next: Some('b') };
        let mut sent = Vec::new();
        Role::Work(work).play(7, |&to, n| sent.push((to, n)));
        assert_eq!((sent, handled.load(Relaxed)), (vec![('b', 7)], 1));
    }
}

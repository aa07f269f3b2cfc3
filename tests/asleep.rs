//! Clauses M1, O3, O5: nobody sleeps over what there is to do, whatever it is that comes, and whatever else is waited for.
//!
//! An actor that waits for its mailbox and the time alone sleeps in one way, and one that waits for other channels too in
//! another. Visitors give it now the one to wait for and now the other, and then do one thing that has to wake it, about
//! when it goes to sleep. Each waits for what comes of that before it does the next: a wake-up that is lost is not made
//! good by the message after it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

use exeunt::{Actor, Addr, Context, Inbox, Reply, System, TaskContext, Timer, WeakAddr};

use crate::support::dice::Dice;
use crate::support::rounds::rounds;
use crate::support::{HANG, Play, guarded_while_alive, next};

const ROUNDS: u64 = 300;
const DEEDS: u32 = 24;

/// As long as it takes an actor to find that there is nothing to do, and to fall asleep.
const MICROS_TO_SLEEP: u64 = 60;

/// As long as no thread can sleep at once, if the clock can say it.
const FAR_AWAY: Duration = Duration::from_secs(1 << 62);

/// Told when it is used, and gone when it is dropped.
type Fact = Sender<()>;

enum Order {
    Tell(Fact),
    /// After so many microseconds, which may be none.
    TellLater(u64, Fact),
    /// At no time, unless it is cancelled: then the fact is dropped.
    Never(Fact, Sender<Timer>),
    /// What comes through a channel, until nothing can. Then the other fact is dropped.
    Attach(crossbeam_channel::Receiver<Fact>, Fact),
    AttachInbox(Inbox<Fact>, Fact),
    Ask(Addr<Question>, Fact),
}

/// To be answered after so many microseconds.
struct Question(u64, Reply<()>);

fn obey(order: Order, cx: &mut Context<Play<Order>>) {
    match order {
        Order::Tell(fact) => drop(fact.send(())),
        Order::TellLater(micros, fact) => {
            cx.send_after(Duration::from_micros(micros), Order::Tell(fact));
        }
        Order::Never(fact, timer) => {
            let never = cx.send_after(FAR_AWAY, Order::Tell(fact));
            let _ = timer.send(never);
        }
        Order::Attach(channel, gone) => cx.attach(channel, tell_until(gone)),
        Order::AttachInbox(inbox, gone) => cx.attach_inbox(inbox, tell_until(gone)),
        Order::Ask(clerk, fact) => {
            let micros = MICROS_TO_SLEEP / 2;
            let _ = cx.ask_then(
                &clerk,
                |reply| Question(micros, reply),
                move |_, answer, _| {
                    answer?;
                    Ok(fact.send(())?)
                },
            );
        }
    }
}

/// Tells what comes, and keeps the other fact until nothing can come any more.
fn tell_until(gone: Fact) -> impl FnMut(Fact) -> Order {
    move |fact| {
        let _kept = &gone;
        Order::Tell(fact)
    }
}

/// Somebody who gives the sleeper something to do, and waits for what comes of it.
struct Visitor {
    sleeper: Addr<Order>,
    clerk: Addr<Question>,
    dice: Dice,
}

impl Visitor {
    fn visit(mut self) {
        for _ in 0..DEEDS {
            match self.dice.below(8) {
                0..=2 => self.is_told(Order::Tell),
                3 => {
                    let micros = self.dice.below(2 * MICROS_TO_SLEEP);
                    self.is_told(|fact| Order::TellLater(micros, fact));
                }
                4 => self.cancels(),
                5 => self.sends_through_a_channel(),
                6 => self.sends_to_an_inbox(),
                _ => {
                    let clerk = self.clerk.clone();
                    self.is_told(|fact| Order::Ask(clerk, fact));
                }
            }
        }
    }

    /// In one of the ways there are.
    fn sends(&mut self, order: Order) {
        self.falls_asleep();
        match self.dice.below(3) {
            0 => self.sleeper.send(order).unwrap(),
            1 => self.sleeper.send_timeout(order, HANG).unwrap(),
            _ => self.sleeper.send_urgent(order).unwrap(),
        }
    }

    fn falls_asleep(&mut self) {
        self.dice.moment(MICROS_TO_SLEEP);
    }

    fn is_told(&mut self, order: impl FnOnce(Fact) -> Order) {
        let (fact, told) = mpsc::channel();
        self.sends(order(fact));
        next(&told);
    }

    fn cancels(&mut self) {
        let ((fact, told), (give, given)) = (mpsc::channel(), mpsc::channel());
        self.sends(Order::Never(fact, give));
        let timer = next(&given);
        self.falls_asleep();
        assert!(timer.cancel());
        is_gone(&told);
    }

    fn sends_through_a_channel(&mut self) {
        let ((sender, receiver), (gone, end)) = (crossbeam_channel::unbounded(), mpsc::channel());
        self.sends(Order::Attach(receiver, gone));
        self.is_told_by(|fact| sender.send(fact).unwrap());
        self.falls_asleep();
        drop(sender);
        is_gone(&end);
    }

    fn sends_to_an_inbox(&mut self) {
        let ((addr, inbox), (gone, end)) = (exeunt::mailbox(1), mpsc::channel());
        self.sends(Order::AttachInbox(inbox, gone));
        self.is_told_by(|fact| addr.send(fact).unwrap());
        self.falls_asleep();
        drop(addr);
        is_gone(&end);
    }

    /// So often, before nobody can send it anything there.
    fn is_told_by(&mut self, send: impl Fn(Fact)) {
        for _ in 0..self.dice.below(3) {
            let (fact, told) = mpsc::channel();
            self.falls_asleep();
            send(fact);
            next(&told);
        }
    }
}

/// What a child of the sleeper's does, which has something for it to do in its turn too.
fn have_the_last_word(
    cx: &TaskContext,
    sleeper: WeakAddr<Order>,
    mut dice: Dice,
) -> exeunt::Result {
    cx.stopping().wait();
    // Nobody has an address at a natural end.
    if let Some(sleeper) = sleeper.upgrade() {
        for _ in 0..3 {
            let (fact, told) = mpsc::channel();
            dice.moment(MICROS_TO_SLEEP);
            sleeper.send(Order::Tell(fact))?;
            next(&told);
        }
    }
    Ok(())
}

/// Waits until a fact is dropped that is told to nobody.
#[track_caller]
fn is_gone(told: &Receiver<()>) {
    let end = told.recv_timeout(HANG);
    assert_eq!(end, Err(RecvTimeoutError::Disconnected), "what was to go did not");
}

#[test]
fn m1_o3_o5_nobody_sleeps_over_what_there_is_to_do() {
    guarded_while_alive(|signs| {
        let mut dice = Dice::seeded();
        let seed = dice.below(u64::MAX);
        rounds(ROUNDS, |round| {
            visits(Dice::new(seed.wrapping_add(round)));
            let _ = signs.send(());
        });
    });
}

fn visits(mut dice: Dice) {
    let mut system = System::new("asleep");
    let clerk = system.spawn(
        "clerk",
        Play::new(|Question(micros, reply): Question, cx| {
            cx.sleep(Duration::from_micros(micros))?;
            let _ = reply.send(());
            Ok(())
        }),
    );
    let sleeper = match [1, 1, 2, 3][dice.below(4)] {
        1 => system.actor("sleeper"),
        threads => system.pool("sleeper", threads),
    };
    let mut of_children = dice.another();
    let make = move || {
        let mut of_child = of_children.another();
        Play::new(|order, cx: &mut Context<_>| {
            obey(order, cx);
            Ok(())
        })
        .started(move |cx| {
            let (sleeper, dice) = (cx.addr().downgrade(), of_child.another());
            cx.spawn_task("child", |cx| have_the_last_word(cx, sleeper, dice));
            Ok(())
        })
    };
    let sleeper = sleeper.capacity(1).urgent(1).spawn_with(make).unwrap();
    let visitors: Vec<_> = (0..dice.between(1, 2))
        .map(|_| {
            let (sleeper, clerk) = (sleeper.clone(), clerk.clone());
            let visitor = Visitor { sleeper, clerk, dice: dice.another() };
            thread::spawn(move || visitor.visit())
        })
        .collect();
    drop(clerk);
    visitors.into_iter().for_each(|visitor| visitor.join().unwrap());
    dice.moment(MICROS_TO_SLEEP);
    let report = match dice.below(2) {
        0 => system.shutdown(),
        _ => {
            drop(sleeper);
            system.wait()
        }
    };
    assert!(report.is_complete() && !report.is_failure(), "{report}");
}

enum Work {
    /// To be told at once. And after so many microseconds the thread that has told it is to be at leisure, if any.
    Tell(Fact, Option<u64>),
    Leisure,
}

/// A thread of a pool, which at its leisure does nothing as long as something is left to be told: not more than one at once.
struct Hand {
    is_something_left: Arc<AtomicBool>,
    is_one_at_leisure: Arc<AtomicBool>,
}

impl Actor for Hand {
    type Msg = Work;

    fn handle(&mut self, work: Work, cx: &mut Context<Self>) -> exeunt::Result {
        match work {
            Work::Tell(fact, leisure) => {
                let leisure = leisure.map(Duration::from_micros);
                leisure.into_iter().for_each(|after| drop(cx.send_after(after, Work::Leisure)));
                fact.send(())?;
            }
            Work::Leisure if self.is_one_at_leisure.swap(true, Ordering::SeqCst) => {}
            Work::Leisure => {
                while self.is_something_left.load(Ordering::SeqCst) {
                    thread::yield_now();
                }
                self.is_one_at_leisure.store(false, Ordering::SeqCst);
            }
        }
        Ok(())
    }
}

/// Which of them is woken for a message may find that its leisure has come, and takes that first: then another one is woken.
#[test]
fn m1_of_a_pool_nobody_sleeps_over_what_another_was_woken_for() {
    guarded_while_alive(|signs| {
        let seed = Dice::seeded().below(u64::MAX);
        rounds(ROUNDS / 10, |round| {
            has_leisure(Dice::new(seed.wrapping_add(round)));
            let _ = signs.send(());
        });
    });
}

fn has_leisure(mut dice: Dice) {
    let mut system = System::new("pool");
    let (is_something_left, is_one_at_leisure) = (Arc::default(), Arc::default());
    let left: Arc<AtomicBool> = Arc::clone(&is_something_left);
    let threads = dice.between(2, 3);
    let pool = system.pool("pool", usize::try_from(threads).unwrap()).spawn_with(move || Hand {
        is_something_left: Arc::clone(&is_something_left),
        is_one_at_leisure: Arc::clone(&is_one_at_leisure),
    });
    let pool = pool.unwrap();
    for _ in 0..20 * DEEDS {
        dice.moment(2 * MICROS_TO_SLEEP);
        let leisure = (dice.below(2) == 0).then(|| dice.below(4 * MICROS_TO_SLEEP));
        let (fact, told) = mpsc::channel();
        left.store(true, Ordering::SeqCst);
        pool.send(Work::Tell(fact, leisure)).unwrap();
        next(&told);
        left.store(false, Ordering::SeqCst);
    }
    let report = system.shutdown();
    assert!(report.is_complete() && !report.is_failure(), "{report}");
}

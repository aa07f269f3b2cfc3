//! Sends, asks and the end of others as futures (feature `async`): clauses M1 to M5 and F4 from async
//! programs, on tokio's two executors and on one that is written down here.
//!
//! Most futures are polled by hand: then a wake-up is a fact to wait for, and one that is lost is a
//! test that fails. The stress puts many async senders on small mailboxes with a slow reader, gives up
//! some of their sends on the way, and holds what each sender was told against what the handler saw,
//! in a system that goes on until all is sent, and in one that is drained in the middle.

use std::collections::HashSet;
use std::pin::{Pin, pin};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use exeunt::{
    Addr, AskError, Ended, Event, Overflow, Reply, Restart, SendError, SendTimeoutError, Strategy,
    System, WaitError,
};

use crate::support::{
    HANG, NEVER, Play, block_on, figures, guarded, guarded_while_alive, line, ms, next, so_far,
    standing, trap, until,
};

// Executors

/// A future that is polled by hand, and is seen to be woken.
struct ByHand<F> {
    future: Pin<Box<F>>,
    bell: Arc<Bell>,
    woken: Receiver<()>,
}

struct Bell(Sender<()>);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        let _ = self.0.send(());
    }
}

fn by_hand<F: Future>(future: F) -> ByHand<F> {
    let (sender, woken) = mpsc::channel();
    ByHand { future: Box::pin(future), bell: Arc::new(Bell(sender)), woken }
}

impl<F: Future> ByHand<F> {
    fn poll(&mut self) -> Poll<F::Output> {
        let waker = Waker::from(Arc::clone(&self.bell));
        self.future.as_mut().poll(&mut Context::from_waker(&waker))
    }

    #[track_caller]
    fn waits(&mut self) {
        assert!(self.poll().is_pending(), "it does not wait");
    }

    /// Waits until it is woken, as often as it takes, and gives what comes out.
    #[track_caller]
    fn output(&mut self) -> F::Output {
        loop {
            next(&self.woken);
            if let Poll::Ready(output) = self.poll() {
                return output;
            }
        }
    }
}

// The stage

/// A mailbox of one place, which is full with 1; its actor is caught with 0 in its hands, and will be
/// caught again with each number that is even.
struct Full {
    system: System,
    addr: Addr<u32>,
    handled: Receiver<u32>,
    go_on: Sender<()>,
}

fn full(overflow: Overflow) -> Full {
    let (tell, handled) = mpsc::channel();
    let (go_on, word) = mpsc::channel();
    let mut system = System::new("full");
    let actor = Play::new(move |n: u32, _| {
        tell.send(n)?;
        // Without anybody who could let it go, it goes on.
        let _ = word.recv();
        Ok(())
    });
    let addr = system.actor("full").capacity(1).overflow(overflow).spawn(actor).unwrap();
    addr.send(0).unwrap();
    assert_eq!(next(&handled), 0);
    addr.send(1).unwrap();
    Full { system, addr, handled, go_on }
}

// Room

#[test]
fn m4_who_waits_for_room_is_woken_before_the_message_is_handled_that_made_it() {
    guarded(|| {
        let full = full(Overflow::Wait);
        let mut send = by_hand(full.addr.send_async(2));
        send.waits();
        assert_eq!(full.addr.queued(), 1);
        full.go_on.send(()).unwrap();
        assert_eq!(send.output(), Ok(()));
        // The handler is still in the message that was taken to make room.
        assert_eq!((next(&full.handled), so_far(&full.handled)), (1, vec![]));
        assert_eq!(full.addr.queued(), 1);
        drop(full.go_on);
        let report = full.system.shutdown();
        assert_eq!(figures(line(&report, "full")), [3, 0, 0]);
    });
}

#[test]
fn m4_the_first_to_wait_is_the_first_to_be_woken() {
    guarded(|| {
        let full = full(Overflow::Wait);
        let mut sends: Vec<_> = (2..6).map(|n| by_hand(full.addr.send_async(n))).collect();
        sends.iter_mut().rev().for_each(ByHand::waits);
        for send in &mut sends {
            full.go_on.send(()).unwrap();
            assert_eq!(send.output(), Ok(()));
        }
        drop(full.go_on);
        drop(full.system.shutdown());
        assert_eq!(so_far(&full.handled), [1, 2, 3, 4, 5]);
    });
}

#[test]
fn m4_who_is_woken_and_never_polled_again_keeps_nobody_waiting() {
    guarded(|| {
        let full = full(Overflow::Wait);
        let mut idle = by_hand(full.addr.send_async(2));
        let mut gone = by_hand(full.addr.send_async(3));
        let mut third = by_hand(full.addr.send_async(4));
        for send in [&mut idle, &mut gone, &mut third] {
            send.waits();
        }
        drop(gone);
        drop(full.go_on);
        next(&idle.woken);
        assert_eq!(third.output(), Ok(()));
        let report = full.system.shutdown();
        // It finds the mailbox closed when it is polled at last.
        assert_eq!(idle.poll(), Poll::Ready(Err(SendError::Closed(2, "full".into()))));
        assert_eq!(figures(line(&report, "full")), [3, 0, 0]);
    });
}

#[test]
fn m4_a_thread_waits_for_no_future_that_was_woken_and_is_not_polled() {
    guarded(|| {
        let mut full = full(Overflow::Wait);
        let mut idle = by_hand(full.addr.send_async(2));
        idle.waits();
        let addr = full.addr.clone();
        let sender = full.system.spawn_task("sender", move |_| Ok(addr.send(3)?));
        until(|| standing(&full.system.handle(), "sender").waits_for.is_some());
        // Until it sleeps: then it is behind the future.
        thread::sleep(ms(20));
        full.go_on.send(()).unwrap();
        // The handler is still in the message that was taken to make room.
        assert!(sender.wait().is_ok());
        assert_eq!((next(&full.handled), so_far(&full.handled)), (1, vec![]));
        drop((idle, full.go_on));
        let report = full.system.shutdown();
        assert_eq!(figures(line(&report, "full")), [3, 0, 0]);
    });
}

#[test]
fn m1_a_send_that_is_dropped_has_sent_nothing_and_leaves_no_waker() {
    guarded(|| {
        let full = full(Overflow::Wait);
        let mut send = by_hand(full.addr.send_async(2));
        send.waits();
        let bell = Arc::clone(&send.bell);
        drop(send);
        assert_eq!(Arc::strong_count(&bell), 1);
        drop(full.addr.send_async(3)); // never polled
        drop(full.go_on);
        assert_eq!(figures(line(&full.system.shutdown(), "full")), [2, 0, 0]);
    });
}

#[test]
fn m2_a_sender_that_waits_is_woken_with_its_message_when_the_mailbox_closes() {
    guarded(|| {
        let full = full(Overflow::Wait);
        let mut send = by_hand(full.addr.send_async(2));
        send.waits();
        full.addr.stop();
        assert_eq!(send.output(), Err(SendError::Closed(2, "full".into())));
        assert_eq!(block_on(full.addr.send_async(3)), Err(SendError::Closed(3, "full".into())));
        let asked = block_on(full.addr.ask_async(|_: Reply<()>| 4));
        assert_eq!(asked, Err(AskError::NotSent(SendTimeoutError::Closed(4, "full".into()))));
        drop(full.go_on);
        assert_eq!(figures(line(&full.system.shutdown(), "full")), [2, 0, 0]);
    });
}

#[test]
fn d3_a_sender_that_waits_for_an_abandoned_actor_is_refused() {
    guarded(|| {
        let mut full = full(Overflow::Wait);
        full.system.set_stall_limit(ms(10)).set_grace(ms(10));
        let mut send = by_hand(full.addr.send_async(2));
        let mut ask = by_hand(full.addr.ask_async(|_: Reply<()>| 3));
        send.waits();
        ask.waits();
        let mut end = by_hand(full.addr.wait_async());
        end.waits();
        let report = full.system.shutdown();
        assert_eq!(line(&report, "full").ended, Ended::Abandoned);
        assert_eq!(send.output(), Err(SendError::Closed(2, "full".into())));
        assert_eq!(
            ask.output(),
            Err(AskError::NotSent(SendTimeoutError::Closed(3, "full".into())))
        );
        assert_eq!(end.output().unwrap().ended, Ended::Abandoned);
    });
}

#[test]
fn m4_what_waits_for_an_inbox_goes_to_its_actor_or_comes_back() {
    guarded(|| {
        let (addr, inbox) = exeunt::mailbox(1);
        addr.send(1).unwrap();
        let mut send = by_hand(addr.send_async(2));
        send.waits();
        let mut end = by_hand(addr.wait_async());
        end.waits();
        let mut system = System::new("late");
        system.actor("late").inbox(inbox).spawn(Play::idle()).unwrap();
        assert_eq!(send.output(), Ok(()));
        drop((addr, send)); // both kept it alive
        assert_eq!(figures(&end.output().unwrap()), [2, 0, 0]);

        let (addr, inbox) = exeunt::mailbox(1);
        addr.send(1).unwrap();
        let mut send = by_hand(addr.send_async(2));
        let mut end = by_hand(addr.wait_async());
        send.waits();
        end.waits();
        drop(inbox);
        assert_eq!(send.output(), Err(SendError::Closed(2, "an actor that is not spawned".into())));
        assert_eq!(end.output(), Err(WaitError::NotSpawned));
    });
}

#[test]
fn m4_there_is_room_in_an_attached_mailbox_too() {
    guarded(|| {
        let (trap, keeper) = trap();
        let (addr, inbox) = exeunt::mailbox::<u32>(1);
        let mut inbox = Some(inbox);
        let (tell, handled) = mpsc::channel();
        let mut system = System::new("annex");
        let main = Play::new(move |n: u32, _| {
            trap.walk_in();
            Ok(tell.send(n)?)
        });
        let main = system.spawn(
            "a",
            main.started(move |cx| {
                cx.attach_inbox(inbox.take().unwrap(), |n| n + 10);
                Ok(())
            }),
        );
        main.send(0).unwrap();
        keeper.catches();
        addr.send(1).unwrap();
        let mut sends: Vec<_> = (2..5).map(|n| by_hand(addr.send_async(n))).collect();
        sends.iter_mut().for_each(ByHand::waits);
        keeper.opens();
        for send in &mut sends {
            assert_eq!(send.output(), Ok(()));
        }
        drop((main, addr, sends));
        assert_eq!(figures(line(&system.wait(), "a")), [5, 0, 0]);
        assert_eq!(so_far(&handled), [0, 11, 12, 13, 14]);
    });
}

#[test]
fn f1_who_waits_for_room_waits_for_the_next_incarnation_too() {
    guarded(|| {
        let (tell, handled) = mpsc::channel();
        let (trap, keeper) = trap();
        let mut system = System::new("risen");
        let group = system
            .group("both")
            .strategy(Strategy::OneForAll)
            .intensity(9, Duration::from_secs(60))
            .build()
            .unwrap();
        let a = system.actor("a").capacity(1).within(&group).restart(Restart::on_failure());
        let a = a.spawn_with(move || {
            let (trap, tell) = (trap.clone(), tell.clone());
            Play::new(move |n: u32, _| {
                trap.walk_in();
                tell.send(n)?;
                match n {
                    3 => Err(exeunt::Error::msg("three")),
                    _ => Ok(()),
                }
            })
        });
        let a = a.unwrap();
        let b = system.actor("b").within(&group).restart(Restart::on_failure());
        let b = b.spawn_with(|| Play::new(|(), _| Err(exeunt::Error::msg("b fails"))));
        a.send(0).unwrap();
        keeper.catches();
        a.send(1).unwrap();
        let mut sends: Vec<_> = (2..6).map(|n| by_hand(a.send_async(n))).collect();
        sends.iter_mut().for_each(ByHand::waits);
        // The first incarnation finds the order to begin anew when it makes room.
        b.unwrap().send(()).unwrap();
        until(|| standing(&system.handle(), "b").failed == 1);
        keeper.opens();
        for send in &mut sends {
            assert_eq!(send.output(), Ok(()));
        }
        assert_eq!((0..6).map(|_| next(&handled)).collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5]);
        let report = system.shutdown();
        assert_eq!(figures(line(&report, "a")), [5, 1, 0]);
    });
}

#[test]
fn o3_a_child_waits_for_room_in_its_parents_mailbox_in_the_parents_turn() {
    guarded(|| {
        let (tell, handled) = mpsc::channel();
        let mut system = System::new("family");
        system
            .actor("parent")
            .capacity(1)
            .spawn(Play::new(move |n: u32, _| Ok(tell.send(n)?)).started(|cx| {
                let parent = cx.addr();
                cx.spawn_task("child", move |cx| {
                    cx.stopping().wait();
                    for n in 0..100 {
                        block_on(parent.send_async(n))?;
                    }
                    Ok(())
                });
                Ok(())
            }))
            .unwrap();
        let report = system.shutdown();
        assert!(report.is_complete(), "{report}");
        assert_eq!(so_far(&handled), (0..100).collect::<Vec<_>>());
    });
}

// What else a full mailbox may do, and to whom

#[test]
fn m2_a_mailbox_that_refuses_gives_the_message_back() {
    guarded(|| {
        let full = full(Overflow::Refuse);
        assert_eq!(block_on(full.addr.send_async(2)), Err(SendError::Full(2, "full".into())));
        let asked = block_on(full.addr.ask_async(|_: Reply<()>| 3));
        assert_eq!(asked, Err(AskError::NotSent(SendTimeoutError::Full(3, "full".into()))));
        drop(full.go_on);
    });
}

#[test]
fn m1_a_mailbox_that_drops_does_so_when_its_hook_is_free() {
    for (overflow, dropped) in [(Overflow::DropNewest, [2, 3]), (Overflow::DropOldest, [1, 2])] {
        guarded(move || {
            let (in_hook, hook) = trap();
            let (tell, returned) = mpsc::channel();
            let (in_handler, handler) = trap();
            let mut system = System::new("drops");
            let addr = system
                .actor("a")
                .capacity(1)
                .overflow(overflow)
                .returned(move |n| {
                    in_hook.walk_in();
                    tell.send(n).unwrap();
                })
                .spawn(Play::new(move |_: u32, _| {
                    in_handler.walk_in();
                    Ok(())
                }))
                .unwrap();
            addr.send(0).unwrap();
            handler.catches();
            addr.send(1).unwrap();
            let first = thread::spawn({
                let addr = addr.clone();
                move || block_on(addr.send_async(2))
            });
            hook.catches();
            let mut second = by_hand(addr.send_async(3));
            second.waits();
            hook.opens();
            assert_eq!(first.join().unwrap(), Ok(()));
            assert_eq!(second.output(), Ok(()));
            assert_eq!(so_far(&returned), dropped);
            handler.opens();
            assert_eq!(figures(line(&system.shutdown(), "a")), [2, 0, 2]);
        });
    }
}

/// An actor of one place that fills it and then does something with its own address.
fn with_itself<T: Send + 'static>(
    act: impl Fn(&Addr<Option<Reply<u32>>>) -> T + Send + 'static,
) -> T {
    guarded(move || {
        let (told, result) = mpsc::channel();
        let mut system = System::new("self");
        let actor = Play::new(move |_: Option<Reply<u32>>, cx| {
            if cx.queued() == 0 && !cx.stopping().is_set() {
                cx.addr().send(None)?;
                told.send(act(&cx.addr()))?;
                cx.stop();
            }
            Ok(())
        });
        let addr = system.actor("a").capacity(1).spawn(actor).unwrap();
        addr.send(None).unwrap();
        next(&result)
    })
}

#[test]
fn m4_an_actor_does_not_wait_for_room_in_its_own_mailbox() {
    let sent =
        with_itself(|myself| block_on(myself.send_async(None)).map_err(|e| format!("{e:?}")));
    assert_eq!(sent, Err("Deadlock(.., \"a\")".to_owned()));
}

#[test]
fn m5_an_actor_does_not_wait_for_its_own_answer_or_end() {
    let asked = with_itself(|myself| {
        block_on(myself.ask_async(Some)).map_err(|error| {
            let text = format!("{error:?}");
            // M2: it was not accepted, and comes back.
            assert!(matches!(error.into_message(), Some(Some(_))));
            text
        })
    });
    assert_eq!(asked, Err("Deadlock(.., \"a\")".to_owned()));
    let awaited = with_itself(|myself| block_on(myself.wait_async()));
    assert_eq!(awaited, Err(WaitError::Inside));
}

#[test]
fn d2_a_wait_on_the_thread_of_an_actor_ends_with_its_deadline() {
    guarded(|| {
        let full = full(Overflow::Wait);
        let (addr, silent) = (full.addr.clone(), mpsc::channel());
        let mut system = System::new("waiting");
        system.set_stall_limit(ms(20)).set_grace(HANG);
        let (told, result) = mpsc::channel();
        let tell = told.clone();
        system.spawn_task("sender", move |_| {
            Ok(tell.send(format!("{:?}", block_on(addr.send_async(2))))?)
        });
        let kept = Play::new(move |reply: Reply<()>, _| Ok(silent.0.send(reply)?));
        let kept = system.spawn("keeper", kept);
        system.spawn_task("asker", move |_| {
            Ok(told.send(format!("{:?}", block_on(kept.ask_async(|reply| reply))))?)
        });
        let reply = next(&silent.1);
        let report = system.shutdown();
        let mut told = [next(&result), next(&result)];
        told.sort();
        assert_eq!(
            told,
            [r#"Err(Interrupted("keeper"))"#, r#"Err(Interrupted(.., "full"))"#],
            "{report}"
        );
        drop((reply, full.go_on));
    });
}

// Asks

/// An actor that hands over every question it is asked, and the question's end.
fn with_replies() -> (System, Addr<Reply<u32>>, Receiver<Reply<u32>>) {
    let (tell, replies) = mpsc::channel();
    let mut system = System::new("asked");
    let addr = system.spawn("a", Play::new(move |reply, _| Ok(tell.send(reply)?)));
    (system, addr, replies)
}

#[test]
fn m5_an_ask_ends_with_the_answer_or_when_there_will_be_none() {
    guarded(|| {
        let (system, addr, replies) = with_replies();
        let mut ask = by_hand(addr.ask_async(|reply| reply));
        ask.waits();
        next(&replies).send(7).unwrap();
        assert_eq!(ask.output().map_err(drop), Ok(7));

        let mut ask = by_hand(addr.ask_async(|reply| reply));
        ask.waits();
        drop(next(&replies));
        assert!(matches!(ask.output(), Err(AskError::Unanswered(_))));

        // The actor ends, and somebody keeps the reply.
        let mut ask = by_hand(addr.ask_async(|reply| reply));
        ask.waits();
        let kept = next(&replies);
        let report = system.shutdown();
        assert!(matches!(ask.output(), Err(AskError::Ended(_))));
        assert!(report.is_complete());
        drop(ask);
        assert_eq!(kept.send(8), Err(8));
    });
}

#[test]
fn m5_an_ask_that_is_dropped_may_leave_its_question() {
    guarded(|| {
        let (system, addr, replies) = with_replies();
        drop(addr.ask_async(|reply| reply)); // never polled, never asked
        let mut ask = by_hand(addr.ask_async(|reply| reply));
        ask.waits();
        let bell = Arc::clone(&ask.bell);
        drop(ask);
        assert_eq!(Arc::strong_count(&bell), 1);
        assert_eq!(next(&replies).send(7), Err(7));
        assert_eq!(figures(line(&system.shutdown(), "a")), [1, 0, 0]);
    });
}

#[test]
fn m5_an_ask_waits_for_room_and_then_for_the_answer() {
    guarded(|| {
        let (trap, keeper) = trap();
        let mut system = System::new("asked");
        let addr = system
            .actor("a")
            .capacity(1)
            .spawn(Play::new(move |question: Option<Reply<u32>>, _| {
                match question {
                    Some(reply) => drop(reply.send(7)),
                    None => trap.walk_in(),
                }
                Ok(())
            }))
            .unwrap();
        addr.send(None).unwrap();
        keeper.catches();
        addr.send(None).unwrap();
        let mut ask = by_hand(addr.ask_async(Some));
        ask.waits();
        keeper.opens();
        assert_eq!(ask.output().map_err(drop), Ok(7));
        drop(system.shutdown());
    });
}

// Ends

#[test]
fn o5_to_await_an_end_keeps_nobody_alive() {
    guarded(|| {
        let mut system = System::new("end");
        let addr = system.spawn("a", Play::<u32>::idle());
        let (mut end, mut never) = (by_hand(addr.wait_async()), by_hand(addr.wait_async()));
        end.waits();
        never.waits();
        let bell = Arc::clone(&never.bell);
        drop(never);
        assert_eq!(Arc::strong_count(&bell), 1);
        let weak = addr.downgrade();
        addr.send(1).unwrap();
        drop(addr);
        let report = end.output().unwrap();
        assert_eq!((report.ended, report.handled), (Ended::Completed, 1));
        assert!(weak.upgrade().is_none());
    });
}

#[test]
fn f4_the_end_of_a_system_is_awaited_from_outside() {
    guarded(|| {
        let mut system = System::new("end");
        let handle = system.handle();
        let (told, result) = mpsc::channel();
        system.spawn_task("inside", move |cx| {
            Ok(told.send(block_on(cx.system().wait_async()).unwrap_err())?)
        });
        assert_eq!(next(&result), WaitError::Inside);
        let mut end = by_hand(handle.wait_async());
        end.waits();
        // To await it does not bring it about.
        assert!(end.woken.recv_timeout(NEVER).is_err());
        handle.shutdown();
        assert!(end.output().unwrap().is_complete());
        drop(system);
        assert!(block_on(handle.wait_async()).unwrap().is_complete());

        let system = System::new("dark");
        let mut end = by_hand(system.handle().wait_async());
        end.waits();
        drop(system);
        assert!(end.output().unwrap().actors.is_empty());
    });
}

#[test]
fn d5_an_event_is_awaited_and_so_is_that_of_a_parent() {
    guarded(|| {
        let parent = Event::new();
        let child = parent.child();
        let (mut set, mut never) = (by_hand(child.wait_async()), by_hand(child.wait_async()));
        set.waits();
        never.waits();
        let bell = Arc::clone(&never.bell);
        drop(never);
        assert_eq!(Arc::strong_count(&bell), 1, "who waits no more is forgotten");
        parent.set();
        set.output();
        assert!(by_hand(child.wait_async()).poll().is_ready());
    });
}

#[test]
fn d5_what_is_async_in_a_task_hears_of_its_turn() {
    guarded(|| {
        let mut system = System::new("async");
        let server = system.spawn_task("server", |cx| {
            block_on(cx.stopping().wait_async());
            Ok(())
        });
        assert!(system.shutdown().is_complete() && server.has_ended());
    });
}

#[test]
fn f5_a_waker_that_panics_holds_up_no_drain() {
    struct Bomb;
    impl Wake for Bomb {
        fn wake(self: Arc<Self>) {
            std::panic::panic_any("a bomb of a waker");
        }
    }
    guarded(|| {
        let full = full(Overflow::Wait);
        let waker = Waker::from(Arc::new(Bomb));
        let mut cx = Context::from_waker(&waker);
        let mut send = pin!(full.addr.send_async(2));
        let mut end = pin!(full.addr.wait_async());
        let mut system_end = pin!(full.system.handle().wait_async());
        assert!(send.as_mut().poll(&mut cx).is_pending());
        assert!(end.as_mut().poll(&mut cx).is_pending());
        assert!(system_end.as_mut().poll(&mut cx).is_pending());
        drop(full.go_on);
        assert!(full.system.shutdown().is_complete());
        assert!(end.as_mut().poll(&mut cx).is_ready());
        assert!(system_end.as_mut().poll(&mut cx).is_ready());
    });
}

#[test]
fn m5_the_end_of_a_task_is_awaited_as_that_of_an_actor() {
    guarded(|| {
        let mut system = System::new("m5");
        let (addr, inbox) = exeunt::mailbox::<u32>(1);
        let actor = block_in_background(addr.handle().wait_async());
        let (tell, myself) = mpsc::channel::<exeunt::ActorHandle>();
        let task = system.spawn_task("task", move |cx| {
            assert_eq!(block_on(next(&myself).wait_async()), Err(WaitError::Inside));
            cx.stopping().wait();
            Ok(())
        });
        tell.send(task.clone()).unwrap();
        let ended = block_in_background(task.wait_async());
        // It waited for somebody to be spawned, too, and keeps nobody.
        system.actor("actor").inbox(inbox).spawn(Play::idle()).unwrap();
        drop(addr);
        assert_eq!(actor.join().unwrap().unwrap().ended, Ended::Completed);
        task.stop();
        assert_eq!(ended.join().unwrap().unwrap().name, "task");
        assert!(!system.shutdown().is_failure());
        let late = system_that_has_ended().spawn_task("late", |_| Ok(()));
        assert_eq!(block_on(late.wait_async()), Err(WaitError::NotSpawned));
    });
}

/// One that starts nobody any more.
fn system_that_has_ended() -> System {
    let system = System::new("ended");
    system.handle().shutdown();
    until(|| system.handle().has_ended());
    system
}

fn block_in_background<F: Future<Output: Send> + Send + 'static>(
    future: F,
) -> thread::JoinHandle<F::Output> {
    thread::spawn(move || block_on(future))
}

#[test]
fn futures_go_to_any_executor() {
    fn goes_anywhere<T: Send + Unpin + 'static>(_: &T) {}
    let (addr, _inbox) = exeunt::mailbox::<u32>(1);
    goes_anywhere(&addr.send_async(1));
    goes_anywhere(&addr.ask_async(|_: Reply<String>| 1));
    goes_anywhere(&addr.wait_async());
    goes_anywhere(&addr.handle().wait_async());
    goes_anywhere(&System::new("s").handle().wait_async());
}

// Under tokio

#[test]
fn a_tokio_program_holds_thread_actors_and_awaits_them() {
    guarded(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let report = runtime.block_on(async {
            let mut system = System::new("tokio");
            let sum = Arc::new(Mutex::new(0));
            let total = Arc::clone(&sum);
            let actor = Play::new(move |n: u32, _| {
                *total.lock().unwrap() += n;
                Ok(())
            });
            let addr = system.actor("sum").capacity(1).spawn(actor).unwrap();
            let senders = [1, 10, 100].map(|n| {
                let addr = addr.clone();
                tokio::spawn(async move {
                    for _ in 0..100 {
                        addr.send_async(n).await.unwrap();
                    }
                })
            });
            for sender in senders {
                sender.await.unwrap();
            }
            let silence = tokio::time::timeout(NEVER, addr.wait_async());
            assert!(silence.await.is_err());
            let end = addr.wait_async();
            drop(addr);
            assert_eq!(end.await.unwrap().handled, 300);
            assert_eq!(*sum.lock().unwrap(), 11_100);
            let handle = system.handle();
            handle.shutdown();
            handle.wait_async().await.unwrap()
        });
        assert!(report.is_complete());
    });
}

// Stress

/// Who runs the senders of the stress.
#[derive(Clone, Copy, Debug)]
enum Executor {
    Tokio,
    TokioOnOneThread,
    /// Each sender on a thread of its own, in the executor of this file.
    Threads,
}

const SENDERS: u64 = 24;

/// What one sender was told.
#[derive(Default)]
struct Log {
    accepted: Vec<u64>,
    refused: Vec<u64>,
    given_up: u64,
}

#[test]
fn m1_stress_tokio() {
    stress(Executor::Tokio);
}

#[test]
fn m1_stress_tokio_on_one_thread() {
    stress(Executor::TokioOnOneThread);
}

#[test]
fn m1_stress_threads() {
    stress(Executor::Threads);
}

fn stress(executor: Executor) {
    // How long it takes is the machine's affair: a message that is handled is a sign of life, and one wake-up that is lost
    // is the end of all signs.
    guarded_while_alive(move |signs| {
        for capacity in [1, 2, 16] {
            for is_cut_short in [false, true].repeat(4) {
                let logs = run_once(executor, capacity, is_cut_short, signs.clone());
                let sum = |f: fn(&Log) -> u64| logs.iter().map(f).sum::<u64>();
                let accepted = sum(|log| log.accepted.len() as u64);
                let (given_up, refused) = (sum(|l| l.given_up), sum(|l| l.refused.len() as u64));
                assert!(accepted > 0 && (refused > 0) == is_cut_short);
                eprintln!(
                    "{executor:?}, {capacity}: {accepted}, {given_up} given up, {refused} refused"
                );
            }
        }
    });
}

fn run_once(
    executor: Executor,
    capacity: usize,
    is_cut_short: bool,
    signs: Sender<()>,
) -> Vec<Log> {
    let (tell, seen) = mpsc::channel();
    let (begun, stop) = (Event::new(), Event::new());
    let mut system = System::new("stress");
    let first = begun.clone();
    let reader = Play::new(move |id: u64, _| {
        first.set();
        tell.send(id)?;
        let _ = signs.send(());
        match id % 64 {
            0 => thread::sleep(Duration::from_micros(200)),
            1..8 => thread::yield_now(),
            _ => {}
        }
        Ok(())
    });
    let addr = system.actor("reader").capacity(capacity).spawn(reader).unwrap();
    let handle = system.handle();
    let cut = thread::spawn({
        let stop = stop.clone();
        move || {
            begun.wait();
            if is_cut_short && !stop.wait_timeout(ms(5)) {
                handle.shutdown();
            }
        }
    });
    // Cut short, they go on until they are refused.
    let messages = if is_cut_short { u64::MAX >> 32 } else { 150 };
    let senders = (0..SENDERS).map(|sender| send_all(addr.clone(), sender << 32, messages));
    let logs = run_all(executor, senders.collect());
    stop.set();
    cut.join().unwrap();
    drop(addr);
    let report = system.wait();

    let line = line(&report, "reader");
    let seen: Vec<u64> = seen.try_iter().collect();
    let seen_once: HashSet<u64> = seen.iter().copied().collect();
    let accepted: HashSet<u64> = logs.iter().flat_map(|log| &log.accepted).copied().collect();
    assert_eq!(seen.len(), seen_once.len(), "something was seen twice");
    assert_eq!(seen_once, accepted);
    assert_eq!(figures(line), [accepted.len() as u64, 0, 0], "{report}");
    for sender in 0..SENDERS {
        let own: Vec<u64> = seen.iter().copied().filter(|id| id >> 32 == sender).collect();
        assert!(own.is_sorted(), "out of order (M3)");
    }
    logs
}

/// Sends one message after the other. Every seventh send is given up if it is not done at once, and
/// every eleventh is polled once too often.
async fn send_all(addr: Addr<u64>, first: u64, messages: u64) -> Log {
    let mut log = Log::default();
    for id in first..first + messages {
        let mut send = addr.send_async(id);
        let sent = match id % 77 {
            n if n % 7 == 0 => poll_once(&mut send).await,
            n if n % 11 == 0 => match poll_once(&mut send).await {
                Poll::Pending => Poll::Ready(send.await),
                ready => ready,
            },
            _ => Poll::Ready(send.await),
        };
        match sent {
            Poll::Ready(Ok(())) => log.accepted.push(id),
            Poll::Ready(Err(SendError::Closed(back, _))) => {
                assert_eq!(back, id);
                log.refused.push(id);
                break;
            }
            Poll::Ready(Err(other)) => panic!("{other:?}"),
            Poll::Pending => log.given_up += 1,
        }
    }
    log
}

async fn poll_once<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    std::future::poll_fn(|cx| Poll::Ready(Pin::new(&mut *future).poll(cx))).await
}

fn run_all<F>(executor: Executor, senders: Vec<F>) -> Vec<Log>
where
    F: Future<Output = Log> + Send + 'static,
{
    let runtime = match executor {
        Executor::Threads => {
            let threads: Vec<_> =
                senders.into_iter().map(|s| thread::spawn(move || block_on(s))).collect();
            return threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        }
        Executor::Tokio => tokio::runtime::Builder::new_multi_thread().worker_threads(2).build(),
        Executor::TokioOnOneThread => tokio::runtime::Builder::new_current_thread().build(),
    };
    runtime.unwrap().block_on(async {
        let tasks: Vec<_> = senders.into_iter().map(tokio::spawn).collect();
        let mut logs = Vec::new();
        for task in tasks {
            logs.push(task.await.unwrap());
        }
        logs
    })
}

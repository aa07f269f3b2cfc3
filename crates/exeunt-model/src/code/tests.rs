//! What the code promises, and that each of its mutants breaks it.

use std::panic::catch_unwind;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use loom::model::Builder;
use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use loom::thread;

/// Runs it in every order; of those in which more often than so a thread is stopped where it need not
/// stop, none.
fn explore(preemptions: usize, scene: impl Fn() + Send + Sync + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(scene);
}

/// Whether something is found: what was promised is not so, or somebody sleeps for ever.
fn fails(
    preemptions: usize,
    scene: impl Fn() + Send + Sync + std::panic::UnwindSafe + 'static,
) -> bool {
    catch_unwind(move || explore(preemptions, scene)).is_err()
}

macro_rules! scenes_of_an_event {
    ($event:ident) => {
        /// Who waits is woken, finds the event set, and sees what was done before.
        fn wait() {
            let event = $event::Event::new();
            let before = Arc::new(AtomicBool::new(false));
            let setter = thread::spawn({
                let (event, before) = (event.clone(), Arc::clone(&before));
                move || {
                    before.store(true, Ordering::Relaxed);
                    event.set();
                }
            });
            event.wait();
            assert!(event.is_set());
            assert!(before.load(Ordering::Relaxed));
            setter.join().unwrap();
        }

        /// Who sees it set sees what was done before; who was told by a time-out that it is set, too.
        fn look() {
            let event = $event::Event::new();
            let before = Arc::new(AtomicBool::new(false));
            let setter = thread::spawn({
                let (event, before) = (event.clone(), Arc::clone(&before));
                move || {
                    before.store(true, Ordering::Relaxed);
                    event.set();
                }
            });
            if event.is_set() || event.wait_timeout(Duration::ZERO) {
                assert!(event.is_set());
                assert!(before.load(Ordering::Relaxed));
            }
            setter.join().unwrap();
            assert!(event.wait_timeout(Duration::ZERO));
        }

        /// A child that is made while its parent is set, by somebody else twice, is set.
        fn child() {
            let event = $event::Event::new();
            let setters = [(); 2].map(|()| {
                let event = event.clone();
                thread::spawn(move || event.set())
            });
            let child = event.child();
            let grandchild = child.child();
            grandchild.wait();
            assert!(grandchild.is_set() && child.is_set() && event.is_set());
            setters.into_iter().for_each(|setter| setter.join().unwrap());
        }

        /// A future that waits for the event is woken.
        fn future() {
            let event = $event::Event::new();
            let woken = Arc::new(Woken::default());
            let setter = thread::spawn({
                let event = event.clone();
                move || event.set()
            });
            let waker = Waker::from(Arc::clone(&woken));
            let mut awaited = event.awaited();
            let polled = Pin::new(&mut awaited).poll(&mut Context::from_waker(&waker));
            let is_pending = polled.is_pending();
            setter.join().unwrap();
            assert!(!is_pending || woken.0.load(Ordering::Relaxed) > 0);
        }
    };
}

#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

macro_rules! scenes_of_a_bell {
    ($bell:ident) => {
        /// Two give an order each and ring; the reader, which sleeps whenever nothing is rung for, sees
        /// both.
        fn rung() {
            let bell = Arc::new($bell::Bell::new());
            let orders = [(); 2].map(|()| Arc::new(AtomicBool::new(false)));
            let ringers = orders.clone().map(|order| {
                let bell = Arc::clone(&bell);
                thread::spawn(move || {
                    order.store(true, Ordering::Release);
                    bell.ring();
                })
            });
            // runner.rs, `wait_for_message`; runner/sleep.rs, `select`
            loop {
                if bell.heard() && orders.iter().all(|order| order.load(Ordering::Acquire)) {
                    break;
                }
                bell.receiver().ready();
                let _ = bell.pick_up();
                thread::yield_now();
            }
            ringers.into_iter().for_each(|ringer| ringer.join().unwrap());
        }
    };
}

macro_rules! scenes_of_a_queue {
    ($mailbox:ident) => {
        use super::super::$mailbox::queue::{Caller, Door, Queue};

        fn spawn<T: 'static>(
            queue: &Arc<Queue<usize>>,
            part: impl FnOnce(&Queue<usize>) -> T + 'static,
        ) -> thread::JoinHandle<T> {
            let queue = Arc::clone(queue);
            thread::spawn(move || part(&queue))
        }

        /// A stranger and a child send, and the reader closes and finishes: what is accepted is taken, once, and what
        /// is refused is not.
        fn closes() {
            closed(true);
        }

        pub(super) fn closed(is_held: bool) {
            let queue = Arc::new(Queue::new(None));
            let senders = [Caller::Anybody, Caller::Family].map(|caller| {
                spawn(&queue, move |queue| queue.put(caller as usize, caller).is_ok())
            });
            queue.hold().close(Door::ForFamily);
            let taken = finish(&queue, is_held);
            assert_eq!(senders.map(|sender| sender.join().unwrap()), taken);
        }

        /// mailbox/closing.rs, `finish`, for as long as it takes. Says which of the two messages were taken.
        fn finish(queue: &Queue<usize>, is_held: bool) -> [bool; 2] {
            let mut taken = [false; 2];
            loop {
                while let Some(letter) = queue.take() {
                    assert!(!std::mem::replace(&mut taken[letter.open()], true), "taken twice");
                }
                let mut hold = queue.hold();
                if hold.is_empty() {
                    if !is_held {
                        drop(hold);
                        hold = queue.hold();
                    }
                    hold.close(Door::Shut);
                    return taken;
                }
            }
        }

        /// Another closes it, too, while a child sends: a door that is shut stays so.
        fn closes_twice() {
            let queue = Arc::new(Queue::new(None));
            let other = spawn(&queue, |queue| queue.hold().close(Door::ForFamily));
            let child = spawn(&queue, |queue| queue.put(1, Caller::Family).is_ok());
            queue.hold().close(Door::ForFamily);
            let taken = finish(&queue, true);
            assert_eq!([false, child.join().unwrap()], taken);
            other.join().unwrap();
        }

        /// What one has sent is taken in order, by one.
        fn in_order() {
            let queue = Arc::new(Queue::new(None));
            let sender = spawn(&queue, |queue| {
                (0..3).for_each(|message| assert!(queue.put(message, Caller::Anybody).is_ok()));
            });
            for message in 0..3 {
                loop {
                    match queue.take() {
                        None => thread::yield_now(),
                        Some(letter) => break assert_eq!(letter.open(), message),
                    }
                }
            }
            sender.join().unwrap();
        }

        /// Who looks from outside how many lie in it sees no more than were put in.
        fn counts() {
            let queue = Arc::new(Queue::new(None));
            let onlooker = spawn(&queue, |queue| assert!(queue.len() <= 1));
            assert!(queue.put(0, Caller::Anybody).is_ok());
            assert!(queue.take().is_some());
            onlooker.join().unwrap();
        }
    };
}

macro_rules! scenes_of_a_porter {
    ($porter:ident $mailbox:ident) => {
        use super::super::wire::Wire;
        use super::super::$mailbox::queue::{Caller, Queue};

        use super::super::$porter::Porter;

        type Scene = Arc<(Porter, Queue<()>)>;

        /// mailbox/sending.rs, `offer`
        fn send((porter, queue): &(Porter, Queue<()>)) {
            assert!(queue.put((), Caller::Anybody).is_ok());
            if porter.is_needed() {
                porter.announce();
            }
        }

        fn spawn(
            scene: &Scene,
            part: impl FnOnce(&(Porter, Queue<()>)) + 'static,
        ) -> thread::JoinHandle<()> {
            let scene = Arc::clone(scene);
            thread::spawn(move || part(&scene))
        }

        /// One sends, and one rings; the reader, which sleeps whenever there is nothing, finds both.
        fn wakes() {
            let scene: Scene = Arc::new((Porter::new(), Queue::new(None)));
            let bell = Arc::new(super::super::bell::Bell::new());
            let sender = spawn(&scene, send);
            let ringer = spawn(&scene, {
                let bell = Arc::clone(&bell);
                move |(porter, _)| {
                    // mailbox.rs, `ring_all`
                    bell.ring();
                    porter.wake();
                }
            });
            // runner.rs, `wait_for_message`; runner/sleep.rs, `sleep`
            let (porter, queue) = &*scene;
            let (mut is_rung, mut has_message) = (false, false);
            loop {
                is_rung |= bell.heard();
                has_message |= queue.take().is_some();
                if is_rung && has_message {
                    break;
                }
                // mailbox.rs, `sleep`
                porter.sleep(None, || !queue.is_empty() || bell.is_rung_before_sleep());
                thread::yield_now();
            }
            sender.join().unwrap();
            ringer.join().unwrap();
        }

        /// Two send, and nobody rings.
        fn sleeps() {
            let scene: Scene = Arc::new((Porter::new(), Queue::new(None)));
            let senders = [(); 2].map(|()| spawn(&scene, send));
            let (porter, queue) = &*scene;
            for _ in 0..2 {
                while queue.take().is_none() {
                    porter.sleep(None, || !queue.is_empty());
                    thread::yield_now();
                }
            }
            senders.into_iter().for_each(|sender| sender.join().unwrap());
        }

        /// Two that read side by side watch, and for each message one of them is woken. One takes all there is, and sleeps
        /// whenever there is nothing; the other has something else to do, and passes on what it may have been woken for.
        fn calls() {
            called(true);
        }

        pub(super) fn called(is_passed_on: bool) {
            let scene: Scene = Arc::new((Porter::new(), Queue::new(None)));
            let sender = spawn(&scene, |scene| (0..2).for_each(|_| send(scene)));
            let other = spawn(&scene, move |(porter, queue)| {
                let wire = Arc::new(Wire::new());
                porter.watch(&wire);
                porter.unwatch(&wire);
                // mailbox.rs, `pass_on`
                if is_passed_on && !queue.is_empty() {
                    porter.announce();
                }
            });
            // runner/sleep.rs, `select`
            let (porter, queue) = &*scene;
            let wire = Arc::new(Wire::new());
            for _ in 0..2 {
                while queue.take().is_none() {
                    porter.watch(&wire);
                    if queue.is_empty() {
                        wire.receiver().ready();
                    }
                    porter.unwatch(&wire);
                    let _ = wire.pick_up();
                    thread::yield_now();
                }
            }
            assert!(!wire.pick_up(), "it would be woken for nothing");
            sender.join().unwrap();
            other.join().unwrap();
        }
    };
}

/// Wakes one who waits for room. Stands for `place.rs`'s alarm, since loom forgets that a thread was unparked which waited for a lock then.
struct Call(super::wire::Wire);

impl Wake for Call {
    fn wake(self: Arc<Self>) {
        self.0.pull();
    }
}

macro_rules! scenes_of_room {
    ($mailbox:ident) => {
        use super::super::capacity::Capacity;
        use super::super::waiters::Ticket;
        use super::super::wire::Wire;
        use super::super::$mailbox::lane::Lane;
        use super::super::$mailbox::queue::Caller;
        use super::super::$mailbox::room::Waiter;

        /// A lane of so many places, which are taken.
        fn full(places: usize) -> Arc<Lane<()>> {
            let lane = Lane::new(Capacity::Bounded(places));
            (0..places).for_each(|_| assert!(put(&lane)));
            Arc::new(lane)
        }

        fn put(lane: &Lane<()>) -> bool {
            lane.queue.put((), Caller::Anybody).is_ok()
        }

        fn take(lane: &Lane<()>) {
            while lane.take().is_none() {
                thread::yield_now();
            }
        }

        /// mailbox/sending.rs, `wait_for_room`
        fn send(lane: &Lane<()>) {
            let (ticket, call) = (Ticket::next(), Arc::new(Call(Wire::new())));
            loop {
                let _ = call.0.pick_up();
                lane.queue_up(ticket, Waiter::Thread(Arc::clone(&call).into()));
                if put(lane) {
                    break;
                }
                call.0.receiver().ready();
            }
            lane.leave_queue(ticket);
        }

        fn spawn(
            lane: &Arc<Lane<()>>,
            part: impl FnOnce(&Lane<()>) + 'static,
        ) -> thread::JoinHandle<()> {
            let lane = Arc::clone(lane);
            thread::spawn(move || part(&lane))
        }

        /// The reader takes what is there once, and then is busy: who waits gets in.
        fn one() {
            let lane = full(1);
            let sender = spawn(&lane, send);
            assert!(lane.take().is_some());
            sender.join().unwrap();
        }

        /// Two wait, and the reader makes room twice, each time when there is something to take.
        fn two() {
            let lane = full(1);
            let senders = [(); 2].map(|()| spawn(&lane, send));
            (0..2).for_each(|_| take(&lane));
            senders.into_iter().for_each(|sender| sender.join().unwrap());
        }

        /// Two wait, of whom one does not sleep, and gives up. There is room once, and it is not lost, though
        /// the reader does not find the lane empty.
        fn left() {
            let lane = full(2);
            let other = spawn(&lane, |lane| {
                // Who gives up has the better place.
                let ticket = Ticket::next();
                lane.queue_up(ticket, Waiter::Thread(Waker::noop().clone()));
                lane.leave_queue(ticket);
            });
            let sender = spawn(&lane, send);
            assert!(lane.take().is_some());
            other.join().unwrap();
            sender.join().unwrap();
        }

        /// address.rs, `wait_patiently`, of one who looks once.
        fn send_awake(lane: &Lane<()>) {
            let watch = lane.watch();
            let has_sent = watch.is_some() && put(lane);
            drop(watch);
            if !has_sent {
                send(lane);
            }
        }

        /// One waits awake, and one in the queue. The reader makes room twice, and leaves it to the one to see it.
        fn awake() {
            let lane = full(1);
            let senders = [spawn(&lane, send_awake), spawn(&lane, send)];
            (0..2).for_each(|_| take(&lane));
            senders.into_iter().for_each(|sender| sender.join().unwrap());
        }

        /// Two wait awake, and both give up: what they leave to each other, and the reader to them, is not lost.
        fn crowd() {
            let (lane, woken) = (full(1), Arc::new(Woken::default()));
            lane.queue_up(Ticket::next(), Waiter::Thread(Waker::from(Arc::clone(&woken))));
            let watchers = [(); 2].map(|()| spawn(&lane, |lane| drop(lane.watch())));
            take(&lane);
            watchers.into_iter().for_each(|watcher| watcher.join().unwrap());
            assert!(woken.0.load(Ordering::Relaxed) > 0);
        }

        /// One is called, and may never look; another comes before whoever called has noted who waits still.
        fn late() {
            let lane = full(1);
            lane.queue_up(Ticket::next(), Waiter::Future(Waker::noop().clone()));
            let sender = spawn(&lane, |lane| {
                while !put(lane) {
                    thread::yield_now();
                }
                send(lane);
            });
            (0..2).for_each(|_| take(&lane));
            sender.join().unwrap();
        }

        /// Somebody is quicker than who was called, who is called again.
        fn again() {
            let lane = full(1);
            let sender = spawn(&lane, send);
            assert!(lane.take().is_some());
            if put(&lane) {
                assert!(lane.take().is_some());
            }
            sender.join().unwrap();
        }
    };
}

macro_rules! holds {
    ($name:ident: $scenes:ident($($module:ident),*) $preemptions:literal: $($test:ident $scene:ident),*) => {
        #[allow(dead_code)]
        mod $name {
            #[allow(unused_imports)]
            use super::super::{$($module),*};
            use super::*;

            $scenes!($($module)*);

            $(
                #[test]
                fn $test() {
                    explore($preemptions, $scene);
                }
            )*
        }
    };
}

macro_rules! is_missed {
    ($name:ident: $scenes:ident($($module:ident),*): $($test:ident $scene:ident),*) => {
        #[allow(dead_code)]
        mod $name {
            #[allow(unused_imports)]
            use super::super::{$($module),*};
            use super::*;

            $scenes!($($module)*);

            $(
                #[test]
                fn $test() {
                    assert!(fails(2, $scene), "the guard is not missed");
                }
            )*
        }
    };
}

holds!(event: scenes_of_an_event(event) 3:
    d5_who_waits_is_woken wait,
    d5_what_was_before_is_seen look,
    d5_children_are_set_too child,
    d5_futures_are_woken future
);
is_missed!(event_flag_after_wake_up: scenes_of_an_event(event_flag_after_wake_up): the_flag_before_the_wake_up wait);
is_missed!(event_flag_relaxed: scenes_of_an_event(event_flag_relaxed): the_release look);
is_missed!(event_look_relaxed: scenes_of_an_event(event_look_relaxed): the_acquire look);
is_missed!(event_no_wake_up: scenes_of_an_event(event_no_wake_up): the_wake_up wait);
is_missed!(event_child_without_lock: scenes_of_an_event(event_child_without_lock): the_lock_of_the_children child);
is_missed!(event_channel_without_lock: scenes_of_an_event(event_channel_without_lock): the_lock_of_the_channel wait);
is_missed!(event_children_before_flag: scenes_of_an_event(event_children_before_flag): the_flag_before_the_children child);
is_missed!(event_child_of_a_set_one: scenes_of_an_event(event_child_of_a_set_one): the_child_of_a_set_one child);
is_missed!(event_futures_before_flag: scenes_of_an_event(event_futures_before_flag): the_futures_after_the_flag future);
is_missed!(event_future_looks_once: scenes_of_an_event(event_future_looks_once): the_second_look future);

holds!(bell: scenes_of_a_bell(bell) 3: o3_no_ring_is_lost rung);
is_missed!(bell_no_fence: scenes_of_a_bell(bell_no_fence): the_fence rung);
is_missed!(bell_no_fence_of_who_rings: scenes_of_a_bell(bell_no_fence_of_who_rings): the_fence_of_who_rings rung);
is_missed!(bell_no_look_before_sleep: scenes_of_a_bell(bell_no_look_before_sleep): the_look_before_sleep rung);
is_missed!(bell_flag_after_ring: scenes_of_a_bell(bell_flag_after_ring): the_flag_before_the_ring rung);
is_missed!(bell_no_wake_up: scenes_of_a_bell(bell_no_wake_up): the_wake_up rung);
is_missed!(bell_rung_blindly: scenes_of_a_bell(bell_rung_blindly): the_swap_of_who_rings rung);
is_missed!(bell_silenced_blindly: scenes_of_a_bell(bell_silenced_blindly): the_swap_of_who_silences rung);

holds!(queue: scenes_of_a_queue(lane) 3:
    m1_what_is_accepted_is_taken_and_what_is_refused_is_not closes,
    m1_no_door_is_opened_again closes_twice,
    m3_what_one_has_sent_is_taken_in_order in_order,
    r1_nobody_sees_more_than_was_put_in counts
);
is_missed!(lane_door_before_lock: scenes_of_a_queue(lane_door_before_lock): the_lock_around_the_door closes);
is_missed!(lane_counted_late: scenes_of_a_queue(lane_counted_late): the_lock_around_the_count closes);
is_missed!(lane_opened_again: scenes_of_a_queue(lane_opened_again): that_no_door_is_opened_again closes_twice);
is_missed!(lane_newest_first: scenes_of_a_queue(lane_newest_first): the_oldest_chunk_first in_order);
is_missed!(lane_taken_relaxed: scenes_of_a_queue(lane_taken_relaxed): the_release_of_who_takes counts);
is_missed!(lane_len_relaxed: scenes_of_a_queue(lane_len_relaxed): the_acquire_of_who_counts counts);
is_missed!(lane_len_turned_round: scenes_of_a_queue(lane_len_turned_round): the_order_of_who_counts counts);

/// What is put in between a last look and the closing is lost.
#[test]
fn that_the_back_is_held_from_the_last_look_to_the_closing() {
    assert!(fails(2, || queue::closed(false)), "the guard is not missed");
}

holds!(porter: scenes_of_a_porter(porter, lane) 3:
    m1_o3_no_message_and_no_ring_is_slept_through wakes,
    m1_no_message_is_slept_through sleeps,
    m1_for_each_message_one_who_watches_is_called calls
);
is_missed!(porter_look_before_asleep: scenes_of_a_porter(porter_look_before_asleep, lane): the_word_before_the_look wakes);
is_missed!(porter_no_look_before_sleep: scenes_of_a_porter(porter_no_look_before_sleep, lane): the_look_before_the_sleep wakes);
is_missed!(porter_asleep_before_reader: scenes_of_a_porter(porter_asleep_before_reader, lane): the_name_before_the_word wakes);
is_missed!(porter_no_wake_up: scenes_of_a_porter(porter_no_wake_up, lane): the_wake_up wakes);
is_missed!(porter_no_wire_pulled: scenes_of_a_porter(porter_no_wire_pulled, lane): the_wire calls);
is_missed!(porter_watched_without_lock: scenes_of_a_porter(porter_watched_without_lock, lane): the_lock_of_who_watches calls);
is_missed!(porter_unwatched_blindly: scenes_of_a_porter(porter_unwatched_blindly, lane): the_others_who_watch calls);
is_missed!(porter_unseen_watch: scenes_of_a_porter(porter_unseen_watch, lane): the_word_of_who_watches calls);
is_missed!(lane_empty_at_a_glance: scenes_of_a_porter(porter, lane_empty_at_a_glance): the_back_held_by_who_is_to_sleep sleeps, the_back_held_by_who_watches calls);

/// What is passed on nowhere, by who goes, is slept over.
#[test]
fn what_one_was_woken_for_and_does_not_take() {
    assert!(fails(2, || porter::called(false)), "the guard is not missed");
}

holds!(room: scenes_of_room(lane) 3:
    m4_who_waits_for_room_gets_in_when_there_is_some one,
    m4_the_room_of_who_gives_up_is_for_others left,
    m4_who_was_called_in_vain_is_called_again again,
    m4_of_two_who_wait_awake_the_last_calls_who_sleeps crowd,
    m4_who_comes_while_another_is_called_gets_in late
);
holds!(room_for_two: scenes_of_room(lane) 2:
    m4_of_two_who_wait_both_get_in two,
    m4_who_waits_awake_calls_who_sleeps awake
);
is_missed!(lane_unseen: scenes_of_room(lane_unseen): the_word_of_who_waits one);
is_missed!(lane_noted_without_lock: scenes_of_room(lane_noted_without_lock): the_lock_of_who_waits late);
is_missed!(lane_not_woken: scenes_of_room(lane_not_woken): the_call one);
is_missed!(lane_called_for_good: scenes_of_room(lane_called_for_good): that_it_comes_back again);
is_missed!(lane_gone_for_good: scenes_of_room(lane_gone_for_good): that_it_goes left);
is_missed!(lane_nothing_left_for_others: scenes_of_room(lane_nothing_left_for_others): what_it_leaves left);
is_missed!(lane_watched_for_ever: scenes_of_room(lane_watched_for_ever): the_end_of_a_watch awake);
is_missed!(lane_nothing_left_by_who_watched: scenes_of_room(lane_nothing_left_by_who_watched): what_one_has_left_who_waited_awake awake);
is_missed!(lane_awake_while_it_looks: scenes_of_room(lane_awake_while_it_looks): that_it_is_awake_no_more crowd);
is_missed!(lane_taken_unseen: scenes_of_room(lane_taken_unseen): the_second_look_at_what_was_taken one);
is_missed!(lane_room_unseen: scenes_of_room(lane_room_unseen): the_lock_of_who_looks_for_room one);
is_missed!(lane_come_blindly: scenes_of_room(lane_come_blindly): the_look_of_who_comes one);
is_missed!(lane_room_at_a_glance: scenes_of_room(lane_room_at_a_glance): the_look_of_who_has_waited_awake awake);
is_missed!(lane_look_before_taking: scenes_of_room(lane_look_before_taking): the_look_after_the_taking one);

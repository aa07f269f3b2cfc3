//! What the code promises, and that each of its mutants breaks it.

use std::panic::catch_unwind;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use loom::model::Builder;
use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};
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

macro_rules! scenes_of_a_porter {
    ($porter:ident) => {
        /// sending.rs
        fn look_again(porter: &$porter::Porter) {
            if !porter.look().is_nothing() {
                porter.announce();
            }
        }

        /// One sends, and one rings; the reader, which sleeps whenever there is nothing, finds both.
        fn wakes() {
            let porter = Arc::new($porter::Porter::new());
            let bell = Arc::new(super::super::bell::Bell::new());
            let sent = Arc::new(AtomicBool::new(false));
            let sender = thread::spawn({
                let (porter, sent) = (Arc::clone(&porter), Arc::clone(&sent));
                move || {
                    sent.store(true, Ordering::Release);
                    // Stands for crossbeam's: that two looks at two words do not miss each other, both being
                    // sequentially consistent, is what loom does not know and `litmus` says.
                    fence(Ordering::SeqCst);
                    look_again(&porter);
                }
            });
            let ringer = thread::spawn({
                let (porter, bell) = (Arc::clone(&porter), Arc::clone(&bell));
                move || {
                    // mailbox.rs, `ring_all`
                    bell.ring();
                    porter.wake();
                }
            });
            // runner.rs, `wait_for_message`; runner/sleep.rs, `sleep`
            let (mut is_rung, mut has_message) = (false, false);
            loop {
                is_rung |= bell.heard();
                has_message |= sent.load(Ordering::Acquire);
                if is_rung && has_message {
                    break;
                }
                // mailbox.rs, `sleep`. What was taken is there no more.
                porter.sleep(None, || {
                    let is_rung = bell.is_rung_before_sleep();
                    !has_message && sent.load(Ordering::Acquire) || is_rung
                });
                thread::yield_now();
            }
            sender.join().unwrap();
            ringer.join().unwrap();
        }

        /// Two that read side by side watch, and for each message one of them is woken. One takes all there is, and sleeps
        /// whenever there is nothing; the other has something else to do, and passes on what it may have been woken for.
        fn calls() {
            called(true);
        }

        pub(super) fn called(is_passed_on: bool) {
            let porter = Arc::new($porter::Porter::new());
            let queue = Arc::new(AtomicUsize::new(0));
            let sender = thread::spawn({
                let (porter, queue) = (Arc::clone(&porter), Arc::clone(&queue));
                move || {
                    for _ in 0..2 {
                        queue.fetch_add(1, Ordering::AcqRel);
                        fence(Ordering::SeqCst); // as above
                        look_again(&porter);
                    }
                }
            });
            let other = thread::spawn({
                let (porter, queue) = (Arc::clone(&porter), Arc::clone(&queue));
                move || {
                    let wire = Arc::new(super::super::wire::Wire::new());
                    porter.watch(&wire);
                    porter.unwatch(&wire);
                    // mailbox.rs, `pass_on`
                    fence(Ordering::SeqCst); // as above
                    if is_passed_on && queue.load(Ordering::Acquire) > 0 {
                        porter.announce();
                    }
                }
            });
            // runner/sleep.rs, `select`
            let wire = Arc::new(super::super::wire::Wire::new());
            let take = |left: usize| left.checked_sub(1);
            for _ in 0..2 {
                while queue.fetch_update(Ordering::AcqRel, Ordering::Acquire, take).is_err() {
                    porter.watch(&wire);
                    fence(Ordering::SeqCst); // as above, crossbeam's before it says "empty"
                    if queue.load(Ordering::Acquire) == 0 {
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

/// The one place of a mailbox, which is taken: what crossbeam-channel promises of it, as above.
struct Only(AtomicUsize);

impl Only {
    fn new() -> Only {
        Only(AtomicUsize::new(1))
    }

    fn change(&self, from: usize, to: usize) -> bool {
        let changed = self.0.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire);
        fence(Ordering::SeqCst);
        changed.is_ok()
    }

    fn put(&self) -> bool {
        fence(Ordering::SeqCst);
        self.change(0, 1)
    }

    fn is_free(&self) -> bool {
        self.0.load(Ordering::Acquire) == 0
    }
}

/// Wakes one who waits for room. Stands for `place.rs`'s alarm, since loom forgets that a thread was unparked which waited for a lock then.
struct Call(super::wire::Wire);

impl Wake for Call {
    fn wake(self: Arc<Self>) {
        self.0.pull();
    }
}

macro_rules! scenes_of_room {
    ($room:ident) => {
        use super::super::waiters::Ticket;
        use super::super::wire::Wire;

        type Scene = Arc<($room::Room, Only)>;

        /// mailbox/sending.rs, `wait_for_room`
        fn send((room, only): &($room::Room, Only)) {
            let (ticket, call) = (Ticket::next(), Arc::new(Call(Wire::new())));
            loop {
                let _ = call.0.pick_up();
                room.come(ticket, $room::Waiter::Thread(Arc::clone(&call).into()));
                if only.put() {
                    break;
                }
                call.0.receiver().ready();
            }
            room.go(ticket, || only.is_free());
        }

        /// mailbox/lane.rs, `take`
        fn take((room, only): &($room::Room, Only)) -> bool {
            let has_taken = only.change(1, 0);
            if has_taken && room.is_awaited() && !room.is_watched() {
                room.call(|| only.is_free());
            }
            has_taken
        }

        fn spawn<T: 'static>(
            scene: &Scene,
            part: impl FnOnce(&($room::Room, Only)) -> T + 'static,
        ) -> thread::JoinHandle<T> {
            let scene = Arc::clone(scene);
            thread::spawn(move || part(&scene))
        }

        /// The reader takes what is there once, and then is busy: who waits gets in.
        fn one() {
            let scene: Scene = Arc::new(($room::Room::new(), Only::new()));
            let sender = spawn(&scene, send);
            assert!(take(&scene));
            sender.join().unwrap();
        }

        /// Two wait, and the reader makes room twice, each time when there is something to take.
        fn two() {
            let scene: Scene = Arc::new(($room::Room::new(), Only::new()));
            let senders = [(); 2].map(|()| spawn(&scene, send));
            for _ in 0..2 {
                while !take(&scene) {
                    thread::yield_now();
                }
            }
            senders.into_iter().for_each(|sender| sender.join().unwrap());
        }

        /// Two wait, of whom one does not sleep, and gives up. There is room once, and it is not lost.
        fn left() {
            let scene: Scene = Arc::new(($room::Room::new(), Only::new()));
            let other = spawn(&scene, |scene| {
                // Who gives up has the better place.
                let (room, only) = scene;
                let ticket = Ticket::next();
                room.come(ticket, $room::Waiter::Thread(Waker::noop().clone()));
                room.go(ticket, || only.is_free());
            });
            let sender = spawn(&scene, send);
            assert!(take(&scene));
            other.join().unwrap();
            sender.join().unwrap();
        }

        /// address.rs, `wait_patiently`, of one who looks once.
        fn send_awake(scene: &($room::Room, Only), is_passed_on: bool) {
            let (room, only) = scene;
            if room.watch() {
                let has_sent = only.put();
                room.unwatch();
                // Stands for that all of it is sequentially consistent, as above; `litmus` says that this suffices.
                fence(Ordering::SeqCst);
                if is_passed_on {
                    room.call_if_awaited(|| only.is_free());
                }
                if has_sent {
                    return;
                }
            }
            send(scene);
        }

        /// One waits awake, and one in the queue. The reader makes room twice, and leaves it to the one to see it.
        fn awake() {
            watched(true);
        }

        pub(super) fn watched(is_passed_on: bool) {
            let scene: Scene = Arc::new(($room::Room::new(), Only::new()));
            let senders =
                [spawn(&scene, move |scene| send_awake(scene, is_passed_on)), spawn(&scene, send)];
            for _ in 0..2 {
                while !take(&scene) {
                    thread::yield_now();
                }
            }
            senders.into_iter().for_each(|sender| sender.join().unwrap());
        }

        /// Somebody is quicker than who was called, who is called again.
        fn again() {
            let scene: Scene = Arc::new(($room::Room::new(), Only::new()));
            let sender = spawn(&scene, send);
            assert!(take(&scene));
            if scene.1.put() {
                assert!(take(&scene));
            }
            sender.join().unwrap();
        }
    };
}

macro_rules! holds {
    ($module:ident $scenes:ident $preemptions:literal: $($test:ident $scene:ident),*) => {
        mod $module {
            use super::super::$module;
            use super::*;

            $scenes!($module);

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
    ($module:ident $scenes:ident: $($test:ident $scene:ident),*) => {
        #[allow(dead_code)]
        mod $module {
            use super::super::$module;
            use super::*;

            $scenes!($module);

            $(
                #[test]
                fn $test() {
                    assert!(fails(3, $scene), "the guard is not missed");
                }
            )*
        }
    };
}

holds!(event scenes_of_an_event 3:
    d5_who_waits_is_woken wait,
    d5_what_was_before_is_seen look,
    d5_children_are_set_too child,
    d5_futures_are_woken future
);
is_missed!(event_flag_after_wake_up scenes_of_an_event: the_flag_before_the_wake_up wait);
is_missed!(event_flag_relaxed scenes_of_an_event: the_release look);
is_missed!(event_look_relaxed scenes_of_an_event: the_acquire look);
is_missed!(event_no_wake_up scenes_of_an_event: the_wake_up wait);
is_missed!(event_child_without_lock scenes_of_an_event: the_lock_of_the_children child);
is_missed!(event_channel_without_lock scenes_of_an_event: the_lock_of_the_channel wait);
is_missed!(event_children_before_flag scenes_of_an_event: the_flag_before_the_children child);
is_missed!(event_child_of_a_set_one scenes_of_an_event: the_child_of_a_set_one child);
is_missed!(event_futures_before_flag scenes_of_an_event: the_futures_after_the_flag future);
is_missed!(event_future_looks_once scenes_of_an_event: the_second_look future);

holds!(bell scenes_of_a_bell 3: o3_no_ring_is_lost rung);
is_missed!(bell_no_fence scenes_of_a_bell: the_fence rung);
is_missed!(bell_no_fence_of_who_rings scenes_of_a_bell: the_fence_of_who_rings rung);
is_missed!(bell_no_look_before_sleep scenes_of_a_bell: the_look_before_sleep rung);
is_missed!(bell_flag_after_ring scenes_of_a_bell: the_flag_before_the_ring rung);
is_missed!(bell_no_wake_up scenes_of_a_bell: the_wake_up rung);
is_missed!(bell_rung_blindly scenes_of_a_bell: the_swap_of_who_rings rung);
is_missed!(bell_silenced_blindly scenes_of_a_bell: the_swap_of_who_silences rung);

/// What is passed on nowhere, by who goes, is slept over.
#[test]
fn what_one_was_woken_for_and_does_not_take() {
    assert!(fails(3, || porter::called(false)), "the guard is not missed");
}

holds!(porter scenes_of_a_porter 3: m1_o3_no_message_and_no_ring_is_slept_through wakes, m1_for_each_message_one_who_watches_is_called calls);
is_missed!(porter_look_before_asleep scenes_of_a_porter: the_word_before_the_look wakes);
is_missed!(porter_no_look_before_sleep scenes_of_a_porter: the_look_before_the_sleep wakes);
is_missed!(porter_asleep_before_reader scenes_of_a_porter: the_name_before_the_word wakes);
is_missed!(porter_no_wake_up scenes_of_a_porter: the_wake_up wakes);
is_missed!(porter_no_wire_pulled scenes_of_a_porter: the_wire calls);
is_missed!(porter_watched_without_lock scenes_of_a_porter: the_lock_of_who_watches calls);
is_missed!(porter_unwatched_blindly scenes_of_a_porter: the_others_who_watch calls);
is_missed!(porter_unseen_watch scenes_of_a_porter: the_word_of_who_watches calls);

holds!(room scenes_of_room 3:
    m4_who_waits_for_room_gets_in_when_there_is_some one,
    m4_of_two_who_wait_both_get_in two,
    m4_the_room_of_who_gives_up_is_for_others left,
    m4_who_was_called_in_vain_is_called_again again,
    m4_who_waits_awake_calls_who_sleeps awake
);
is_missed!(room_unseen scenes_of_room: the_word_of_who_waits one);
is_missed!(room_noted_without_lock scenes_of_room: the_lock_of_who_waits two);
is_missed!(room_not_woken scenes_of_room: the_call one);
is_missed!(room_called_for_good scenes_of_room: that_it_comes_back again);
is_missed!(room_gone_for_good scenes_of_room: that_it_goes left);
is_missed!(room_nothing_left_for_others scenes_of_room: what_it_leaves left);
is_missed!(room_watched_for_ever scenes_of_room: the_end_of_a_watch awake);

/// What is left by who has waited awake, and has found room, is passed on by nobody.
#[test]
fn what_one_has_left_who_waited_awake() {
    assert!(fails(3, || room::watched(false)), "the guard is not missed");
}

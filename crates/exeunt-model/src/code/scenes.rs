//! Scenes: what two or three threads do with the code, and what it promises them. As macros, since each is played with the
//! code as it stands and with each of its mutants.

use std::sync::Arc;
use std::task::Wake;

use loom::sync::atomic::{AtomicUsize, Ordering};

macro_rules! scenes_of_an_event {
    ($event:ident) => {
        /// An event, what is done before it is set, and who does both.
        fn about_to_be_set() -> ($event::Event, Arc<AtomicBool>, thread::JoinHandle<()>) {
            let (event, before) = ($event::Event::new(), Arc::new(AtomicBool::new(false)));
            let setter = thread::spawn({
                let (event, before) = (event.clone(), Arc::clone(&before));
                move || {
                    before.store(true, Ordering::Relaxed);
                    event.set();
                }
            });
            (event, before, setter)
        }

        /// Who waits is woken, finds the event set, and sees what was done before.
        fn wait() {
            let (event, before, setter) = about_to_be_set();
            event.wait();
            assert!(event.is_set());
            assert!(before.load(Ordering::Relaxed));
            setter.join().unwrap();
        }

        /// Who sees it set sees what was done before; who was told by a time-out that it is set, too.
        fn look() {
            let (event, before, setter) = about_to_be_set();
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
pub(super) struct Woken(pub(super) AtomicUsize);

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
pub(super) struct Call(pub(super) super::wire::Wire);

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

//! What the tests of the clauses share: an actor that is written down where it is needed, a limit
//! for whatever may hang, and ways to wait for facts.
#![allow(dead_code)] // each of the two programs takes its own part of it

#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub(crate) mod jitter;
pub(crate) mod dice;
pub(crate) mod rounds;

use std::panic;
use std::pin::pin;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError};
use std::task::{Context as TaskContext, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use exeunt::{
    Actor, ActorReport, ActorSnapshot, Addr, Context, Event, Report, System, SystemHandle,
};
#[allow(unused_imports)] // as above
pub(crate) use exeunt_testkit::in_time;

/// After this long, a test that waits has found a hang. Generous, since machines are busy.
pub(crate) const HANG: Duration = Duration::from_secs(30);

/// What a test may wait for that is expected never to happen. Short, since it is always spent.
pub(crate) const NEVER: Duration = Duration::from_millis(50);

pub(crate) fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// The smallest executor there is.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut TaskContext::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

/// Runs the body of a test on a thread of its own, so that a hang fails instead of hanging.
pub(crate) fn guarded<T: Send + 'static>(body: impl FnOnce() -> T + Send + 'static) -> T {
    guarded_for(HANG, body)
}

/// [`guarded`], for a body that takes longer than a hang is given.
pub(crate) fn guarded_for<T: Send + 'static>(
    limit: Duration,
    body: impl FnOnce() -> T + Send + 'static,
) -> T {
    let (tell, result) = mpsc::channel();
    let unasked = move |_signs| drop(tell.send(body()));
    guard(limit, Box::new(unasked));
    result.recv().expect("its result, since it has come to its end")
}

/// [`guarded`], for a body of which nobody knows how long it takes on a machine that is held up: it hangs when it gives no
/// sign of life for as long as a hang is given.
pub(crate) fn guarded_while_alive<T: Send + 'static>(
    body: impl FnOnce(Sender<()>) -> T + Send + 'static,
) -> T {
    let (tell, result) = mpsc::channel();
    guard(HANG, Box::new(move |signs| drop(tell.send(body(signs)))));
    result.recv().expect("its result, since it has come to its end")
}

/// The same, compiled once and not for each test.
fn guard(limit: Duration, body: Box<dyn FnOnce(Sender<()>) + Send>) {
    let (signs, alive) = mpsc::channel::<()>();
    let name = thread::current().name().unwrap_or("test").to_owned();
    let guarded = move || body(signs);
    let thread = thread::Builder::new().name(name).spawn(guarded).expect("a thread for the test");
    // Its end is that nobody can give a sign any more.
    loop {
        match alive.recv_timeout(limit) {
            Ok(()) => {}
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => panic!("it hangs: no end after {limit:?}"),
        }
    }
    thread.join().unwrap_or_else(|panic| panic::resume_unwind(panic));
}

/// The signals of this process, which one system has at a time: who runs one holds this.
pub(crate) fn signals() -> MutexGuard<'static, ()> {
    static SIGNALS: Mutex<()> = Mutex::new(());
    SIGNALS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A system whose limits are never met, to set one of them back.
pub(crate) fn patient(name: &str) -> System {
    let mut system = System::new(name);
    system.set_drain_budget(20 * HANG).set_stall_limit(HANG).set_grace(HANG);
    system
}

/// Gets on by what it says itself, for 600 ms times `slower`: three times the stall limit of those who call it.
pub(crate) fn get_on<A: Actor>(cx: &Context<A>, slower: u32) {
    for _ in 0..30 {
        thread::sleep(ms(20) * slower);
        cx.progress();
    }
}

/// What came too late, if anything did.
pub(crate) fn late_unless(is_so: bool, what: impl ToString) -> Result<(), String> {
    if is_so { Ok(()) } else { Err(what.to_string()) }
}

/// A panic that is part of the test and need not be printed.
pub(crate) struct Planned;

/// Any other panic is printed as usual.
pub(crate) fn silence_planned_panics() {
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

/// What comes next over a channel; it has to come.
#[track_caller]
pub(crate) fn next<T>(facts: &Receiver<T>) -> T {
    match facts.recv_timeout(HANG) {
        Ok(fact) => fact,
        Err(error) => panic!("what was to come did not: {error}"),
    }
}

/// All that came over a channel so far.
pub(crate) fn so_far<T>(facts: &Receiver<T>) -> Vec<T> {
    facts.try_iter().collect()
}

/// Waits until something is so that nobody tells us about.
#[track_caller]
pub(crate) fn until(mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < HANG, "it never became so");
        thread::sleep(ms(1));
    }
}

/// How one actor stands now.
#[track_caller]
pub(crate) fn standing(system: &SystemHandle, name: &str) -> ActorSnapshot {
    system
        .snapshot()
        .into_iter()
        .find(|actor| actor.name == name)
        .unwrap_or_else(|| panic!("nobody is called `{name}`"))
}

/// The line of the report for one actor.
#[track_caller]
pub(crate) fn line<'a>(report: &'a Report, name: &str) -> &'a ActorReport {
    report.actor(name).unwrap_or_else(|| panic!("`{name}` is not in the report:\n{report}"))
}

/// The names in the order in which they ended.
pub(crate) fn leaving(report: &Report) -> Vec<&str> {
    report.actors.iter().map(|a| a.name.as_str()).collect()
}

/// Handled, failed and returned, in that order.
pub(crate) fn figures(actor: &ActorReport) -> [u64; 3] {
    [actor.handled, actor.failed, actor.returned]
}

type Hook<M> = Box<dyn FnMut(&mut Context<Play<M>>) -> exeunt::Result + Send>;
type Handler<M> = Box<dyn FnMut(M, &mut Context<Play<M>>) -> exeunt::Result + Send>;

/// An actor whose handler and hooks are closures, so that a test reads from top to bottom.
pub(crate) struct Play<M: Send + 'static> {
    handle: Handler<M>,
    started: Hook<M>,
    stopped: Hook<M>,
    /// Dropped with the actor.
    _props: Box<dyn Send>,
}

impl<M: Send + 'static> Play<M> {
    pub(crate) fn new(
        handle: impl FnMut(M, &mut Context<Play<M>>) -> exeunt::Result + Send + 'static,
    ) -> Play<M> {
        Play {
            handle: Box::new(handle),
            started: Box::new(|_| Ok(())),
            stopped: Box::new(|_| Ok(())),
            _props: Box::new(()),
        }
    }

    /// An actor to which everything is welcome.
    pub(crate) fn idle() -> Play<M> {
        Play::new(|_, _| Ok(()))
    }

    pub(crate) fn started(
        mut self,
        hook: impl FnMut(&mut Context<Play<M>>) -> exeunt::Result + Send + 'static,
    ) -> Play<M> {
        self.started = Box::new(hook);
        self
    }

    pub(crate) fn stopped(
        mut self,
        hook: impl FnMut(&mut Context<Play<M>>) -> exeunt::Result + Send + 'static,
    ) -> Play<M> {
        self.stopped = Box::new(hook);
        self
    }

    /// Gives it something that is dropped with it.
    pub(crate) fn holding(mut self, props: impl Send + 'static) -> Play<M> {
        self._props = Box::new(props);
        self
    }
}

impl<M: Send + 'static> Actor for Play<M> {
    type Msg = M;

    fn started(&mut self, cx: &mut Context<Self>) -> exeunt::Result {
        (self.started)(cx)
    }

    fn handle(&mut self, message: M, cx: &mut Context<Self>) -> exeunt::Result {
        (self.handle)(message, cx)
    }

    fn stopped(&mut self, cx: &mut Context<Self>) -> exeunt::Result {
        (self.stopped)(cx)
    }
}

/// Runs something when it is dropped.
pub(crate) struct OnDrop<F: FnMut()>(pub(crate) F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// A place where threads get stuck until the test lets them go.
#[derive(Clone)]
pub(crate) struct Trap {
    caught: Sender<String>,
    open: Event,
}

/// The test's end of a [`Trap`]. Dropping it lets everybody go.
pub(crate) struct Keeper {
    caught: Receiver<String>,
    open: Event,
}

pub(crate) fn trap() -> (Trap, Keeper) {
    let (sender, caught) = mpsc::channel();
    let open = Event::new();
    (Trap { caught: sender, open: open.clone() }, Keeper { caught, open })
}

impl Trap {
    /// Stays until it is let go, whatever else happens.
    pub(crate) fn walk_in(&self) {
        let name = thread::current().name().unwrap_or_default().to_owned();
        let _ = self.caught.send(name);
        self.open.wait();
    }
}

/// Spawns a child that walks into `stuck` for its first message, and whose own child walks into `slow` before it sends
/// something to `to`.
pub(crate) fn spawn_one_to_be_given_up<A: Actor>(
    cx: &mut Context<A>,
    to: Addr<u32>,
    (stuck, slow): (Trap, Trap),
) -> Result<Addr<()>, exeunt::Error> {
    let child = Play::new(move |(), _| {
        stuck.walk_in();
        Ok(())
    });
    let child = child.started(move |cx| {
        let (to, slow) = (to.clone(), slow.clone());
        let grandchild = Play::new(move |n: u32, _| {
            slow.walk_in();
            Ok(to.send(n)?)
        });
        let grandchild = cx.actor("grandchild").stall_limit(HANG).spawn(grandchild)?;
        Ok(grandchild.send(7)?)
    });
    let child = cx.spawn("child", child);
    child.send(())?;
    Ok(child)
}

impl Keeper {
    /// Waits until somebody has walked in, and says who.
    #[track_caller]
    pub(crate) fn catches(&self) -> String {
        next(&self.caught)
    }

    pub(crate) fn opens(&self) {
        self.open.set();
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.opens();
    }
}

//! What an actor may wait for beside its mailbox: [timers](Context::send_after), [other
//! channels](Context::attach), [answers](Context::ask_then), [the end of others](Context::watch).

use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::Receiver;

use crate::actor::Actor;
use crate::address::Addr;
use crate::agenda::{Annex, Channel, OnDrain};
use crate::answers::Callback;
use crate::context::Context;
use crate::error::{self, AskError, SendError, WaitError};
use crate::handle::ActorHandle;
use crate::mailbox::{Inbox, Post};
use crate::reply::Reply;
use crate::report::ActorReport;
use crate::timer::{Missed, Timer};

/// Time.
impl<A: Actor> Context<A> {
    /// Sends the actor itself a message after a delay. To send to another actor then, it sends to that one when it
    /// handles this message.
    ///
    /// The message does not go through the mailbox, so that a full one does not hold it up; it takes turns with what
    /// else there is to do. While it waits for its moment it is not accepted yet: when the actor's turn comes, or when
    /// this incarnation of it ends, the timer is cancelled, and counted as [cancelled](ActorReport::cancelled). Until
    /// then the timer keeps the actor alive, as an address would.
    ///
    /// A `delay` too long for the clock never ends.
    ///
    /// ```
    /// use std::time::Duration;
    /// use exeunt::{Actor, Context, System};
    ///
    /// struct Alarm;
    /// impl Actor for Alarm {
    ///     type Msg = &'static str;
    ///     fn started(&mut self, cx: &mut Context<Self>) -> exeunt::Result {
    ///         cx.send_after(Duration::from_millis(5), "ring");
    ///         cx.send_after(Duration::from_secs(3600), "much too late").cancel();
    ///         Ok(())
    ///     }
    ///     fn handle(&mut self, msg: &'static str, _cx: &mut Context<Self>) -> exeunt::Result {
    ///         assert_eq!(msg, "ring");
    ///         Ok(())
    ///     }
    /// }
    ///
    /// let mut system = System::new("morning");
    /// system.spawn("alarm", Alarm);
    /// assert_eq!(system.wait().actor("alarm").unwrap().handled, 1);
    /// ```
    pub fn send_after(&mut self, delay: Duration, msg: A::Msg) -> Timer {
        let timer = self.agenda.after(delay, msg);
        if self.cancel_if_too_late(&timer) {
            self.life.count_cancelled(1);
        }
        timer
    }

    /// Sends the actor a message every `period`, the first after one period. Ticks that were missed
    /// because the actor was busy are [skipped](Missed::Skip); see
    /// [`send_every_with`](Context::send_every_with).
    ///
    /// There is no drift: the ticks are counted from the moment at which the timer began. Otherwise it is as
    /// [`send_after`](Context::send_after), except that nothing is counted when the actor's turn or the end of this
    /// incarnation ends the timer: a tick that is not due yet was promised to nobody.
    ///
    /// # Panics
    ///
    /// If `period` is zero.
    #[track_caller]
    pub fn send_every(
        &mut self,
        period: Duration,
        make: impl FnMut() -> A::Msg + 'static,
    ) -> Timer {
        self.send_every_with(period, Missed::Skip, make)
    }

    /// [`send_every`](Context::send_every), with a choice of what becomes of missed ticks.
    ///
    /// ```
    /// use std::time::Duration;
    /// use exeunt::{Actor, Context, Missed, System, Timer};
    ///
    /// struct Count { ticks: u32, timer: Option<Timer> }
    /// impl Actor for Count {
    ///     type Msg = ();
    ///     fn started(&mut self, cx: &mut Context<Self>) -> exeunt::Result {
    ///         let every = Duration::from_millis(1);
    ///         self.timer = Some(cx.send_every_with(every, Missed::CatchUp, || ()));
    ///         Ok(cx.sleep(5 * every)?) // misses a few, which all come then
    ///     }
    ///     fn handle(&mut self, _: (), _cx: &mut Context<Self>) -> exeunt::Result {
    ///         self.ticks += 1;
    ///         if self.ticks == 10 {
    ///             self.timer.take().map(|timer| timer.cancel());
    ///         }
    ///         Ok(())
    ///     }
    /// }
    ///
    /// let mut system = System::new("clock");
    /// system.spawn("count", Count { ticks: 0, timer: None });
    /// assert_eq!(system.wait().actor("count").unwrap().handled, 10);
    /// ```
    ///
    /// # Panics
    ///
    /// If `period` is zero.
    #[track_caller]
    pub fn send_every_with(
        &mut self,
        period: Duration,
        missed: Missed,
        make: impl FnMut() -> A::Msg + 'static,
    ) -> Timer {
        assert!(!period.is_zero(), "`{}` sends to itself with a period of zero", self.name());
        let timer = self.agenda.every(period, missed, Box::new(make));
        self.cancel_if_too_late(&timer);
        timer
    }

    /// Runs [`Actor::idle`] when nothing has come for `timeout`, and again after as long; `None`
    /// turns this off. It does not keep the actor alive. With a `timeout` of zero the hook runs again and again as long as
    /// nothing comes, which keeps a CPU busy.
    ///
    /// ```
    /// use std::time::Duration;
    /// use exeunt::{Actor, Context, Ended, System};
    ///
    /// struct Session;
    /// impl Actor for Session {
    ///     type Msg = &'static str;
    ///     fn started(&mut self, cx: &mut Context<Self>) -> exeunt::Result {
    ///         cx.set_idle_timeout(Duration::from_millis(5));
    ///         Ok(())
    ///     }
    ///     fn handle(&mut self, _: &'static str, _cx: &mut Context<Self>) -> exeunt::Result { Ok(()) }
    ///     fn idle(&mut self, cx: &mut Context<Self>) -> exeunt::Result {
    ///         cx.stop(); // nobody has anything more to say
    ///         Ok(())
    ///     }
    /// }
    ///
    /// let mut system = System::new("server");
    /// let session = system.spawn("session", Session);
    /// session.send("hello")?;
    /// let report = system.wait(); // although its address is still here
    /// assert_eq!(report.actor("session").unwrap().ended, Ended::Completed);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn set_idle_timeout(&mut self, timeout: impl Into<Option<Duration>>) {
        self.agenda.set_idle_timeout(timeout.into());
    }

    /// In its own turn an actor has no time for timers.
    fn cancel_if_too_late(&self, timer: &Timer) -> bool {
        self.agenda.is_last_call() && timer.cancel()
    }
}

/// Other channels, and the end of others.
impl<A: Actor> Context<A> {
    /// Adds a channel to what the actor waits for: each item becomes a message. In its turn the actor
    /// takes what is [queued](OnDrain::Take) in it.
    ///
    /// Orders come first; then the mailbox, the channels and the timers are looked at in turn, so that none starves
    /// another. As long as the channel has senders it keeps the actor alive; one that never had any (crossbeam-channel's
    /// `after`, `tick` and `never`) does so until the actor's turn.
    ///
    /// The channel is attached to this incarnation of the actor, and gone without a word when the actor is restarted:
    /// attach it in [`started`](Actor::started), each time, from a receiver that `spawn_with` clones for each value.
    /// (The actor of the example below gives its only receiver away; it is never restarted.) An actor that fails in its
    /// turn is restarted for what is in its mailbox, and not for a channel alone: what is left in the channel then
    /// stays there.
    ///
    /// An item counts as accepted when it is taken. A panic of `map` counts it as failed.
    ///
    /// ```
    /// use crossbeam_channel::unbounded;
    /// use exeunt::{Actor, Context, System};
    ///
    /// struct Meter { readings: Option<crossbeam_channel::Receiver<f64>>, highest: f64 }
    ///
    /// impl Actor for Meter {
    ///     type Msg = f64;
    ///     fn started(&mut self, cx: &mut Context<Self>) -> exeunt::Result {
    ///         if let Some(readings) = self.readings.take() {
    ///             cx.attach(readings, |reading| reading * 1.8 + 32.0);
    ///         }
    ///         Ok(())
    ///     }
    ///     fn handle(&mut self, fahrenheit: f64, _cx: &mut Context<Self>) -> exeunt::Result {
    ///         self.highest = self.highest.max(fahrenheit);
    ///         Ok(())
    ///     }
    /// }
    ///
    /// let (device, readings) = unbounded();
    /// let mut system = System::new("weather");
    /// system.spawn("meter", Meter { readings: Some(readings), highest: 0.0 });
    /// device.send(21.5)?;
    /// drop(device); // the actor has nothing more to wait for
    /// assert_eq!(system.wait().actor("meter").unwrap().handled, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn attach<T: 'static>(
        &mut self,
        receiver: Receiver<T>,
        map: impl FnMut(T) -> A::Msg + 'static,
    ) {
        self.attach_with(receiver, OnDrain::Take, map);
    }

    /// [`attach`](Context::attach), with a choice of what a drain does with the channel.
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    /// use exeunt::crossbeam_channel::{self, Receiver};
    /// use exeunt::{Actor, Context, OnDrain, System};
    ///
    /// struct Clock(Receiver<Instant>);
    /// impl Actor for Clock {
    ///     type Msg = Instant;
    ///     fn started(&mut self, cx: &mut Context<Self>) -> exeunt::Result {
    ///         cx.attach_with(self.0.clone(), OnDrain::Leave, |tick| tick); // a tick more is of no use then
    ///         Ok(())
    ///     }
    ///     fn handle(&mut self, _: Instant, _cx: &mut Context<Self>) -> exeunt::Result { Ok(()) }
    /// }
    ///
    /// let mut system = System::new("ticks");
    /// system.spawn("clock", Clock(crossbeam_channel::tick(Duration::from_millis(1))));
    /// assert!(system.shutdown().is_complete()); // although it never ends
    /// ```
    pub fn attach_with<T: 'static>(
        &mut self,
        receiver: Receiver<T>,
        on_drain: OnDrain,
        map: impl FnMut(T) -> A::Msg + 'static,
    ) {
        self.agenda.attach(Channel::new(receiver, map, on_drain));
    }

    /// Adds a further mailbox to what the actor waits for: what is sent to that mailbox's address is accepted, handled
    /// and returned like what is sent to the actor's own. It closes in the actor's turn.
    ///
    /// It is attached to this incarnation, and closed when that is over. The next incarnation makes
    /// another one, in [`started`](Actor::started), and gives its address to whoever is to send
    /// there.
    ///
    /// So a sender can be given an address for one kind of message, with a capacity of its own; a
    /// [`Topic`](crate::Topic) does that for its subscribers. In the [wiring](crate::ActorBuilder::feeds) that address
    /// stands for the actor.
    ///
    /// ```
    /// use exeunt::{Actor, Context, Inbox, System};
    ///
    /// struct Log(Option<Inbox<u32>>);
    /// impl Actor for Log {
    ///     type Msg = String;
    ///     fn started(&mut self, cx: &mut Context<Self>) -> exeunt::Result {
    ///         if let Some(numbers) = self.0.take() {
    ///             cx.attach_inbox(numbers, |n| n.to_string());
    ///         }
    ///         Ok(())
    ///     }
    ///     fn handle(&mut self, _line: String, _cx: &mut Context<Self>) -> exeunt::Result { Ok(()) }
    /// }
    ///
    /// let (numbers, inbox) = exeunt::mailbox(8);
    /// let mut system = System::new("log");
    /// let log = system.spawn("log", Log(Some(inbox)));
    /// numbers.send(42)?;
    /// log.send("forty-two".to_owned())?;
    /// assert_eq!(system.shutdown().actor("log").unwrap().handled, 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn attach_inbox<T: Send + 'static>(
        &mut self,
        inbox: Inbox<T>,
        map: impl FnMut(T) -> A::Msg + 'static,
    ) {
        self.agenda.attach(Annex::new(inbox, map, &self.life));
    }

    /// Watches an actor or a task: when it has ended, for whatever reason, and its thread with it, this actor is sent
    /// what `tell` makes of its report; at once, if it has ended already.
    ///
    /// A watch keeps the watcher alive, but not the watched. It ends with this incarnation of the watcher.
    ///
    /// ```
    /// use exeunt::{Actor, ActorReport, Addr, Context, System};
    ///
    /// struct Worker;
    /// impl Actor for Worker {
    ///     type Msg = ();
    ///     fn handle(&mut self, _: (), _cx: &mut Context<Self>) -> exeunt::Result { Ok(()) }
    /// }
    ///
    /// struct Watcher(Option<Addr<()>>);
    /// impl Actor for Watcher {
    ///     type Msg = ActorReport;
    ///     fn started(&mut self, cx: &mut Context<Self>) -> exeunt::Result {
    ///         if let Some(worker) = self.0.take() {
    ///             cx.watch(&worker, |report| report)?;
    ///             worker.stop();
    ///         }
    ///         Ok(())
    ///     }
    ///     fn handle(&mut self, gone: ActorReport, _cx: &mut Context<Self>) -> exeunt::Result {
    ///         assert_eq!(gone.name, "worker");
    ///         Ok(())
    ///     }
    /// }
    ///
    /// let mut system = System::new("watch");
    /// let worker = system.spawn("worker", Worker);
    /// system.spawn("watcher", Watcher(Some(worker)));
    /// assert_eq!(system.wait().actor("watcher").unwrap().handled, 1);
    /// ```
    ///
    /// # Errors
    ///
    /// [`WaitError::NotSpawned`] if no actor was spawned yet for the address, or the task was not started: there is no
    /// end to tell of. [`WaitError::Inside`] if the actor watches itself, its pool, or an actor above it, which leave
    /// after it.
    pub fn watch(
        &mut self,
        whom: impl Into<ActorHandle>,
        tell: impl FnOnce(ActorReport) -> A::Msg + 'static,
    ) -> Result<(), WaitError> {
        let whom = whom.into();
        if whom.ends_after(Some(&self.life)) {
            return Err(WaitError::Inside);
        }
        let watch = whom.watch().ok_or(WaitError::NotSpawned)?;
        let mut tell = Some((tell, watch.watch));
        let tell = move |report| match tell.take() {
            Some((tell, _watch)) => tell(report),
            None => unreachable!("an end is told once"),
        };
        self.attach(watch.receiver, tell);
        Ok(())
    }
}

/// Asking without waiting.
impl<A: Actor> Context<A> {
    /// Asks another actor, and goes on; the answer comes back as an event, and `then` is called with it. So an actor
    /// need not block on another, and two actors can ask each other.
    ///
    /// `then` is called once: with the answer, or with the reason why there will be none
    /// ([`Unanswered`](AskError::Unanswered), [`Ended`](AskError::Ended)). In its turn the actor waits for the answers
    /// that are still out. Only if this incarnation ends first, by a failure or at its deadline, is `then` dropped
    /// without being called. A question that is asked so in the [`stopped`](Actor::stopped) hook comes too late, since
    /// the incarnation ends after the hook: use [`ask`](Addr::ask) there.
    ///
    /// ```
    /// use exeunt::{Actor, Addr, Context, Reply, System};
    ///
    /// struct Square;
    /// impl Actor for Square {
    ///     type Msg = (u32, Reply<u32>);
    ///     fn handle(&mut self, (n, reply): Self::Msg, _cx: &mut Context<Self>) -> exeunt::Result {
    ///         let _ = reply.send(n * n);
    ///         Ok(())
    ///     }
    /// }
    ///
    /// struct Sum { of: Addr<(u32, Reply<u32>)>, total: u32 }
    /// impl Actor for Sum {
    ///     type Msg = u32;
    ///     fn handle(&mut self, n: u32, cx: &mut Context<Self>) -> exeunt::Result {
    ///         cx.ask_then(&self.of, |reply| (n, reply), |sum: &mut Sum, answer, _cx| {
    ///             sum.total += answer?;
    ///             Ok(())
    ///         })?;
    ///         Ok(())
    ///     }
    ///     fn stopped(&mut self, _cx: &mut Context<Self>) -> exeunt::Result {
    ///         assert_eq!(self.total, 1 + 4 + 9);
    ///         Ok(())
    ///     }
    /// }
    ///
    /// let mut system = System::new("squares");
    /// let of = system.spawn("square", Square);
    /// let sum = system.spawn("sum", Sum { of, total: 0 });
    /// (1..=3).try_for_each(|n| sum.send(n))?;
    /// assert!(!system.shutdown().is_failure());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the question is not accepted, it is given back; `then` is not called. The actor waits for room
    /// in the other's mailbox as with any [`send`](Addr::send).
    pub fn ask_then<M: Send + 'static, R: Send + 'static>(
        &mut self,
        addr: &Addr<M>,
        question: impl FnOnce(Reply<R>) -> M,
        then: impl FnOnce(&mut A, Result<R, AskError<M>>, &mut Context<A>) -> error::Result + 'static,
    ) -> Result<(), SendError<M>> {
        self.ask_then_by(addr, None, question, then)
    }

    /// Asks as [`ask_then`](Context::ask_then) does; if no answer has come after `timeout`, `then` is
    /// called with [`AskError::Timeout`].
    ///
    /// # Errors
    ///
    /// Those of [`ask_then`](Context::ask_then).
    pub fn ask_then_timeout<M: Send + 'static, R: Send + 'static>(
        &mut self,
        addr: &Addr<M>,
        timeout: Duration,
        question: impl FnOnce(Reply<R>) -> M,
        then: impl FnOnce(&mut A, Result<R, AskError<M>>, &mut Context<A>) -> error::Result + 'static,
    ) -> Result<(), SendError<M>> {
        self.ask_then_by(addr, Some(timeout), question, then)
    }

    fn ask_then_by<M: Send + 'static, R: Send + 'static>(
        &mut self,
        addr: &Addr<M>,
        timeout: Option<Duration>,
        question: impl FnOnce(Reply<R>) -> M,
        then: impl FnOnce(&mut A, Result<R, AskError<M>>, &mut Context<A>) -> error::Result + 'static,
    ) -> Result<(), SendError<M>> {
        let now = self.agenda.clock.now();
        let (id, waker) = self.agenda.use_answers().prepare();
        let (reply, answer) = Reply::that_wakes(waker);
        addr.send(question(reply))?;
        let asked = Arc::clone(addr.mailbox()) as Arc<dyn Post>;
        let then = Box::new(Callback::new(Arc::clone(addr.mailbox().name()), answer, then));
        let deadline = timeout.map(|timeout| (now, timeout));
        self.agenda.answers.expect(id, &self.life, asked, deadline, then);
        Ok(())
    }
}

#[cfg(all(test, feature = "stepper"))]
mod tests {
    use super::*;
    use crate::stepper::Stepper;

    struct Ticks(u32);

    impl Actor for Ticks {
        type Msg = ();

        fn started(&mut self, cx: &mut Context<Self>) -> error::Result {
            cx.send_every(Duration::from_millis(10), || ());
            Ok(())
        }

        fn handle(&mut self, (): (), _: &mut Context<Self>) -> error::Result {
            self.0 += 1;
            Ok(())
        }
    }

    #[test]
    fn ticks_that_were_missed_are_skipped_unless_another_way_is_chosen() {
        let mut ticks = Stepper::new("ticks", Ticks(0));
        ticks.pass(Duration::from_millis(45));
        ticks.run();
        assert_eq!(ticks.actor().map(|ticks| ticks.0), Some(1));
    }
}

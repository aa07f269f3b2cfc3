//! [`Recipient`]: an address narrowed to one kind of message.

use std::any::{Any, type_name};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::panic::RefUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::address::Addr;
use crate::asking::Asked;
use crate::error::{AskError, SendError, SendTimeoutError, TrySendError};
use crate::handle::ActorHandle;
use crate::reply::Reply;

/// An address narrowed to one kind of message: it takes a `T`, whatever else its actor takes. So a
/// component need not know the actor's whole enum.
///
/// Like an [`Addr`] it is cheap to clone, equal to the others of the same actor, and **keeps the
/// actor alive**. A send makes the actor's message of the `T`, and is otherwise the send of the
/// address, with the same guarantees; if it is refused, it gives the `T` back.
///
/// That is why [`Addr::recipient`] asks for the way back, too: by the time of the refusal the `T`
/// is in the actor's message, and only the message knows how to take it out. It costs a send that
/// is accepted nothing. An enum has both ways with `impl From<T> for Msg` and `impl TryFrom<Msg>
/// for T`; an actor whose message *is* `T` has them already.
///
/// # Examples
///
/// ```
/// use exeunt::{Actor, Context, Recipient, System};
///
/// struct Line(String);
/// struct Flush;
///
/// enum Log { Line(Line), Flush(Flush) }
///
/// impl From<Line> for Log {
///     fn from(line: Line) -> Log {
///         Log::Line(line)
///     }
/// }
///
/// impl TryFrom<Log> for Line {
///     type Error = Log;
///     fn try_from(message: Log) -> Result<Line, Log> {
///         match message {
///             Log::Line(line) => Ok(line),
///             other => Err(other),
///         }
///     }
/// }
///
/// struct Logger(Vec<String>);
/// impl Actor for Logger {
///     type Msg = Log;
///     fn handle(&mut self, message: Log, _cx: &mut Context<Self>) -> exeunt::Result {
///         match message {
///             Log::Line(Line(line)) => self.0.push(line),
///             Log::Flush(Flush) => self.0.clear(),
///         }
///         Ok(())
///     }
/// }
///
/// // Knows lines, and nothing of flushing.
/// struct Thermometer { log: Recipient<Line> }
/// impl Actor for Thermometer {
///     type Msg = f32;
///     fn handle(&mut self, degrees: f32, _cx: &mut Context<Self>) -> exeunt::Result {
///         Ok(self.log.send(Line(format!("{degrees} °C")))?)
///     }
/// }
///
/// let mut system = System::new("weather");
/// let log = system.spawn("log", Logger(Vec::new()));
/// let thermometer = system.spawn("thermometer", Thermometer { log: log.recipient() });
/// thermometer.send(21.5)?;
/// log.send(Log::Flush(Flush))?;
/// assert_eq!(system.shutdown().actor("log").unwrap().handled, 2);
///
/// let late: Recipient<Line> = log.recipient();
/// assert!(late.is_closed() && late.queued() == 0 && late.handle().has_ended());
/// let refused = late.send(Line("too late".into())).unwrap_err();
/// assert_eq!(refused.into_message().0, "too late");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Recipient<T: Send + 'static> {
    door: Arc<dyn Door<T>>,
}

impl<M: Send + 'static> Addr<M> {
    /// The same address, for one kind of message only.
    ///
    /// # Panics
    ///
    /// Not here; but a refused send of the [`Recipient`] panics if `TryInto` cannot take out again
    /// the `T` that `From` made a message of.
    #[must_use]
    pub fn recipient<T: Send + 'static>(&self) -> Recipient<T>
    where
        M: From<T> + TryInto<T>,
    {
        Recipient { door: Arc::new(self.clone()) }
    }
}

impl<T: Send + 'static> Recipient<T> {
    /// Sends as [`Addr::send`] does.
    ///
    /// # Errors
    ///
    /// Those of [`Addr::send`]; each gives the `T` back.
    pub fn send(&self, item: T) -> Result<(), SendError<T>> {
        self.door.send(item)
    }

    /// Sends as [`Addr::try_send`] does.
    ///
    /// # Errors
    ///
    /// Those of [`Addr::try_send`]; each gives the `T` back.
    pub fn try_send(&self, item: T) -> Result<(), TrySendError<T>> {
        self.door.try_send(item)
    }

    /// Sends as [`Addr::send_timeout`] does.
    ///
    /// # Errors
    ///
    /// Those of [`Addr::send_timeout`]; each gives the `T` back.
    pub fn send_timeout(&self, item: T, timeout: Duration) -> Result<(), SendTimeoutError<T>> {
        self.door.send_by(item, Instant::now().checked_add(timeout))
    }

    /// Asks as [`Addr::ask`] does, with a `T` that carries the [`Reply`].
    ///
    /// ```
    /// use exeunt::{Actor, Context, Recipient, Reply, System};
    ///
    /// struct Square(i64, Reply<i64>);
    ///
    /// struct Calculator;
    /// impl Actor for Calculator {
    ///     type Msg = Square;
    ///     fn handle(&mut self, Square(n, reply): Square, _cx: &mut Context<Self>) -> exeunt::Result {
    ///         let _ = reply.send(n * n);
    ///         Ok(())
    ///     }
    /// }
    ///
    /// let mut system = System::new("sums");
    /// let squares: Recipient<Square> = system.spawn("calculator", Calculator).recipient();
    /// assert_eq!(squares.ask(|reply| Square(-7, reply))?, 49);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`Addr::ask`]; a question that was not accepted gives the `T` back.
    pub fn ask<R: Send + 'static>(
        &self,
        question: impl FnOnce(Reply<R>) -> T,
    ) -> Result<R, AskError<T>> {
        self.ask_by(question, None)
    }

    /// Asks as [`Addr::ask_timeout`] does, with a `T` that carries the [`Reply`].
    ///
    /// # Errors
    ///
    /// Those of [`Addr::ask_timeout`]; a question that was not accepted gives the `T` back.
    pub fn ask_timeout<R: Send + 'static>(
        &self,
        question: impl FnOnce(Reply<R>) -> T,
        timeout: Duration,
    ) -> Result<R, AskError<T>> {
        self.ask_by(question, Instant::now().checked_add(timeout))
    }

    fn ask_by<R: Send + 'static>(
        &self,
        question: impl FnOnce(Reply<R>) -> T,
        deadline: Option<Instant>,
    ) -> Result<R, AskError<T>> {
        self.door.asked().ask(question, deadline, |message| self.door.send_by(message, deadline))
    }

    /// Whether the mailbox takes no more messages.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.door.is_closed()
    }

    /// The number of messages that wait in the mailbox, those of other kinds included.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.door.queued()
    }

    /// The actor, whatever it takes, and without keeping it alive: to wait for its end, or to
    /// [watch](crate::Context::watch) it.
    #[must_use]
    pub fn handle(&self) -> ActorHandle {
        self.door.handle()
    }

    /// The name of the actor.
    #[must_use]
    pub fn name(&self) -> &str {
        self.door.name()
    }
}

impl<T: Send + 'static> Clone for Recipient<T> {
    fn clone(&self) -> Recipient<T> {
        Recipient { door: Arc::clone(&self.door) }
    }
}

impl<T: Send + 'static> PartialEq for Recipient<T> {
    fn eq(&self, other: &Recipient<T>) -> bool {
        self.door.leads_where(other.door.as_any())
    }
}

impl<T: Send + 'static> Eq for Recipient<T> {}

impl<T: Send + 'static> Hash for Recipient<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.door.hash_to(state);
    }
}

impl<T: Send + 'static> fmt::Debug for Recipient<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Recipient").field(&self.name()).finish()
    }
}

/// An address of which only the narrow part is seen.
trait Door<T>: Send + Sync + RefUnwindSafe {
    fn send(&self, item: T) -> Result<(), SendError<T>>;
    fn try_send(&self, item: T) -> Result<(), TrySendError<T>>;
    fn send_by(&self, item: T, deadline: Option<Instant>) -> Result<(), SendTimeoutError<T>>;
    fn asked(&self) -> Asked<'_>;
    fn is_closed(&self) -> bool;
    fn queued(&self) -> usize;
    fn handle(&self) -> ActorHandle;
    fn name(&self) -> &str;
    fn as_any(&self) -> &dyn Any;
    /// Whether the other is an address of the same actor.
    fn leads_where(&self, other: &dyn Any) -> bool;
    fn hash_to(&self, state: &mut dyn Hasher);
}

impl<T, M: From<T> + TryInto<T> + Send + 'static> Door<T> for Addr<M> {
    fn send(&self, item: T) -> Result<(), SendError<T>> {
        Addr::send(self, M::from(item)).map_err(|error| error.map(narrow))
    }

    fn try_send(&self, item: T) -> Result<(), TrySendError<T>> {
        Addr::try_send(self, M::from(item)).map_err(|error| error.map(narrow))
    }

    fn send_by(&self, item: T, deadline: Option<Instant>) -> Result<(), SendTimeoutError<T>> {
        Addr::send_by(self, M::from(item), deadline).map_err(|error| error.map(narrow))
    }

    fn asked(&self) -> Asked<'_> {
        Addr::asked(self)
    }

    fn is_closed(&self) -> bool {
        Addr::is_closed(self)
    }

    fn queued(&self) -> usize {
        Addr::queued(self)
    }

    fn handle(&self) -> ActorHandle {
        Addr::handle(self)
    }

    fn name(&self) -> &str {
        Addr::name(self)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn leads_where(&self, other: &dyn Any) -> bool {
        other.downcast_ref() == Some(self)
    }

    fn hash_to(&self, mut state: &mut dyn Hasher) {
        self.hash(&mut state);
    }
}

/// Takes out of a message what was put in.
fn narrow<M: TryInto<T>, T>(message: M) -> T {
    match message.try_into() {
        Ok(item) => item,
        Err(_) => panic!(
            "a `{}` that was made of a `{}` does not turn back into it",
            type_name::<M>(),
            type_name::<T>()
        ),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_recipient_is_as_full_and_as_closed_as_its_address() {
        let (addr, _inbox) = crate::mailbox::<u32>(4);
        let recipient = addr.recipient::<u32>();
        assert!(recipient.send(1).is_ok() && recipient.try_send(2).is_ok());
        assert_eq!((recipient.queued(), recipient.is_closed()), (2, false));
        addr.mailbox().close();
        assert!(recipient.is_closed());
    }
}

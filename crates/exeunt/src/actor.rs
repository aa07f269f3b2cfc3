//! The [`Actor`] trait: what a user writes.

use crate::context::Context;
use crate::error::Result;

/// A state of its own, on a thread of its own, that handles one message after the other.
///
/// Messages are one enum or struct per actor, and travel unboxed. The value lives and dies on the
/// actor's own thread, so that it may hold what is not `Send`, if it is
/// [made there](crate::ActorBuilder::spawn_with).
///
/// # Failures
///
/// An error or a panic in [`handle`](Actor::handle) or a hook is caught. The message counts as failed, and this
/// incarnation of the actor is over: [`stopped`](Actor::stopped) runs, so that it can clean up, and the value is
/// dropped. The [restart policy](crate::ActorBuilder::restart) may begin another incarnation, which goes on with the
/// same mailbox. Unless a policy was set, the actor ends: what is left in its mailbox is returned, and the ordered
/// drain of the whole system begins.
///
/// # Examples
///
/// ```
/// use exeunt::{Actor, Context, System};
///
/// struct Greeter { greeted: u32 }
///
/// impl Actor for Greeter {
///     type Msg = String;
///
///     fn started(&mut self, cx: &mut Context<Self>) -> exeunt::Result {
///         println!("{} enters", cx.name());
///         Ok(())
///     }
///
///     fn handle(&mut self, name: String, _cx: &mut Context<Self>) -> exeunt::Result {
///         println!("Hello, {name}!");
///         self.greeted += 1;
///         Ok(())
///     }
///
///     fn stopped(&mut self, _cx: &mut Context<Self>) -> exeunt::Result {
///         println!("{} greeted", self.greeted);
///         Ok(())
///     }
/// }
///
/// let mut system = System::new("greetings");
/// let greeter = system.spawn("greeter", Greeter { greeted: 0 });
/// greeter.send("Yorick".to_owned())?;
/// assert_eq!(system.shutdown().actor("greeter").unwrap().handled, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Actor: Sized + 'static {
    /// The type of its messages.
    ///
    /// A message is moved by value, and lies several times on the stack of the actor's thread while it is handled: with the
    /// usual stack of 2 MiB one of more than 64 KiB overflows it in a debug build, and one of 200 KiB in a release build.
    /// Large ones are boxed, as a `Vec` is by nature.
    type Msg: Send + 'static;

    /// Runs on the actor's thread before the first message.
    ///
    /// # Errors
    ///
    /// An error (or a panic) is a failure of the actor, which its restart policy decides about like
    /// any other. No message is handled, and [`stopped`](Actor::stopped) does not run.
    fn started(&mut self, cx: &mut Context<Self>) -> Result {
        let _ = cx;
        Ok(())
    }

    /// Handles one message.
    ///
    /// # Errors
    ///
    /// An error (or a panic) means that the message failed, and the actor with it.
    fn handle(&mut self, msg: Self::Msg, cx: &mut Context<Self>) -> Result;

    /// Runs when nothing has come for the actor's [idle timeout](crate::Context::set_idle_timeout),
    /// and again after as long.
    ///
    /// # Errors
    ///
    /// An error (or a panic) is a failure of the actor.
    fn idle(&mut self, cx: &mut Context<Self>) -> Result {
        let _ = cx;
        Ok(())
    }

    /// Names a message for everything that shows what the actor is doing: a
    /// [snapshot](crate::ActorSnapshot::label), the [watchdog](crate::System::watchdog).
    ///
    /// Unless it is overridden it costs nothing; if it is, it costs an uncontended lock for each
    /// message.
    fn label(msg: &Self::Msg) -> Option<&'static str> {
        let _ = msg;
        None
    }

    /// Runs on the actor's thread after the last message, before the value is dropped: the place
    /// to flush, to commit, to say goodbye to the actors downstream, whose mailboxes are still
    /// open.
    ///
    /// It also runs past the actor's [deadline](Context::must_stop), when no call waits any longer,
    /// and after a failure, when the value may be half-changed. It does not run if the actor was
    /// abandoned in a handler that never returned.
    ///
    /// # Errors
    ///
    /// An error (or a panic) is a failure of the actor.
    fn stopped(&mut self, cx: &mut Context<Self>) -> Result {
        let _ = cx;
        Ok(())
    }
}

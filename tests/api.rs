//! What the public types are without saying so: whether one may go to another thread, be used by several, be moved while
//! it is pinned, and be met again after a panic. The compiler derives that of what is inside, and so may take it back for
//! a change inside that nobody would think to be one of the interface. Here it does not compile then.
//!
//! And what a user may count on beside it: that an address can be a key, and that errors turn into each other truthfully.

use std::cell::Cell;
use std::collections::HashSet;
use std::error::Error as StdError;
use std::panic::{RefUnwindSafe, UnwindSafe};

use exeunt::{
    ActorBuilder, ActorHandle, ActorReport, ActorSnapshot, Addr, AskError, AskFuture, AutoShutdown,
    Backoff, Broadcast, BroadcastError, Capacity, Ended, Error, Event, Exit, Group, GroupBuilder,
    Inbox, Interrupted, Interruptible, LookupError, Missed, NoMembers, Notice, OnDrain, OnStopping,
    Overflow, Published, Reason, Recipient, Refusals, Reply, Report, Restart, ReturnedBecause,
    Router, SendError, SendFuture, SendTimeoutError, Signal, SpawnError, State, Status, Strategy,
    Subscriber, Subscription, SubscriptionBuilder, System, SystemHandle, TaskBuilder, TaskContext,
    Timer, Topic, TrySendError, WaitError, Waiting, WaitingFor, WeakAddr, WeakTopic,
};

/// A message that may go to another thread, and nothing else.
type Lone = Cell<u32>;

fn goes<T: Send + Unpin>() {}

fn is_shared<T: Send + Sync + Unpin>() {}

fn survives<T: Send + Sync + Unpin + UnwindSafe + RefUnwindSafe>() {}

macro_rules! each {
    ($promise:ident: $($type:ty),+ $(,)?) => { $($promise::<$type>();)+ };
}

#[test]
fn handles_go_anywhere_whatever_the_messages() {
    each!(survives: Addr<Lone>, WeakAddr<Lone>, Recipient<Lone>, Router<Lone>, Broadcast<Lone>);
    each!(survives: Topic<Lone>, WeakTopic<Lone>, Subscription, Timer, Event, Reply<Lone>);
    each!(survives: System, SystemHandle, ActorHandle, Group, TaskContext, Inbox<Lone>);
    each!(goes: Interruptible<Lone>, OnStopping, SendFuture<Lone>, AskFuture<Lone, Lone>);
    each!(is_shared: Interruptible<u32>, OnStopping);
}

#[test]
fn data_goes_anywhere() {
    each!(survives: Report, ActorReport, Refusals, ActorSnapshot, Waiting, Subscriber, Notice, Exit);
    each!(survives: Ended, Reason, Signal, Status, State, WaitingFor, ReturnedBecause, Capacity);
    each!(survives: Overflow, Missed, OnDrain, Strategy, AutoShutdown, Restart, Backoff);
}

#[test]
fn builders_go_to_another_thread_with_what_they_were_given() {
    each!(goes: ActorBuilder<'_, Lone>, TaskBuilder<'_>, GroupBuilder<'_>);
    each!(goes: SubscriptionBuilder<'_, Lone>);
}

#[test]
fn errors_go_where_their_message_goes() {
    fn is_error<T: StdError + Send + Unpin>() {}
    each!(is_error: SendError<Lone>, TrySendError<Lone>, SendTimeoutError<Lone>, AskError<Lone>);
    each!(is_error: BroadcastError<Lone>, LookupError, NoMembers, SpawnError, WaitError);
    each!(survives: SendError<u32>, TrySendError<u32>, SendTimeoutError<u32>, AskError<u32>);
    each!(survives: BroadcastError<u32>, LookupError, NoMembers, Interrupted, WaitError);
    each!(survives: Published<u32>);
    // Messages need not be shared, and so the error of any of them is not.
    each!(goes: Error);
    each!(is_shared: SpawnError);
}

#[cfg(unix)]
#[test]
fn signals_go_anywhere() {
    each!(survives: exeunt::Signals);
    each!(is_shared: exeunt::SignalGuard, exeunt::SignalError);
}

#[test]
#[allow(clippy::mutable_key_type)] // what changes in an address has no part in its hash
fn an_address_is_a_key_and_its_clones_are_the_same_one() {
    let (one, _one_inbox) = exeunt::mailbox::<u32>(1);
    let (other, _other_inbox) = exeunt::mailbox::<u32>(1);
    let addrs = HashSet::from([one.clone(), other.clone(), one.clone()]);
    assert_eq!(addrs.len(), 2);
    let weak = HashSet::from([one.downgrade(), one.downgrade(), other.downgrade()]);
    assert_eq!(weak.len(), 2);
    let narrow: HashSet<Recipient<u32>> = [&one, &one, &other].map(Addr::recipient).into();
    assert_eq!(narrow.len(), 2);
    let system = System::new("key");
    assert_eq!(HashSet::from([system.handle(), system.handle()]).len(), 1);
}

#[test]
fn m2_a_question_that_was_not_accepted_comes_back() {
    let (addr, inbox) = exeunt::mailbox::<(u32, Reply<u32>)>(1);
    drop(inbox);
    let refusal = addr.ask(|reply| (7, reply)).unwrap_err();
    assert_eq!(refusal.into_message().unwrap().0, 7);
    assert!(AskError::<u32>::Timeout("a".into()).into_message().is_none());
}

#[test]
fn an_error_of_a_handler_turns_into_a_box_and_comes_out_of_one() {
    fn of_a_handler() -> exeunt::Result {
        let parsed: Result<u32, Box<dyn StdError + Send + Sync>> = "x".parse().map_err(Box::from);
        parsed.map_err(|error| Error::from_boxed(error))?;
        Ok(())
    }
    fn of_a_program() -> Result<(), Box<dyn StdError>> {
        Ok(of_a_handler()?)
    }
    assert!(of_a_program().unwrap_err().is::<std::num::ParseIntError>());
}

#[test]
fn d2_a_wait_that_was_cut_short_is_an_interruption_wherever_it_was() {
    assert!(Error::from(WaitError::Interrupted).is_interruption());
    assert!(!Error::from(WaitError::Timeout).is_interruption());
}

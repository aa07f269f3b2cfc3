//! Subscribing to a topic, from the builder to the handle.

use std::fmt;
use std::panic::RefUnwindSafe;
use std::sync::{Arc, Weak};

use super::{Inner, Member, Topic};
use crate::actor::Actor;
use crate::capacity::Capacity;
use crate::context::Context;
use crate::mailbox::{Overflow, mailbox};

/// The state of one subscriber of a [`Topic`].
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Subscriber {
    /// The name of the actor.
    pub name: String,
    /// How many values wait in its inbox.
    pub queued: usize,
    /// How many its inbox has accepted, those that were dropped included.
    pub accepted: u64,
    /// How many were dropped because there was no room.
    pub dropped: u64,
}

/// Describes a subscription, and subscribes.
///
/// # Examples
///
/// Only the newest few values are of interest, and a slow display holds up nobody:
///
/// ```
/// use exeunt::{Actor, Context, Event, Overflow, System, Topic};
///
/// struct Slow { levels: Option<Topic<u32>>, go_on: Event, seen: Vec<u32> }
///
/// impl Actor for Slow {
///     type Msg = u32;
///     fn started(&mut self, cx: &mut Context<Self>) -> exeunt::Result {
///         if let Some(levels) = self.levels.take() {
///             levels.subscription().capacity(2).overflow(Overflow::DropOldest).subscribe(cx, |l| l);
///         }
///         Ok(())
///     }
///     fn handle(&mut self, level: u32, _cx: &mut Context<Self>) -> exeunt::Result {
///         self.go_on.wait();
///         self.seen.push(level);
///         Ok(())
///     }
///     fn stopped(&mut self, _cx: &mut Context<Self>) -> exeunt::Result {
///         assert_eq!(self.seen[self.seen.len() - 2..], [98, 99]);
///         Ok(())
///     }
/// }
///
/// let mut system = System::new("tank");
/// let (levels, go_on) = (Topic::new("levels"), Event::new());
/// system.spawn("slow", Slow { levels: Some(levels.clone()), go_on: go_on.clone(), seen: vec![] });
/// while levels.subscribers().is_empty() {
///     std::thread::yield_now();
/// }
/// for level in 0..100 {
///     levels.publish(level).ok()?; // never waits
/// }
/// assert!(levels.subscribers()[0].dropped >= 97);
/// go_on.set();
/// drop(levels);
/// let report = system.wait();
/// let slow = report.actor("slow").unwrap();
/// assert_eq!(slow.handled + slow.returned, 100);
/// assert!(!report.is_failure());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "nobody subscribes before `subscribe`"]
pub struct SubscriptionBuilder<'a, T: Clone + Send + 'static> {
    topic: &'a Topic<T>,
    capacity: Capacity,
    overflow: Overflow,
    returned: Option<Box<dyn FnMut(T) + Send>>,
}

impl<'a, T: Clone + Send + 'static> SubscriptionBuilder<'a, T> {
    pub(super) fn new(topic: &'a Topic<T>) -> SubscriptionBuilder<'a, T> {
        let (capacity, overflow) = (Capacity::default(), Overflow::default());
        SubscriptionBuilder { topic, capacity, overflow, returned: None }
    }

    /// Sets how many values its inbox holds; [`DEFAULT_CAPACITY`](crate::DEFAULT_CAPACITY) unless set. With a capacity
    /// of zero the inbox is closed from the start.
    pub fn capacity(mut self, capacity: impl Into<Capacity>) -> Self {
        self.capacity = capacity.into();
        self
    }

    /// Sets what becomes of values for which there is no room; the publisher waits unless set.
    pub fn overflow(mut self, overflow: Overflow) -> Self {
        self.overflow = overflow;
        self
    }

    /// Sets what becomes of values that were accepted and will not be handled, as
    /// [`Inbox::returned`](crate::Inbox::returned) does. The hook may run on a publisher's thread.
    pub fn returned(mut self, hook: impl FnMut(T) + Send + 'static) -> Self {
        self.returned = Some(Box::new(hook));
        self
    }

    /// Subscribes: from here on each value becomes a message of the actor.
    ///
    /// The subscription lasts as long as this incarnation of the actor, unless it is
    /// [ended](Subscription::unsubscribe) before. In its own turn an actor cannot subscribe any
    /// more.
    pub fn subscribe<A: Actor>(
        self,
        cx: &mut Context<A>,
        map: impl FnMut(T) -> A::Msg + 'static,
    ) -> Subscription {
        let (addr, inbox) = mailbox(self.capacity);
        let inbox = inbox.overflow(self.overflow);
        let inbox = match self.returned {
            Some(hook) => inbox.returned(hook),
            None => inbox,
        };
        // First the reader, so that nobody publishes into an inbox that has none.
        cx.attach_inbox(inbox, map);
        let id = self.topic.inner.add(addr);
        let topic: Weak<Inner<T>> = Arc::downgrade(&self.topic.inner);
        Subscription { topic, id }
    }
}

impl<T: Clone + Send + 'static> fmt::Debug for SubscriptionBuilder<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SubscriptionBuilder").field(&self.topic.name()).finish()
    }
}

/// Subscribing.
impl<A: Actor> Context<A> {
    /// Subscribes to a [`Topic`]: each value that is published from here on becomes a message of this
    /// incarnation of the actor. Its inbox has the [default capacity](crate::DEFAULT_CAPACITY), and
    /// publishers wait for room in it. The long form is [`Topic::subscription`], with all there is to
    /// choose.
    pub fn subscribe<T: Clone + Send + 'static>(
        &mut self,
        topic: &Topic<T>,
        map: impl FnMut(T) -> A::Msg + 'static,
    ) -> Subscription {
        topic.subscription().subscribe(self, map)
    }
}

/// The handle of a subscription: ends it, from any thread.
///
/// Clones are handles of the same subscription. To drop them changes nothing, as with a
/// [`Timer`](crate::Timer): the subscription goes on. A handle keeps neither the topic nor the subscriber
/// alive.
///
/// # Examples
///
/// ```
/// use exeunt::{Actor, Context, Subscription, System, Topic};
///
/// struct Once { news: Topic<&'static str>, subscription: Option<Subscription> }
/// impl Actor for Once {
///     type Msg = &'static str;
///     fn started(&mut self, cx: &mut Context<Self>) -> exeunt::Result {
///         self.subscription = Some(cx.subscribe(&self.news, |news| news));
///         Ok(())
///     }
///     fn handle(&mut self, _: &'static str, _cx: &mut Context<Self>) -> exeunt::Result {
///         self.subscription.take().map(|subscription| subscription.unsubscribe());
///         Ok(())
///     }
/// }
///
/// let mut system = System::new("paper");
/// let news = Topic::new("news");
/// system.spawn("once", Once { news: news.clone(), subscription: None });
/// while news.subscribers().is_empty() {
///     std::thread::yield_now();
/// }
/// news.publish("the queen is dead").ok()?;
/// assert_eq!(system.wait().actor("once").unwrap().handled, 1); // it ends by itself
/// assert!(news.subscribers().is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Subscription {
    topic: Weak<dyn Register>,
    id: u64,
}

impl Subscription {
    /// Ends the subscription, and says whether it was there to end. What is in its inbox already is
    /// still handled; a publisher that is just publishing may add one more value.
    pub fn unsubscribe(&self) -> bool {
        self.topic.upgrade().is_some_and(|topic| topic.strike(self.id))
    }

    /// The state of the subscription; `None` if it is over, and that was noticed.
    #[must_use]
    pub fn look(&self) -> Option<Subscriber> {
        self.topic.upgrade()?.find(self.id)
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Subscription").field(&self.look()).finish()
    }
}

/// A topic, seen without the type of its values.
trait Register: Send + Sync + RefUnwindSafe {
    fn strike(&self, id: u64) -> bool;
    fn find(&self, id: u64) -> Option<Subscriber>;
}

impl<T: Send + 'static> Register for Inner<T> {
    fn strike(&self, id: u64) -> bool {
        let mut was_there = false;
        self.change(|members| {
            let before = members.len();
            members.retain(|member| member.id != id);
            was_there = members.len() < before;
        });
        was_there
    }

    fn find(&self, id: u64) -> Option<Subscriber> {
        self.members().iter().find(|member| member.id == id).map(Member::look)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subscription_looks_at_itself_and_ends_itself_alone() {
        let topic = Topic::new("prices");
        let inboxes = [(); 3].map(|()| mailbox::<u32>(4));
        let ids = inboxes.each_ref().map(|(addr, _)| topic.inner.add(addr.clone()));
        assert!(topic.inner.strike(ids[0]) && !topic.inner.strike(ids[0]));
        assert!(inboxes[2].0.try_send(1).is_ok());
        let queued = ids.map(|id| topic.inner.find(id).map(|subscriber| subscriber.queued));
        assert_eq!(queued, [None, Some(0), Some(1)]);
    }
}

//! [`Topic`]: publish and subscribe. Nothing here that a program could not write with the public
//! interface.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use crate::address::Addr;
use crate::error::SendTimeoutError;
use crate::unwind::lock;
pub use subscription::{Subscriber, Subscription, SubscriptionBuilder};

mod subscription;

/// A place where values are published, each to all who have subscribed.
///
/// Each subscriber has an inbox of its own for the topic. It chooses the capacity, and what becomes
/// of a value that finds no room there: the publisher waits, the oldest or the newest value is
/// dropped, or the value is refused. So a slow subscriber need not hold up the others. Clones are
/// the same topic.
///
/// # Guarantee
///
/// What a subscriber's inbox has accepted is one of that actor's messages: handled, failed or returned, in the order in
/// which its publisher published, and counted in the report. In the subscriber's turn its inbox closes, and what is in
/// it is handled to the last. What is dropped is *returned*, never just gone, and counted for each
/// [subscriber](Topic::subscribers). An actor subscribes on its own thread, in `started` as a rule, and does not get
/// what was published before. A publisher that is not to publish too early asks the actor something first, and has the
/// answer only after that.
///
/// # How long it lives
///
/// A topic is to its subscribers what an address is: **an actor that has subscribed lives as long as there
/// is a clone of the topic**, and so natural ends flow through it: when the last publisher has ended, and
/// its clone is gone, the subscribers handle what is left and end by themselves. A subscriber that keeps
/// the topic keeps itself alive until a drain: let it drop the topic when it has subscribed, as below, or
/// keep a [`WeakTopic`].
///
/// # The order of leaving
///
/// A publisher sends to its subscribers. If it was spawned after them it leaves before them, with nothing declared;
/// otherwise it [declares](crate::ActorBuilder::feeds) them by their own addresses. If a subscriber leaves first, what
/// is published then passes it over, and the report names the edge.
///
/// # Examples
///
/// ```
/// use exeunt::{Actor, Context, System, Topic};
///
/// #[derive(Clone)]
/// struct Price(u32);
///
/// enum Msg { Price(Price) }
///
/// struct Display { prices: Option<Topic<Price>>, highest: u32 }
///
/// impl Actor for Display {
///     type Msg = Msg;
///     fn started(&mut self, cx: &mut Context<Self>) -> exeunt::Result {
///         if let Some(prices) = self.prices.take() {
///             cx.subscribe(&prices, Msg::Price);
///         }
///         Ok(())
///     }
///     fn handle(&mut self, Msg::Price(Price(price)): Msg, _cx: &mut Context<Self>) -> exeunt::Result {
///         self.highest = self.highest.max(price);
///         Ok(())
///     }
///     fn stopped(&mut self, _cx: &mut Context<Self>) -> exeunt::Result {
///         assert_eq!(self.highest, 30);
///         Ok(())
///     }
/// }
///
/// let mut system = System::new("market");
/// let prices = Topic::new("prices");
/// for name in ["left", "right"] {
///     system.spawn(name, Display { prices: Some(prices.clone()), highest: 0 });
/// }
/// while prices.subscribers().len() < 2 {
///     std::thread::yield_now(); // until both have started
/// }
/// system.spawn_task("feed", move |_cx| {
///     for price in [10, 30, 20] {
///         assert_eq!(prices.publish(Price(price)).accepted, 2);
///     }
///     Ok(()) // and the topic is gone
/// });
/// let report = system.wait();
/// assert_eq!(report.actor("left").unwrap().handled, 3);
/// assert!(!report.is_failure());
/// ```
pub struct Topic<T: Clone + Send + 'static> {
    inner: Arc<Inner<T>>,
}

struct Inner<T: Send + 'static> {
    name: String,
    /// Replaced as a whole, so that a publisher that waits does not hold up subscribers that come
    /// or go.
    members: Mutex<Arc<Vec<Member<T>>>>,
    next_id: AtomicU64,
}

struct Member<T: Send + 'static> {
    id: u64,
    addr: Addr<T>,
    accepted: Arc<AtomicU64>,
}

impl<T: Clone + Send + 'static> Topic<T> {
    /// Makes a topic that nobody has subscribed to.
    pub fn new(name: impl Into<String>) -> Topic<T> {
        let (members, next_id) = (Mutex::default(), AtomicU64::new(0));
        Topic { inner: Arc::new(Inner { name: name.into(), members, next_id }) }
    }

    /// The name of the topic.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    // For publishers.

    /// Publishes a value: sends a clone of it to each subscriber, one after the other. It waits for room
    /// where that was [chosen](crate::Overflow), without a time-out.
    ///
    /// It is no error that there are no subscribers, or that one has left: it is passed over and removed. Other
    /// refusals are in the [result](Published): above all, a publishing actor that waits for room when its own deadline
    /// passes gets its value back.
    pub fn publish(&self, value: T) -> Published<T> {
        self.publish_by(value, |addr, value| addr.send_timeout(value, Duration::MAX))
    }

    /// Publishes a value as [`publish`](Topic::publish) does, and waits for each subscriber for `timeout`
    /// at most; not at all, if that is zero.
    pub fn publish_timeout(&self, value: T, timeout: Duration) -> Published<T> {
        self.publish_by(value, |addr, value| addr.send_timeout(value, timeout))
    }

    fn publish_by(
        &self,
        value: T,
        send: impl Fn(&Addr<T>, T) -> Result<(), SendTimeoutError<T>>,
    ) -> Published<T> {
        let members = self.inner.members();
        let mut published = Published { accepted: 0, refused: Vec::new() };
        let mut gone = Vec::new();
        let mut tell = |member: &Member<T>, value| match send(&member.addr, value) {
            Ok(()) => {
                member.accepted.fetch_add(1, Ordering::Relaxed);
                published.accepted += 1;
            }
            Err(SendTimeoutError::Closed(..)) if !member.has_left() => {}
            Err(SendTimeoutError::Closed(..)) => gone.push(member.id),
            Err(error) => published.refused.push(error),
        };
        if let Some((last, others)) = members.split_last() {
            others.iter().for_each(|member| tell(member, value.clone()));
            tell(last, value);
        }
        if !gone.is_empty() {
            self.inner.change(|members| members.retain(|member| !gone.contains(&member.id)));
        }
        published
    }

    /// The state of each subscriber, in the order of subscribing. A subscriber that has left is listed until that is
    /// noticed, by the next value or the next subscriber.
    #[must_use]
    pub fn subscribers(&self) -> Vec<Subscriber> {
        self.inner.members().iter().map(Member::look).collect()
    }

    // For subscribers.

    /// Begins to describe a subscription: capacity, overflow, and then
    /// [`subscribe`](SubscriptionBuilder::subscribe). [`Context::subscribe`](crate::Context::subscribe) is the short form.
    pub fn subscription(&self) -> SubscriptionBuilder<'_, T> {
        SubscriptionBuilder::new(self)
    }

    /// The topic, without keeping its subscribers alive.
    #[must_use]
    pub fn downgrade(&self) -> WeakTopic<T> {
        WeakTopic { inner: Arc::downgrade(&self.inner) }
    }
}

impl<T: Send + 'static> Inner<T> {
    fn members(&self) -> Arc<Vec<Member<T>>> {
        Arc::clone(&lock(&self.members))
    }

    fn change(&self, change: impl FnOnce(&mut Vec<Member<T>>)) {
        let mut members = lock(&self.members);
        let mut new: Vec<Member<T>> = members.iter().map(Member::copy).collect();
        change(&mut new);
        let old = std::mem::replace(&mut *members, Arc::new(new));
        // The last address of an inbox may go with it, and with that address what is still in the
        // inbox.
        drop(members);
        drop(old);
    }

    fn add(&self, addr: Addr<T>) -> u64 {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let member = Member { id, addr, accepted: Arc::default() };
        self.change(|members| {
            // Where nothing is published, nothing else notices that a subscriber has left.
            members.retain(|member| !member.has_left());
            members.push(member);
        });
        id
    }
}

impl<T: Send + 'static> Member<T> {
    fn copy(&self) -> Member<T> {
        Member { id: self.id, addr: self.addr.clone(), accepted: Arc::clone(&self.accepted) }
    }

    /// Whether it takes nothing any more from anybody. In its turn it is closed, but not for its children and the
    /// members of its ring.
    fn has_left(&self) -> bool {
        self.addr.mailbox().is_gone()
    }

    fn look(&self) -> Subscriber {
        Subscriber {
            name: self.addr.name().to_owned(),
            queued: self.addr.queued(),
            accepted: self.accepted.load(Ordering::Relaxed),
            dropped: self.addr.dropped(),
        }
    }
}

impl<T: Clone + Send + 'static> Clone for Topic<T> {
    fn clone(&self) -> Topic<T> {
        Topic { inner: Arc::clone(&self.inner) }
    }
}

impl<T: Clone + Send + 'static> fmt::Debug for Topic<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let subscribers: Vec<String> = self.subscribers().into_iter().map(|s| s.name).collect();
        f.debug_tuple("Topic").field(&self.name()).field(&subscribers).finish()
    }
}

/// A [`Topic`] that does not keep its subscribers alive.
///
/// For a subscriber that must be able to subscribe again, since it is
/// [restarted](crate::ActorBuilder::restart): a subscription belongs to one incarnation.
///
/// # Examples
///
/// ```
/// use exeunt::{Actor, Context, Restart, System, Topic, WeakTopic};
///
/// struct Display { prices: WeakTopic<u32> }
/// impl Actor for Display {
///     type Msg = u32;
///     fn started(&mut self, cx: &mut Context<Self>) -> exeunt::Result {
///         if let Some(prices) = self.prices.upgrade() {
///             cx.subscribe(&prices, |price| price);
///         }
///         Ok(())
///     }
///     fn handle(&mut self, price: u32, _cx: &mut Context<Self>) -> exeunt::Result {
///         if price == 13 { Err(exeunt::Error::msg("not that one")) } else { Ok(()) }
///     }
/// }
///
/// let mut system = System::new("market");
/// let prices = Topic::new("prices");
/// let weak = prices.downgrade();
/// let display = system.actor("display").restart(Restart::on_failure());
/// display.spawn_with(move || Display { prices: weak.clone() })?;
/// for price in [13, 14] {
///     while prices.subscribers().iter().all(|display| display.accepted > 0) {
///         std::thread::yield_now(); // until it has subscribed, and subscribed again
///     }
///     prices.publish(price).ok()?;
/// }
/// drop(prices); // the last one: the display has nothing more to wait for
/// let report = system.wait();
/// let display = report.actor("display").unwrap();
/// assert_eq!((display.handled, display.failed, display.restarts), (1, 1, 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct WeakTopic<T: Clone + Send + 'static> {
    inner: Weak<Inner<T>>,
}

impl<T: Clone + Send + 'static> WeakTopic<T> {
    /// The topic, unless nobody can publish there any more.
    #[must_use]
    pub fn upgrade(&self) -> Option<Topic<T>> {
        self.inner.upgrade().map(|inner| Topic { inner })
    }
}

impl<T: Clone + Send + 'static> Clone for WeakTopic<T> {
    fn clone(&self) -> WeakTopic<T> {
        WeakTopic { inner: Weak::clone(&self.inner) }
    }
}

impl<T: Clone + Send + 'static> fmt::Debug for WeakTopic<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WeakTopic(..)")
    }
}

/// What became of a value that was [published](Topic::publish).
#[derive(PartialEq, Eq)]
#[must_use = "some may have refused the value: `ok` makes an error of that"]
#[non_exhaustive]
pub struct Published<T> {
    /// How many subscribers have accepted it; those that dropped it, or another value for it,
    /// included.
    pub accepted: usize,
    /// The refusals of those that have not, each with its clone of the value and the [name](SendTimeoutError::name) of
    /// the subscriber: no room, no room in time, or a publisher that is past its own deadline. Subscribers that have
    /// left are not among them.
    pub refused: Vec<SendTimeoutError<T>>,
}

impl<T> Published<T> {
    /// How many have accepted it, if none has refused it. For `?`.
    ///
    /// # Errors
    ///
    /// The first refusal.
    pub fn ok(self) -> Result<usize, SendTimeoutError<T>> {
        match self.refused.into_iter().next() {
            None => Ok(self.accepted),
            Some(error) => Err(error),
        }
    }
}

impl<T> fmt::Debug for Published<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Published { accepted, refused } = self;
        f.debug_struct("Published").field("accepted", accepted).field("refused", refused).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subscribers_keep_their_order_and_their_counts_and_those_that_have_left_are_forgotten() {
        let topic = Topic::new("prices");
        let boxes = ["a", "b", "c", "d"].map(|name| {
            let (addr, inbox) = crate::mailbox(4);
            addr.mailbox().be_called(&name.into());
            (addr, inbox)
        });
        let add = |n: usize| topic.inner.add(boxes[n].0.clone());
        let seen = || -> Vec<_> {
            topic.subscribers().into_iter().map(|s| (s.name, s.accepted)).collect()
        };
        let named = |seen: &[(&str, u64)]| -> Vec<_> {
            seen.iter().map(|&(name, accepted)| (name.to_owned(), accepted)).collect()
        };
        add(0);
        add(1);
        assert_eq!(topic.publish(1).accepted, 2);
        add(2);
        assert_eq!(seen(), named(&[("a", 1), ("b", 1), ("c", 0)]));
        // Nothing is published that would notice it.
        drop(boxes[0].0.mailbox().evict());
        add(3);
        assert_eq!(seen(), named(&[("b", 1), ("c", 0), ("d", 0)]));
    }
}

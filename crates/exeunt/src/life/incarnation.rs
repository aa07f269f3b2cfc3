//! What is told to one incarnation of an actor, and what belongs to it alone: its orders, its children, and
//! the mailboxes that it has beside its own.

use std::iter;
use std::sync::Arc;

use super::Life;
use crate::event::Event;
use crate::mailbox::Post;
use crate::unwind;

/// What the conductor may tell a thread beside its turn and its deadline.
#[derive(Default)]
pub(super) struct Orders {
    summons: Option<Summons>,
    /// Set when the present incarnation is to end; a child of `stopping`. Made for the first waiter.
    incarnation: Option<Event>,
    /// Set when no wait of the present incarnation is to go on; a child of `must_stop`.
    interruption: Option<Event>,
    /// Set when it is deaf. Made for the first waiter.
    deafness: Option<Event>,
    /// The present incarnation waits for its children to leave and handles nothing meanwhile; of a life that stands for
    /// a pool, all its threads do that.
    is_deaf: bool,
    /// Of a life that stands for a pool: how many of its threads are not deaf.
    listening: usize,
}

/// Its events are set after its lock is let go: setting wakes futures, which is code of an executor's.
impl Orders {
    /// Makes it deaf. Gives whether it was before, and the event to be set.
    fn be_deaf(&mut self) -> (bool, Option<Event>) {
        (std::mem::replace(&mut self.is_deaf, true), self.deafness.clone())
    }

    /// Whether it was deaf.
    fn hear_again(&mut self) -> bool {
        // Those who waited have heard, and those who come now wait for the next time.
        self.deafness = None;
        std::mem::take(&mut self.is_deaf)
    }
}

/// An order to end the present incarnation, though not the life.
#[derive(Clone, Debug)]
pub(crate) enum Summons {
    /// It is to begin anew together with others.
    Retire,
    /// It has failed, though not by its own doing: because of a child, say.
    Fall(String),
}

/// The children of the present incarnation.
#[derive(Default)]
pub(super) struct Family {
    /// Whether there were any.
    is_founded: bool,
    /// They are leaving, or have left: there will be no more.
    is_closed: bool,
}

impl Life {
    /// The old incarnation has ended, and its children with it. What they did does not concern the next.
    pub(crate) fn begin_anew(&self) {
        let mut orders = unwind::lock(&self.orders);
        let was_deaf = orders.hear_again();
        // Others may have to begin anew meanwhile, and wait for this one.
        if !matches!(orders.summons, Some(Summons::Retire)) {
            *orders = Orders::default();
        }
        drop(orders);
        self.pool.iter().filter(|_| was_deaf).for_each(|pool| pool.one_more_listens());
        self.set_awaits_answers(iter::empty());
        *unwind::lock(&self.family) = Family::default();
        unwind::lock(&self.annexes).clear();
    }

    pub(crate) fn add_annex(&self, annex: Arc<dyn Post>) {
        let mut annexes = unwind::lock(&self.annexes);
        annexes.retain(|annex| !annex.is_gone());
        annexes.push(annex);
    }

    pub(crate) fn annexes(&self) -> Vec<Arc<dyn Post>> {
        unwind::lock(&self.annexes).clone()
    }

    /// It has left. Its mailboxes know their owner, so that mailboxes and owner would keep each other, and the stage.
    pub(crate) fn forget_annexes(&self) {
        let annexes = std::mem::take(&mut *unwind::lock(&self.annexes));
        drop(annexes);
    }

    /// The order to end this incarnation, if there is one.
    pub(crate) fn summons(&self) -> Option<Summons> {
        unwind::lock(&self.orders).summons.clone()
    }

    /// Set when the present incarnation is to end.
    pub(crate) fn incarnation(&self) -> Event {
        let mut orders = unwind::lock(&self.orders);
        let event = orders.incarnation.get_or_insert_with(|| self.stopping.child()).clone();
        let is_summoned = orders.summons.is_some();
        drop(orders);
        if is_summoned {
            event.set();
        }
        event
    }

    /// Set when no wait of the present incarnation is to go on: past the deadline, or when others
    /// have waited for too long for its end.
    pub(crate) fn interruption(&self) -> Event {
        let mut orders = unwind::lock(&self.orders);
        orders.interruption.get_or_insert_with(|| self.must_stop.child()).clone()
    }

    /// Interrupts the waits of the present incarnation.
    pub(crate) fn interrupt(&self) {
        self.interruption().set();
    }

    /// Whether it is to end, so that a wait that was cut short is no failure.
    pub(crate) fn is_interrupted(&self) -> bool {
        let orders = unwind::lock(&self.orders);
        self.must_stop.is_set() || orders.interruption.as_ref().is_some_and(Event::is_set)
    }

    /// Set when its children wait in vain for room in its mailbox, or for an answer of it: there will be none before
    /// they have left.
    pub(crate) fn deafness(&self) -> Event {
        let mut orders = unwind::lock(&self.orders);
        let deafness = orders.deafness.get_or_insert_default().clone();
        let is_deaf = orders.is_deaf;
        drop(orders);
        if is_deaf {
            deafness.set();
        }
        deafness
    }

    /// What ends a wait of `me` for it, beside its own end, if `me` is below it.
    pub(crate) fn deafness_for(&self, me: Option<&Life>) -> Option<Event> {
        me.filter(|me| me.descends_from(self)).map(|_| self.deafness())
    }

    /// It makes no room any more, or not before its children have left.
    pub(crate) fn listen_no_more(&self) {
        let (was_deaf, deafness) = unwind::lock(&self.orders).be_deaf();
        deafness.iter().for_each(Event::set);
        self.pool.iter().filter(|_| !was_deaf).for_each(|pool| pool.one_less_listens());
    }

    /// Another thread of the pool makes room. For a life that stands for a pool.
    pub(crate) fn one_more_listens(&self) {
        let mut orders = unwind::lock(&self.orders);
        orders.listening += 1;
        // If it was not deaf, those who wait have not heard, and are to be told by the last of its threads.
        if orders.is_deaf {
            orders.hear_again();
        }
    }

    fn one_less_listens(&self) {
        let mut orders = unwind::lock(&self.orders);
        orders.listening -= 1;
        let deafness = if orders.listening == 0 { orders.be_deaf().1 } else { None };
        drop(orders);
        deafness.iter().for_each(Event::set);
    }

    /// Whether the present incarnation has had children; of a life that stands for a pool, whether any of its threads
    /// ever had.
    pub(crate) fn has_had_children(&self) -> bool {
        unwind::lock(&self.family).is_founded
    }

    /// Says whether there may be another child; if so, there is one.
    pub(crate) fn found_family(&self) -> bool {
        let mut family = unwind::lock(&self.family);
        let is_open = !family.is_closed;
        family.is_founded |= is_open;
        drop(family);
        if let (Some(pool), true) = (&self.pool, is_open) {
            unwind::lock(&pool.family).is_founded = true;
        }
        is_open
    }

    /// Whether its children have been told to leave, if there were any.
    pub(crate) fn is_family_closed(&self) -> bool {
        unwind::lock(&self.family).is_closed
    }

    /// Whether it has had children that have not been told to leave.
    pub(crate) fn has_family(&self) -> bool {
        let family = unwind::lock(&self.family);
        family.is_founded && !family.is_closed
    }

    /// From here on there will be no more children of this incarnation. Says whether there are any
    /// that have not been told to leave.
    pub(crate) fn close_family(&self) -> bool {
        let mut family = unwind::lock(&self.family);
        !std::mem::replace(&mut family.is_closed, true) && family.is_founded
    }

    /// Orders it to end the present incarnation. Whoever rings its bell afterwards makes it look.
    pub(crate) fn summon(&self, summons: Summons) {
        let mut orders = unwind::lock(&self.orders);
        match summons {
            // Others wait for it, whatever else has happened to it.
            Summons::Retire => orders.summons = Some(summons),
            Summons::Fall(_) => drop(orders.summons.get_or_insert(summons)),
        }
        let incarnation = orders.incarnation.clone();
        drop(orders);
        incarnation.iter().for_each(Event::set);
    }

    /// Takes back what it was ordered, since that incarnation is over. Called where the orders are given, so that none
    /// that is still to come is lost.
    pub(crate) fn countermand(&self) {
        let mut orders = unwind::lock(&self.orders);
        // Its children may wait for room already, and are to hear that there will be none.
        let Orders { deafness, is_deaf, .. } = std::mem::take(&mut *orders);
        *orders = Orders { deafness, is_deaf, ..Orders::default() };
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::task::{Wake, Waker};

    use super::*;
    use crate::waiters::Ticket;

    /// Somebody who looks at the orders of a life when it is woken, as a future may that an executor polls at once.
    struct Onlooker(Arc<Life>, AtomicU32);

    impl Wake for Onlooker {
        fn wake(self: Arc<Self>) {
            assert!(self.0.orders.try_lock().is_ok(), "it would wait for ever");
            self.1.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// What is waited for, and what sets it.
    type Act = (fn(&Life) -> Event, fn(&Life));

    #[test]
    fn f2_m4_who_is_woken_by_an_order_or_by_deafness_may_look_at_the_orders() {
        let acts: [Act; 3] = [
            (Life::deafness, Life::listen_no_more),
            (
                |life| {
                    life.one_more_listens();
                    life.deafness()
                },
                Life::one_less_listens,
            ),
            (Life::incarnation, |life| life.summon(Summons::Retire)),
        ];
        for (event, act) in acts {
            let life = Arc::new(Life::unstarted());
            let onlooker = Arc::new(Onlooker(Arc::clone(&life), AtomicU32::new(0)));
            event(&life).waiters().add(Ticket::next(), &Waker::from(Arc::clone(&onlooker)));
            act(&life);
            assert_eq!(onlooker.1.load(Ordering::SeqCst), 1);
        }
    }

    #[test]
    fn m4_m5_who_waits_for_a_pool_hears_that_it_is_deaf_though_another_thread_has_begun_meanwhile()
    {
        let pool = Life::unstarted();
        pool.one_more_listens();
        let deafness = pool.deafness();
        pool.one_more_listens();
        pool.one_less_listens();
        assert!(!deafness.is_set());
        pool.one_less_listens();
        assert!(deafness.is_set());
        // Those who come when it hears again wait for the next time.
        pool.one_more_listens();
        assert!(!pool.deafness().is_set());
    }
}

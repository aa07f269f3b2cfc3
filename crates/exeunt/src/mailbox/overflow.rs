//! [`Overflow`]: what becomes of a message for which there is no room.

use crossbeam_channel::{never, select};

use super::dead_letters::Undertaker;
use super::queue::Caller;
use super::{Letter, Mailbox, Refusal, Waited};
use crate::event::Event;
use crate::life::Life;
use crate::notice::ReturnedBecause;

/// What a [`send`](crate::Addr::send) does when the mailbox is full. Chosen for an actor with
/// [`ActorBuilder::overflow`](crate::ActorBuilder::overflow).
///
/// What is dropped is *returned*, never just gone. The message is accepted, handed to the [dead-letter
/// hook](crate::ActorBuilder::returned), and counted in the report: among the returned, and apart as
/// [`overflowed`](crate::ActorReport::overflowed). That was what the mailbox was asked to do, and makes no drain
/// [incomplete](crate::Report::is_complete).
///
/// The hook is called **on the sender's thread**, by one thread at a time, in the order in which
/// the messages were dropped. While one sender is in the hook another waits, as it would wait for
/// room: until it times out, is told to stop, or the mailbox closes.
/// [`try_send`](crate::Addr::try_send) does not wait, and says [`Full`](crate::TrySendError::Full).
/// So does every send that is made inside a dead-letter hook and would have to wait for one, its
/// own among them. A message that is dropped where there is no hook makes nobody wait.
///
/// An unbounded mailbox never overflows. Until its actor is spawned, a full
/// [inbox](crate::mailbox()) always makes senders wait.
///
/// # Examples
///
/// Only the newest readings are of interest:
///
/// ```
/// use std::sync::mpsc;
/// use exeunt::{Actor, Context, Event, Overflow, System};
///
/// struct Display(Event, Vec<u32>);
/// impl Actor for Display {
///     type Msg = u32;
///     fn handle(&mut self, reading: u32, _cx: &mut Context<Self>) -> exeunt::Result {
///         self.0.wait(); // a slow one
///         self.1.push(reading);
///         Ok(())
///     }
///     fn stopped(&mut self, _cx: &mut Context<Self>) -> exeunt::Result {
///         assert_eq!(self.1.last(), Some(&99));
///         Ok(())
///     }
/// }
///
/// let go_on = Event::new();
/// let (outdated, dropped) = mpsc::channel();
/// let mut system = System::new("gauge");
/// let display = system
///     .actor("display")
///     .capacity(4)
///     .overflow(Overflow::DropOldest)
///     .returned(move |reading| { let _ = outdated.send(reading); })
///     .spawn(Display(go_on.clone(), Vec::new()))?;
/// for reading in 0..100 {
///     display.send(reading)?; // never waits for the display
/// }
/// go_on.set();
///
/// let report = system.shutdown();
/// let line = report.actor("display").unwrap();
/// assert_eq!(line.handled + line.returned, 100);
/// assert_eq!(line.returned, dropped.iter().count() as u64);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
#[non_exhaustive]
pub enum Overflow {
    /// Waits for room.
    #[default]
    Wait,
    /// Gives the message back: [`SendError::Full`](crate::SendError::Full).
    Refuse,
    /// The message itself is returned.
    DropNewest,
    /// The message that has waited longest is returned, and this one takes its place.
    DropOldest,
}

impl Overflow {
    /// Whether it makes room by dropping a message.
    pub(crate) fn drops(self) -> bool {
        matches!(self, Overflow::DropNewest | Overflow::DropOldest)
    }
}

impl<M: Send + 'static> Mailbox<M> {
    /// To be called before the mailbox has an owner.
    pub(crate) fn set_overflow(&self, overflow: Overflow) {
        let _ = self.overflow.set(overflow);
    }

    /// Whether that was chosen.
    pub(crate) fn has_overflow(&self) -> bool {
        self.overflow.get().is_some()
    }

    pub(crate) fn overflow(&self) -> Overflow {
        match (self.owner.get(), self.overflow.get()) {
            (Some(_), Some(&overflow)) => overflow,
            _ => Overflow::Wait,
        }
    }

    /// Waits for the hook, the closing, `interrupt` or `deadline`, whichever is first.
    pub(crate) fn wait_for_undertaker(
        &self,
        interrupt: Option<&Event>,
        deadline: Option<std::time::Instant>,
    ) -> Result<Undertaker<'_, M>, Waited<()>> {
        let Some(home) = self.dead_letters.receiver() else {
            return Ok(self.dead_letters.wait());
        };
        let nobody = never();
        let interrupted = interrupt.map_or(&nobody, Event::receiver);
        let timeout = deadline.map_or_else(never, crossbeam_channel::at);
        let (over, deafness) = self.what_ends_a_wait();
        let deaf = deafness.as_ref().map_or(&nobody, Event::receiver);
        select! {
            recv(home) -> hook => Ok(self.dead_letters.undertaker(hook.ok().flatten())),
            recv(over.receiver()) -> _ => match self.is_open_for_family() {
                // This thread has become one of the mailbox's ring with the closing.
                true => self.wait_for_undertaker(interrupt, deadline),
                false => Err(Waited::Closed(())),
            },
            recv(deaf) -> _ => Err(Waited::Closed(())),
            recv(interrupted) -> _ => Err(Waited::Interrupted(())),
            recv(timeout) -> _ => Err(Waited::Timeout(())),
        }
    }

    /// Accepts a message for which there is no room, and returns another one or this one. Gives
    /// it back if the mailbox is closed.
    pub(crate) fn displace(
        &self,
        message: M,
        owner: &Life,
        mut undertaker: Undertaker<'_, M>,
    ) -> Result<(), M> {
        let mut message = Some(message);
        for caller in [Caller::Anybody, Caller::Family] {
            // Taken and counted, both or neither. If the system has had the last word, neither: then
            // the mailbox is closed.
            let returned = owner.take_overflowed(|| self.make_room(&mut message, caller));
            self.bury_by(&mut undertaker, returned);
            // With the closing, a member of its ring has become one of the family.
            if message.is_none() || !self.is_of_the_family() {
                break;
            }
        }
        message.map_or(Ok(()), Err)
    }

    /// Puts the message in, and gives what has to go for it. Leaves the message where it is if the door is closed.
    fn make_room(&self, message: &mut Option<M>, caller: Caller) -> Vec<M> {
        // Held to the end: the actor cannot be gone before what is returned here is counted, and the door cannot close
        // between the message that goes and the one that comes in its place.
        let _last_word = self.last_word();
        let queue = &self.ordinary.queue;
        let mut returned = Vec::new();
        while let Some(ours) = message.take() {
            match queue.put(ours, caller) {
                // The reader may have emptied the mailbox since it was found full, and sleep.
                Ok(()) => self.announce(),
                Err(Refusal::Full(ours)) if self.overflow() == Overflow::DropNewest => {
                    returned.push(ours);
                }
                // Others may be quicker to take the place. Then the next message goes: each of
                // them has put one in.
                Err(Refusal::Full(ours)) => {
                    returned.extend(queue.take().map(Letter::open));
                    *message = Some(ours);
                }
                Err(Refusal::Closed(ours)) => {
                    *message = Some(ours);
                    break;
                }
            }
        }
        // Under the lock: when the mailbox is closed for good, all are counted.
        if let (1.., Some(untold)) = (returned.len(), self.losses.add(returned.len() as u64)) {
            self.tell_returned(untold, ReturnedBecause::Overflow);
        }
        returned
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, mpsc};
    use std::thread;
    use std::time::{Duration, Instant};

    use super::super::queue::Door;
    use super::super::tests::wakes;
    use super::*;
    use crate::capacity::Capacity;
    use crate::life;
    use crate::mailbox::{Post, Wire};

    /// A mailbox of one place that is full with 1, whose actor has no thread.
    fn full(overflow: Overflow) -> (Arc<Mailbox<u32>>, Arc<Life>, mpsc::Receiver<u32>) {
        let (sender, returned) = mpsc::channel();
        let mailbox = Mailbox::new(Capacity::Bounded(1));
        mailbox.set_overflow(overflow);
        mailbox.set_dead_letters(Box::new(move |n| sender.send(n).unwrap()));
        let life = Arc::new(Life::unstarted());
        mailbox.belong_to(&life);
        assert!(mailbox.offer(&mailbox.ordinary, 1).is_ok());
        (mailbox, life, returned)
    }

    fn displace(mailbox: &Mailbox<u32>, life: &Life, message: u32) -> Result<(), u32> {
        mailbox.displace(message, life, mailbox.dead_letters.try_take().unwrap())
    }

    #[test]
    fn m1_what_is_displaced_is_counted_and_the_rest_stays() {
        for (overflow, gone, left) in [(Overflow::DropNewest, 2, 1), (Overflow::DropOldest, 1, 2)] {
            let (mailbox, life, returned) = full(overflow);
            assert_eq!(displace(&mailbox, &life, 2), Ok(()));
            assert_eq!(returned.try_iter().collect::<Vec<_>>(), [gone]);
            assert_eq!((life.figures().returned, mailbox.dropped()), (1, 1));
            assert_eq!((mailbox.take(), mailbox.take()), (Some(left), None));
        }
    }

    #[test]
    fn m1_room_that_came_meanwhile_is_taken() {
        for overflow in [Overflow::DropNewest, Overflow::DropOldest] {
            let (mailbox, life, returned) = full(overflow);
            assert_eq!(mailbox.take(), Some(1));
            assert_eq!(displace(&mailbox, &life, 2), Ok(()));
            assert_eq!(returned.try_iter().count(), 0);
            assert_eq!(mailbox.take(), Some(2));
        }
    }

    #[test]
    fn m1_what_takes_room_that_came_meanwhile_wakes_a_reader_that_sleeps() {
        let (mailbox, life, _returned) = full(Overflow::DropOldest);
        assert_eq!(mailbox.take(), Some(1));
        assert!(wakes(&mailbox, |it| assert_eq!(displace(it, &life, 2), Ok(()))));
    }

    #[test]
    fn m1_what_takes_room_that_came_meanwhile_wakes_whoever_watches() {
        let (mailbox, life, _returned) = full(Overflow::DropOldest);
        assert_eq!(mailbox.take(), Some(1));
        let wire = Arc::new(Wire::new());
        assert!(mailbox.watch(&wire));
        assert_eq!(displace(&mailbox, &life, 2), Ok(()));
        assert!(wire.pick_up());
    }

    #[test]
    fn m1_who_comes_after_the_closing_displaces_nothing() {
        for overflow in [Overflow::DropNewest, Overflow::DropOldest] {
            let (mailbox, life, returned) = full(overflow);
            mailbox.close();
            assert_eq!(displace(&mailbox, &life, 2), Err(2));
            assert_eq!(mailbox.take(), Some(1));
            assert!(mailbox.finish());
            assert_eq!(displace(&mailbox, &life, 3), Err(3));
            assert_eq!((life.figures().returned, returned.try_iter().count()), (0, 0));
        }
    }

    #[test]
    fn m1_nothing_is_displaced_between_the_last_look_and_the_end() {
        for overflow in [Overflow::DropNewest, Overflow::DropOldest] {
            let (mailbox, life, returned) = full(overflow);
            // The actor is in `finish`, and has looked.
            let mut last_word = mailbox.last_word();
            let (done, result) = mpsc::channel();
            let sender = thread::spawn({
                let mailbox = Arc::clone(&mailbox);
                move || done.send(displace(&mailbox, &life, 2))
            });
            assert!(result.recv_timeout(Duration::from_millis(20)).is_err());
            mailbox.hold().close(Door::Shut);
            last_word.gone = true;
            drop(last_word);
            assert_eq!(result.recv(), Ok(Err(2)));
            assert!(sender.join().is_ok());
            assert_eq!(returned.try_iter().count(), 0);
        }
    }

    #[test]
    fn m1_o3_nothing_goes_at_the_closing_for_a_message_that_is_refused() {
        let (mailbox, life, returned) = full(Overflow::DropOldest);
        let accepted = thread::scope(|scope| {
            let nobody_takes = mailbox.ordinary.queue.hold_front();
            let sender = scope.spawn(|| displace(&mailbox, &life, 2).is_ok());
            while mailbox.last_word.try_lock().is_ok() {
                thread::yield_now();
            }
            // It has found the mailbox full, and is about to take the oldest.
            let closer = scope.spawn(|| mailbox.close());
            thread::sleep(Duration::from_millis(20));
            drop(nobody_takes);
            assert!(closer.join().is_ok());
            sender.join().unwrap()
        });
        let (gone, left) = if accepted { (vec![1], 2) } else { (vec![], 1) };
        assert_eq!(returned.try_iter().collect::<Vec<_>>(), gone);
        assert_eq!(mailbox.evict(), [left]);
    }

    #[test]
    fn m1_o4_who_becomes_one_of_the_ring_with_the_closing_still_displaces() {
        let (mailbox, life, returned) = full(Overflow::DropOldest);
        let member = Arc::new(Life::unstarted());
        let last_word = mailbox.last_word();
        thread::scope(|scope| {
            let (done, sent) = mpsc::channel();
            let (mailbox, life, sender) = (&mailbox, &life, Arc::clone(&member));
            scope.spawn(move || {
                life::set_current(sender);
                done.send(displace(mailbox, life, 2))
            });
            assert!(sent.recv_timeout(Duration::from_millis(20)).is_err());
            [life, &member].iter().for_each(|life| life.join_ring(0));
            mailbox.hold().close(Door::ForFamily);
            drop(last_word);
            assert_eq!(sent.recv(), Ok(Ok(())));
        });
        assert_eq!(returned.try_iter().collect::<Vec<_>>(), [1]);
    }

    #[test]
    fn m2_m4_a_wait_for_the_hook_is_over_at_each_of_its_ends() {
        let (mailbox, life, _returned) = full(Overflow::DropOldest);
        let mut child = Life::unstarted();
        child.parent = Some(Arc::clone(&life));
        let (now, never) = (Instant::now(), Instant::now() + Duration::from_secs(30));
        let (interrupt, hook) = (Event::new(), mailbox.dead_letters.try_take());
        let wait = |interrupt, until| match mailbox.wait_for_undertaker(interrupt, Some(until)) {
            Ok(_) => "the hook",
            Err(Waited::Closed(())) => "closed",
            Err(Waited::Timeout(())) => "timeout",
            Err(Waited::Interrupted(())) => "interrupted",
        };
        assert_eq!(wait(Some(&interrupt), now), "timeout");
        interrupt.set();
        assert_eq!(wait(Some(&interrupt), never), "interrupted");
        mailbox.close();
        assert_eq!(wait(None, never), "closed");
        let seen_by_the_child = || {
            life::set_current(Arc::new(child));
            let while_it_listens = wait(None, now);
            life.listen_no_more();
            (while_it_listens, wait(None, never))
        };
        let seen = thread::scope(|scope| scope.spawn(seen_by_the_child).join()).unwrap();
        assert_eq!(seen, ("timeout", "closed"));
        drop(hook);
    }

    #[test]
    fn m1_o4_who_becomes_one_of_the_ring_with_the_closing_waits_on_for_the_hook() {
        let (mailbox, life, _returned) = full(Overflow::DropOldest);
        let (member, hook) = (Arc::new(Life::unstarted()), mailbox.dead_letters.try_take());
        thread::scope(|scope| {
            let (done, result) = mpsc::channel();
            let (mailbox, sender) = (&mailbox, Arc::clone(&member));
            scope.spawn(move || {
                life::set_current(sender);
                done.send(mailbox.wait_for_undertaker(None, None).is_ok())
            });
            assert!(result.recv_timeout(Duration::from_millis(20)).is_err());
            [&life, &member].iter().for_each(|life| life.join_ring(0));
            mailbox.close();
            assert!(result.recv_timeout(Duration::from_millis(20)).is_err());
            drop(hook);
            assert_eq!(result.recv(), Ok(true));
        });
    }

    #[test]
    fn m4_nothing_is_dropped_before_the_actor_is_there_of_which_it_was_said() {
        let mailbox = Mailbox::<u32>::new(Capacity::Bounded(1));
        mailbox.set_overflow(Overflow::DropOldest);
        assert_eq!(mailbox.overflow(), Overflow::Wait);
        mailbox.belong_to(&Arc::new(Life::unstarted()));
        assert_eq!(mailbox.overflow(), Overflow::DropOldest);
    }

    #[test]
    fn m1_what_the_system_is_about_to_take_is_nobody_elses_to_displace() {
        let (mailbox, life, returned) = full(Overflow::DropOldest);
        assert!(life.disown().is_some());
        assert_eq!(displace(&mailbox, &life, 2), Err(2));
        let (taken, bury) = Arc::clone(&mailbox).take_over(ReturnedBecause::Abandoned);
        bury();
        assert_eq!((taken, returned.try_iter().collect::<Vec<_>>()), (1, vec![1]));
    }

    #[test]
    fn m1_the_hook_of_an_abandoned_actor_is_not_its_threads_to_drop() {
        let (mailbox, life, returned) = full(Overflow::Wait);
        assert!(life.disown().is_some());
        // The thread comes back just now, and goes its way out.
        mailbox.forget_dead_letters();
        let (_, bury) = Arc::clone(&mailbox).take_over(ReturnedBecause::Abandoned);
        bury();
        assert_eq!(returned.iter().collect::<Vec<_>>(), [1]);
    }
}

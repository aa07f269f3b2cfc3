//! The senders' part: `mailbox/sending.rs`, `offer`, `wait_for_room`, `look_again`, `settle`.

use super::{
    Answer, Closing, Displacing, ORDINARY, Overflow, Parcel, Sender, Sending, State, Thread,
    URGENT, Without,
};
use crate::protocol::Steps;

impl Closing {
    pub(super) fn send(&self, i: usize, steps: &mut Steps<'_, State>) {
        let from = steps.from;
        let Sender { at, message, sent } = from.senders[i];
        let Some(&lane) = self.sends[i].get(sent) else { return };
        let parcel = Parcel { message, ticket: i };
        let name = format!("sender {i}");
        let has_room = self.has_room(from, lane);
        let is_child = self.is_child(i);
        let looks = lane != URGENT || self.without != Without::ClosedForUrgent;
        let drops = lane == ORDINARY && self.overflow != Overflow::Wait;
        match at {
            // is_open_for_family: under the lock
            Sending::Look | Sending::OfferAgain if from.closed && is_child => {
                if from.lock.is_some() {
                    return;
                }
                let does = if from.gone { "finds it closed for good" } else { "finds it open" };
                steps.add(name, does, |next| match (from.gone, at) {
                    (true, _) => next.answer(i, Answer::Refused(message), self),
                    (_, Sending::Look) => next.senders[i].at = Sending::TrySend,
                    _ => next.senders[i].at = Sending::Put(self.way_into(lane, from)),
                });
            }
            // offer_again
            Sending::OfferAgain => steps.add(name, "finds it open", |next| {
                next.senders[i].at = Sending::Put(lane);
            }),
            Sending::Put(way) if self.has_room(from, way) => self.put(parcel, way, name, steps),
            Sending::Put(_) => steps.add(name, "finds it full", |next| {
                next.senders[i].at = Sending::WaitForRoom;
            }),
            // offer: `if self.closed.load(Ordering::Acquire)`
            Sending::Look if from.closed && looks => {
                steps.add(name, "finds it closed", |next| {
                    next.answer(i, Answer::Refused(message), self);
                });
            }
            Sending::Look => {
                steps.add(name, "finds it open", |next| next.senders[i].at = Sending::TrySend);
            }
            // put: `way.sender.try_send(..)`
            Sending::TrySend if has_room => self.put(parcel, lane, name, steps),
            Sending::TrySend => steps.add(name, "finds it full", |next| {
                next.senders[i].at = match drops {
                    true => Sending::Displace(Displacing::WaitForHook),
                    false => Sending::WaitForRoom,
                };
            }),
            // wait_for_room: it offers again when it is called, for which `code` and `litmus` stand, or sleeps until the closing
            Sending::WaitForRoom if is_child => {
                if self.has_room(from, self.way_into(lane, from)) || from.gone {
                    steps.add(name, "is called", |next| next.senders[i].at = Sending::OfferAgain);
                }
            }
            Sending::WaitForRoom => {
                if has_room {
                    self.put(parcel, lane, name.clone(), steps);
                }
                if from.closing {
                    steps.add(name, "is woken by the closing", |next| {
                        next.answer(i, Answer::Refused(message), self);
                    });
                }
            }
            // look_again: `if self.closed.load(Ordering::SeqCst)`
            Sending::LookAgain if !from.closed || !looks => {
                steps.add(name, "finds it open still", |next| {
                    next.answer(i, Answer::Accepted, self);
                });
            }
            Sending::LookAgain if self.without == Without::Settling => {
                let does = "finds it closed now, and takes it that the actor looks";
                steps.add(name, does, |next| next.answer(i, Answer::Accepted, self));
            }
            Sending::LookAgain => {
                steps.add(name, "finds it closed now", |next| next.senders[i].at = Sending::Lock);
            }
            // settle: `self.last_word()`
            Sending::Lock if from.lock.is_none() => steps.add(name, "takes the lock", |next| {
                next.lock = Some(Thread::Sender(i));
                next.senders[i].at = Sending::Settle;
            }),
            Sending::Lock | Sending::Done => {}
            // settle: `lane.closed_ways(is_gone)`
            Sending::Settle if !from.gone && !from.has_stage_doors => {
                steps.add(name, "finds the actor there, lets the lock go", |next| {
                    next.lock = None;
                    next.answer(i, Answer::Accepted, self);
                });
            }
            Sending::Settle => steps.add(name, "finds the way closed for good", |next| {
                let first = match self.without {
                    Without::UrgentInSettle => ORDINARY,
                    Without::StageDoorInSettle => self.top(),
                    _ if from.gone => self.open_ways(from).end - 1,
                    _ => self.top(),
                };
                next.senders[i].at = Sending::Sweep(first);
            }),
            Sending::Sweep(way) => self.sweep(i, way, name, steps),
            Sending::Displace(how) => self.displace(i, how, name, steps),
        }
    }

    fn put(&self, parcel: Parcel, way: usize, name: String, steps: &mut Steps<'_, State>) {
        steps.add(name, &format!("puts message {} in", parcel.message), |next| {
            next.ways[way].push(parcel);
            match self.without {
                Without::SecondLook => next.answer(parcel.ticket, Answer::Accepted, self),
                _ => next.senders[parcel.ticket].at = Sending::LookAgain,
            }
        });
    }

    /// settle, with the lock
    fn sweep(&self, i: usize, way: usize, name: String, steps: &mut Steps<'_, State>) {
        match steps.from.ways[way].first() {
            // `last_word.strays.extend(way.receiver.try_iter())`, one by one
            Some(found) => {
                let does = format!("takes message {} out", found.message);
                steps.add(name, &does, |next| {
                    let found = next.ways[way].remove(0);
                    if self.without != Without::Strays || found.ticket == i {
                        next.strays.push(found);
                    }
                });
            }
            None if way > ORDINARY => steps.add(name, "finds it empty", |next| {
                next.senders[i].at = Sending::Sweep(way - 1);
            }),
            // `last_word.strays.iter().position(..)`
            None => steps.add(name, "looks for its own, lets the lock go", |next| {
                let is_its_own =
                    |stray: &Parcel| stray.ticket == i || self.without == Without::Tickets;
                let own = next.strays.iter().position(is_its_own);
                let own = own.map(|at| next.strays.swap_remove(at));
                next.lock = None;
                match own {
                    // heed: `or_else(|message| self.offer_again(lane, message))`
                    Some(own)
                        if self.is_child(i)
                            && own.message == next.senders[i].message
                            && self.without != Without::OfferAgain =>
                    {
                        next.senders[i].at = Sending::OfferAgain;
                    }
                    Some(own) => next.answer(i, Answer::Refused(own.message), self),
                    None => next.answer(i, Answer::Accepted, self),
                }
            }),
        }
    }
}

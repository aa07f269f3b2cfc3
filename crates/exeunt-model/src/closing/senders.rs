//! The senders' part: `sending.rs`, `overflow.rs`.

use super::{
    Answer, Closing, Displacing, Door, FOR_NOTHING, ORDINARY, Overflow, Sender, Sending, State,
    Thread, Who, Without,
};
use crate::protocol::Steps;

/// What a lane says to a message.
enum Put {
    Done,
    Full,
    Closed,
}

impl Closing {
    pub(super) fn send(&self, i: usize, steps: &mut Steps<'_, State>) {
        let from = steps.from;
        let Sender { at, waits, message, sent, .. } = from.senders[i];
        let Some(&lane) = self.sends[i].1.get(sent) else { return };
        let name = format!("sender {i}");
        let mut go = |does: &str, to: Sending| {
            steps.add(name.clone(), does, |next| next.senders[i].at = to);
        };
        match at {
            Sending::Offer | Sending::OfferAgain => match (self.offer(from, i, lane), at) {
                (Put::Done, _) => steps.add(name, &format!("puts message {message} in"), |next| {
                    next.lanes[lane].messages.push(message);
                    next.answer(i, Answer::Accepted, self);
                }),
                (Put::Closed, _) => steps.add(name, "finds it closed", |next| {
                    next.answer(i, Answer::Refused, self);
                }),
                (Put::Full, Sending::OfferAgain) => go("finds it full still", Sending::Sleep),
                (Put::Full, _) if lane == ORDINARY && self.overflow != Overflow::Wait => {
                    go("finds it full", Sending::Displace(Displacing::WaitForHook));
                }
                (Put::Full, _) => go("finds it full", Sending::Come),
            },
            // lane.rs, queue_up
            Sending::Come => steps.add(name, "comes to wait for room", |next| {
                next.senders[i].waits = true;
                next.senders[i].at = match self.without {
                    Without::ComeFirst => Sending::Sleep,
                    _ => Sending::OfferAgain,
                };
            }),
            Sending::Sleep if !waits => go(
                "is woken",
                match self.without {
                    Without::ComeFirst => Sending::Offer,
                    _ => Sending::Come,
                },
            ),
            Sending::Sleep | Sending::Done => {}
            Sending::Displace(how) => self.displace(i, how, name, steps),
        }
    }

    /// sending.rs, offer: as anybody; if it is closed, and the sender is of the family, as one of them. In one step: a door
    /// that is closed is never opened again, and the members of a ring know each other before it is.
    fn offer(&self, state: &State, i: usize, lane: usize) -> Put {
        self.put(state, lane, self.is_of_the_family(state, i))
    }

    /// queue.rs, put
    fn put(&self, state: &State, lane: usize, as_family: bool) -> Put {
        let is_open = match state.lanes[lane].door {
            _ if self.without == Without::Door => true,
            Door::Open => true,
            Door::ForFamily => as_family,
            Door::Shut => false,
        };
        match state.lanes[lane].messages.len() < self.capacities[lane] {
            _ if !is_open => Put::Closed,
            true => Put::Done,
            false => Put::Full,
        }
    }

    fn is_of_the_family(&self, state: &State, i: usize) -> bool {
        match self.sends[i].0 {
            _ if self.without == Without::DoorForFamily => false,
            Who::Stranger => false,
            Who::Child | Who::Orphan => true,
            Who::Neighbour => state.is_acquainted,
        }
    }

    /// overflow.rs, displace
    fn displace(&self, i: usize, how: Displacing, name: String, steps: &mut Steps<'_, State>) {
        let from = steps.from;
        let Sender { message, as_family, .. } = from.senders[i];
        let is_of_the_family = self.is_of_the_family(from, i);
        let me = Thread::Sender(i);
        let has_ledger = self.without != Without::LedgerInDisplace;
        let has_lock = self.without != Without::LockInDisplace;
        let mut go = |does: &str, to: Displacing, step: &dyn Fn(&mut State)| {
            steps.add(name.clone(), does, |next| {
                step(next);
                next.senders[i].at = Sending::Displace(to);
            });
        };
        match how {
            // ../address.rs, drop_one: `dead_letters.try_take()`; wait_for_undertaker
            Displacing::WaitForHook => {
                if from.hook.is_none() {
                    go("takes the hook", Displacing::Ledger, &|next| next.hook = Some(me));
                }
                // Who has become one of the family with the closing waits on.
                let knows = is_of_the_family && self.without != Without::WaitAgain;
                let is_over = if knows { from.ended } else { from.closing };
                if is_over {
                    steps.add(name, "waits for the hook no more", |next| {
                        next.answer(i, Answer::Refused, self);
                    });
                }
            }
            // `owner.take_overflowed(..)`; ../life/ledger.rs, take_counted
            Displacing::Ledger if !has_ledger => {
                go("takes no ledger", Displacing::LastWord, &|_| {});
            }
            Displacing::Ledger if from.ledger.is_none() => {
                match from.is_disowned && self.without != Without::DisownedInDisplace {
                    true => go("finds it given up", Displacing::Home(Answer::Refused), &|_| {}),
                    false => go("takes the ledger", Displacing::LastWord, &|next| {
                        next.ledger = Some(me);
                    }),
                }
            }
            // make_room: `self.last_word()`
            Displacing::LastWord if !has_lock => go("takes no lock", Displacing::Offer(0), &|_| {}),
            Displacing::LastWord if from.last_word.is_none() => {
                go("takes the lock", Displacing::Offer(0), &|next| next.last_word = Some(me));
            }
            Displacing::Ledger | Displacing::LastWord => {}
            // make_room: `queue.put(ours, caller)`
            Displacing::Offer(taken) => match self.put(from, ORDINARY, as_family) {
                Put::Done => {
                    let to = Displacing::Lose(taken, Answer::Accepted);
                    go(&format!("puts message {message} in"), to, &|next| {
                        next.lanes[ORDINARY].messages.push(message);
                    });
                }
                Put::Closed => {
                    go("finds it closed", Displacing::Lose(taken, Answer::Refused), &|next| {
                        next.wrong = next.wrong.or((taken > 0).then_some(FOR_NOTHING));
                    });
                }
                Put::Full if self.overflow == Overflow::DropNewest => {
                    let to = Displacing::Lose(taken + 1, Answer::Accepted);
                    go("is returned itself", to, &|next| next.fates[message].returned += 1);
                }
                Put::Full if taken > 0 && self.without == Without::SecondTry => {
                    let to = Displacing::Lose(taken, Answer::Accepted);
                    go("takes it that it is in", to, &|_| {});
                }
                Put::Full => go("finds it full", Displacing::TakeOldest(taken), &|_| {}),
            },
            // make_room: `returned.extend(queue.take()..)`
            Displacing::TakeOldest(taken) => match from.lanes[ORDINARY].messages.first() {
                Some(&oldest) => go("takes the oldest", Displacing::Offer(taken + 1), &|next| {
                    next.lanes[ORDINARY].messages.remove(0);
                    next.fates[oldest].returned += 1;
                }),
                None => go("finds it empty", Displacing::Offer(taken), &|_| {}),
            },
            // make_room: `self.losses.add(..)`
            Displacing::Lose(taken, answer) => {
                go("notes what was dropped", Displacing::Unlock(taken, answer), &|next| {
                    next.dropped += taken;
                });
            }
            Displacing::Unlock(taken, answer) => {
                go("lets the lock go", Displacing::Count(taken, answer), &|next| {
                    next.last_word = next.last_word.filter(|&holder| holder != me);
                });
            }
            // ../life/ledger.rs, take_counted: `count(&mut ledger, ..)`
            Displacing::Count(taken, answer) => {
                go("counts, lets the ledger go", Displacing::Home(answer), &|next| {
                    next.counted += taken;
                    next.ledger = next.ledger.filter(|&holder| holder != me);
                });
            }
            // Once more, as one of the family.
            Displacing::Home(Answer::Refused)
                if !as_family && is_of_the_family && self.without != Without::SecondPass =>
            {
                steps.add(name, "offers as one of the family", |next| {
                    next.senders[i].as_family = true;
                    next.senders[i].at = Sending::Displace(Displacing::Ledger);
                });
            }
            // dead_letters.rs, take_back
            Displacing::Home(answer) => steps.add(name, "brings the hook home", |next| {
                next.hook = None;
                next.answer(i, answer, self);
            }),
        }
    }
}

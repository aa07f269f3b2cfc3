//! The part of who finds no room in a mailbox that drops: `exeunt/src/mailbox/overflow.rs`.

use super::{
    Answer, Closing, Displacing, ORDINARY, Overflow, Parcel, Sending, State, Thread, Without,
};
use crate::protocol::Steps;

impl Closing {
    pub(super) fn displace(
        &self,
        i: usize,
        how: Displacing,
        name: String,
        steps: &mut Steps<'_, State>,
    ) {
        let from = steps.from;
        let message = from.senders[i].message;
        let has_ledger = self.without != Without::LedgerInDisplace;
        let has_lock = self.without != Without::LockInDisplace;
        let mut go = |does: &str, to: Displacing, step: &dyn Fn(&mut State)| {
            steps.add(name.clone(), does, |next| {
                step(next);
                next.senders[i].at = Sending::Displace(to);
            });
        };
        match how {
            // address.rs, drop_one: `dead_letters.try_take()`, wait_for_undertaker
            Displacing::WaitForHook => {
                if from.hook.is_none() {
                    go("takes the hook", Displacing::Ledger, &|next| {
                        next.hook = Some(Thread::Sender(i));
                    });
                }
                if from.closing {
                    steps.add(name, "is woken by the closing", |next| {
                        next.answer(i, Answer::Refused(message), self);
                    });
                }
            }
            // displace: `owner.take_overflowed(..)`; life/ledger.rs, take_returned
            Displacing::Ledger if !has_ledger => {
                go("takes no ledger", Displacing::Lock, &|_| {});
            }
            Displacing::Ledger if from.ledger.is_none() => {
                let refuses = from.is_disowned && self.without != Without::DisownedInDisplace;
                match refuses {
                    true => go("finds the actor given up", Displacing::Home(false), &|_| {}),
                    false => go("takes the ledger", Displacing::Lock, &|next| {
                        next.ledger = Some(Thread::Sender(i));
                    }),
                }
            }
            // make_room: `self.last_word()`
            Displacing::Lock if !has_lock => go("takes no lock", Displacing::Look, &|_| {}),
            Displacing::Lock if from.lock.is_none() => {
                go("takes the lock", Displacing::Look, &|next| {
                    next.lock = Some(Thread::Sender(i));
                });
            }
            Displacing::Ledger | Displacing::Lock => {}
            // make_room: `if self.is_closed()`
            Displacing::Look if from.closed && self.without != Without::LookInDisplace => {
                go("finds it closed, lets both locks go", Displacing::Home(false), &|next| {
                    next.lock = next.lock.filter(|&holder| holder != Thread::Sender(i));
                    next.ledger = next.ledger.filter(|&holder| holder != Thread::Sender(i));
                });
            }
            Displacing::Look => go("finds it open", Displacing::Offer(0), &|_| {}),
            // make_room: `self.ordinary.sender.try_send(ours)`
            Displacing::Offer(taken) if self.has_room(from, ORDINARY) => {
                go(&format!("puts message {message} in"), Displacing::Unlock(taken), &|next| {
                    next.ways[ORDINARY].push(Parcel { message, ticket: i });
                });
            }
            Displacing::Offer(taken) if self.overflow == Overflow::DropNewest => {
                go("is returned itself", Displacing::Unlock(taken + 1), &|next| {
                    next.fates[message].returned += 1;
                });
            }
            Displacing::Offer(taken) if taken > 0 && self.without == Without::SecondTry => {
                go("takes it that it is in", Displacing::Unlock(taken), &|_| {});
            }
            Displacing::Offer(taken) => {
                go("finds it full", Displacing::TakeOldest(taken), &|_| {});
            }
            // make_room: `returned.extend(self.take())`
            Displacing::TakeOldest(taken) => match from.ways[ORDINARY].first() {
                Some(_) => go("takes the oldest", Displacing::Offer(taken + 1), &|next| {
                    let oldest = self.take(next, ORDINARY);
                    next.fates[oldest.message].returned += 1;
                }),
                None => go("finds it empty", Displacing::Offer(taken), &|_| {}),
            },
            // make_room ends: the lock is let go
            Displacing::Unlock(taken) => {
                go("lets the lock go", Displacing::Count(taken), &|next| {
                    next.lock = next.lock.filter(|&holder| holder != Thread::Sender(i));
                });
            }
            // life/ledger.rs, take_returned: `ledger.returned += ..`
            Displacing::Count(taken) => {
                go("counts, lets the ledger go", Displacing::Home(true), &|next| {
                    next.counted += taken;
                    next.ledger = next.ledger.filter(|&holder| holder != Thread::Sender(i));
                });
            }
            // bury_by; dead_letters.rs, take_back
            Displacing::Home(is_accepted) => steps.add(name, "brings the hook home", |next| {
                next.hook = None;
                let refused = Answer::Refused(message);
                next.answer(i, if is_accepted { Answer::Accepted } else { refused }, self);
            }),
        }
    }
}

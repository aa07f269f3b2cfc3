//! The conductor's part: `Member::call`; `Conductor::abandon`, `Life::disown`, `Member::take_over`.

use super::{Actor, Closing, Conductor, State, Thread, Without};
use crate::protocol::Steps;

impl Closing {
    pub(super) fn conduct(&self, steps: &mut Steps<'_, State>) {
        let from = steps.from;
        let is_closed_by_the_actor = self.without == Without::CloseBeforeDrain;
        let mut go = |does: &str, to: Conductor, step: &dyn Fn(&mut State)| {
            steps.add("conductor", does, |next| {
                step(next);
                next.conductor = to;
            });
        };
        match from.conductor {
            Conductor::Close if is_closed_by_the_actor => {
                go("says that it is its turn", Conductor::Watch, &|next| next.stopping = true);
            }
            // close: `if !self.closed.swap(true, Ordering::SeqCst)`
            Conductor::Close => {
                let to = if from.closed { Conductor::Tell } else { Conductor::Wake };
                go("closes", to, &|next| next.closed = true);
            }
            // close: `self.closing.set()`
            Conductor::Wake => {
                go("wakes who waits for room", Conductor::Tell, &|next| self.wake(next));
            }
            // member.rs, call: `self.life.stopping.set()`
            Conductor::Tell => {
                go("says that it is its turn", Conductor::Watch, &|next| next.stopping = true);
            }
            // life/ledger.rs, disown: under the ledger's lock. The message in its hands has failed.
            Conductor::Watch => {
                if let (Actor::Hung(message), None, true) =
                    (from.actor, from.ledger, self.is_given_up)
                {
                    go("gives the actor up", Conductor::TakeLock, &|next| {
                        next.is_disowned = true;
                        next.fates[message].failed += 1;
                        next.report = Some(next.counted + 1);
                    });
                }
            }
            // mailbox/post.rs, take_over: evict
            Conductor::TakeLock if from.lock.is_none() => {
                go("takes the lock to evict", Conductor::TakeGone, &|next| {
                    next.closed = true;
                    next.lock = Some(Thread::Conductor);
                });
            }
            Conductor::TakeGone if from.gone => {
                go("finds the actor gone, lets the lock go", Conductor::Done, &|next| {
                    next.lock = None;
                });
            }
            Conductor::TakeGone => {
                go(
                    "says that the actor is gone",
                    Conductor::TakeOut(self.first_to_evict(from)),
                    &|next| {
                        next.gone = true;
                    },
                );
            }
            Conductor::TakeOut(way) => match from.ways[way].first() {
                Some(parcel) => {
                    let does = format!("returns message {}", parcel.message);
                    go(&does, Conductor::TakeOut(way), &|next| {
                        let taken = self.take(next, way);
                        next.fates[taken.message].returned += 1;
                        next.report = next.report.map(|report| report + 1);
                    });
                }
                None if way > self.open_ways(from).start => {
                    go("finds the urgent lane empty", Conductor::TakeOut(way - 1), &|_| {});
                }
                None => go("finds no more, lets the lock go", Conductor::Done, &|next| {
                    next.lock = None;
                }),
            },
            Conductor::TakeLock | Conductor::Done => {}
        }
    }

    pub(super) fn wake(&self, next: &mut State) {
        next.closing = self.without != Without::WakeUp;
    }
}

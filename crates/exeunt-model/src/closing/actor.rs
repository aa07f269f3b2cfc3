//! The actor's part: `Runner::run`, `finish`, `evict`.

use super::{
    Actor, CHILDLESS, Closing, DISORDER, ORDINARY, Sender, Sending, State, Thread, Without,
};
use crate::protocol::Steps;

impl Closing {
    pub(super) fn act(&self, steps: &mut Steps<'_, State>) {
        match steps.from.actor {
            Actor::Work => self.work(steps),
            Actor::Handle(message) => self.handle(message, steps),
            // Whatever it does then is nobody's affair any more.
            Actor::Hung(_) if steps.from.is_disowned => {
                steps.add("actor", "comes back", |next| next.actor = Actor::EvictClose);
            }
            Actor::Hung(_) | Actor::Ended => {}
            // life/ledger.rs, end: under the ledger's lock
            Actor::End if steps.from.ledger.is_none() => {
                steps.add("actor", "has its last word", |next| {
                    next.report.get_or_insert(next.counted);
                    next.actor = Actor::Ended;
                });
            }
            Actor::End => {}
            Actor::StrangersClose
            | Actor::StrangersWake
            | Actor::StrangersLock
            | Actor::StrangersLook(_)
            | Actor::StrangersOpen => self.finish_for_strangers(steps),
            _ if self.is_finishing(steps.from) => self.finish(steps),
            _ => self.evict(steps),
        }
    }

    fn is_finishing(&self, state: &State) -> bool {
        matches!(
            state.actor,
            Actor::FinishClose
                | Actor::FinishWake
                | Actor::FinishLock
                | Actor::FinishLook(_)
                | Actor::FinishGone
        )
    }

    fn work(&self, steps: &mut Steps<'_, State>) {
        let from = steps.from;
        if self.may_end_badly {
            // runner.rs, take_orders: `if self.life.must_stop.is_set()`
            steps.add("actor", "meets its deadline", |next| next.actor = Actor::EvictClose);
        }
        // agenda.rs, take: the urgent lane first, unless it was empty a moment ago, or has had its share
        let ways = match self.without {
            Without::StageDoorAlone => 0..self.open_ways(from).end,
            _ => self.open_ways(from),
        };
        for way in ways.rev() {
            if from.ways[way].is_empty() {
                continue;
            }
            let mut next = from.clone();
            let message = self.take(&mut next, way).message;
            steps.add("actor", &format!("takes message {message}"), |state| {
                *state = next;
                self.hold_to_the_order(state, message);
                state.actor = Actor::Handle(message);
            });
        }
        // runner.rs, last_call: `self.life.stopping.is_set()`. It has looked at the lanes one after the other.
        if !from.stopping || !self.open_ways(from).any(|way| from.ways[way].is_empty()) {
            return;
        }
        // runner.rs, dismiss_children; and last_call: `if let Some(children) = &self.children`
        let have_children_left = || {
            let is_done =
                |(i, sender): (usize, &Sender)| !self.is_child(i) || sender.at == Sending::Done;
            from.senders.iter().enumerate().all(is_done)
        };
        let (does, to) = match (self.children > 0, from.are_children_told) {
            (true, false) if self.without == Without::StageDoor => {
                ("tells its children to leave, in its turn", Actor::Work)
            }
            (true, false) => ("has found nothing, in its turn", Actor::StrangersClose),
            (true, true) if !have_children_left() => return,
            _ => ("has found nothing, in its turn", Actor::FinishClose),
        };
        steps.add("actor", does, |next| {
            next.are_children_told |= to == Actor::Work;
            next.actor = to;
        });
    }

    /// closing.rs, finish_for_strangers
    fn finish_for_strangers(&self, steps: &mut Steps<'_, State>) {
        let from = steps.from;
        let may_look = from.lock.is_none() || self.without == Without::LockInStageDoor;
        match from.actor {
            Actor::StrangersClose => self.close(Actor::StrangersWake, Actor::StrangersLock, steps),
            Actor::StrangersWake => self.wake_as(Actor::StrangersLock, steps),
            // `self.last_word()`
            Actor::StrangersLock if may_look => {
                steps.add("actor", "takes the lock to open the stage door", |next| {
                    if self.without != Without::LockInStageDoor {
                        next.lock = Some(Thread::Actor);
                    }
                    next.actor = match self.without {
                        Without::LookInStageDoor => Actor::StrangersOpen,
                        _ => Actor::StrangersLook(self.top()),
                    };
                });
            }
            // `self.is_empty()`
            Actor::StrangersLook(lane) if from.ways[lane].is_empty() => {
                steps.add("actor", "finds nothing before its children leave", |next| {
                    next.actor = match lane {
                        ORDINARY => Actor::StrangersOpen,
                        _ => Actor::StrangersLook(lane - 1),
                    };
                });
            }
            Actor::StrangersLook(_) => {
                steps.add("actor", "finds something, lets the lock go", |next| {
                    next.lock = next.lock.filter(|&holder| holder != Thread::Actor);
                    next.actor = Actor::Work;
                });
            }
            // `Lane::open_stage_door`; runner.rs, dismiss_children
            Actor::StrangersOpen => {
                steps.add("actor", "opens the stage door, tells its children to leave", |next| {
                    next.has_stage_doors = true;
                    next.are_children_told = true;
                    next.lock = next.lock.filter(|&holder| holder != Thread::Actor);
                    next.actor = Actor::Work;
                });
            }
            _ => {}
        }
    }

    /// Of one sender, in one lane, none is handled after one that was sent later.
    fn hold_to_the_order(&self, next: &mut State, message: usize) {
        let (sender, lane) = self.origin(message);
        let first = &mut next.next_in_order[sender][lane];
        if message < *first {
            next.wrong.get_or_insert(DISORDER);
        }
        *first = message + 1;
    }

    fn handle(&self, message: usize, steps: &mut Steps<'_, State>) {
        let from = steps.from;
        let is_late = from.are_children_told && !self.is_child(self.origin(message).0);
        steps.add("actor", &format!("handles message {message}"), |next| {
            next.wrong = next.wrong.or(is_late.then_some(CHILDLESS));
            next.fates[message].handled += 1;
            next.counted += 1;
            next.actor = Actor::Work;
        });
        // life/ledger.rs, leave_failed: under the ledger's lock
        if self.may_end_badly && from.ledger.is_none() {
            steps.add("actor", &format!("fails on message {message}"), |next| {
                next.fates[message].failed += 1;
                next.counted += 1;
                next.actor = Actor::EvictClose;
            });
        }
        if self.may_hang {
            steps.add("actor", &format!("hangs in message {message}"), |next| {
                next.actor = Actor::Hung(message);
            });
        }
    }

    fn finish(&self, steps: &mut Steps<'_, State>) {
        let from = steps.from;
        let may_look = from.lock.is_none() || self.without == Without::LockInFinish;
        match from.actor {
            // finish: `self.close()`
            Actor::FinishClose => self.close(Actor::FinishWake, Actor::FinishLock, steps),
            Actor::FinishWake => self.wake_as(Actor::FinishLock, steps),
            // finish: `self.last_word()`
            Actor::FinishLock if may_look => {
                steps.add("actor", "takes the lock to finish", |next| {
                    if self.without != Without::LockInFinish {
                        next.lock = Some(Thread::Actor);
                    }
                    let first = match self.without {
                        Without::UrgentInFinish => ORDINARY,
                        _ => self.open_ways(from).end - 1,
                    };
                    next.actor = match self.without {
                        Without::LastLook | Without::CloseBeforeDrain => Actor::FinishGone,
                        _ => Actor::FinishLook(first),
                    };
                });
            }
            // finish: `last_word.gone |= self.is_empty()`
            Actor::FinishLook(way) if from.ways[way].is_empty() => {
                steps.add("actor", "finds nothing at its last look", |next| {
                    next.actor = match way == self.open_ways(from).start {
                        true => Actor::FinishGone,
                        false => Actor::FinishLook(way - 1),
                    };
                });
            }
            Actor::FinishLook(_) => {
                steps.add("actor", "finds something, lets the lock go", |next| {
                    next.lock = None;
                    next.actor = Actor::Work;
                });
            }
            Actor::FinishGone => steps.add("actor", "is gone, lets the lock go", |next| {
                next.gone = true;
                next.lock = next.lock.filter(|&holder| holder != Thread::Actor);
                next.actor = Actor::End;
            }),
            _ => {}
        }
    }

    fn evict(&self, steps: &mut Steps<'_, State>) {
        let from = steps.from;
        let may_evict = from.lock.is_none() || self.without == Without::LockInEvict;
        match from.actor {
            // ending.rs, return_rest: `self.mailbox.close()`
            Actor::EvictClose => self.close(Actor::EvictWake, Actor::EvictLedger, steps),
            Actor::EvictWake => self.wake_as(Actor::EvictLedger, steps),
            // life/ledger.rs, take_returned
            Actor::EvictLedger if from.ledger.is_none() => {
                let is_given_up = from.is_disowned && self.without != Without::DisownedInEvict;
                match is_given_up {
                    true => steps.add("actor", "finds that it was given up", |next| {
                        next.actor = Actor::End;
                    }),
                    false => steps.add("actor", "takes the ledger", |next| {
                        next.ledger = Some(Thread::Actor);
                        next.actor = Actor::EvictLock;
                    }),
                }
            }
            // evict: `self.last_word()`
            Actor::EvictLock if may_evict => {
                steps.add("actor", "takes the lock to evict", |next| {
                    let has_lock = self.without != Without::LockInEvict;
                    next.lock = if has_lock { Some(Thread::Actor) } else { next.lock };
                    next.actor = match has_lock {
                        true => Actor::EvictGone,
                        false => Actor::EvictTake(self.first_to_evict(from)),
                    };
                });
            }
            // evict: `if last_word.gone`
            Actor::EvictGone if from.gone => {
                steps.add("actor", "finds itself gone, lets both locks go", |next| {
                    (next.lock, next.ledger) = (None, None);
                    next.actor = Actor::End;
                });
            }
            // evict: `last_word.gone = true`
            Actor::EvictGone => steps.add("actor", "is gone", |next| {
                next.gone = true;
                next.actor = Actor::EvictTake(self.first_to_evict(from));
            }),
            // evict: `std::iter::from_fn(|| lane.way().take())`, one by one
            Actor::EvictTake(way) => self.take_out(way, steps),
            Actor::EvictLate => steps.add("actor", "is gone", |next| {
                next.gone = true;
                next.ledger = None;
                next.actor = Actor::End;
            }),
            _ => {}
        }
    }

    fn take_out(&self, way: usize, steps: &mut Steps<'_, State>) {
        match steps.from.ways[way].first() {
            Some(parcel) => {
                let message = parcel.message;
                steps.add("actor", &format!("returns message {message}"), |next| {
                    next.ways[way].remove(0);
                    next.fates[message].returned += 1;
                    next.counted += 1;
                });
            }
            None if way > self.open_ways(steps.from).start => {
                steps.add("actor", "finds the urgent lane empty", |next| {
                    next.actor = Actor::EvictTake(way - 1);
                });
            }
            None if self.without == Without::LockInEvict => {
                steps.add("actor", "finds no more", |next| next.actor = Actor::EvictLate);
            }
            None => steps.add("actor", "finds no more, lets both locks go", |next| {
                (next.lock, next.ledger) = (None, None);
                next.actor = Actor::End;
            }),
        }
    }

    fn close(&self, wake: Actor, on: Actor, steps: &mut Steps<'_, State>) {
        steps.add("actor", "closes", |next| {
            let was_closed = std::mem::replace(&mut next.closed, true);
            next.actor = if was_closed { on } else { wake };
        });
    }

    fn wake_as(&self, on: Actor, steps: &mut Steps<'_, State>) {
        steps.add("actor", "wakes who waits for room", |next| {
            self.wake(next);
            next.actor = on;
        });
    }
}

//! The actor's part: `../runner.rs`, `../ending.rs`; `closing.rs`, `finish_for_strangers`, `finish`, `evict`, `close`.

use super::{
    Actor, CHILDLESS, Closes, Closing, DISORDER, Door, Ends, Evicts, ORDINARY, Sender, Sending,
    State, Thread, Who, Without,
};
use crate::protocol::Steps;

impl Closing {
    pub(super) fn act(&self, steps: &mut Steps<'_, State>) {
        let from = steps.from;
        let to_look = Actor::StrangersLook(self.top());
        match from.actor {
            Actor::Work => self.work(steps),
            Actor::Dry => self.last_call(steps),
            Actor::Handle(message) => self.handle(message, steps),
            // Whatever it does then is nobody's affair any more.
            Actor::Hung(_) if from.is_disowned => {
                go("comes back", Actor::Close(Closes::Doors, Ends::Evict), steps);
                go("never comes back", Actor::Lost, steps);
            }
            Actor::Close(how, ends) => {
                let on = match ends {
                    Ends::ForStrangers if self.without == Without::LookForStrangers => None,
                    Ends::ForStrangers => Some(to_look),
                    Ends::Finish => Some(Actor::FinishLock),
                    Ends::Evict => Some(Actor::EvictLedger),
                };
                self.close_step("actor", how, steps, |next, then| match (then, on) {
                    (Some(how), _) => next.actor = Actor::Close(how, ends),
                    (None, Some(on)) => next.actor = on,
                    (None, None) => next.tell_children(),
                });
            }
            // finish_for_strangers: `self.is_empty()`, one lane after the other
            Actor::StrangersLook(lane) => match (from.lanes[lane].messages.is_empty(), lane) {
                (false, _) => go("finds something", Actor::Work, steps),
                (true, ORDINARY) => {
                    steps.add("actor", "tells its children to leave", State::tell_children);
                }
                (true, _) => go("finds nothing", Actor::StrangersLook(lane - 1), steps),
            },
            Actor::FinishLock if self.without == Without::LockInFinish => {
                go("takes no lock", Actor::Finish, steps);
            }
            Actor::FinishLock if from.last_word.is_none() => {
                steps.add("actor", "takes the lock to finish", |next| {
                    next.last_word = Some(Thread::Actor);
                    next.actor = Actor::Finish;
                });
            }
            // finish_under: `self.hold()`
            Actor::Finish if !self.is_found_empty(from) => {
                steps.add("actor", "finds something", |next| {
                    next.let_go();
                    next.actor = Actor::Work;
                });
            }
            Actor::Finish if self.without == Without::Hold => {
                go("finds nothing", Actor::FinishLate, steps);
            }
            Actor::Finish | Actor::FinishLate => steps.add("actor", "closes it for good", |next| {
                next.close(Door::Shut, self);
                next.gone = true;
                next.let_go();
                next.actor = Actor::EndMailbox;
            }),
            // ending.rs, return_rest: `take_returned`
            Actor::EvictLedger if from.ledger.is_none() => {
                match from.is_disowned && self.without != Without::DisownedInEvict {
                    true => go("finds that it was given up", Actor::EvictWake, steps),
                    false => steps.add("actor", "takes the ledger", |next| {
                        next.ledger = Some(Thread::Actor);
                        next.actor = Actor::Evict(Evicts::Lock);
                    }),
                }
            }
            Actor::Evict(how) => {
                self.evict_step("actor", Thread::Actor, how, steps, |next, then| {
                    next.actor = then.map_or(Actor::EvictWake, Actor::Evict);
                    if then.is_none() {
                        next.ledger = None;
                    }
                });
            }
            Actor::EvictWake => steps.add("actor", "wakes who waits for room", |next| {
                next.wake_senders();
                next.actor = Actor::EndMailbox;
            }),
            // ../mailbox.rs, end. If it was given up, the system has done so.
            Actor::EndMailbox => steps.add("actor", "ends its mailbox", |next| {
                next.end_mailbox();
                next.actor = Actor::End;
            }),
            // ../life/ledger.rs, end
            Actor::End if from.ledger.is_none() => {
                steps.add("actor", "has its last word", |next| {
                    next.report.get_or_insert(next.counted);
                    next.actor = Actor::Ended;
                });
            }
            Actor::FinishLock | Actor::EvictLedger | Actor::End => {}
            Actor::Hung(_) | Actor::Lost | Actor::Ended => {}
        }
    }

    fn is_found_empty(&self, state: &State) -> bool {
        let lanes = match self.without {
            Without::LastLook => return true,
            Without::UrgentInFinish => &state.lanes[..=ORDINARY],
            _ => &state.lanes[..],
        };
        lanes.iter().all(|lane| lane.messages.is_empty())
    }

    fn work(&self, steps: &mut Steps<'_, State>) {
        let from = steps.from;
        if self.may_end_badly {
            // runner.rs, take_orders
            go("meets its deadline", Actor::Close(Closes::Doors, Ends::Evict), steps);
        }
        // ../agenda.rs, take: the urgent lane first, unless it was empty a moment ago, or has had its share
        for lane in
            (0..from.lanes.len()).rev().filter(|&lane| !from.lanes[lane].messages.is_empty())
        {
            let last = from.lanes[lane].messages.len() - 1;
            let at = if self.without == Without::Order { last } else { 0 };
            let message = from.lanes[lane].messages[at];
            steps.add("actor", &format!("takes message {message}"), |next| {
                next.lanes[lane].messages.remove(at);
                next.wake_senders();
                self.hold_to_the_order(next, message);
                next.actor = Actor::Handle(message);
            });
        }
        if from.lanes.iter().all(|lane| lane.messages.is_empty()) {
            go("finds nothing", Actor::Dry, steps);
        }
    }

    /// runner.rs, last_call: something may have come since it has looked.
    fn last_call(&self, steps: &mut Steps<'_, State>) {
        let from = steps.from;
        if from.lanes.iter().any(|lane| !lane.messages.is_empty()) {
            go("looks again", Actor::Work, steps);
        }
        if !from.stopping {
            return;
        }
        let has_children = (0..self.sends.len()).any(|i| self.is(i, Who::Child));
        let is_done =
            |(i, sender): (usize, &Sender)| !self.is(i, Who::Child) || sender.at == Sending::Done;
        if has_children && !from.are_children_told {
            match self.without {
                Without::StrangersFirst => {
                    steps.add("actor", "tells its children to leave", State::tell_children);
                }
                _ => go(
                    "hears that it is its turn",
                    Actor::Close(Closes::Doors, Ends::ForStrangers),
                    steps,
                ),
            }
        } else if from.senders.iter().enumerate().all(is_done) {
            go("hears that it is its turn", Actor::Close(Closes::Doors, Ends::Finish), steps);
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
        let is_late = from.are_children_told && self.is(self.origin(message).0, Who::Stranger);
        steps.add("actor", &format!("handles message {message}"), |next| {
            next.wrong = next.wrong.or(is_late.then_some(CHILDLESS));
            next.fates[message].handled += 1;
            next.counted += 1;
            next.actor = Actor::Work;
        });
        // ../life/ledger.rs, leave_failed: under the ledger's lock
        if self.may_end_badly && from.ledger.is_none() {
            steps.add("actor", &format!("fails on message {message}"), |next| {
                next.fates[message].failed += 1;
                next.counted += 1;
                next.actor = Actor::Close(Closes::Doors, Ends::Evict);
            });
        }
        if self.may_hang {
            go(&format!("hangs in message {message}"), Actor::Hung(message), steps);
        }
    }

    /// closing.rs, close: one section under the lock of the last word and the backs of all lanes, and then the waking. Says what comes next of it.
    pub(super) fn close_step(
        &self,
        who: &str,
        how: Closes,
        steps: &mut Steps<'_, State>,
        go_on: impl Fn(&mut State, Option<Closes>),
    ) {
        let State { is_closed, last_word, .. } = *steps.from;
        match how {
            Closes::Doors if is_closed => {
                steps.add(who, "finds it closed", |next| go_on(next, None));
            }
            // `self.last_word()`
            Closes::Doors if last_word.is_some() && self.without != Without::LockInClose => {}
            Closes::Doors => steps.add(who, "closes", |next| {
                next.is_closed = true;
                next.close(Door::ForFamily, self);
                go_on(next, Some(Closes::Wake));
            }),
            Closes::Wake => steps.add(who, "wakes who waits", |next| {
                if self.without != Without::WakeUp {
                    next.closing = true;
                    next.wake_senders();
                }
                go_on(next, None);
            }),
        }
    }

    /// closing.rs, evict, after `self.close()`. Says what comes next of it.
    pub(super) fn evict_step(
        &self,
        who: &str,
        me: Thread,
        how: Evicts,
        steps: &mut Steps<'_, State>,
        go_on: impl Fn(&mut State, Option<Evicts>),
    ) {
        let from = steps.from;
        let take = |lane| Some(Evicts::Take(lane));
        let first = if self.without == Without::UrgentInEvict { ORDINARY } else { self.top() };
        let end = |next: &mut State| {
            next.last_word = None;
            go_on(next, None);
        };
        match how {
            Evicts::Lock if from.last_word.is_some() => {}
            Evicts::Lock if from.gone => steps.add(who, "finds it gone", |next| go_on(next, None)),
            Evicts::Lock => steps.add(who, "says that it is gone", |next| {
                next.last_word = Some(me);
                next.gone = true;
                go_on(
                    next,
                    match self.without {
                        Without::ShutFirst => take(first),
                        _ => Some(Evicts::Shut),
                    },
                );
            }),
            Evicts::Shut => steps.add(who, "shuts the doors", |next| {
                next.close(Door::Shut, self);
                go_on(next, take(first));
            }),
            Evicts::ShutLate => steps.add(who, "shuts the doors", |next| {
                next.close(Door::Shut, self);
                end(next);
            }),
            Evicts::Take(lane) => match (from.lanes[lane].messages.first(), lane) {
                (Some(&message), _) => {
                    steps.add(who, &format!("returns message {message}"), |next| {
                        next.lanes[lane].messages.remove(0);
                        next.fates[message].returned += 1;
                        match me {
                            Thread::Conductor => next.report = next.report.map(|report| report + 1),
                            _ => next.counted += 1,
                        }
                    });
                }
                (None, ORDINARY) if self.without == Without::ShutFirst => {
                    steps.add(who, "finds no more", |next| go_on(next, Some(Evicts::ShutLate)));
                }
                (None, ORDINARY) => steps.add(who, "finds no more", end),
                (None, _) => {
                    steps.add(who, "finds the lane empty", |next| go_on(next, take(lane - 1)));
                }
            },
        }
    }
}

impl State {
    fn tell_children(&mut self) {
        self.are_children_told = true;
        self.actor = Actor::Work;
    }

    /// The actor lets the lock of the last word go.
    fn let_go(&mut self) {
        self.last_word = self.last_word.filter(|&holder| holder != Thread::Actor);
    }

    /// ../mailbox.rs, end, once
    pub(super) fn end_mailbox(&mut self) {
        if !std::mem::replace(&mut self.ended, true) {
            self.told = Some(self.dropped);
            self.wake_senders();
        }
    }
}

fn go(does: &str, to: Actor, steps: &mut Steps<'_, State>) {
    steps.add("actor", does, |next| next.actor = to);
}

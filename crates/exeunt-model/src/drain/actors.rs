//! The actors' part: `Runner::run` and `WayOut::leave`, as far as a drain is concerned.

use super::{Actor, At, Cue, Drain, LEAVES_FIRST, State, Without};
use crate::protocol::Steps;

impl Actor {
    /// Its mailbox is closed for good, so that nothing is left to return.
    fn leave(&mut self) {
        self.has_resigned = true;
        self.at = At::Leave;
    }
}

impl Drain {
    pub(super) fn act(&self, i: usize, steps: &mut Steps<'_, State>) {
        let name = format!("actor {i}");
        let from = steps.from;
        let actor = &from.actors[i];
        let is_told = from.conductor.told[i];
        let awaits_children = actor.has_dismissed && !is_told;
        let mailbox = self.mailbox(from, i);
        match actor.at {
            // runner/sleep.rs, sleep; mailbox/closing.rs, rouse
            At::Asleep if actor.resting => {
                if mailbox.gone {
                    steps.add(name, "finds that its ring is over", |next| {
                        next.actors[i].leave();
                    });
                } else if mailbox.queue > 0 || actor.must_stop {
                    steps.add(name, "looks again", |next| {
                        next.actors[i].resting = self.without == Without::Rouse;
                        next.actors[i].at = At::Awake;
                    });
                }
            }
            At::Asleep => {
                let has_heard_all = awaits_children && !actor.must_stop;
                if mailbox.queue > 0
                    || self.has_more_beside(from, i)
                    || self.has_to_hear(from, i)
                    || (actor.stopping || actor.must_stop) && !has_heard_all
                {
                    steps.add(name, "wakes up", |next| next.actors[i].at = At::Awake);
                }
            }
            At::Awake => {
                // runner.rs, take_orders
                if actor.must_stop {
                    steps.add(name.clone(), "hears that it must stop", |next| {
                        next.actors[i].at = At::Evict;
                    });
                }
                self.look_beside(i, steps);
                if mailbox.queue > 0 {
                    steps.add(name, "takes a message", |next| {
                        self.mailbox_of(next, i).queue -= 1;
                        next.actors[i].at = At::Handling;
                    });
                } else if !actor.stopping || awaits_children || self.is_held_by_ring(from, i) {
                    // Only of those in rings, and below them, it is asked whether they sleep. Not if its bell has rung.
                    let has_more = self.has_to_hear(from, i) || actor.quota.unwrap_or(0) > 0;
                    if !actor.must_stop && !has_more && self.is_of_a_ring(i) {
                        steps.add(name, "falls asleep", |next| next.actors[i].at = At::Asleep);
                    }
                } else if self.has_to_hear(from, i) || self.has_more_beside(from, i) {
                    // First that.
                } else if self.has_children(i)
                    && !actor.has_dismissed
                    && self.without != Without::ChildrenFirst
                {
                    // runner.rs, dismiss_children
                    steps.add(name, "tells its children to leave", |next| {
                        self.mailbox_of(next, i).shut();
                        self.dismiss(next, i);
                    });
                } else if actor.has_joined && !mailbox.gone && self.without != Without::Together {
                    // mailbox/closing.rs, rest
                    steps.add(name, "has handled all, and waits for its ring", |next| {
                        next.actors[i].resting = true;
                        next.actors[i].at = At::Asleep;
                    });
                } else {
                    // mailbox/closing.rs, finish
                    steps.add(name, "has handled all", |next| {
                        self.mailbox_of(next, i).gone = true;
                        next.actors[i].leave();
                    });
                }
            }
            At::Handling => self.handle(i, steps),
            At::Hung if actor.disowned => {
                steps.add(name, "comes back", |next| {
                    next.actors[i].figures.handled += 1;
                    next.actors[i].at = At::Evict;
                });
            }
            // ending.rs, return_rest; life/ledger.rs, take_returned
            At::Evict if actor.disowned => {
                steps.add(name, "finds that it was given up", |next| next.actors[i].at = At::Leave);
            }
            At::Evict => steps.add(name, "returns what nobody else reads", |next| {
                next.actors[i].has_resigned = true;
                let left = match next.is_unread(self, self.wiring.reads[i]) {
                    true => self.mailbox_of(next, i).evict(),
                    false => 0,
                };
                let actor = &mut next.actors[i];
                actor.at = match self.without {
                    Without::Ledger => At::Count(left),
                    _ => self.after_the_rest(i),
                };
                actor.figures.returned += if self.without == Without::Ledger { 0 } else { left };
            }),
            At::Count(left) => steps.add(name, "counts what it returned", |next| {
                next.actors[i].figures.returned += left;
                next.actors[i].at = self.after_the_rest(i);
            }),
            // ending.rs, stop
            At::AwaitChildren if self.has_children(i) && !actor.has_dismissed => {
                steps.add(name, "tells its children to leave", |next| self.dismiss(next, i));
            }
            At::AwaitChildren if !awaits_children => {
                steps.add(name, "ends its thread", |next| next.actors[i].at = At::Leave);
            }
            At::Leave => self.depart(i, steps),
            At::Hung | At::AwaitChildren | At::Ended => {}
        }
    }

    /// runner.rs, is_held_by_ring
    fn is_held_by_ring(&self, state: &State, i: usize) -> bool {
        let actor = &state.actors[i];
        actor.has_joined && !actor.may_part && self.without != Without::PoolAtRest
    }

    fn depart(&self, i: usize, steps: &mut Steps<'_, State>) {
        let name = format!("actor {i}");
        let from = steps.from;
        let actor = &from.actors[i];
        // In its `stopped` hook.
        let is_child = self.wiring.parents[i].is_some();
        for &to in self.wiring.feeds[i].iter().filter(|_| from.sends > 0 && is_child) {
            steps.add(name.clone(), &format!("says goodbye to {to}"), |next| {
                next.sends -= 1;
                self.send(next, Some(i), to);
            });
        }
        // stage/spawning.rs, enter
        steps.add(name, "says that it has ended", |next| {
            let is_below = |&one: &usize| one != i && !from.conductor.has_left[one];
            if !actor.disowned && self.wiring.trees[i].iter().any(is_below) {
                next.wrong.get_or_insert(LEAVES_FIRST);
            }
            next.actors[i].at = At::Ended;
            self.tell(next, Cue::Ended(i));
        });
    }

    /// agenda.rs: what an actor of a ring takes from beside its mailbox, until it has heard the last call; then only
    /// what is in its channels at that moment.
    fn look_beside(&self, i: usize, steps: &mut Steps<'_, State>) {
        let name = format!("actor {i}");
        let from = steps.from;
        if self.has_to_hear(from, i) {
            for quota in 0..=from.beside {
                steps.add(name.clone(), &format!("hears the last call, for {quota}"), |next| {
                    next.beside -= quota;
                    next.actors[i].quota = Some(quota);
                });
            }
        }
        if self.has_more_beside(from, i) {
            steps.add(name, "takes something from beside its mailbox", |next| {
                match &mut next.actors[i].quota {
                    None => next.beside -= 1,
                    Some(quota) => *quota -= 1,
                }
                self.mailbox_of(next, i).accepted += 1;
                next.actors[i].at = At::Handling;
            });
        }
    }

    /// Whether its bell was rung for the last call, or for its turn, and it has not looked what for.
    fn has_to_hear(&self, state: &State, i: usize) -> bool {
        let actor = &state.actors[i];
        let is_called = actor.last_call || actor.stopping;
        actor.quota.is_none() && is_called && !self.ring(i).is_empty()
    }

    fn has_more_beside(&self, state: &State, i: usize) -> bool {
        let in_channels = state.actors[i].quota.unwrap_or(state.beside);
        in_channels > 0 && !self.ring(i).is_empty()
    }

    fn after_the_rest(&self, i: usize) -> At {
        if self.has_children(i) { At::AwaitChildren } else { At::Leave }
    }

    fn handle(&self, i: usize, steps: &mut Steps<'_, State>) {
        let name = format!("actor {i}");
        let from = steps.from;
        let whom = self.wiring.feeds[i].iter().chain(&self.wiring.orders[i]);
        for &to in whom.filter(|_| from.sends > 0) {
            steps.add(name.clone(), &format!("sends to {to}"), |next| {
                next.sends -= 1;
                self.send(next, Some(i), to);
            });
        }
        steps.add(name.clone(), "has handled its message", |next| {
            next.actors[i].figures.handled += 1;
            next.actors[i].at = if from.actors[i].disowned { At::Evict } else { At::Awake };
        });
        if from.failures > 0 && !from.actors[i].disowned {
            steps.add(name.clone(), "fails, and nobody restarts it", |next| {
                next.failures -= 1;
                next.actors[i].figures.failed += 1;
                next.actors[i].at = At::Evict;
                self.tell(next, Cue::Shutdown);
            });
        }
        if from.hangs > 0 && !from.actors[i].disowned {
            steps.add(name, "hangs", |next| {
                next.hangs -= 1;
                next.actors[i].at = At::Hung;
            });
        }
    }

    fn dismiss(&self, next: &mut State, i: usize) {
        next.actors[i].has_dismissed = true;
        self.tell(next, Cue::Dismiss(i));
    }

    pub(super) fn tell(&self, next: &mut State, cue: Cue) {
        let may_be_lost = match cue {
            Cue::Ended(_) => self.without == Without::Ended,
            Cue::Shutdown => self.without == Without::Shutdown,
            Cue::Dismiss(_) | Cue::Stop(_) => false,
        };
        if may_be_lost && next.to_lose > 0 {
            next.to_lose -= 1;
        } else {
            next.cues.push(cue);
        }
    }
}

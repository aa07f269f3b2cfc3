//! The actors' part: `Runner::run`, `rest`, `WayOut::leave`; and that of who sends to them.

use super::{Actor, At, Cue, FOR_NOTHING, REFUSED, Rebirth, Restarting, Sentence, State, Without};
use crate::protocol::Steps;

impl Restarting {
    /// Somebody upstream: sends all it has, and leaves when its turn has come.
    pub(super) fn feed(&self, steps: &mut Steps<'_, State>) {
        let from = steps.from;
        if from.source.has_ended {
            return;
        }
        if from.source.left == 0 {
            if from.source.stopping {
                steps.add("source", "ends", |next| {
                    next.source.has_ended = true;
                    next.cues.push(Cue::SourceEnded);
                });
            }
            return;
        }
        let Some(to) = from.source.to else {
            for i in 0..2 {
                steps.add("source", &format!("turns to {i}"), |next| next.source.to = Some(i));
            }
            return;
        };
        if from.actors[to].closed || from.actors[to].gone {
            // Those who left before the drain, because they were told to, or had failed, are no loss.
            let is_missed = !from.actors.iter().any(|actor| actor.has_failed) && self.stops == 0;
            steps.add("source", &format!("is refused by {to}"), |next| {
                (next.source.left, next.source.to) = (from.source.left - 1, None);
                if is_missed {
                    next.wrong.get_or_insert(REFUSED);
                }
            });
        } else if self.has_room(from, to) {
            steps.add("source", &format!("sends to {to}"), |next| {
                (next.source.left, next.source.to) = (from.source.left - 1, None);
                next.actors[to].queue += 1;
                next.actors[to].accepted += 1;
            });
        }
    }

    pub(super) fn act(&self, i: usize, steps: &mut Steps<'_, State>) {
        let from = steps.from;
        let actor = &from.actors[i];
        let draining = from.conductor.has_begun;
        let mut go = |does: &str, to: At, step: &dyn Fn(&mut Actor, &mut Vec<Cue>)| {
            steps.add(format!("actor {i}"), does, |next| {
                next.actors[i].at = to;
                step(&mut next.actors[i], &mut next.cues);
            });
        };
        match actor.at {
            At::Work => self.work(i, steps),
            At::TakeOrders => self.take_orders(i, steps),
            At::Handle => {
                go("has handled its message", At::Work, &|actor, _| actor.handled += 1);
                if from.failures > 0 {
                    self.fail(i, "fails", steps);
                }
            }
            At::AwaitSentence => match actor.sentence {
                None => {}
                Some(Sentence::GiveUp) => {
                    // failed: `stage.fail`
                    go("fails for good", At::Evict, &|actor, cues| {
                        actor.sentence = None;
                        actor.has_failed = true;
                        cues.push(Cue::Shutdown);
                    });
                }
                Some(Sentence::Anew(rebirth)) => {
                    go("is to begin anew", At::BeginAnew(rebirth), &|actor, _| {
                        actor.sentence = None;
                        if self.without == Without::MailboxOutlives {
                            actor.returned += std::mem::take(&mut actor.queue);
                        }
                    });
                }
            },
            // incarnation.rs, begin_anew
            At::BeginAnew(rebirth) => {
                let to = match rebirth {
                    Rebirth::Alone(true) => At::WaitOut,
                    Rebirth::Alone(false) => self.after_delay(actor),
                    Rebirth::Together => At::Rest,
                };
                go("forgets its incarnation", to, &|actor, _| {
                    if self.without == Without::KeepOrder {
                        actor.is_summoned = false;
                    }
                });
            }
            // stage/requests.rs, rest
            At::Rest => go("says that it rests", At::AwaitWord, &|actor, cues| {
                actor.is_awaited = true;
                cues.push(Cue::Rests(i));
            }),
            // wait_for_word
            At::AwaitWord => {
                if let Some(has_delay) = actor.word {
                    let to = if has_delay { At::WaitOut } else { self.after_delay(actor) };
                    go("is given word", to, &|actor, _| actor.word = None);
                }
            }
            // wait_out: `life.incarnation()` is set with its turn, and with a summons
            At::WaitOut => {
                let is_cut = draining && self.without != Without::DrainCutsDelay
                    || actor.stopping && self.without != Without::TurnCutsDelay
                    || actor.is_summoned && self.without != Without::RestartCutsDelay;
                if is_cut {
                    go("need not wait", self.after_delay(actor), &|_, _| {});
                }
            }
            // rest: `if life.stage.is_draining()`, and wait_for_work
            At::WaitForWork => {
                let is_ready = !draining
                    || actor.stopping && self.without != Without::TurnInWait
                    || actor.queue > 0 && self.without != Without::MailboxInWait
                    || self.without == Without::Wait;
                if is_ready {
                    go("has waited for something to do", At::LeaveInstead(draining), &|_, _| {});
                }
            }
            // leaves_instead
            At::LeaveInstead(has_waited) => {
                let is_dry = actor.queue == 0 || self.without == Without::LastLook;
                match actor.stopping && is_dry {
                    true => go("leaves instead", At::Leave, &|actor, _| actor.gone = true),
                    false => go("counts a restart", At::Start(has_waited), &|actor, _| {
                        actor.restarts += 1;
                    }),
                }
            }
            At::Start(has_waited) => self.start(i, has_waited, steps),
            // return_rest
            At::Evict => go("returns what is left", At::Leave, &|actor, _| {
                (actor.closed, actor.gone) = (true, true);
                actor.returned += std::mem::take(&mut actor.queue);
            }),
            At::Leave => go("says that it has ended", At::Ended, &|_, cues| {
                cues.push(Cue::Ended(i));
            }),
            At::Ended => {}
        }
    }

    /// rest: `if !matches!(life.summons(), Some(Summons::Retire))`
    fn after_delay(&self, actor: &Actor) -> At {
        if actor.is_summoned { At::Rest } else { At::WaitForWork }
    }

    fn work(&self, i: usize, steps: &mut Steps<'_, State>) {
        let actor = &steps.from.actors[i];
        let name = format!("actor {i}");
        // bell.rs, answer
        if actor.is_rung {
            steps.add(name.clone(), "hears its bell", |next| {
                next.actors[i].is_rung = false;
                next.actors[i].at = At::TakeOrders;
            });
        }
        if actor.queue > 0 {
            steps.add(name, "takes a message", |next| {
                next.actors[i].queue -= 1;
                next.actors[i].at = At::Handle;
            });
        } else if actor.stopping && !actor.timer {
            // last_call, finish
            steps.add(name, "has handled all, in its turn", |next| {
                next.actors[i].gone = true;
                next.actors[i].at = At::Leave;
            });
        }
    }

    /// runner.rs, take_orders
    fn take_orders(&self, i: usize, steps: &mut Steps<'_, State>) {
        steps.add(format!("actor {i}"), "looks what it was rung for", |next| {
            let actor = &mut next.actors[i];
            actor.at = match actor.is_summoned && !actor.stopping {
                true => At::BeginAnew(Rebirth::Together),
                false => At::Work,
            };
            if actor.stopping && !actor.knows_its_turn {
                actor.knows_its_turn = true;
                actor.timer = false;
            }
        });
    }

    fn fail(&self, i: usize, does: &str, steps: &mut Steps<'_, State>) {
        let is_about_a_message = steps.from.actors[i].at == At::Handle;
        steps.add(format!("actor {i}"), does, |next| {
            next.failures -= 1;
            next.actors[i].failed += u8::from(is_about_a_message);
            next.actors[i].at = At::AwaitSentence;
            // stage/requests.rs, judge
            next.cues.push(Cue::Over(i));
        });
    }

    /// runner.rs, act: `Cell::start`, `stage.risen`, `Runner::new`
    fn start(&self, i: usize, has_waited: bool, steps: &mut Steps<'_, State>) {
        let from = steps.from;
        let actor = &from.actors[i];
        // What it waited for is there still: nobody else takes it.
        let is_for_nothing = has_waited && actor.queue == 0;
        steps.add(format!("actor {i}"), "begins anew", |next| {
            if is_for_nothing {
                next.wrong.get_or_insert(FOR_NOTHING);
            }
            let actor = &mut next.actors[i];
            actor.at = At::Work;
            actor.knows_its_turn = false;
            actor.timer = self.has_timer;
            actor.is_rung |= actor.stopping && self.without != Without::Reminder;
            if std::mem::take(&mut actor.is_awaited) {
                next.cues.push(Cue::Risen(i));
            }
        });
        if from.failures > 0 {
            self.fail(i, "fails to start", steps);
        }
    }
}

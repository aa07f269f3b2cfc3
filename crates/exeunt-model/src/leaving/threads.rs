//! The threads' part: `Runner::run`, `WayOut::leave`.

use super::{At, Leaving, Outcome, State, TAKEN_AWAY, Without};
use crate::protocol::Steps;

impl Leaving {
    pub(super) fn act(&self, i: usize, steps: &mut Steps<'_, State>) {
        let name = format!("thread {i}");
        let from = steps.from;
        let (thread, at) = (&from.threads[i], self.threads[i]);
        let mailbox = &from.boxes[at];
        let is_disowned = thread.outcome == Some(Outcome::Disowned);
        match thread.at {
            // runner.rs, wait_for_message: `self.bell.heard()`, and take_orders
            At::Look if thread.must_stop => {
                go(name, "hears that it must stop", i, At::Resign, steps);
            }
            At::Look => go(name, "hears no orders", i, At::Take, steps),
            // wait_for_message: `self.mailbox.take()`
            At::Take if mailbox.queue > 0 => steps.add(name, "takes a message", |next| {
                next.boxes[at].queue -= 1;
                next.threads[i].at = At::InHand;
            }),
            // runner.rs, last_call
            At::Take if thread.stopping => {
                go(name, "finds nothing, in its turn", i, At::Finish, steps);
            }
            At::Take if thread.must_stop => go(name, "is woken", i, At::Look, steps),
            // life/pulse.rs, enter_message
            At::InHand => go(name, "enters its handler", i, At::Handling, steps),
            At::Handling => self.handle(i, name, steps),
            At::Hung if is_disowned => go(name, "comes back", i, At::Look, steps),
            // mailbox/closing.rs, finish_for: under the ledger's lock
            At::Finish if is_disowned => {
                go(name, "finds that it was given up", i, At::Resign, steps);
            }
            At::Finish => steps.add(name, "finishes", |next| {
                let is_alone = mailbox.reading == 1;
                next.boxes[at].gone |= is_alone && mailbox.queue == 0;
                let is_over = next.boxes[at].gone || !is_alone && mailbox.queue == 0;
                if is_over && !is_alone {
                    self.resign(next, i);
                }
                next.threads[i].at = if is_over { At::Resign } else { At::Look };
            }),
            // return_rest, the first `take_returned`: under the ledger's lock
            At::Resign if is_disowned => {
                go(name, "finds that it was given up", i, At::Hook, steps);
            }
            At::Resign => steps.add(name, "reads no more", |next| {
                let is_last = self.resign(next, i);
                let thread = &mut next.threads[i];
                thread.is_last |= is_last;
                let looks = thread.is_last && self.without != Without::LastLook;
                thread.at = if looks { At::Close } else { At::Hook };
            }),
            // return_rest: `self.mailbox.close()`
            At::Close => steps.add(name, "closes", |next| {
                next.boxes[at].closed = true;
                next.threads[i].at = At::Evict;
            }),
            // return_rest, the second: under the ledger's lock
            At::Evict if is_disowned && self.without != Without::Disowned => {
                go(name, "finds that it was given up", i, At::Hook, steps);
            }
            At::Evict => steps.add(name, "returns what is left", |next| {
                let left = self.evict(next, at);
                next.threads[i].figures.returned += left;
                next.threads[i].at = At::Hook;
            }),
            At::Hook => {
                go(name.clone(), "has called its hooks", i, At::End, steps);
                if from.hangs > 0 && !is_disowned {
                    steps.add(name, "hangs in a hook", |next| {
                        next.hangs -= 1;
                        next.threads[i].at = At::HungInHook;
                    });
                }
            }
            At::HungInHook if is_disowned => {
                go(name, "comes back from its hook", i, At::End, steps);
            }
            // leave: `self.mailbox.end()`; life/ledger.rs, end
            At::End => steps.add(name, "ends", |next| {
                let thread = &mut next.threads[i];
                thread.outcome.get_or_insert(Outcome::Itself);
                thread.at = At::Ended;
                self.let_go(next, i);
            }),
            At::Take | At::Hung | At::HungInHook | At::Ended => {}
        }
    }

    fn handle(&self, i: usize, name: String, steps: &mut Steps<'_, State>) {
        let from = steps.from;
        let is_disowned = from.threads[i].outcome == Some(Outcome::Disowned);
        if let (Some(to), 1..) = (self.mailbox_of(i).feeds, from.sends) {
            steps.add(name.clone(), &format!("sends to mailbox {to}"), |next| {
                next.sends -= 1;
                self.send(next, Some(i), to);
            });
        }
        // life/pulse.rs, leave_handled: one word, which whoever gives it up has read before, or reads after
        steps.add(name.clone(), "has handled its message", |next| {
            next.threads[i].figures.handled += 1;
            next.threads[i].at = At::Look;
        });
        if from.failures > 0 && !is_disowned {
            // life/ledger.rs, leave_failed: under the ledger's lock
            steps.add(name.clone(), "fails, and nobody restarts it", |next| {
                next.failures -= 1;
                next.threads[i].figures.failed += 1;
                next.threads[i].at = At::Resign;
            });
        }
        if from.hangs > 0 && !is_disowned {
            steps.add(name, "hangs", |next| {
                next.hangs -= 1;
                next.threads[i].at = At::Hung;
            });
        }
    }

    /// life.rs, resign_once; mailbox.rs, resign. Whether it was the last.
    pub(super) fn resign(&self, next: &mut State, i: usize) -> bool {
        let mailbox = &mut next.boxes[self.threads[i]];
        let was_news = !std::mem::replace(&mut next.threads[i].has_resigned, true);
        if !was_news && self.without != Without::ResignOnce {
            return false;
        }
        mailbox.reading = mailbox.reading.saturating_sub(1);
        mailbox.reading == 0 || self.without == Without::Crew
    }

    /// mailbox/closing.rs, evict
    pub(super) fn evict(&self, next: &mut State, at: usize) -> u8 {
        let reads_on = |i: usize| self.threads[i] == at && !next.threads[i].has_resigned;
        if !next.boxes[at].gone && next.boxes[at].queue > 0 && (0..self.threads.len()).any(reads_on)
        {
            next.wrong.get_or_insert(TAKEN_AWAY);
        }
        let mailbox = &mut next.boxes[at];
        mailbox.closed = true;
        if std::mem::replace(&mut mailbox.gone, true) {
            return 0;
        }
        std::mem::take(&mut mailbox.queue)
    }

    /// life.rs, leave_once; mailbox.rs, end
    pub(super) fn let_go(&self, next: &mut State, i: usize) {
        if !std::mem::replace(&mut next.threads[i].has_let_go, true) {
            next.boxes[self.threads[i]].present -= 1;
        }
    }
}

fn go(name: String, does: &str, i: usize, to: At, steps: &mut Steps<'_, State>) {
    steps.add(name, does, |next| next.threads[i].at = to);
}

impl At {
    /// life/pulse.rs, `Sample::is_in_user_code`
    pub(super) fn is_in_user_code(self) -> bool {
        matches!(self, At::Handling | At::Hung | At::Hook | At::HungInHook | At::Ended)
    }

    /// life/ledger.rs, disown: whether there is a message in its handler.
    pub(super) fn is_handling(self) -> bool {
        matches!(self, At::Handling | At::Hung)
    }
}

//! The conductor's part: `exeunt/src/conductor.rs` and `conductor/turns.rs`, `exeunt/src/member.rs`.

use super::{At, Dismissal, Doing, Leaving, Outcome, State, Without};
use crate::protocol::Steps;

impl Leaving {
    pub(super) fn conduct(&self, steps: &mut Steps<'_, State>) {
        let from = steps.from;
        if let Some((i, doing)) = from.conductor.about {
            return self.give_up(i, doing, steps);
        }
        match from.conductor.dismissal {
            Some(dismissal) => self.dismiss(dismissal, steps),
            None => self.drain(steps),
        }
    }

    /// drain: all but the daemons.
    fn drain(&self, steps: &mut Steps<'_, State>) {
        let from = steps.from;
        let stays = |&i: &usize| from.threads[i].line.is_none();
        for i in (0..self.threads.len()).filter(|&i| !self.is_daemon(i)).filter(stays) {
            let thread = &from.threads[i];
            if !thread.stopping {
                // member.rs, call. The threads of a pool are told one after the other.
                steps.add("conductor", &format!("gives {i} its turn"), |next| self.call(next, i));
            } else if !thread.must_stop && self.hangs > 0 {
                // turns.rs, halt
                steps.add("conductor", &format!("tells {i} that it must stop"), |next| {
                    next.threads[i].must_stop = true;
                });
            } else if thread.must_stop && thread.at.is_in_user_code() && thread.outcome.is_none() {
                // turns.rs, decide_about. What it sees may have changed when it acts on it.
                steps.add("conductor", &format!("sees that {i} does not leave"), |next| {
                    next.conductor.about = Some((i, Doing::Disown));
                });
            }
            if thread.at == At::Ended {
                // see_off
                steps.add("conductor", &format!("sees {i} off"), |next| {
                    next.threads[i].line = Some(next.threads[i].figures);
                });
            }
        }
        let are_alone = !(0..self.threads.len()).filter(|&i| !self.is_daemon(i)).any(|i| stays(&i));
        if are_alone || self.without == Without::DaemonsLast {
            // conduct: `conductor.dismiss_daemons()`
            steps.add("conductor", "dismisses the daemons", |next| {
                next.conductor.dismissal = Some(Dismissal::Tell(0));
            });
        }
    }

    fn call(&self, next: &mut State, i: usize) {
        next.boxes[self.threads[i]].closed = true;
        next.threads[i].stopping = true;
    }

    /// dismiss_daemons
    fn dismiss(&self, dismissal: Dismissal, steps: &mut Steps<'_, State>) {
        // Children before their parents.
        let all: Vec<usize> =
            (0..self.threads.len()).filter(|&i| self.is_daemon(i)).rev().collect();
        let from = steps.from;
        match dismissal {
            Dismissal::Tell(told) => match all.get(told) {
                Some(&i) => steps.add("conductor", &format!("dismisses {i}"), |next| {
                    self.call(next, i);
                    next.threads[i].must_stop = true;
                    next.conductor.dismissal = Some(Dismissal::Tell(told + 1));
                }),
                None => steps.add("conductor", "waits for the willing", |next| {
                    next.conductor.dismissal = Some(Dismissal::Wait(0));
                }),
            },
            // wait_for_the_willing
            Dismissal::Wait(seen) => match all.get(seen) {
                Some(&i) => {
                    let thread = &from.threads[i];
                    let is_settled = thread.outcome.is_some() || thread.at.is_in_user_code();
                    if is_settled || self.without == Without::WaitForTheWilling {
                        steps.add("conductor", &format!("has waited for {i}"), |next| {
                            next.conductor.dismissal = Some(Dismissal::Wait(seen + 1));
                        });
                    }
                }
                None => steps.add("conductor", "has waited", |next| {
                    next.conductor.dismissal = Some(Dismissal::See(0));
                }),
            },
            Dismissal::See(left) => match all.get(left) {
                Some(&i) => steps.add("conductor", &format!("turns to {i}"), |next| {
                    next.conductor.about = Some((i, Doing::Disown));
                    next.conductor.dismissal = Some(Dismissal::See(left + 1));
                }),
                None => steps.add("conductor", "writes the report", |next| {
                    next.conductor.is_over = true;
                }),
            },
        }
    }

    /// abandon, and what dismiss_daemons does with each
    fn give_up(&self, i: usize, doing: Doing, steps: &mut Steps<'_, State>) {
        let at = self.threads[i];
        match doing {
            // life/ledger.rs, disown: under the ledger's lock
            Doing::Disown => steps.add("conductor", &format!("gives {i} up"), |next| {
                let thread = &mut next.threads[i];
                let mut line = thread.figures;
                if thread.outcome.is_none() {
                    thread.outcome = Some(Outcome::Disowned);
                    let counts = self.without != Without::InHand;
                    line.failed += u8::from(thread.at.is_handling() && counts);
                    thread.line = Some(line);
                    if self.without == Without::LastWord {
                        thread.figures = line;
                    }
                    next.conductor.about = Some((i, Doing::TakeOver));
                } else {
                    // A daemon is seen off; of others, what it has left is looked at all the same.
                    thread.line = Some(line);
                    let then = if self.is_daemon(i) { Doing::Leave } else { Doing::TakeOver };
                    next.conductor.about = Some((i, then));
                }
            }),
            // member.rs, take_over: `resign_once`, or whether nobody reads it any more
            Doing::TakeOver => steps.add("conductor", &format!("resigns for {i}"), |next| {
                let has_resigned = next.threads[i].has_resigned;
                let is_last = self.resign(next, i);
                let is_unread = has_resigned
                    && next.boxes[at].reading == 0
                    && self.without != Without::LookForTheResigned;
                let then = if is_last || is_unread { Doing::Evict } else { Doing::Leave };
                next.conductor.about = Some((i, then));
            }),
            // mailbox/post.rs, take_over; life/ledger.rs, count_returned
            Doing::Evict => steps.add("conductor", &format!("takes what {i} has left"), |next| {
                let left = self.evict(next, at);
                if let Some(line) = &mut next.threads[i].line {
                    line.returned += left;
                }
                next.threads[i].figures.returned +=
                    if self.without == Without::LastWord { left } else { 0 };
                next.conductor.about = Some((i, Doing::Leave));
            }),
            Doing::Leave => steps.add("conductor", &format!("goes on without {i}"), |next| {
                self.let_go(next, i);
                next.conductor.about = None;
            }),
        }
    }
}

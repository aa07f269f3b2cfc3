//! The conductor's part: `../member.rs`, `call`, `take_over`; `../conductor/turns.rs`, `abandon`.

use super::{Actor, Closes, Closing, Conductor, Evicts, State, Thread, Without};
use crate::protocol::Steps;

impl Closing {
    pub(super) fn conduct(&self, steps: &mut Steps<'_, State>) {
        let from = steps.from;
        match from.conductor {
            // ../conductor/rings.rs, acquaint
            Conductor::Acquaint => steps.add("conductor", "acquaints the ring", |next| {
                next.is_acquainted = true;
                next.conductor = match self.without {
                    Without::AcquaintFirst => Conductor::Tell,
                    _ => Conductor::Close(Closes::Doors),
                };
            }),
            Conductor::Close(how) => self.close_step("conductor", how, steps, |next, then| {
                let on = match self.without {
                    Without::AcquaintFirst => Conductor::Acquaint,
                    _ => Conductor::Tell,
                };
                next.conductor = then.map_or(on, Conductor::Close);
            }),
            // call: `self.life.stopping.set()`
            Conductor::Tell => steps.add("conductor", "says that it is its turn", |next| {
                next.stopping = true;
                next.conductor = Conductor::Watch;
            }),
            // ../life/ledger.rs, disown: under the ledger's lock. The message in its hands has failed.
            Conductor::Watch => {
                let (Actor::Hung(message), None, true) =
                    (from.actor, from.ledger, self.is_given_up)
                else {
                    return;
                };
                steps.add("conductor", "gives the actor up", |next| {
                    next.is_disowned = true;
                    next.fates[message].failed += 1;
                    next.report = Some(next.counted + 1);
                    next.conductor = Conductor::Evict(Evicts::Lock);
                });
            }
            // post.rs, take_over
            Conductor::Evict(how) => {
                self.evict_step("conductor", Thread::Conductor, how, steps, |next, then| {
                    next.conductor = then.map_or(Conductor::Wake, Conductor::Evict);
                });
            }
            Conductor::Wake => {
                steps.add("conductor", "wakes who waits, and ends the mailbox", |next| {
                    if self.without != Without::WakeUpAfterEviction {
                        next.wake_senders();
                        next.end_mailbox();
                    }
                    next.conductor = Conductor::Done;
                });
            }
            Conductor::Done => {}
        }
    }
}

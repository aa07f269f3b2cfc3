//! The natural end of a pool: several threads read one mailbox, and end by themselves when nobody has its address
//! any more and none of them has anything to do, since each of them could make one in its handler.
//!
//! Each step is one operation on what the threads share, and its comment names the function of `exeunt/src/runner.rs`
//! that it is of, if no other file. A send and a finish are one step each, and the bell is one flag: how those work is
//! for [`closing`](crate::closing) and `code`. There is no drain here.

use crate::protocol::{Protocol, Step, Steps};

/// What is taken out of the protocol.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Without {
    /// Nothing: the protocol as it is.
    Nothing,
    /// The question whether the others have anything to do.
    LastToWork,
    /// The look whether something lies there, when all are asleep.
    LookWhenCalm,
    /// The look whether somebody has the address, when all are asleep.
    AddressWhenCalm,
    /// The look whether somebody has woken meanwhile.
    StillCalm,
    /// The number of wake-ups, beside that of those asleep: who has woken, and sleeps again, has not been awake.
    Wakings,
    /// The ring for all, if they sleep, when the last address is dropped.
    RingOfAddress,
    /// The ring for the others, if they sleep, when one has left.
    RingOfResigned,
    /// The ring for the others when the mailbox is gone.
    RingOfGone,
    /// The look of who is about to sleep whether all the others do.
    LookBeforeSleep,
    /// The count of who is about to sleep, among those who do.
    CountAsleep,
    /// The count of who has left, among those who do not sleep.
    CountReading,
}

impl Without {
    /// Everything that can be taken out.
    pub const ALL: [Without; 11] = [
        Without::LastToWork,
        Without::LookWhenCalm,
        Without::AddressWhenCalm,
        Without::StillCalm,
        Without::Wakings,
        Without::RingOfAddress,
        Without::RingOfResigned,
        Without::RingOfGone,
        Without::LookBeforeSleep,
        Without::CountAsleep,
        Without::CountReading,
    ];
}

/// A pool whose address is dropped.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Deserted {
    /// How many threads it has.
    pub threads: usize,
    /// How many messages somebody sends before it drops the only address.
    pub sends: u8,
    /// How many messages handlers send to their own pool, each by an address that is made for it, or have somebody
    /// send to whom they hand one out.
    pub sends_of_its_own: u8,
    /// How many handlers fail, and their threads leave.
    pub failures: u8,
    /// What is taken out.
    pub without: Without,
}

/// Where they all are.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct State {
    outside: Outside,
    queue: u8,
    gone: bool,
    addresses: u8,
    /// crew.rs
    reading: u8,
    asleep: u8,
    threads: Vec<Thread>,
    sends_of_its_own: u8,
    failures: u8,
    wrong: Option<&'static str>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Outside {
    left: u8,
    has_address: bool,
    wakes: Wakes,
}

/// Somebody has dropped the last address, or reads no more: it wakes those who read, if all of them sleep.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Wakes {
    Not,
    Look,
    Compare(u8),
    Ring,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Thread {
    at: At,
    is_rung: bool,
    /// Since it counted itself asleep one has woken: what the number of wake-ups tells, in crew.rs.
    is_disturbed: bool,
    /// It is in a handler that has made an address.
    has_address: bool,
    wakes: Wakes,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum At {
    Look,
    Take,
    Handle,
    LastCall,
    /// In `is_the_last_to_work`: it counts itself asleep, compares, looks three times, and counts itself out again.
    Count,
    Compare(u8),
    CalmAddress(u8),
    CalmLook(u8),
    CalmStill(u8),
    CountOut(bool),
    AskGone,
    Finish,
    BeforeSleep,
    /// In `sleep`, the same.
    SleepCount,
    SleepCompare(u8),
    SleepLook,
    Asleep,
    WakeUp,
    RingOfGone,
    Resign,
    Resigned,
    Ended,
}

const CUT_SHORT: &str = "the mailbox is gone while somebody could still send";
const LOST: &str = "a message is left though somebody was there to handle it";
const SLEEPS: &str = "somebody sleeps for ever";

impl Protocol for Deserted {
    type State = State;

    fn begin(&self) -> State {
        let thread = Thread {
            at: At::Look,
            is_rung: false,
            is_disturbed: false,
            has_address: false,
            wakes: Wakes::Not,
        };
        State {
            outside: Outside { left: self.sends, has_address: true, wakes: Wakes::Not },
            queue: 0,
            gone: false,
            addresses: 1,
            reading: self.threads as u8,
            asleep: 0,
            threads: vec![thread; self.threads],
            sends_of_its_own: self.sends_of_its_own,
            failures: self.failures,
            wrong: None,
        }
    }

    fn steps(&self, state: &State) -> Vec<(Step, State)> {
        let mut steps = Steps { from: state, all: Vec::new() };
        if state.outside.wakes != Wakes::Not {
            self.wake("outside", state.outside.wakes, &mut steps, &|next| &mut next.outside.wakes);
        } else if state.outside.left > 0 {
            steps.add("outside", "sends", |next| {
                next.outside.left -= 1;
                next.queue += 1;
            });
        } else if state.outside.has_address {
            steps.add("outside", "drops its address", |next| {
                next.outside.has_address = false;
                next.outside.wakes = self.drop_address(next);
            });
        }
        (0..self.threads).for_each(|i| self.act(i, &mut steps));
        steps.all
    }

    fn wrong(&self, state: &State) -> Option<&'static str> {
        state.wrong
    }

    fn wrong_at_the_end(&self, state: &State) -> Option<&'static str> {
        if state.threads.iter().any(|thread| thread.at != At::Ended) {
            return Some(SLEEPS);
        }
        // If all have failed, what is left is returned by the last of them.
        (state.queue > 0 && self.failures == 0).then_some(LOST)
    }
}

impl Deserted {
    /// mailbox.rs, remove_address
    fn drop_address(&self, next: &mut State) -> Wakes {
        next.addresses -= 1;
        let is_last = next.addresses == 0 && self.without != Without::RingOfAddress;
        if is_last { Wakes::Look } else { Wakes::Not }
    }

    /// mailbox.rs, wake_if_deserted
    fn wake(
        &self,
        who: &str,
        wakes: Wakes,
        steps: &mut Steps<'_, State>,
        of: &dyn Fn(&mut State) -> &mut Wakes,
    ) {
        let from = steps.from;
        let mut go = |does: &str, to: Wakes| steps.add(who, does, |next| *of(next) = to);
        match wakes {
            // `self.is_deserted()`, and the first look of crew.rs, is_asleep: `self.sleep.load(..)`
            Wakes::Look if from.addresses > 0 => {
                go("finds that somebody has an address", Wakes::Not);
            }
            Wakes::Look => go("looks how many sleep", Wakes::Compare(from.asleep)),
            // The second: `self.reading()`
            Wakes::Compare(asleep) => {
                let all_sleep = asleep == from.reading;
                go("compares", if all_sleep { Wakes::Ring } else { Wakes::Not });
            }
            Wakes::Ring => steps.add(who, "rings for all", |next| {
                *of(next) = Wakes::Not;
                ring_all(next);
            }),
            Wakes::Not => {}
        }
    }

    fn act(&self, i: usize, steps: &mut Steps<'_, State>) {
        let from = steps.from;
        let thread = &from.threads[i];
        if thread.wakes != Wakes::Not {
            let who = format!("thread {i}");
            return self.wake(&who, thread.wakes, steps, &|next| &mut next.threads[i].wakes);
        }
        let asleep = from.asleep + 1;
        let mut go = |does: &str, to: At, step: &dyn Fn(&mut State)| {
            steps.add(format!("thread {i}"), does, |next| {
                next.threads[i].at = to;
                step(next);
            });
        };
        match thread.at {
            // wait_for_message: `self.bell.heard()`
            At::Look => go("looks", At::Take, &|next| next.threads[i].is_rung = false),
            // wait_for_message: `self.mailbox.take()`
            At::Take if from.queue > 0 => go("takes a message", At::Handle, &|next| {
                next.queue -= 1;
            }),
            At::Take => go("finds nothing", At::LastCall, &|_| {}),
            At::Handle => self.handle(i, steps),
            // last_call: `self.is_deserted()`
            At::LastCall if from.addresses > 0 => {
                go("finds that somebody has its address", At::BeforeSleep, &|_| {});
            }
            At::LastCall => match self.without {
                Without::LastToWork => go("finds itself deserted", At::Finish, &|_| {}),
                _ => go("finds itself deserted", At::Count, &|_| {}),
            },
            // is_the_last_to_work; crew.rs, fall_asleep: `self.sleep.fetch_add(..)`
            At::Count => go("counts itself asleep", At::Compare(asleep), &|next| {
                next.asleep += 1;
                next.threads[i].is_disturbed = false;
            }),
            // crew.rs, fall_asleep: `self.reading.load(..)`
            At::Compare(asleep) => {
                let all_sleep = asleep == from.reading;
                let to = if all_sleep { At::CalmAddress(asleep) } else { At::CountOut(false) };
                go("compares", to, &|_| {});
            }
            // is_the_last_to_work: `self.is_deserted() && self.mailbox.len() == 0 && crew.is_still(&calm)`
            At::CalmAddress(asleep) => {
                let is_so = from.addresses == 0 || self.without == Without::AddressWhenCalm;
                let to = if is_so { At::CalmLook(asleep) } else { At::CountOut(false) };
                go("looks whether somebody has its address", to, &|_| {});
            }
            At::CalmLook(asleep) => {
                let is_so = from.queue == 0 || self.without == Without::LookWhenCalm;
                let to = if is_so { At::CalmStill(asleep) } else { At::CountOut(false) };
                go("looks whether something is there", to, &|_| {});
            }
            At::CalmStill(asleep) => {
                let is_still = asleep == from.asleep
                    && (!thread.is_disturbed || self.without == Without::Wakings)
                    || self.without == Without::StillCalm;
                go("looks whether somebody has woken", At::CountOut(is_still), &|_| {});
            }
            // crew.rs, wake_up
            At::CountOut(is_last) => {
                let to = if is_last { At::Finish } else { At::AskGone };
                go("counts itself awake", to, &|next| {
                    next.asleep -= 1;
                    disturb(next);
                });
            }
            // is_the_last_to_work: `self.mailbox.is_gone()`
            At::AskGone => {
                let to = if from.gone { At::Finish } else { At::BeforeSleep };
                go("asks whether the mailbox is gone", to, &|_| {});
            }
            At::Finish => self.finish(i, steps),
            // wait_for_message: `self.bell.is_rung_before_sleep()`
            At::BeforeSleep => {
                let to = if thread.is_rung { At::Look } else { At::SleepCount };
                go("is about to sleep", to, &|_| {});
            }
            // sleep: `crew.fall_asleep()`
            At::SleepCount if self.without == Without::CountAsleep => {
                go("does not count itself", At::Asleep, &|_| {});
            }
            At::SleepCount => {
                go("counts itself asleep", At::SleepCompare(asleep), &|next| next.asleep += 1);
            }
            At::SleepCompare(asleep) => {
                let all_sleep = asleep == from.reading && self.without != Without::LookBeforeSleep;
                let to = if all_sleep { At::SleepLook } else { At::Asleep };
                go("compares", to, &|_| {});
            }
            // sleep: `all_sleep && self.is_deserted()`
            At::SleepLook => {
                let to = if from.addresses == 0 { At::WakeUp } else { At::Asleep };
                go("looks whether it is deserted", to, &|_| {});
            }
            // sleep: `select.ready()`
            At::Asleep if thread.is_rung || from.queue > 0 => {
                go("is woken", At::WakeUp, &|_| {});
            }
            At::Asleep | At::Ended => {}
            At::WakeUp => go("counts itself awake", At::Look, &|next| {
                next.asleep -= u8::from(self.without != Without::CountAsleep);
                disturb(next);
            }),
            // finish: `self.mailbox.ring_all()`
            At::RingOfGone => go("rings for the others", At::Resign, &ring_all),
            // ending.rs, resign; crew.rs, resign
            At::Resign => go("reads no more", At::Resigned, &|next| {
                next.reading -= u8::from(self.without != Without::CountReading);
            }),
            // mailbox.rs, resign: `!self.is_gone()`
            At::Resigned => {
                let wakes = !from.gone && self.without != Without::RingOfResigned;
                go("asks whether the mailbox is gone", At::Ended, &|next| {
                    next.threads[i].wakes = if wakes { Wakes::Look } else { Wakes::Not };
                });
            }
        }
    }

    fn handle(&self, i: usize, steps: &mut Steps<'_, State>) {
        let from = steps.from;
        let name = format!("thread {i}");
        if from.threads[i].has_address {
            return steps.add(name, "drops the address that it has made", |next| {
                next.threads[i].has_address = false;
                next.threads[i].wakes = self.drop_address(next);
            });
        }
        if from.sends_of_its_own > 0 {
            steps.add(name.clone(), "makes an address, and sends to its own pool", |next| {
                next.sends_of_its_own -= 1;
                next.threads[i].has_address = true;
                next.addresses += 1;
                next.queue += 1;
            });
        }
        let is_free = !from.outside.has_address && from.outside.wakes == Wakes::Not;
        if from.sends_of_its_own > 0 && is_free {
            steps.add(name.clone(), "hands an address out", |next| {
                next.sends_of_its_own -= 1;
                next.addresses += 1;
                next.outside = Outside { left: 1, has_address: true, ..next.outside };
            });
        }
        steps.add(name.clone(), "has handled its message", |next| next.threads[i].at = At::Look);
        if from.failures > 0 {
            steps.add(name, "fails", |next| {
                next.failures -= 1;
                next.threads[i].at = At::Resign;
            });
        }
    }

    /// finish; mailbox/closing.rs, finish
    fn finish(&self, i: usize, steps: &mut Steps<'_, State>) {
        let from = steps.from;
        let is_empty = from.queue == 0;
        let is_gone = from.gone || is_empty;
        let is_cut_short =
            from.addresses > 0 || from.threads.iter().any(|thread| thread.at == At::Handle);
        let is_news = !from.gone && self.without != Without::RingOfGone;
        steps.add(format!("thread {i}"), "finishes", |next| {
            next.threads[i].at = match (is_gone, is_news) {
                (true, true) => At::RingOfGone,
                (true, false) => At::Resign,
                (false, _) => At::Look,
            };
            if is_gone && !next.gone && is_cut_short {
                next.wrong.get_or_insert(CUT_SHORT);
            }
            next.gone = is_gone;
        });
    }
}

/// One has woken.
fn disturb(next: &mut State) {
    next.threads.iter_mut().for_each(|thread| thread.is_disturbed = true);
}

/// mailbox.rs, ring_all
fn ring_all(next: &mut State) {
    next.threads.iter_mut().for_each(|thread| thread.is_rung = true);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{can_always_end, check};

    fn pool(threads: usize) -> Deserted {
        Deserted { threads, sends: 2, sends_of_its_own: 1, failures: 0, without: Without::Nothing }
    }

    #[test]
    fn o5_a_pool_ends_by_itself_and_not_before_all_have_nothing_to_do() {
        let small = Deserted { sends: 1, ..pool(3) };
        for pool in [pool(2), Deserted { failures: 1, ..pool(2) }, small] {
            let verdict = check(pool.clone());
            println!("{pool:?}: {verdict}");
            assert_eq!(verdict.counterexample, None, "{verdict}");
            assert!(verdict.states > 1_000, "{}", verdict.states);
        }
    }

    #[test]
    fn o5_it_can_always_end() {
        for pool in [pool(2), Deserted { failures: 1, ..pool(2) }] {
            assert!(can_always_end(&pool), "{pool:?}");
        }
    }

    #[test]
    fn nothing_can_be_taken_out() {
        for without in Without::ALL {
            let pool = match without {
                Without::RingOfResigned | Without::CountReading => {
                    Deserted { failures: 1, ..pool(2) }
                }
                _ => pool(2),
            };
            let verdict = check(Deserted { without, ..pool });
            println!("without {without:?}: {verdict}");
            let expected = match without {
                Without::RingOfAddress
                | Without::RingOfResigned
                | Without::RingOfGone
                | Without::LookBeforeSleep
                | Without::CountAsleep
                | Without::CountReading => SLEEPS,
                _ => CUT_SHORT,
            };
            let found = verdict.counterexample;
            let found = found.unwrap_or_else(|| panic!("{without:?} is not missed"));
            assert_eq!(found.wrong, expected, "{without:?}: {found}");
        }
    }
}

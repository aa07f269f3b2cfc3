//! The closing of a mailbox: senders that send, one that waits for room, the conductor that closes, and the
//! actor that drains, fails or meets its deadline.
//!
//! Each step is one operation on what the threads share, and its comment names the function of
//! `exeunt/src/mailbox.rs` that it is of, if no other file. The channel is taken to be what crossbeam says that
//! it is: to put something in, to take something out and to look whether it is empty are one step each, and in
//! one order with the operations on `closed`, which are sequentially consistent. What rests on weaker orders is
//! not looked at here: see `code` and `litmus`.

use crate::protocol::{Protocol, Step, Steps};

/// What is taken out of the protocol.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Without {
    /// Nothing: the protocol as it is.
    Nothing,
    /// The second look at `closed`: who got its message in has been accepted.
    SecondLook,
    /// The lock of a late sender: one that finds the mailbox closed takes it that the actor will look once
    /// more.
    Settling,
    /// The lock around the actor's last look and `gone`.
    LockInFinish,
    /// The actor's last look.
    LastLook,
    /// The order of close and drain: the actor drains, then closes, and is gone.
    CloseBeforeDrain,
    /// The lock around an eviction, in which the actor is gone when it has taken out all there is.
    LockInEvict,
    /// The comparison of tickets: a late sender takes what it finds first.
    Tickets,
    /// What others put aside: a late sender drops what it finds and does not own.
    Strays,
    /// The waking of those who wait for room.
    WakeUp,
}

impl Without {
    /// Everything that can be taken out.
    pub const ALL: [Without; 9] = [
        Without::SecondLook,
        Without::Settling,
        Without::LockInFinish,
        Without::LastLook,
        Without::CloseBeforeDrain,
        Without::LockInEvict,
        Without::Tickets,
        Without::Strays,
        Without::WakeUp,
    ];
}

/// The closing of a mailbox.
#[derive(Clone, Debug)]
pub struct Closing {
    /// How many messages each sender sends, one after the other, each from the same frame.
    pub sends: Vec<u8>,
    /// The last of the senders begins in its wait for room.
    pub last_is_blocked: bool,
    /// The capacity of the mailbox. It is full at the beginning.
    pub capacity: usize,
    /// Whether a handler may fail, and the deadline pass, at any moment.
    pub may_end_badly: bool,
    /// Whether a handler may never return.
    pub may_hang: bool,
    /// What is taken out.
    pub without: Without,
}

/// What the threads share, and where they are.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct State {
    closed: bool,
    /// `closing`, the event that wakes those who wait for room.
    closing: bool,
    /// `life.stopping`.
    stopping: bool,
    gone: bool,
    /// Who has the lock of the last word.
    lock: Option<Thread>,
    channel: Vec<Parcel>,
    strays: Vec<Parcel>,
    senders: Vec<Sender>,
    conductor: Conductor,
    actor: Actor,
    /// What became of each message.
    fates: Vec<Fate>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Thread {
    Sender(usize),
    Actor,
}

/// A message by its number, and the frame of its send.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Parcel {
    message: usize,
    ticket: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
struct Fate {
    answer: Answer,
    handled: u8,
    failed: u8,
    returned: u8,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
enum Answer {
    #[default]
    None,
    Accepted,
    /// With which message in its hands.
    Refused(usize),
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Sender {
    at: Sending,
    /// The message that it sends, or sent last.
    message: usize,
    left: u8,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Sending {
    Look,
    TrySend,
    WaitForRoom,
    LookAgain,
    Lock,
    /// Under the lock: is it gone?
    Settle,
    /// Under the lock: takes out what there is, one after the other.
    Sweep,
    Done,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Conductor {
    Close,
    Wake,
    Tell,
    Done,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Actor {
    Work,
    Handle(usize),
    FinishClose,
    FinishWake,
    FinishLock,
    FinishLook,
    /// It has looked, under the lock, and found nothing.
    FinishGone,
    EvictClose,
    EvictWake,
    EvictLock,
    EvictGone,
    EvictTake,
    /// Without the lock: it has found no more.
    EvictLate,
    Ended,
    /// In a handler that does not return.
    Hung,
}

impl Protocol for Closing {
    type State = State;

    fn begin(&self) -> State {
        let messages: usize = self.sends.iter().map(|&sends| usize::from(sends)).sum();
        let mut fates = vec![Fate::default(); self.capacity + messages];
        // Sent before: from the frame of the first sender, who is in it again now.
        let channel = (0..self.capacity).map(|message| Parcel { message, ticket: 0 });
        fates.iter_mut().take(self.capacity).for_each(|fate| fate.answer = Answer::Accepted);
        let mut first = self.capacity;
        let senders = self.sends.iter().map(|&sends| {
            let sender = Sender { at: Sending::Look, message: first, left: sends };
            first += usize::from(sends);
            sender
        });
        let mut senders: Vec<Sender> = senders.collect();
        if let (Some(last), true) = (senders.last_mut(), self.last_is_blocked) {
            last.at = Sending::WaitForRoom;
        }
        State {
            closed: false,
            closing: false,
            stopping: false,
            gone: false,
            lock: None,
            channel: channel.collect(),
            strays: Vec::new(),
            senders,
            conductor: Conductor::Close,
            actor: Actor::Work,
            fates,
        }
    }

    fn steps(&self, state: &State) -> Vec<(Step, State)> {
        let mut steps = Steps { from: state, all: Vec::new() };
        for i in 0..state.senders.len() {
            self.send(i, &mut steps);
        }
        self.conduct(&mut steps);
        self.act(&mut steps);
        steps.all
    }

    fn wrong(&self, state: &State) -> Option<&'static str> {
        for (message, fate) in state.fates.iter().enumerate() {
            let seen = fate.handled + fate.failed + fate.returned;
            match fate.answer {
                _ if seen > 1 => return Some("a message is counted twice"),
                Answer::Refused(other) if other != message => {
                    return Some("a sender has got somebody else's message back");
                }
                Answer::Refused(_) if seen > 0 => return Some("a refused message is counted"),
                _ => {}
            }
        }
        None
    }

    fn wrong_at_the_end(&self, state: &State) -> Option<&'static str> {
        if state.senders.iter().any(|sender| sender.at != Sending::Done) {
            return Some("a sender waits for ever");
        }
        match state.actor {
            Actor::Ended => {}
            // What it has left is the system's to take.
            Actor::Hung => return None,
            _ => return Some("the actor never ends"),
        }
        // The actor counts nothing after its end: so its figures are final if they balance.
        let is_lost = |fate: &Fate| {
            fate.answer == Answer::Accepted && fate.handled + fate.failed + fate.returned != 1
        };
        state.fates.iter().any(is_lost).then_some("an accepted message is lost")
    }
}

impl Closing {
    /// The steps of a sender: `offer`, `wait_for_room`, `look_again`, `settle`.
    fn send(&self, i: usize, steps: &mut Steps<'_, State>) {
        let from = steps.from;
        let Sender { at, message, .. } = from.senders[i];
        let parcel = Parcel { message, ticket: i };
        let name = format!("sender {i}");
        let has_room = from.channel.len() < self.capacity;
        match at {
            // offer: `if self.closed.load(Ordering::Acquire)`
            Sending::Look if from.closed => {
                steps.add(name, "finds it closed", |next| next.answer(i, Answer::Refused(message)));
            }
            Sending::Look => {
                steps.add(name, "finds it open", |next| next.senders[i].at = Sending::TrySend);
            }
            // offer: `lane.sender.try_send(..)`
            Sending::TrySend if has_room => self.put(parcel, name, steps),
            Sending::TrySend => {
                steps.add(name, "finds it full", |next| next.senders[i].at = Sending::WaitForRoom);
            }
            // wait_for_room: `select.select()`, which is ready for either
            Sending::WaitForRoom => {
                if has_room {
                    self.put(parcel, name.clone(), steps);
                }
                if from.closing {
                    steps.add(name, "is woken by the closing", |next| {
                        next.answer(i, Answer::Refused(message));
                    });
                }
            }
            // look_again: `if self.closed.load(Ordering::SeqCst)`
            Sending::LookAgain if !from.closed => {
                steps.add(name, "finds it open still", |next| next.answer(i, Answer::Accepted));
            }
            Sending::LookAgain if self.without == Without::Settling => {
                let does = "finds it closed now, and takes it that the actor looks";
                steps.add(name, does, |next| next.answer(i, Answer::Accepted));
            }
            Sending::LookAgain => {
                steps.add(name, "finds it closed now", |next| next.senders[i].at = Sending::Lock);
            }
            // settle: `self.last_word()`
            Sending::Lock if from.lock.is_none() => steps.add(name, "takes the lock", |next| {
                next.lock = Some(Thread::Sender(i));
                next.senders[i].at = Sending::Settle;
            }),
            Sending::Lock | Sending::Done => {}
            // settle: `if !last_word.gone`
            Sending::Settle if !from.gone => {
                steps.add(name, "finds the actor there, lets the lock go", |next| {
                    next.lock = None;
                    next.answer(i, Answer::Accepted);
                });
            }
            Sending::Settle => {
                steps.add(name, "finds the actor gone", |next| next.senders[i].at = Sending::Sweep);
            }
            // settle: `last_word.strays.extend(lane.receiver.try_iter())`, one by one
            Sending::Sweep => match from.channel.first() {
                Some(found) => {
                    let does = format!("takes message {} out", found.message);
                    steps.add(name, &does, |next| {
                        let found = next.channel.remove(0);
                        if self.without != Without::Strays || found.ticket == i {
                            next.strays.push(found);
                        }
                    });
                }
                // settle: `last_word.strays.iter().position(..)`
                None => steps.add(name, "looks for its own, lets the lock go", |next| {
                    let is_its_own =
                        |stray: &Parcel| stray.ticket == i || self.without == Without::Tickets;
                    let own = next.strays.iter().position(is_its_own);
                    let own = own.map(|at| next.strays.swap_remove(at));
                    next.lock = None;
                    let refused = |own: Parcel| Answer::Refused(own.message);
                    next.answer(i, own.map_or(Answer::Accepted, refused));
                }),
            },
        }
    }

    fn put(&self, parcel: Parcel, name: String, steps: &mut Steps<'_, State>) {
        steps.add(name, &format!("puts message {} in", parcel.message), |next| {
            next.channel.push(parcel);
            match self.without {
                Without::SecondLook => next.answer(parcel.ticket, Answer::Accepted),
                _ => next.senders[parcel.ticket].at = Sending::LookAgain,
            }
        });
    }

    /// The steps of the conductor: `Member::call`.
    fn conduct(&self, steps: &mut Steps<'_, State>) {
        let is_closed_by_the_actor = self.without == Without::CloseBeforeDrain;
        match steps.from.conductor {
            Conductor::Close if is_closed_by_the_actor => {
                steps.add("conductor", "says that it is its turn", |next| {
                    next.stopping = true;
                    next.conductor = Conductor::Done;
                });
            }
            // close: `if !self.closed.swap(true, Ordering::SeqCst)`
            Conductor::Close => steps.add("conductor", "closes", |next| {
                let was_closed = std::mem::replace(&mut next.closed, true);
                next.conductor = if was_closed { Conductor::Tell } else { Conductor::Wake };
            }),
            // close: `self.closing.set()`
            Conductor::Wake => steps.add("conductor", "wakes who waits for room", |next| {
                self.wake(next);
                next.conductor = Conductor::Tell;
            }),
            // member.rs, call: `self.life.stopping.set()`
            Conductor::Tell => steps.add("conductor", "says that it is its turn", |next| {
                next.stopping = true;
                next.conductor = Conductor::Done;
            }),
            Conductor::Done => {}
        }
    }

    fn wake(&self, next: &mut State) {
        next.closing = self.without != Without::WakeUp;
    }

    /// The steps of the actor: `Runner::run`, `finish`, `evict`.
    fn act(&self, steps: &mut Steps<'_, State>) {
        let from = steps.from;
        let may_look = from.lock.is_none() || self.without == Without::LockInFinish;
        let may_evict = from.lock.is_none() || self.without == Without::LockInEvict;
        match from.actor {
            Actor::Work => {
                if self.may_end_badly {
                    // runner.rs, take_orders: `if self.life.must_stop.is_set()`
                    steps.add("actor", "meets its deadline", |next| next.actor = Actor::EvictClose);
                }
                match from.channel.first() {
                    // take
                    Some(parcel) => {
                        let message = parcel.message;
                        steps.add("actor", &format!("takes message {message}"), |next| {
                            next.channel.remove(0);
                            next.actor = Actor::Handle(message);
                        });
                    }
                    // runner.rs, last_call: `self.life.stopping.is_set()`
                    None if from.stopping => {
                        steps.add("actor", "finds nothing, in its turn", |next| {
                            next.actor = Actor::FinishClose;
                        });
                    }
                    None => {}
                }
            }
            Actor::Handle(message) => {
                steps.add("actor", &format!("handles message {message}"), |next| {
                    next.fates[message].handled += 1;
                    next.actor = Actor::Work;
                });
                if self.may_end_badly {
                    steps.add("actor", &format!("fails on message {message}"), |next| {
                        next.fates[message].failed += 1;
                        next.actor = Actor::EvictClose;
                    });
                }
                if self.may_hang {
                    steps.add("actor", &format!("hangs in message {message}"), |next| {
                        next.actor = Actor::Hung;
                    });
                }
            }
            // finish: `self.close()`
            Actor::FinishClose => self.close(Actor::FinishWake, Actor::FinishLock, steps),
            Actor::FinishWake => self.wake_as(Actor::FinishLock, steps),
            // finish: `self.last_word()`
            Actor::FinishLock if may_look => {
                steps.add("actor", "takes the lock to finish", |next| {
                    if self.without != Without::LockInFinish {
                        next.lock = Some(Thread::Actor);
                    }
                    let looks =
                        !matches!(self.without, Without::LastLook | Without::CloseBeforeDrain);
                    next.actor = if looks { Actor::FinishLook } else { Actor::FinishGone };
                });
            }
            // finish: `last_word.gone |= self.lanes().all(|lane| lane.receiver.is_empty())`
            Actor::FinishLook if from.channel.is_empty() => {
                steps.add("actor", "finds nothing at its last look", |next| {
                    next.actor = Actor::FinishGone;
                });
            }
            Actor::FinishLook => steps.add("actor", "finds something, lets the lock go", |next| {
                next.lock = None;
                next.actor = Actor::Work;
            }),
            Actor::FinishGone => steps.add("actor", "is gone, lets the lock go", |next| {
                next.gone = true;
                next.lock = next.lock.filter(|&holder| holder != Thread::Actor);
                next.actor = Actor::Ended;
            }),
            // ending.rs, return_rest: `self.mailbox.close()`
            Actor::EvictClose => self.close(Actor::EvictWake, Actor::EvictLock, steps),
            Actor::EvictWake => self.wake_as(Actor::EvictLock, steps),
            // evict: `self.last_word()`
            Actor::EvictLock if may_evict => {
                steps.add("actor", "takes the lock to evict", |next| {
                    let has_lock = self.without != Without::LockInEvict;
                    next.lock = if has_lock { Some(Thread::Actor) } else { next.lock };
                    next.actor = if has_lock { Actor::EvictGone } else { Actor::EvictTake };
                });
            }
            Actor::FinishLock | Actor::EvictLock | Actor::Ended | Actor::Hung => {}
            // evict: `last_word.gone = true`
            Actor::EvictGone => steps.add("actor", "is gone", |next| {
                next.gone = true;
                next.actor = Actor::EvictTake;
            }),
            // evict: `std::iter::from_fn(|| lane.take())`, one by one
            Actor::EvictTake => match from.channel.first() {
                Some(parcel) => {
                    let message = parcel.message;
                    steps.add("actor", &format!("returns message {message}"), |next| {
                        next.channel.remove(0);
                        next.fates[message].returned += 1;
                    });
                }
                None if self.without == Without::LockInEvict => {
                    steps.add("actor", "finds no more", |next| next.actor = Actor::EvictLate);
                }
                None => steps.add("actor", "finds no more, lets the lock go", |next| {
                    next.lock = None;
                    next.actor = Actor::Ended;
                }),
            },
            Actor::EvictLate => steps.add("actor", "is gone", |next| {
                next.gone = true;
                next.actor = Actor::Ended;
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

impl State {
    /// The send of a sender returns. It goes on with its next, if there is one.
    fn answer(&mut self, i: usize, answer: Answer) {
        let sender = &mut self.senders[i];
        self.fates[sender.message].answer = answer;
        sender.left -= 1;
        sender.at = if sender.left > 0 { Sending::Look } else { Sending::Done };
        sender.message += usize::from(sender.left > 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{check, turns_in_a_circle};

    /// Two senders and a third that waits for room, at a mailbox of one place.
    fn closing(without: Without) -> Closing {
        Closing {
            sends: vec![1, 1, 1],
            last_is_blocked: true,
            capacity: 1,
            may_end_badly: true,
            may_hang: true,
            without,
        }
    }

    #[test]
    fn m1_every_message_is_accounted_for_once_and_nobody_waits_for_ever() {
        for (sends, capacity) in [(vec![1, 1, 1], 1), (vec![2, 1, 1], 1), (vec![1, 1, 1], 2)] {
            let closing = Closing { sends, capacity, ..closing(Without::Nothing) };
            let verdict = check(closing.clone());
            println!("{closing:?}: {verdict}");
            assert_eq!(verdict.counterexample, None);
            assert!(verdict.states > 50_000, "{}", verdict.states);
        }
    }

    #[test]
    fn m4_every_way_comes_to_an_end() {
        assert!(!turns_in_a_circle(&closing(Without::Nothing)));
    }

    #[test]
    fn m1_nothing_can_be_taken_out() {
        for without in Without::ALL {
            let verdict = check(closing(without));
            println!("without {without:?}: {verdict}");
            let found =
                verdict.counterexample.unwrap_or_else(|| panic!("{without:?} is not missed"));
            let expected = match without {
                Without::Tickets => "a sender has got somebody else's message back",
                // Who closes only after the drain leaves those who wait to a handler that hangs.
                Without::WakeUp | Without::CloseBeforeDrain => "a sender waits for ever",
                _ => "an accepted message is lost",
            };
            assert_eq!(found.wrong, expected, "{without:?}");
        }
    }

    /// To be drained alone, without failures and deadlines, needs every step of the way, too.
    #[test]
    fn m1_a_drain_that_goes_well_loses_nothing_either() {
        let well = |without| Closing { may_end_badly: false, may_hang: false, ..closing(without) };
        assert_eq!(check(well(Without::Nothing)).counterexample, None);
        let missed = [
            Without::SecondLook,
            Without::Settling,
            Without::LockInFinish,
            Without::LastLook,
            Without::CloseBeforeDrain,
        ];
        for without in missed {
            let found = check(well(without)).counterexample.map(|found| found.wrong);
            assert_eq!(found, Some("an accepted message is lost"), "{without:?}");
        }
    }
}

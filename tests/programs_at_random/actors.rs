//! The actors, and what they and their hooks write down.

use std::iter;
use std::panic;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use crossbeam_channel::Receiver;
use exeunt::{
    Actor, Addr, AskError, Capacity, Context, Error, Event, Reply, SendError, TaskContext,
    TrySendError,
};

use super::program::{Child, Kind, Number, Way};
use crate::support::Planned;

/// What one who sends knows of what it sent: to whom, what, and whether it was accepted.
pub(crate) type Account = Vec<(String, Number, bool)>;

/// How asks ended: who was asked, what, and what came back; if nothing, whether the question was accepted.
pub(crate) type Asked = Vec<(String, Number, Result<Number, bool>)>;

/// What one actor, all of its incarnations and threads together, has seen, and what it has sent.
#[derive(Default, Debug)]
pub(crate) struct Book {
    pub(crate) handled: Vec<Number>,
    pub(crate) failed: Vec<Number>,
    pub(crate) returned: Vec<Number>,
    pub(crate) sent: Account,
    /// By whom its sends were refused because the mailbox was closed, and whether it may have waited for room there.
    pub(crate) closed: Vec<(String, bool)>,
    /// How often it asked somebody who was to answer later, and how those asks ended.
    pub(crate) asked: usize,
    pub(crate) heard: Asked,
    /// What its timers were to bring once, and what those brought that tick.
    pub(crate) timed: Vec<Number>,
    pub(crate) ticks: Vec<Number>,
    /// How often it has failed without a message.
    pub(crate) tripped: u64,
    /// Whether its `stopped` hook was called, and how often a handler after that.
    pub(crate) is_stopped: bool,
    pub(crate) called_after_its_end: u32,
}

pub(crate) type Shared = Arc<Mutex<Book>>;

/// From here on the senders are children.
pub(crate) const FIRST_CHILD: u32 = 1_000_000;

pub(crate) struct Letter {
    pub(crate) number: Number,
    pub(crate) reply: Option<Reply<Number>>,
}

/// Somebody to whom a player sends.
#[derive(Clone)]
pub(crate) struct Friend {
    pub(crate) name: String,
    pub(crate) addr: Addr<Letter>,
    /// Whether it drains as one with the player, so that no goodbye can reach it.
    pub(crate) is_of_the_ring: bool,
    /// Whether the player may wait for room there. Not with somebody who may have to stop for others, and rests until they
    /// have stopped too.
    pub(crate) is_waited_for: bool,
    /// What it is told to do: children pass on in their turn what they are sent, and so does who is sent something by a
    /// task of his, and nobody else does.
    pub(crate) kind: Kind,
    /// Of how many messages one is a failure there; of none, if that is 0.
    pub(crate) fails_every: u32,
}

/// Somebody who is spawned by an actor.
#[derive(Clone)]
pub(crate) struct Offspring {
    pub(crate) name: String,
    pub(crate) book: Shared,
    pub(crate) child: Child,
    pub(crate) children: Vec<Offspring>,
}

pub(crate) struct Player {
    pub(crate) name: String,
    pub(crate) book: Shared,
    pub(crate) children: Vec<Offspring>,
    pub(crate) to_children: Vec<Friend>,
    pub(crate) feeds: Vec<Friend>,
    pub(crate) channel: Option<Receiver<Letter>>,
    /// The number of its own sends, so that no two are alike.
    pub(crate) sends: Arc<AtomicU32>,
    pub(crate) me: u32,
    /// How many children there have been, so that none is taken for another.
    pub(crate) births: Arc<AtomicU32>,
    pub(crate) curtain: Curtain,
    /// Whether it has a timer that ticks.
    pub(crate) ticks: bool,
}

/// What all look at.
#[derive(Clone)]
pub(crate) struct Curtain {
    /// All are there. No child fails before, since that may begin the drain, and who is not there then never is.
    pub(crate) rises: Event,
    /// Those that hang come back.
    pub(crate) falls: Event,
}

/// Why a send was refused.
enum Refused {
    Closed(Letter),
    Otherwise(Letter),
}

impl From<SendError<Letter>> for Refused {
    fn from(error: SendError<Letter>) -> Refused {
        match error {
            SendError::Closed(letter, _) => Refused::Closed(letter),
            other => Refused::Otherwise(other.into_message()),
        }
    }
}

impl From<TrySendError<Letter>> for Refused {
    fn from(error: TrySendError<Letter>) -> Refused {
        match error {
            TrySendError::Closed(letter, _) => Refused::Closed(letter),
            other => Refused::Otherwise(other.into_message()),
        }
    }
}

impl Friend {
    fn send(&self, number: Number) -> Result<(), Refused> {
        let letter = Letter { number, reply: None };
        match (number.way, self.is_waited_for) {
            (Way::Urgent, true) => self.addr.send_urgent(letter)?,
            (Way::Urgent, false) => self.addr.try_send_urgent(letter)?,
            (_, true) => self.addr.send(letter)?,
            (_, false) => self.addr.try_send(letter)?,
        }
        Ok(())
    }
}

impl Player {
    fn pass_on(&self, way: Way, to: impl Fn(&Friend) -> bool) {
        for friend in self.friends().filter(|&friend| to(friend)) {
            let number = self.number_for(friend, way);
            self.note(friend, number, friend.send(number).err());
        }
    }

    fn friends(&self) -> impl Iterator<Item = &Friend> {
        self.feeds.iter().chain(&self.to_children)
    }

    fn number_for(&self, friend: &Friend, way: Way) -> Number {
        let place = self.sends.fetch_add(1, Ordering::Relaxed);
        let kind = match place.checked_rem(friend.fails_every) {
            Some(0) if self.curtain.rises.is_set() => {
                [Kind::Fail, Kind::Panic][place as usize / 2 % 2]
            }
            _ if friend.kind == Kind::Pass && place % 4 == 1 => Kind::Ask,
            _ if friend.kind == Kind::Pass && place % 8 == 2 => Kind::Time,
            _ => friend.kind,
        };
        Number { sender: self.me, place, way, kind }
    }

    fn note(&self, friend: &Friend, number: Number, refused: Option<Refused>) {
        let mut book = self.book.lock().unwrap();
        book.sent.push((friend.name.clone(), number, refused.is_none()));
        if let Some(Refused::Closed(letter) | Refused::Otherwise(letter)) = &refused {
            assert_eq!(letter.number, number, "another's message");
        }
        if let Some(Refused::Closed(_)) = refused {
            book.closed.push((friend.name.clone(), friend.is_waited_for));
        }
    }

    /// What it has to send when an answer comes is accepted as all else is.
    fn ask_all(&self, cx: &mut Context<Self>) {
        for friend in self.friends().filter(|friend| friend.is_waited_for) {
            let number = Number { kind: Kind::Work, ..self.number_for(friend, Way::Ordinary) };
            let to = friend.name.clone();
            let question = |reply| Letter { number, reply: Some(reply) };
            let asked =
                cx.ask_then(&friend.addr, question, move |player: &mut Player, answer, _| {
                    player.hear(to, number, answer);
                    Ok(())
                });
            if asked.is_ok() {
                self.book.lock().unwrap().asked += 1;
            }
            self.note(friend, number, asked.err().map(Refused::from));
        }
    }

    /// What its timers bring is passed on, and their ticks are not.
    fn set_timers(&mut self, cx: &mut Context<Self>) {
        let place = self.sends.fetch_add(1, Ordering::Relaxed);
        let number = Number { sender: self.me, place, way: Way::Timer, kind: Kind::Pass };
        self.book.lock().unwrap().timed.push(number);
        let delay = Duration::from_micros([0, 100, 3_000][place as usize % 3]);
        cx.send_after(delay, Letter { number, reply: None });
        if std::mem::replace(&mut self.ticks, true) {
            return;
        }
        let (book, sends, sender) = (Arc::clone(&self.book), Arc::clone(&self.sends), self.me);
        cx.send_every(Duration::from_micros(500), move || {
            let place = sends.fetch_add(1, Ordering::Relaxed);
            let number = Number { sender, place, way: Way::Timer, kind: Kind::Work };
            book.lock().unwrap().ticks.push(number);
            Letter { number, reply: None }
        });
    }

    fn hear(&self, of: String, number: Number, answer: Result<Number, AskError<Letter>>) {
        {
            let mut book = self.book.lock().unwrap();
            book.called_after_its_end += u32::from(book.is_stopped);
            assert!(!matches!(answer, Err(AskError::Timeout(_))), "nobody set a limit");
            book.heard.push((of, number, answer.map_err(|_| true)));
        }
        self.pass_on(Way::Ordinary, |_| true);
    }

    /// Its children know it, all whom it knows, and those of them that stand before them.
    fn have_children(&mut self, cx: &Context<Self>) {
        for offspring in &self.children {
            let Offspring { name, book, child, children } = offspring.clone();
            let parent = Friend {
                name: self.name.clone(),
                addr: cx.addr(),
                is_of_the_ring: false,
                is_waited_for: child.waits_for_parents,
                kind: if child.rounds.is_some() { Kind::Pass } else { Kind::Work },
                fails_every: 0,
            };
            // What they send to a ring comes before its end.
            let feeds = self.feeds.iter().cloned();
            let feeds = feeds.map(|friend| Friend { is_of_the_ring: false, ..friend });
            let siblings = self.to_children.iter().cloned();
            let feeds: Vec<Friend> = iter::once(parent).chain(feeds).chain(siblings).collect();
            let me = FIRST_CHILD + self.births.fetch_add(1, Ordering::Relaxed);
            let (sends, births, curtain) =
                (Arc::default(), Arc::clone(&self.births), self.curtain.clone());
            let (its_name, told, itself) = (name.clone(), feeds.clone(), Arc::clone(&book));
            let make = move || Player {
                name: its_name.clone(),
                book: Arc::clone(&book),
                children: children.clone(),
                to_children: Vec::new(),
                feeds: feeds.clone(),
                channel: None,
                sends: Arc::clone(&sends),
                me,
                births: Arc::clone(&births),
                curtain: curtain.clone(),
                ticks: false,
            };
            if let Some(rounds) = child.rounds {
                let mut builder = cx.task(&name).restart(child.policy.restart());
                if child.is_declared {
                    builder = told.iter().fold(builder, |builder, to| builder.feeds(&to.addr));
                }
                let mut task = Task { rounds, round: 0, fails_every: child.fails_every };
                builder.spawn_with(move |cx| task.perform(&make(), cx)).unwrap();
                continue;
            }
            let mut builder =
                cx.actor(&name).capacity(child.capacity).returned(returned_to(&itself));
            if child.is_declared {
                builder = told.iter().fold(builder, |builder, to| builder.feeds(&to.addr));
            }
            let addr = builder.restart(child.policy.restart()).spawn_with(make).unwrap();
            self.to_children.push(Friend {
                name,
                addr,
                is_of_the_ring: false,
                // Nobody waits for who may wait for him.
                is_waited_for: child.capacity == Capacity::Unbounded,
                kind: Kind::Pass,
                fails_every: child.fails_every,
            });
        }
    }
}

/// A child without a mailbox.
struct Task {
    rounds: u32,
    round: u32,
    fails_every: u32,
}

impl Task {
    fn perform(&mut self, player: &Player, cx: &TaskContext) -> exeunt::Result {
        while !cx.stopping().is_set() {
            if self.round == self.rounds {
                cx.stopping().wait();
                break;
            }
            self.round += 1;
            player.pass_on(Way::Ordinary, |_| true);
            let fails = self.round.checked_rem(self.fails_every) == Some(0);
            if fails && player.curtain.rises.is_set() {
                player.book.lock().unwrap().tripped += 1;
                return Err(Error::msg("as it was told"));
            }
            thread::yield_now();
        }
        player.pass_on(Way::Ordinary, |_| true);
        Ok(())
    }
}

impl Actor for Player {
    type Msg = Letter;

    fn started(&mut self, cx: &mut Context<Self>) -> exeunt::Result {
        self.book.lock().unwrap().is_stopped = false;
        if let Some(channel) = &self.channel {
            cx.attach(channel.clone(), |letter| letter);
        }
        self.have_children(cx);
        Ok(())
    }

    fn handle(&mut self, letter: Letter, cx: &mut Context<Self>) -> exeunt::Result {
        let Letter { number, reply } = letter;
        {
            let mut book = self.book.lock().unwrap();
            book.called_after_its_end += u32::from(book.is_stopped);
        }
        match number.kind {
            Kind::Fail | Kind::Panic => {
                self.book.lock().unwrap().failed.push(number);
                if number.kind == Kind::Panic {
                    panic::panic_any(Planned);
                }
                return Err(Error::msg("as it was told"));
            }
            Kind::Hang => {
                // It is given up in here, and whatever it does later counts nowhere.
                self.book.lock().unwrap().failed.push(number);
                self.curtain.falls.wait();
                return Ok(());
            }
            Kind::Dawdle => thread::sleep(Duration::from_micros(300)),
            Kind::Pass => self.pass_on(Way::Ordinary, |_| true),
            Kind::Hurry => self.pass_on(Way::Urgent, |_| true),
            Kind::Ask => self.ask_all(cx),
            Kind::Time => self.set_timers(cx),
            Kind::Work => {}
        }
        if let Some(reply) = reply {
            let _ = reply.send(number);
        }
        self.book.lock().unwrap().handled.push(number);
        Ok(())
    }

    fn stopped(&mut self, _cx: &mut Context<Self>) -> exeunt::Result {
        // Its goodbye comes last, and is handled too.
        self.to_children.clear();
        self.children.clear();
        self.pass_on(Way::Ordinary, |friend| !friend.is_of_the_ring);
        self.book.lock().unwrap().is_stopped = true;
        Ok(())
    }
}

pub(crate) fn returned_to(book: &Shared) -> impl FnMut(Letter) + Send + use<> {
    let book = Arc::clone(book);
    move |letter| book.lock().unwrap().returned.push(letter.number)
}

//! The actors, and what they and their hooks write down.

use std::panic;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use crossbeam_channel::Receiver;
use exeunt::{Actor, AskError, Context, Error, Event, Reply};

pub(crate) use books::{Account, Asked, Book, Shared, returned_to};
pub(crate) use children::Offspring;
pub(crate) use friends::{Friend, Refused};

use super::papers::{Kiosk, Press};
use super::program::{Kind, Number, Way};
use super::routes::Route;
use crate::support::Planned;

mod books;
mod friends;
mod children;

pub(crate) struct Letter {
    pub(crate) number: Number,
    pub(crate) reply: Option<Reply<Number>>,
}

/// For who is sent what others are sent too: a question goes to one.
impl Clone for Letter {
    fn clone(&self) -> Letter {
        Letter { number: self.number, reply: None }
    }
}

pub(crate) struct Player {
    pub(crate) name: String,
    pub(crate) book: Shared,
    pub(crate) children: Vec<Offspring>,
    pub(crate) to_children: Vec<Friend>,
    pub(crate) feeds: Vec<Friend>,
    /// Whom only its children feed.
    pub(crate) children_feed: Option<Friend>,
    pub(crate) channel: Option<Receiver<Letter>>,
    /// Where it publishes, and what it reads.
    pub(crate) press: Option<Press>,
    pub(crate) kiosks: Vec<Kiosk>,
    pub(crate) route: Option<Route>,
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

impl Player {
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
            self.note(friend, number, asked.err().map(friends::Refused::from));
        }
    }

    /// What its timers bring is passed on, and their ticks are not.
    fn set_timers(&mut self, cx: &mut Context<Self>) {
        let number = self.next_number(Way::Timer, Kind::Pass);
        self.book.lock().unwrap().timed.push(number);
        let delay = Duration::from_micros([0, 100, 3_000][number.place as usize % 3]);
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
}

impl Actor for Player {
    type Msg = Letter;

    fn started(&mut self, cx: &mut Context<Self>) -> exeunt::Result {
        self.book.lock().unwrap().is_stopped = false;
        if let Some(channel) = &self.channel {
            cx.attach(channel.clone(), |letter| letter);
        }
        self.kiosks.iter().for_each(|kiosk| kiosk.subscribe(self, cx));
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
            Kind::Publish => self.publish(false),
            Kind::Route => self.route(false),
            Kind::Tell => self.tell(false),
            Kind::Work => {}
        }
        if let Some(reply) = reply {
            let _ = reply.send(number);
        }
        self.book.lock().unwrap().handled.push(number);
        Ok(())
    }

    fn stopped(&mut self, cx: &mut Context<Self>) -> exeunt::Result {
        // Its goodbye comes last, and is handled too.
        self.to_children.clear();
        self.children.clear();
        self.pass_on(Way::Ordinary, |friend| !friend.is_of_the_ring);
        self.publish(true);
        self.route(true);
        self.tell(true);
        let mut book = self.book.lock().unwrap();
        book.is_stopped = true;
        book.has_had_its_turn |= cx.stopping().is_set();
        Ok(())
    }
}

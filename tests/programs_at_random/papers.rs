//! Topics: what is published, who subscribes, and what both write down of it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use exeunt::{Context, Published, SendTimeoutError, Topic, WeakTopic};

use super::actors::{Letter, Player, returned_to};
use super::program::{Kind, Number, Paper, Way};

/// The topic of somebody, for those who publish there.
#[derive(Clone)]
pub(crate) struct Press {
    topic: Topic<Number>,
    readers: Vec<String>,
    subscribers: Subscribers,
}

/// The names of those who have subscribed when they still could; of a pool, one for each thread.
type Subscribers = Arc<Mutex<Vec<String>>>;

/// The topic of somebody, for one who reads it.
#[derive(Clone)]
pub(crate) struct Kiosk {
    topic: WeakTopic<Number>,
    subscribers: Subscribers,
    paper: Paper,
}

/// What became of one that was published.
#[derive(Clone, Debug)]
pub(crate) struct Edition {
    pub(crate) number: Number,
    /// Who had subscribed before, but for those to whom nothing can come any more.
    pub(crate) awaited: Vec<String>,
    pub(crate) accepted: usize,
    /// By whom it was refused, though he was there.
    pub(crate) refused: Vec<String>,
    pub(crate) has_waited: bool,
}

impl Press {
    pub(crate) fn new(name: &str, paper: &Paper) -> Press {
        let readers = paper.readers.iter().map(|reader| format!("a{reader}")).collect();
        Press { topic: Topic::new(name), readers, subscribers: Subscribers::default() }
    }

    pub(crate) fn kiosk(&self, paper: &Paper) -> Kiosk {
        let (topic, subscribers) = (self.topic.downgrade(), Arc::clone(&self.subscribers));
        Kiosk { topic, subscribers, paper: paper.clone() }
    }

    /// Gives `None` as a time to whoever may wait.
    pub(crate) fn publish(&self, number: Number, timeout: Option<Duration>) -> Edition {
        let awaited = self.subscribers.lock().unwrap().clone();
        let Published { accepted, refused, .. } = match timeout {
            None => self.topic.publish(number),
            Some(timeout) => self.topic.publish_timeout(number, timeout),
        };
        let name_of = |error: SendTimeoutError<Number>| {
            let name = in_whole(error.name());
            assert_eq!(error.into_message(), number, "another's message");
            name
        };
        let refused = refused.into_iter().map(name_of).collect();
        Edition { number, awaited, accepted, refused, has_waited: timeout.is_none() }
    }
}

impl Kiosk {
    pub(crate) fn subscribe(&self, player: &Player, cx: &mut Context<Player>) {
        let Some(topic) = self.topic.upgrade() else { return };
        let Paper { capacity, overflow, .. } = self.paper;
        let mut returned = returned_to(&player.book);
        let subscription = topic.subscription().capacity(capacity).overflow(overflow);
        subscription
            .returned(move |number| returned(Letter { number, reply: None }))
            .subscribe(cx, |number| Letter { number, reply: None });
        // In its own turn nobody can.
        if !cx.stopping().is_set() && !cx.system().is_draining() {
            self.subscribers.lock().unwrap().push(player.name.clone());
        }
    }
}

impl Player {
    /// Waits for nobody who may wait for it.
    pub(crate) fn publish(&self, is_goodbye: bool) {
        let Some(press) = &self.press else { return };
        let waits = |reader: &String| {
            self.feeds.iter().any(|friend| friend.name == *reader && friend.is_waited_for)
        };
        let timeout = (!press.readers.iter().all(waits)).then_some(Duration::ZERO);
        let number = self.next_number(Way::Topic, Kind::Work);
        let mut edition = press.publish(number, timeout);
        let is_closed_by_now = |name: &String| {
            is_goodbye && self.feeds.iter().any(|f| f.name == *name && f.is_of_the_ring)
        };
        edition.awaited.retain(|name| *name != self.name && !is_closed_by_now(name));
        self.book.lock().unwrap().published.push(edition);
    }
}

/// The name of the pool, if it is a thread's.
fn in_whole(name: &str) -> String {
    name.split('/').next().unwrap_or_default().to_owned()
}

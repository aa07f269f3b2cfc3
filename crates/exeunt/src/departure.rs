//! A departure: what all who watch an actor or task are told, once, of its end.

use std::sync::{Arc, Mutex, Weak};

use crossbeam_channel::{Receiver, Sender};

use crate::report::ActorReport;
use crate::unwind::lock;
use crate::waiters::Waiters;

#[derive(Default)]
pub(crate) struct Departure {
    news: Mutex<News>,
    /// The futures that wait for it.
    pub(crate) waiters: Waiters,
}

#[derive(Default)]
struct News {
    report: Option<ActorReport>,
    /// There was no thread that could leave.
    is_called_off: bool,
    watchers: Vec<Watcher>,
    /// At this many watchers, those that are gone are swept out. It doubles, so that a life watched
    /// by many for a short time each costs amortised constant time and no more memory than they do.
    sweep_at: usize,
}

struct Watcher {
    /// Has room for the one thing that will be told.
    sender: Sender<ActorReport>,
    watch: Weak<()>,
}

/// Where it will be told.
pub(crate) struct Watch {
    pub(crate) receiver: Receiver<ActorReport>,
    /// To be kept as long as anybody listens.
    pub(crate) watch: Arc<()>,
}

impl Departure {
    /// Watches; if it is over, the end is told at once. If no thread will ever leave, the channel
    /// ends at once, without an end to tell.
    pub(crate) fn watch(&self) -> Watch {
        let (sender, receiver) = crossbeam_channel::bounded(1);
        let watch = Arc::new(());
        let mut news = lock(&self.news);
        match &news.report {
            Some(report) => drop(sender.try_send(report.clone())),
            None if news.is_called_off => {}
            None => news.add(Watcher { sender, watch: Arc::downgrade(&watch) }),
        }
        Watch { receiver, watch }
    }

    /// Tells it.
    pub(crate) fn tell(&self, report: &ActorReport) {
        let mut news = lock(&self.news);
        news.report.get_or_insert_with(|| report.clone());
        for watcher in std::mem::take(&mut news.watchers) {
            // Those who do not watch any more need not know.
            let _ = watcher.sender.try_send(report.clone());
        }
        drop(news);
        self.waiters.wake_all();
    }

    /// Tells that there will be nothing to tell: the thread that was to leave was refused.
    pub(crate) fn call_off(&self) {
        let mut news = lock(&self.news);
        news.is_called_off = true;
        news.watchers.clear();
        drop(news);
        self.waiters.wake_all();
    }

    /// What there is to tell, if that is known: `Some(None)` if there will be nothing.
    pub(crate) fn look(&self) -> Option<Option<ActorReport>> {
        let news = lock(&self.news);
        (news.report.is_some() || news.is_called_off).then(|| news.report.clone())
    }
}

impl News {
    fn add(&mut self, watcher: Watcher) {
        if self.watchers.len() >= self.sweep_at.max(8) {
            self.watchers.retain(|watcher| watcher.watch.strong_count() > 0);
            self.sweep_at = self.watchers.len() * 2;
        }
        self.watchers.push(watcher);
    }
}

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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::task::{Wake, Waker};

    use crossbeam_channel::TryRecvError;

    use super::*;
    use crate::reply::tests::{Count, woken};
    use crate::waiters::Ticket;

    fn named(name: &str) -> ActorReport {
        ActorReport { name: name.to_owned(), ..ActorReport::of_many() }
    }

    fn who(watch: &Watch) -> Option<String> {
        watch.receiver.try_recv().ok().map(|report| report.name)
    }

    fn count_wakes(departure: &Departure) -> Arc<Count> {
        let count = Arc::new(Count::default());
        departure.waiters.add(Ticket::next(), &Waker::from(Arc::clone(&count)));
        count
    }

    #[test]
    fn r1_an_end_is_told_once_whenever_somebody_watches() {
        let departure = Departure::default();
        let (early, count) = (departure.watch(), count_wakes(&departure));
        assert!(departure.look().is_none());
        departure.tell(&named("first"));
        departure.tell(&named("second"));
        assert_eq!(who(&early).as_deref(), Some("first"));
        assert_eq!(who(&departure.watch()).as_deref(), Some("first"));
        assert_eq!(departure.look().flatten().map(|report| report.name).as_deref(), Some("first"));
        assert_eq!((who(&early), woken(&count)), (None, 1));
    }

    #[test]
    fn an_end_that_is_called_off_keeps_nobody_waiting() {
        let departure = Departure::default();
        let (early, count) = (departure.watch(), count_wakes(&departure));
        departure.call_off();
        let is_over = |watch: Watch| watch.receiver.try_recv() == Err(TryRecvError::Disconnected);
        assert!(is_over(early) && is_over(departure.watch()));
        assert_eq!((departure.look(), woken(&count)), (Some(None), 1));
    }

    /// To wake is code of an executor's.
    #[test]
    fn who_is_woken_by_an_end_may_look_at_once() {
        struct Looks(Arc<Departure>, AtomicBool);
        impl Wake for Looks {
            fn wake(self: Arc<Self>) {
                self.1.store(self.0.news.try_lock().is_ok(), Ordering::Relaxed);
            }
        }
        let departure = Arc::new(Departure::default());
        let looks = Arc::new(Looks(Arc::clone(&departure), AtomicBool::new(false)));
        departure.waiters.add(Ticket::next(), &Waker::from(Arc::clone(&looks)));
        departure.tell(&named("a"));
        assert!(looks.1.load(Ordering::Relaxed), "it would wait for itself");
    }

    #[test]
    fn who_watches_no_more_is_forgotten_and_who_does_is_not() {
        let departure = Departure::default();
        let kept: Vec<Watch> = (0..20).map(|_| departure.watch()).collect();
        (0..10_000).for_each(|_| drop(departure.watch()));
        let news = lock(&departure.news);
        assert!(news.watchers.len() <= 2 * kept.len() && news.sweep_at >= kept.len());
        drop(news);
        departure.tell(&named("a"));
        assert!(kept.iter().all(|watch| who(watch).is_some()));
    }
}

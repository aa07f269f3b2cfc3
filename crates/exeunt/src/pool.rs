//! Pools: several threads on one mailbox, or on one each.

use std::hash::Hash;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use crate::actor::Actor;
use crate::builder::{ActorBuilder, Common, MailboxOptions};
use crate::error::{SpawnCause, SpawnError};
use crate::life::Life;
use crate::mailbox::{DeadLetters, Mailbox};
use crate::report::{ActorReport, Ended};
use crate::router::{NoMembers, Router};
use crate::stage::Spawned;
use crate::unwind::lock;

/// The most threads that a pool can have. Threads that wait for one mailbox stand in one list, which is walked whenever
/// one of them begins or ends its wait. That takes the square of their number: up to here nobody notices, with many
/// more one would.
pub(crate) const MOST_THREADS: usize = 4096;

/// What is seen of a pool from outside: one actor, with one line in the report.
pub(crate) struct Front {
    /// Its name and its place. No thread lives it.
    pub(crate) life: Arc<Life>,
    /// How many threads it has.
    threads: AtomicUsize,
    /// The reports of its threads that have left.
    left: Mutex<Vec<ActorReport>>,
}

impl Front {
    pub(crate) fn new(life: Arc<Life>, threads: usize) -> Front {
        Front { life, threads: AtomicUsize::new(threads), left: Mutex::default() }
    }

    pub(crate) fn has_one_thread(&self) -> bool {
        self.threads.load(Ordering::SeqCst) == 1
    }

    fn expect_fewer(&self, missing: usize) {
        self.threads.fetch_sub(missing, Ordering::SeqCst);
    }

    /// One of its threads has left. Gives the line of the pool if it was the last, and tells whoever waits for the
    /// pool's end.
    pub(crate) fn add(&self, line: ActorReport) -> Option<ActorReport> {
        let mut left = lock(&self.left);
        left.push(line);
        if left.len() < self.threads.load(Ordering::SeqCst) {
            return None;
        }
        let threads = std::mem::take(&mut *left);
        drop(left);
        Some(self.leave(threads))
    }

    /// The same when no thread is left, should all have left before it was known that there would be no others.
    pub(crate) fn close(&self) -> Option<ActorReport> {
        let threads = std::mem::take(&mut *lock(&self.left));
        (!threads.is_empty()).then(|| self.leave(threads))
    }

    fn leave(&self, threads: Vec<ActorReport>) -> ActorReport {
        // Of two failures, the one that nothing absorbed.
        let worst = threads.iter().max_by_key(|line| (rank(line.ended), !line.absorbed)).cloned();
        let own = self.life.figures();
        let mut line = ActorReport {
            id: Some(self.life.index),
            name: (*self.life.name).to_owned(),
            parent: self.life.parent.as_ref().map(|parent| (*parent.name).to_owned()),
            parent_id: self.life.parent.as_ref().map(|parent| parent.index),
            // What a full mailbox returned is nobody's in particular.
            returned: own.returned,
            overflowed: own.overflowed,
            ended: worst.as_ref().map_or(Ended::Completed, |worst| worst.ended),
            error: worst
                .as_ref()
                .and_then(|worst| worst.error.clone())
                .or_else(|| threads.iter().find_map(|line| line.error.clone())),
            absorbed: worst.is_some_and(|worst| worst.absorbed),
            ..ActorReport::of_many()
        };
        threads.iter().for_each(|thread| line.add(thread));
        line.threads = threads;
        self.life.departure.tell(&line);
        line
    }
}

/// How bad an end is: a pool has ended as the worst of its threads has.
fn rank(ended: Ended) -> u8 {
    match ended {
        Ended::Completed => 0,
        Ended::Drained => 1,
        Ended::Daemon => 2,
        Ended::Overdue => 3,
        Ended::Failed => 4,
        Ended::Abandoned => 5,
    }
}

impl<M: Send + 'static> ActorBuilder<'_, M> {
    /// Spawns the threads of a [pool](crate::System::pool) as actors with mailboxes of their own, and gives a
    /// [`Router`] that sends messages of the same key always to the same thread: so they keep their order.
    ///
    /// Each of them is an actor with a name and a line in the report of its own: `resize/1` and so on. All that was
    /// described holds for each of them, the capacity too.
    ///
    /// ```
    /// use exeunt::{Actor, Context, System};
    ///
    /// struct Book;
    /// impl Actor for Book {
    ///     type Msg = (u32, i64); // an account, and an amount
    ///     fn handle(&mut self, _: (u32, i64), _cx: &mut Context<Self>) -> exeunt::Result { Ok(()) }
    /// }
    ///
    /// let mut system = System::new("bank");
    /// let books = system.pool("book", 2).spawn_keyed(|&(account, _)| account, || Book)?;
    /// for account in 0..100 {
    ///     books.send((account, 1))?;
    ///     books.send((account, -1))?; // to the same thread, after the first
    /// }
    /// let report = system.shutdown();
    /// assert_eq!(report.actors.iter().map(|book| book.handled).sum::<u64>(), 200);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`spawn`](ActorBuilder::spawn). An inbox is of no use to several actors, and is refused too.
    pub fn spawn_keyed<A: Actor<Msg = M>, K: Hash>(
        self,
        key: impl Fn(&M) -> K + Send + Sync + 'static,
        make: impl FnMut() -> A + Send + 'static,
    ) -> Result<Router<M>, SpawnError> {
        if self.mailbox.inbox.is_some() {
            return Err(self.refused(SpawnCause::InboxForSeveral));
        }
        let threads = self.threads.unwrap_or(1);
        self.common.check_threads(threads)?;
        let make = shared(make);
        let hook = self.mailbox.dead_letters.map(shared_hook);
        let mut members = Vec::with_capacity(threads);
        for seat in 0..threads {
            let dead_letters = hook.clone().map(|hook| Box::new(hook) as DeadLetters<M>);
            let member = ActorBuilder {
                common: self.common.of_pool(seat),
                mailbox: MailboxOptions { inbox: None, dead_letters, ..self.mailbox },
                threads: None,
            };
            let member = member.spawn_with(make.clone())?;
            member.mailbox().dead_letters.share();
            members.push(member);
        }
        Router::keyed(members, key).map_err(|NoMembers| self.common.error(SpawnCause::Threads(0)))
    }
}

impl<'a> Common<'a> {
    /// Spawns several threads that read one mailbox.
    pub(crate) fn spawn_pool<A: Actor>(
        self,
        mailbox: &Arc<Mailbox<A::Msg>>,
        threads: usize,
        make: impl FnMut() -> A + Send + 'static,
    ) -> Result<Spawned, SpawnError> {
        self.check_threads(threads)?;
        mailbox.staff(threads);
        let make = shared(make);
        let front = self.stage.front(&self.name, self.parent.as_ref(), threads);
        mailbox.belong_to(&front.life);
        for seat in 0..threads {
            let spawned = self.of_pool(seat).spawn_reader(mailbox, Some(&front), make.clone());
            if let Ok(Spawned::Yes(_)) = spawned {
                continue;
            }
            // The threads that are there leave, since nobody gets the address.
            front.expect_fewer(threads - seat);
            for _ in seat..threads {
                if mailbox.resign() && seat > 0 {
                    // The threads that were there have gone already, one by one.
                    mailbox.finish();
                }
                mailbox.end();
            }
            return match (seat, spawned) {
                // It has readers, if too few: what was sent to it is theirs.
                (1.., Ok(_)) => Ok(Spawned::Yes(Arc::clone(&front.life))),
                (_, spawned) => spawned,
            };
        }
        Ok(Spawned::Yes(Arc::clone(&front.life)))
    }

    fn check_threads(&self, threads: usize) -> Result<(), SpawnError> {
        match threads {
            1..=MOST_THREADS => Ok(()),
            _ => Err(self.error(SpawnCause::Threads(threads))),
        }
    }

    /// What was chosen for the pool, for one thread of it.
    fn of_pool(&self, seat: usize) -> Common<'a> {
        Common { name: format!("{}/{}", self.name, seat + 1).into(), seat, ..self.clone() }
    }
}

/// Shares what makes values, or buries messages, among several threads, which use it one after the other.
fn shared<R>(make: impl FnMut() -> R + Send) -> impl FnMut() -> R + Send + Clone {
    let make = Arc::new(Mutex::new(make));
    move || lock(&make)()
}

fn shared_hook<M>(hook: DeadLetters<M>) -> impl FnMut(M) + Send + Clone {
    let hook = Arc::new(Mutex::new(hook));
    move |message| lock(&hook)(message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::life::Figures;
    use crate::report::{Reason, Report};
    use crate::stage::Stage;

    /// Of a pool whose threads ended so: how, of what, whether that was absorbed, and whether the report is of a failure.
    fn end(threads: [(Ended, bool); 2]) -> (Ended, Option<String>, bool, bool) {
        let stage = Arc::new(Stage::new("test".into()));
        let life = |index| Arc::new(Life::new("a", index, false, Arc::clone(&stage)));
        let front = Front::new(life(0), 2);
        let line = |(index, (ended, absorbed))| ActorReport {
            absorbed,
            error: (ended == Ended::Failed).then(|| format!("of {index}")),
            ..ActorReport::of(&life(index), ended, Figures::default())
        };
        let [first, second] = [(1, threads[0]), (2, threads[1])].map(line);
        assert!(front.add(first).is_none());
        let line = front.add(second).unwrap();
        let report = Report { actors: vec![line.clone()], ..stage.empty_report(Reason::Shutdown) };
        (line.ended, line.error, line.absorbed, report.is_failure())
    }

    #[test]
    fn r1_a_pool_that_a_drain_has_cut_short_has_its_line() {
        let stage = Arc::new(Stage::new("test".into()));
        let life = Arc::new(Life::new("a", 0, false, stage));
        let thread = || ActorReport::of(&life, Ended::Drained, Figures::default());
        let front = Front::new(Arc::clone(&life), 3);
        // The first has left before it is known that the others will not come.
        assert!(front.add(thread()).is_none());
        front.expect_fewer(2);
        let line = front.close();
        assert!(line.is_some_and(|line| line.threads.len() == 1) && front.close().is_none());
    }

    #[test]
    fn r1_the_failure_of_a_thread_that_nobody_absorbs_is_that_of_its_pool() {
        let (absorbed, not) = ((Ended::Failed, true), (Ended::Failed, false));
        let first = (Ended::Failed, Some("of 1".to_owned()), false, true);
        assert_eq!(end([not, absorbed]), first);
        assert_eq!(end([not, (Ended::Drained, false)]), first);
        let second = (Ended::Failed, Some("of 2".to_owned()), false, true);
        assert_eq!(end([absorbed, not]), second);
        assert!(!end([absorbed, absorbed]).3);
        let (ended, error, _, is_failure) = end([not, (Ended::Abandoned, false)]);
        assert_eq!((ended, is_failure), (Ended::Abandoned, true));
        assert_eq!(error.as_deref(), Some("of 1"));
    }
}

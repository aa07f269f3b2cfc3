//! Children, and theirs.

use std::iter;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;

use exeunt::{Capacity, Context, Error, TaskContext};

use super::{Friend, Player, Shared, returned_to};
use crate::programs_at_random::program::{Child, Kind, Way};
use crate::programs_at_random::routes::Route;

/// From here on the senders are children.
const FIRST_CHILD: u32 = 1_000_000;

/// Somebody who is spawned by an actor.
#[derive(Clone)]
pub(crate) struct Offspring {
    pub(crate) name: String,
    pub(crate) book: Shared,
    pub(crate) child: Child,
    pub(crate) children: Vec<Offspring>,
}

impl Player {
    /// Its children know it, all whom it knows, and those of them that stand before them.
    pub(super) fn have_children(&mut self, cx: &Context<Self>) {
        self.have_all_children(cx);
        // Then they were there when it began.
        let is_early = !cx.system().is_draining();
        self.book.lock().unwrap().early_families += usize::from(is_early);
    }

    fn have_all_children(&mut self, cx: &Context<Self>) {
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
            let others = self.children_feed.iter().filter(|_| child.is_declared).cloned();
            let feeds = iter::once(parent).chain(feeds).chain(siblings).chain(others);
            let feeds: Vec<Friend> = feeds.collect();
            let me = FIRST_CHILD + self.births.fetch_add(1, Ordering::Relaxed);
            let (sends, births, curtain) =
                (Arc::default(), Arc::clone(&self.births), self.curtain.clone());
            let (its_name, told, itself) = (name.clone(), feeds.clone(), Arc::clone(&book));
            let route = self.route_of_a_child(&feeds);
            let press = self.press.clone();
            let make = move || Player {
                name: its_name.clone(),
                book: Arc::clone(&book),
                children: children.clone(),
                to_children: Vec::new(),
                feeds: feeds.clone(),
                children_feed: None,
                channel: None,
                press: press.clone(),
                kiosks: Vec::new(),
                route: route.clone(),
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

    /// It goes to all for whom the child may wait.
    fn route_of_a_child(&self, feeds: &[Friend]) -> Option<Route> {
        let members: Vec<&Friend> = feeds.iter().filter(|friend| friend.is_waited_for).collect();
        Route::over(&members, self.route.as_ref()?.turns())
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
            player.publish(false);
            player.route(false);
            player.tell(false);
            let fails = self.round.checked_rem(self.fails_every) == Some(0);
            if fails && player.curtain.rises.is_set() {
                player.book.lock().unwrap().tripped += 1;
                return Err(Error::msg("as it was told"));
            }
            thread::yield_now();
        }
        player.pass_on(Way::Ordinary, |_| true);
        player.publish(true);
        player.route(true);
        player.tell(true);
        Ok(())
    }
}

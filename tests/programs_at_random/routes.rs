//! Routers: who sends by which, and what he writes down of it.

use std::sync::Arc;

use exeunt::{AskError, Router, SendError, SendTimeoutError, TrySendError};

use super::actors::{Friend, Letter, Player};
use super::program::{Kind, Number, Turns, Way};
use crate::support::HANG;

/// Messages of so many kinds each have one to go to, in a router with keys.
const KEYS: u32 = 3;

#[derive(Clone)]
pub(crate) struct Route {
    router: Router<Letter>,
    plan: Arc<Plan>,
}

/// What is known of a router.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) turns: Turns,
    pub(crate) members: Vec<String>,
    /// Whether room is waited for, so that who is full is not passed over.
    pub(crate) waits: bool,
    /// Whether one of them drains as one with whom it belongs to.
    has_one_of_the_ring: bool,
}

/// What became of one that was routed.
#[derive(Clone, Debug)]
pub(crate) struct Routed {
    pub(crate) plan: Arc<Plan>,
    pub(crate) number: Number,
    pub(crate) refused: Option<Refusal>,
    /// Whether there was an answer, if it was a question.
    pub(crate) is_answered: Option<bool>,
}

/// By whom it was refused, and whether because his mailbox was closed.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub(crate) by: String,
    pub(crate) is_closed: bool,
}

impl Route {
    pub(crate) fn over(friends: &[&Friend], turns: Turns) -> Option<Route> {
        let addrs = friends.iter().map(|friend| friend.addr.clone());
        let router = match turns {
            Turns::RoundRobin => Router::round_robin(addrs),
            Turns::LeastLoaded => Router::least_loaded(addrs),
            Turns::Keyed => Router::keyed(addrs, |letter: &Letter| key(letter.number)),
        };
        let plan = Plan {
            turns,
            members: friends.iter().map(|friend| friend.name.clone()).collect(),
            waits: friends.iter().all(|friend| friend.is_waited_for),
            has_one_of_the_ring: friends.iter().any(|friend| friend.is_of_the_ring),
        };
        Some(Route { router: router.ok()?, plan: Arc::new(plan) })
    }

    pub(crate) fn turns(&self) -> Turns {
        self.plan.turns
    }

    pub(crate) fn send(&self, number: Number) -> Routed {
        let letter = Letter { number, reply: None };
        let refused = match self.plan.waits {
            true => self.router.send(letter).err().map(|error| {
                let is_closed = matches!(error, SendError::Closed(..));
                (error.name().to_owned(), is_closed, error.into_message())
            }),
            false => self.router.try_send(letter).err().map(|error| {
                let is_closed = matches!(error, TrySendError::Closed(..));
                (error.name().to_owned(), is_closed, error.into_message())
            }),
        };
        self.routed(number, refused, None)
    }

    pub(crate) fn ask(&self, number: Number) -> Routed {
        let question = |reply| Letter { number, reply: Some(reply) };
        let answer = self.router.ask_timeout(question, HANG / 2);
        assert!(!matches!(answer, Err(AskError::Timeout(_))), "an ask did not end");
        let is_answered = answer.is_ok();
        let refused = match answer {
            Ok(answer) => {
                assert_eq!(answer, number, "an answer to another question");
                None
            }
            Err(AskError::NotSent(error)) => {
                let is_closed = matches!(error, SendTimeoutError::Closed(..));
                Some((error.name().to_owned(), is_closed, error.into_message()))
            }
            Err(_) => None,
        };
        self.routed(number, refused, Some(is_answered))
    }

    fn routed(
        &self,
        number: Number,
        refused: Option<(String, bool, Letter)>,
        is_answered: Option<bool>,
    ) -> Routed {
        let refused = refused.map(|(by, is_closed, letter)| {
            assert_eq!(letter.number, number, "another's message");
            Refusal { by, is_closed }
        });
        Routed { plan: Arc::clone(&self.plan), number, refused, is_answered }
    }
}

impl Player {
    pub(crate) fn route(&self, is_goodbye: bool) {
        let Some(route) = &self.route else { return };
        if is_goodbye && route.plan.has_one_of_the_ring {
            return;
        }
        let number = self.next_number(Way::Router, Kind::Work);
        let routed = route.send(number);
        self.book.lock().unwrap().routed.push(routed);
    }
}

pub(crate) fn key(number: Number) -> u32 {
    number.place % KEYS
}

//! Actors that are supervised: each incarnation has a number, and says what it lives through, so that
//! a test reads as the story that they tell.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};

use exeunt::{Actor, Addr, Context, Error, Group, Reply, Restart, State, System};

use crate::support::{Trap, ms, next, standing, until};

/// What a player is told.
pub(crate) enum Line {
    /// To say so.
    Say(u32),
    Error,
    Panic,
    /// To end by its own wish.
    Stop,
    /// To answer with the number of its incarnation.
    Who(Reply<usize>),
    /// To stay in its handler until it is let go.
    Stay(Trap),
    Do(Box<Deed>),
}

pub(crate) type Deed = dyn FnOnce(&mut Context<Player>) -> exeunt::Result + Send;

/// A deed, without a thought for its type.
pub(crate) fn deed(
    deed: impl FnOnce(&mut Context<Player>) -> exeunt::Result + Send + 'static,
) -> Line {
    Line::Do(Box::new(deed))
}

type Hook = Arc<dyn Fn(usize, &mut Context<Player>) -> exeunt::Result + Send + Sync>;

/// Where what the players say arrives.
pub(crate) struct Troupe {
    tell: Sender<String>,
    told: Mutex<Receiver<String>>,
}

impl Troupe {
    pub(crate) fn new() -> Troupe {
        let (tell, told) = mpsc::channel();
        Troupe { tell, told: Mutex::new(told) }
    }

    pub(crate) fn role(&self, name: &str) -> Role {
        let nothing: Hook = Arc::new(|_, _| Ok(()));
        Role {
            name: name.to_owned(),
            tell: self.tell.clone(),
            incarnations: Arc::default(),
            make: Arc::new(|_| {}),
            started: Arc::clone(&nothing),
            stopped: nothing,
        }
    }

    /// Says something among the others.
    pub(crate) fn teller(&self) -> Sender<String> {
        self.tell.clone()
    }

    /// What is said next.
    #[track_caller]
    pub(crate) fn next(&self) -> String {
        next(&self.told.lock().unwrap())
    }

    /// What is said up to these words, which are the last of it.
    #[track_caller]
    pub(crate) fn up_to(&self, words: &str) -> Vec<String> {
        let mut all = Vec::new();
        while all.last().is_none_or(|last| last != words) {
            all.push(self.next());
        }
        all
    }

    /// Waits for each of these, in any order, whatever else is said in between.
    #[track_caller]
    pub(crate) fn hears(&self, words: &[&str]) {
        let mut missing = words.to_vec();
        while !missing.is_empty() {
            let said = self.next();
            missing.retain(|word| *word != said);
        }
    }

    /// All that was said so far.
    pub(crate) fn so_far(&self) -> Vec<String> {
        self.told.lock().unwrap().try_iter().collect()
    }
}

/// How a player is made, as often as it is.
#[derive(Clone)]
pub(crate) struct Role {
    name: String,
    tell: Sender<String>,
    incarnations: Arc<AtomicUsize>,
    make: Arc<dyn Fn(usize) + Send + Sync>,
    started: Hook,
    stopped: Hook,
}

impl Role {
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Runs before each value is made, with its number.
    pub(crate) fn make_with(mut self, hook: impl Fn(usize) + Send + Sync + 'static) -> Role {
        self.make = Arc::new(hook);
        self
    }

    pub(crate) fn started(
        mut self,
        hook: impl Fn(usize, &mut Context<Player>) -> exeunt::Result + Send + Sync + 'static,
    ) -> Role {
        self.started = Arc::new(hook);
        self
    }

    pub(crate) fn stopped(
        mut self,
        hook: impl Fn(usize, &mut Context<Player>) -> exeunt::Result + Send + Sync + 'static,
    ) -> Role {
        self.stopped = Arc::new(hook);
        self
    }

    /// How many incarnations there have been.
    pub(crate) fn counter(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.incarnations)
    }

    /// For `spawn_with`.
    pub(crate) fn cast(&self) -> impl FnMut() -> Player + Send + 'static {
        let role = self.clone();
        move || role.play()
    }

    /// One of them.
    pub(crate) fn play(&self) -> Player {
        let number = self.incarnations.fetch_add(1, Ordering::SeqCst) + 1;
        (self.make)(number);
        let player = Player { number, role: self.clone() };
        player.say("made");
        player
    }
}

/// One incarnation.
pub(crate) struct Player {
    number: usize,
    role: Role,
}

impl Player {
    fn say(&self, what: &str) {
        let _ = self.role.tell.send(format!("{}{} {what}", self.role.name, self.number));
    }
}

impl Actor for Player {
    type Msg = Line;

    fn started(&mut self, cx: &mut Context<Self>) -> exeunt::Result {
        let result = (self.role.started)(self.number, cx);
        self.say(if result.is_ok() { "started" } else { "not started" });
        result
    }

    fn handle(&mut self, line: Line, cx: &mut Context<Self>) -> exeunt::Result {
        match line {
            Line::Say(n) => self.say(&format!("says {n}")),
            Line::Error => return Err(Error::msg("planned")),
            Line::Panic => panic!("planned panic"),
            Line::Stop => cx.stop(),
            Line::Who(reply) => drop(reply.send(self.number)),
            Line::Stay(trap) => trap.walk_in(),
            Line::Do(deed) => return deed(cx),
        }
        Ok(())
    }

    fn stopped(&mut self, cx: &mut Context<Self>) -> exeunt::Result {
        let result = (self.role.stopped)(self.number, cx);
        self.say("stopped");
        result
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        self.say("dropped");
    }
}

/// Spawns one for each name, all with the same policy.
pub(crate) fn cast<const N: usize>(
    troupe: &Troupe,
    system: &mut System,
    group: &Group,
    restart: Restart,
    names: [&str; N],
) -> [Addr<Line>; N] {
    names.map(|name| {
        let builder = system.actor(name).within(group).restart(restart);
        builder.spawn_with(troupe.role(name).cast()).unwrap()
    })
}

/// Waits until somebody is between two incarnations.
#[track_caller]
pub(crate) fn rests(system: &System, name: &str) {
    until(|| standing(&system.handle(), name).state == State::Restarting);
}

/// The number of the incarnation that answers.
#[track_caller]
pub(crate) fn who(addr: &Addr<Line>) -> usize {
    addr.ask_timeout(Line::Who, crate::support::HANG).unwrap()
}

/// Restarted after failures, more often than any test needs.
pub(crate) fn on_failure() -> Restart {
    Restart::on_failure().intensity(100, ms(3_600_000))
}

/// Restarted after failures, so often in an hour.
pub(crate) fn times(restarts: u32) -> Restart {
    Restart::on_failure().intensity(restarts, ms(3_600_000))
}

//! The drain: the conductor, what it is told by, and the actors to whom it gives turns.
//!
//! Each step is one operation on what the threads share; its comment names the function of
//! `exeunt/src/conductor.rs` or `conductor/` that it is of, if no other file. A send and an eviction are one
//! step each: how they get on with a closing is for [`closing`](crate::closing). Time is not modelled: a
//! deadline may pass at any moment, and a grace.

use crate::protocol::{Protocol, Step, Steps};

/// What is taken out of the protocol.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Without {
    /// Nothing: the protocol as it is.
    Nothing,
    /// The wait for those upstream: who was called holds nobody back any more.
    WaitForUpstream,
    /// The second look at a ring.
    SecondLook,
    /// The look at whether those of a ring are asleep: empty mailboxes are enough.
    LookAtSleep,
    /// The closing of a ring in two stages: it closes for each other as it does for all others.
    TwoStages,
    /// The cue of a thread that has ended: one of them is lost.
    Ended,
    /// The cue to begin: one of them, sent by the first who asks, is lost.
    Shutdown,
    /// The question whether somebody was seen off before, when a cue comes twice.
    HasLeft,
    /// The question whether the drain has begun, when it is asked for twice.
    HasBegun,
    /// The ledger's lock around an eviction: what is taken out is counted a moment later.
    Ledger,
    /// The last word of the system over somebody who was given up: its figures are read at the end.
    Disowning,
    /// The door of a parent's mailbox for its children, when it is closed to all others.
    DoorForChildren,
    /// The wait of those downstream for the children of somebody who was given up.
    WaitForOrphans,
}

impl Without {
    /// Everything that can be taken out.
    pub const ALL: [Without; 12] = [
        Without::WaitForUpstream,
        Without::SecondLook,
        Without::LookAtSleep,
        Without::TwoStages,
        Without::Ended,
        Without::Shutdown,
        Without::HasLeft,
        Without::HasBegun,
        Without::Ledger,
        Without::Disowning,
        Without::DoorForChildren,
        Without::WaitForOrphans,
    ];
}

/// A system that is drained.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Drain {
    /// Who sends to whom, and who is whose child.
    pub wiring: Wiring,
    /// How many messages lie in each mailbox at the beginning.
    pub queued: Vec<u8>,
    /// How often the handlers of all send something, and to whom they like.
    pub sends: u8,
    /// How many messages come from threads that belong to nobody.
    pub from_outside: u8,
    /// How often the end is asked for.
    pub signals: u8,
    /// How many handlers fail. That asks for the end, too.
    pub failures: u8,
    /// How many handlers do not return before they are given up. There are deadlines then.
    pub hangs: u8,
    /// How many cues come twice.
    pub doubled: u8,
    /// What is taken out.
    pub without: Without,
}

/// Where they all are.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct State {
    actors: Vec<Actor>,
    cues: Vec<Cue>,
    conductor: Conductor,
    sends: u8,
    from_outside: u8,
    signals: u8,
    failures: u8,
    hangs: u8,
    doubled: u8,
    /// How many cues may still be lost.
    to_lose: u8,
    wrong: Option<&'static str>,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Actor {
    at: At,
    queue: u8,
    accepted: u8,
    figures: Figures,
    closed: bool,
    stopping: bool,
    must_stop: bool,
    gone: bool,
    disowned: bool,
    /// It has told its children to leave.
    has_dismissed: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
struct Figures {
    handled: u8,
    failed: u8,
    returned: u8,
}

impl Figures {
    fn sum(self) -> u8 {
        self.handled + self.failed + self.returned
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum At {
    Asleep,
    Awake,
    Handling,
    /// In a handler that returns only after it was given up.
    Hung,
    Evict,
    /// Has so many messages in its hands, which it has not counted.
    Count(u8),
    AwaitChildren,
    Leave,
    Ended,
}

/// stage.rs, `Cue`: those that are about a drain.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Cue {
    Shutdown,
    Ended(usize),
    Dismiss(usize),
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Conductor {
    has_begun: bool,
    turns: Vec<Turn>,
    /// How many turns each was given.
    given: Vec<u8>,
    has_left: Vec<bool>,
    /// `Order::end`: it has left, and its children with it.
    ended: Vec<bool>,
    /// `waited_for_and_left`
    left: u8,
    /// The company of whose children there is.
    families: Vec<bool>,
    /// Who was told that its children have left.
    told: Vec<bool>,
    look: Option<Look>,
    /// `seen`: the pulse, and whether it was at rest.
    seen: Vec<Option<(u8, bool)>>,
    report: Vec<Option<Figures>>,
    is_over: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Turn {
    None,
    Settling,
    /// The same, with mailboxes that are closed but for the ring.
    SettlingAlone,
    Called,
    Halted,
}

/// How far a look at a ring has come.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Look {
    of: usize,
    next: usize,
    /// Whether the mailbox of the next was found empty.
    is_empty: Option<bool>,
    is_at_rest: bool,
}

/// Who sends to whom, and who is whose child.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Wiring {
    feeds: Vec<Vec<usize>>,
    parents: Vec<Option<usize>>,
    /// Those with whom each drains as one, itself included; nobody, if it drains alone.
    rings: Vec<Vec<usize>>,
    children: Vec<Vec<usize>>,
    /// Those who have to leave before each.
    upstream: Vec<Vec<usize>>,
    /// Each, and all below it.
    trees: Vec<Vec<usize>>,
}

impl Wiring {
    /// To whom each sends what it handles, which is what it has declared; and whose child each is.
    /// Children come after their parents.
    #[must_use]
    pub fn new(feeds: Vec<Vec<usize>>, parents: Vec<Option<usize>>) -> Wiring {
        let none = vec![Vec::new(); feeds.len()];
        let (rings, children, upstream, trees) = (none.clone(), none.clone(), none.clone(), none);
        let mut wiring = Wiring { feeds, parents, rings, children, upstream, trees };
        let all = || 0..wiring.feeds.len();
        let rings = all().map(|i| wiring.ring(i)).collect();
        let children = all()
            .map(|i| all().filter(|&child| wiring.parents[child] == Some(i)).collect())
            .collect();
        let trees = all()
            .map(|i| all().filter(|&one| one == i || wiring.root(one) == i).collect())
            .collect();
        wiring = Wiring { rings, children, trees, ..wiring };
        wiring.upstream = (0..wiring.feeds.len()).map(|i| wiring.upstream(i)).collect();
        wiring
    }

    fn leads_to(&self, from: usize, to: usize) -> bool {
        let mut reached = vec![false; self.feeds.len()];
        let mut way = self.feeds[from].clone();
        while let Some(i) = way.pop() {
            if !std::mem::replace(&mut reached[i], true) {
                way.extend(&self.feeds[i]);
            }
        }
        reached[to]
    }

    fn ring(&self, i: usize) -> Vec<usize> {
        let is_of_it =
            |&other: &usize| other == i || self.leads_to(i, other) && self.leads_to(other, i);
        let ring: Vec<usize> = (0..self.feeds.len()).filter(is_of_it).collect();
        if ring.len() > 1 { ring } else { Vec::new() }
    }

    /// Who stands above it and is nobody's child.
    fn root(&self, i: usize) -> usize {
        self.parents[i].map_or(i, |parent| self.root(parent))
    }

    /// With what a child sends, whoever stands above it.
    fn upstream(&self, i: usize) -> Vec<usize> {
        let mut ring = self.rings[i].clone();
        ring.push(i);
        let feeds_it = |&from: &usize| {
            let sends = |&one: &usize| self.feeds[one].iter().any(|to| ring.contains(to));
            !ring.contains(&from)
                && self.parents[from].is_none()
                && self.trees[from].iter().any(sends)
        };
        match self.parents[i] {
            None => (0..self.feeds.len()).filter(feeds_it).collect(),
            // Last spawned first.
            Some(parent) => {
                self.children[parent].iter().copied().filter(|&other| other > i).collect()
            }
        }
    }
}

const REFUSED: &str = "somebody is refused by one who was to leave after it";
const TOO_EARLY: &str = "a turn comes before somebody upstream has left";
const TWO_TURNS: &str = "somebody has two turns";
const OVER_EARLY: &str = "the drain is over before all have left";
const NEVER_ENDS: &str = "the drain never ends";
const OFF_BALANCE: &str = "the account of somebody who has left does not balance";

impl Drain {
    fn len(&self) -> usize {
        self.wiring.feeds.len()
    }

    fn ring(&self, i: usize) -> &[usize] {
        &self.wiring.rings[i]
    }

    fn children(&self, parent: usize) -> &[usize] {
        &self.wiring.children[parent]
    }

    fn has_children(&self, i: usize) -> bool {
        !self.children(i).is_empty()
    }

    /// Whether nothing happens that could take messages out of the hands of those who handle them.
    fn goes_well(&self) -> bool {
        self.failures == 0 && self.hangs == 0
    }

    /// Whether `to` takes what `from` sends.
    fn is_open(&self, state: &State, from: Option<usize>, to: usize) -> bool {
        let actor = &state.actors[to];
        let is_of_its_ring = |from: usize| {
            state.conductor.turns[to] == Turn::SettlingAlone && self.ring(to).contains(&from)
        };
        let is_its_child = |from: usize| {
            self.wiring.parents[from] == Some(to) && self.without != Without::DoorForChildren
        };
        !actor.gone
            && (!actor.closed
                || from.is_some_and(|from| is_of_its_ring(from) || is_its_child(from)))
    }

    fn send(&self, next: &mut State, from: Option<usize>, to: usize) {
        if self.is_open(next, from, to) {
            next.actors[to].queue += 1;
            next.actors[to].accepted += 1;
        } else if from.is_some() && self.goes_well() {
            next.wrong.get_or_insert(REFUSED);
        }
    }
}

impl Protocol for Drain {
    type State = State;

    fn begin(&self) -> State {
        let actors = self.queued.iter().map(|&queued| Actor {
            at: At::Awake,
            queue: queued,
            accepted: queued,
            figures: Figures::default(),
            closed: false,
            stopping: false,
            must_stop: false,
            gone: false,
            disowned: false,
            has_dismissed: false,
        });
        let no = vec![false; self.len()];
        State {
            actors: actors.collect(),
            cues: Vec::new(),
            conductor: Conductor {
                has_begun: false,
                turns: vec![Turn::None; self.len()],
                given: vec![0; self.len()],
                has_left: no.clone(),
                ended: no.clone(),
                left: 0,
                families: no.clone(),
                told: no,
                look: None,
                seen: vec![None; self.len()],
                report: vec![None; self.len()],
                is_over: false,
            },
            sends: self.sends,
            from_outside: self.from_outside,
            signals: self.signals,
            failures: self.failures,
            hangs: self.hangs,
            doubled: self.doubled,
            to_lose: u8::from(matches!(self.without, Without::Ended | Without::Shutdown)),
            wrong: None,
        }
    }

    fn steps(&self, state: &State) -> Vec<(Step, State)> {
        let mut steps = Steps { from: state, all: Vec::new() };
        if state.signals > 0 {
            steps.add("outside", "asks for the end", |next| {
                next.signals -= 1;
                self.tell(next, Cue::Shutdown);
            });
        }
        for i in (0..self.len()).filter(|_| state.from_outside > 0) {
            steps.add("outside", &format!("sends to {i}"), |next| {
                next.from_outside -= 1;
                self.send(next, None, i);
            });
        }
        for i in 0..self.len() {
            self.act(i, &mut steps);
        }
        if !state.conductor.is_over {
            self.conduct(&mut steps);
        }
        if let (Some(&cue), 1..) = (state.cues.last(), state.doubled) {
            steps.add("cues", "say it again", |next| {
                next.doubled -= 1;
                next.cues.push(cue);
            });
        }
        steps.all
    }

    fn wrong(&self, state: &State) -> Option<&'static str> {
        if state.wrong.is_some() {
            return state.wrong;
        }
        let conductor = &state.conductor;
        if conductor.given.iter().any(|&turns| turns > 1) {
            return Some(TWO_TURNS);
        }
        if !conductor.is_over {
            return None;
        }
        for (actor, report) in state.actors.iter().zip(&conductor.report) {
            match report {
                None => return Some(OVER_EARLY),
                Some(_) if self.without == Without::Disowning => {
                    if actor.figures.sum() != actor.accepted {
                        return Some(OFF_BALANCE);
                    }
                }
                Some(figures) if figures.sum() != actor.accepted => return Some(OFF_BALANCE),
                Some(figures) if self.goes_well() && figures.handled != actor.accepted => {
                    return Some("what was accepted was not handled, though all went well");
                }
                Some(_) => {}
            }
        }
        None
    }

    fn wrong_at_the_end(&self, state: &State) -> Option<&'static str> {
        (!state.conductor.is_over).then_some(NEVER_ENDS)
    }
}

/// The actors.
impl Drain {
    fn act(&self, i: usize, steps: &mut Steps<'_, State>) {
        let name = format!("actor {i}");
        let from = steps.from;
        let actor = &from.actors[i];
        let is_told = from.conductor.told[i];
        let awaits_children = actor.has_dismissed && !is_told;
        match actor.at {
            // runner.rs, sleep
            At::Asleep => {
                let has_heard_all = awaits_children && !actor.must_stop;
                if actor.queue > 0 || (actor.stopping || actor.must_stop) && !has_heard_all {
                    steps.add(name, "wakes up", |next| next.actors[i].at = At::Awake);
                }
            }
            At::Awake => {
                // runner.rs, take_orders
                if actor.must_stop {
                    steps.add(name.clone(), "hears that it must stop", |next| {
                        next.actors[i].at = At::Evict;
                    });
                }
                if actor.queue > 0 {
                    steps.add(name, "takes a message", |next| {
                        next.actors[i].queue -= 1;
                        next.actors[i].at = At::Handling;
                    });
                } else if !actor.stopping || awaits_children {
                    // Only of those in rings it is asked whether they sleep.
                    if !actor.must_stop && !self.ring(i).is_empty() {
                        steps.add(name, "falls asleep", |next| next.actors[i].at = At::Asleep);
                    }
                } else if self.has_children(i) && !actor.has_dismissed {
                    // runner.rs, dismiss_children
                    steps.add(name, "tells its children to leave", |next| self.dismiss(next, i));
                } else {
                    // mailbox.rs, finish
                    steps.add(name, "has handled all", |next| {
                        next.actors[i].gone = true;
                        next.actors[i].at = At::Leave;
                    });
                }
            }
            At::Handling => self.handle(i, steps),
            At::Hung if actor.disowned => {
                steps.add(name, "comes back", |next| {
                    next.actors[i].figures.handled += 1;
                    next.actors[i].at = At::Evict;
                });
            }
            // ending.rs, return_rest; life.rs, take_returned
            At::Evict if actor.disowned => {
                steps.add(name, "finds that it was given up", |next| next.actors[i].at = At::Leave);
            }
            At::Evict => steps.add(name, "returns what is left", |next| {
                let actor = &mut next.actors[i];
                actor.closed = true;
                actor.gone = true;
                let left = std::mem::take(&mut actor.queue);
                actor.at = match self.without {
                    Without::Ledger => At::Count(left),
                    _ => self.after_the_rest(i),
                };
                actor.figures.returned += if self.without == Without::Ledger { 0 } else { left };
            }),
            At::Count(left) => steps.add(name, "counts what it returned", |next| {
                next.actors[i].figures.returned += left;
                next.actors[i].at = self.after_the_rest(i);
            }),
            // ending.rs, stop
            At::AwaitChildren if self.has_children(i) && !actor.has_dismissed => {
                steps.add(name, "tells its children to leave", |next| self.dismiss(next, i));
            }
            At::AwaitChildren if !awaits_children => {
                steps.add(name, "ends its thread", |next| next.actors[i].at = At::Leave);
            }
            // stage.rs, enter
            At::Leave => steps.add(name, "says that it has ended", |next| {
                next.actors[i].at = At::Ended;
                self.tell(next, Cue::Ended(i));
            }),
            At::Hung | At::AwaitChildren | At::Ended => {}
        }
    }

    fn after_the_rest(&self, i: usize) -> At {
        if self.has_children(i) { At::AwaitChildren } else { At::Leave }
    }

    fn handle(&self, i: usize, steps: &mut Steps<'_, State>) {
        let name = format!("actor {i}");
        let from = steps.from;
        for &to in self.wiring.feeds[i].iter().filter(|_| from.sends > 0) {
            steps.add(name.clone(), &format!("sends to {to}"), |next| {
                next.sends -= 1;
                self.send(next, Some(i), to);
            });
        }
        steps.add(name.clone(), "has handled its message", |next| {
            next.actors[i].figures.handled += 1;
            next.actors[i].at = if from.actors[i].disowned { At::Evict } else { At::Awake };
        });
        if from.failures > 0 && !from.actors[i].disowned {
            steps.add(name.clone(), "fails, and nobody restarts it", |next| {
                next.failures -= 1;
                next.actors[i].figures.failed += 1;
                next.actors[i].at = At::Evict;
                self.tell(next, Cue::Shutdown);
            });
        }
        if from.hangs > 0 && !from.actors[i].disowned {
            steps.add(name, "hangs", |next| {
                next.hangs -= 1;
                next.actors[i].at = At::Hung;
            });
        }
    }

    fn dismiss(&self, next: &mut State, i: usize) {
        next.actors[i].has_dismissed = true;
        self.tell(next, Cue::Dismiss(i));
    }

    fn tell(&self, next: &mut State, cue: Cue) {
        let may_be_lost = match cue {
            Cue::Ended(_) => self.without == Without::Ended,
            Cue::Shutdown => self.without == Without::Shutdown,
            Cue::Dismiss(_) => false,
        };
        if may_be_lost && next.to_lose > 0 {
            next.to_lose -= 1;
        } else {
            next.cues.push(cue);
        }
    }
}

/// The conductor.
impl Drain {
    fn conduct(&self, steps: &mut Steps<'_, State>) {
        let from = steps.from;
        let conductor = &from.conductor;
        if let Some(look) = &conductor.look {
            return self.look(look, steps);
        }
        // take
        if let Some(&cue) = from.cues.first() {
            steps.add("conductor", &format!("takes {cue:?}"), |next| {
                next.cues.remove(0);
                self.take(next, cue);
            });
        }
        // drain: `while !self.all_have_left()`
        if conductor.has_begun && usize::from(conductor.left) >= self.len() {
            steps.add("conductor", "writes the report", |next| next.conductor.is_over = true);
        }
        for i in (0..self.len()).filter(|&i| !conductor.has_left[i]) {
            if conductor.turns[i] == Turn::None && self.is_due(from, i) {
                steps.add("conductor", &format!("gives {i} its turn"), |next| {
                    self.give_turn(next, i);
                });
            }
            self.enforce(i, steps);
        }
        self.begin_looks(steps);
    }

    fn take(&self, next: &mut State, cue: Cue) {
        match cue {
            // wait_for_the_end, begin
            Cue::Shutdown if next.conductor.has_begun && self.without == Without::HasBegun => {
                next.conductor.turns.fill(Turn::None);
            }
            Cue::Shutdown => next.conductor.has_begun = true,
            // see_off: `.filter(|member| !member.has_left())`
            Cue::Ended(i) if next.conductor.has_left[i] && self.without != Without::HasLeft => {}
            Cue::Ended(i) => {
                let actor = &next.actors[i];
                let figures = actor.figures;
                self.leave(next, i, figures);
            }
            // dismiss_family
            Cue::Dismiss(parent) => next.conductor.families[parent] = true,
        }
        self.disband(next);
    }

    fn leave(&self, next: &mut State, i: usize, figures: Figures) {
        let conductor = &mut next.conductor;
        conductor.has_left[i] = true;
        conductor.left += 1;
        conductor.report[i].get_or_insert(figures);
        conductor.turns[i] = Turn::Called;
        if self.has_children(i) && self.without != Without::WaitForOrphans {
            conductor.families[i] = true;
        } else {
            conductor.families[i] |= self.has_children(i);
            conductor.ended[i] = true;
        }
        self.disband(next);
    }

    /// Lets those companies go that have all left.
    fn disband(&self, next: &mut State) {
        let conductor = &mut next.conductor;
        for parent in (0..self.len()).filter(|&i| self.has_children(i)) {
            let have_left = self.children(parent).iter().all(|&child| conductor.ended[child]);
            if conductor.families[parent] && have_left {
                conductor.told[parent] = true;
                conductor.ended[parent] |= conductor.has_left[parent];
            }
        }
    }

    /// company.rs, take_due
    fn is_due(&self, state: &State, i: usize) -> bool {
        let conductor = &state.conductor;
        let is_to_leave = match self.wiring.parents[i] {
            None => conductor.has_begun,
            Some(parent) => conductor.families[parent],
        };
        let lets_go = |&other: &usize| match self.without {
            Without::WaitForUpstream => conductor.turns[other] != Turn::None,
            _ => conductor.ended[other],
        };
        is_to_leave && self.wiring.upstream[i].iter().all(lets_go)
    }

    /// turns.rs, give_turns
    fn give_turn(&self, next: &mut State, i: usize) {
        // Of those who have left for good, with all that is theirs: no order but this is asked here.
        let has_gone = |&other: &usize| {
            self.wiring.trees[other].iter().all(|&one| next.conductor.has_left[one])
        };
        if !self.wiring.upstream[i].iter().all(has_gone) {
            next.wrong.get_or_insert(TOO_EARLY);
        }
        if self.ring(i).is_empty() {
            self.call(next, i);
        }
        // What one of a ring waits for, all of it wait for: so their turns come at once.
        for &i in self.ring(i) {
            if next.conductor.turns[i] == Turn::None {
                next.conductor.turns[i] = Turn::Settling;
            }
        }
    }

    /// member.rs, call
    fn call(&self, next: &mut State, i: usize) {
        next.conductor.turns[i] = Turn::Called;
        next.conductor.given[i] += 1;
        next.actors[i].closed = true;
        next.actors[i].stopping = true;
    }

    /// turns.rs, enforce_deadlines: at any moment.
    fn enforce(&self, i: usize, steps: &mut Steps<'_, State>) {
        let conductor = &steps.from.conductor;
        let awaits_children = self.has_children(i) && conductor.families[i] && !conductor.told[i];
        match conductor.turns[i] {
            Turn::None => {}
            Turn::Halted if awaits_children => {}
            Turn::Halted => {
                let at = steps.from.actors[i].at;
                if matches!(at, At::Handling | At::Hung | At::Evict | At::Count(_)) {
                    steps.add("conductor", &format!("gives {i} up"), |next| self.abandon(next, i));
                }
            }
            _ if self.hangs > 0 => {
                steps.add("conductor", &format!("tells {i} that it must stop"), |next| {
                    self.halt(next, i);
                });
            }
            _ => {}
        }
    }

    /// turns.rs, halt
    fn halt(&self, next: &mut State, i: usize) {
        if !next.actors[i].stopping {
            self.call(next, i);
        }
        next.conductor.turns[i] = Turn::Halted;
        next.actors[i].must_stop = true;
        let family = if next.conductor.families[i] { self.children(i) } else { &[] };
        for &child in family {
            if !next.conductor.has_left[child] && next.conductor.turns[child] != Turn::Halted {
                self.halt(next, child);
            }
        }
    }

    /// abandon; life.rs, disown; member.rs, take_over
    fn abandon(&self, next: &mut State, i: usize) {
        let actor = &mut next.actors[i];
        actor.disowned = true;
        let mut figures = actor.figures;
        figures.failed += u8::from(matches!(actor.at, At::Handling | At::Hung));
        figures.returned += if actor.gone { 0 } else { std::mem::take(&mut actor.queue) };
        actor.gone = true;
        if self.without == Without::Disowning {
            actor.figures = figures;
        }
        self.leave(next, i, figures);
    }

    // rings.rs

    fn begin_looks(&self, steps: &mut Steps<'_, State>) {
        let conductor = &steps.from.conductor;
        for i in 0..self.len() {
            let ring = self.ring(i);
            let settles =
                |&i: &usize| matches!(conductor.turns[i], Turn::Settling | Turn::SettlingAlone);
            // settle_rings: once for each ring.
            if ring.first() == Some(&i) && ring.iter().any(settles) {
                steps.add("conductor", "looks at a ring", |next| {
                    let is_empty = None;
                    next.conductor.look = Some(Look { of: i, next: 0, is_empty, is_at_rest: true });
                });
            }
        }
    }

    /// settle
    fn look(&self, look: &Look, steps: &mut Steps<'_, State>) {
        let from = steps.from;
        let has_stayed = |i: &usize| !from.conductor.has_left[*i];
        let ring: Vec<usize> = self.ring(look.of).iter().copied().filter(has_stayed).collect();
        let Some(&i) = ring.get(look.next) else {
            let does = if look.is_at_rest { "finds the ring at rest" } else { "looks away" };
            steps.add("conductor", does, |next| {
                next.conductor.look = None;
                if look.is_at_rest {
                    self.close_ring(next, &ring);
                }
            });
            return;
        };
        let actor = &from.actors[i];
        let Some(is_empty) = look.is_empty else {
            steps.add("conductor", &format!("looks at the mailbox of {i}"), |next| {
                if let Some(look) = &mut next.conductor.look {
                    look.is_empty = Some(actor.queue == 0);
                }
            });
            return;
        };
        steps.add("conductor", &format!("looks at the pulse of {i}"), |next| {
            let pulse = actor.figures.handled + actor.figures.failed;
            let sleeps = actor.at == At::Asleep || self.without == Without::LookAtSleep;
            let rests = is_empty && sleeps;
            let before = next.conductor.seen[i].replace((pulse, rests));
            let twice = before == Some((pulse, true)) || self.without == Without::SecondLook;
            if let Some(look) = &mut next.conductor.look {
                look.is_at_rest &= rests && twice;
                look.next += 1;
                look.is_empty = None;
            }
        });
    }

    fn close_ring(&self, next: &mut State, ring: &[usize]) {
        let is_alone = ring.iter().any(|&i| next.conductor.turns[i] == Turn::SettlingAlone)
            || self.without == Without::TwoStages;
        for &i in ring {
            next.conductor.seen[i] = None;
            match next.conductor.turns[i] {
                Turn::Settling | Turn::SettlingAlone if is_alone => self.call(next, i),
                // member.rs, close_but_for
                Turn::Settling => {
                    next.conductor.turns[i] = Turn::SettlingAlone;
                    next.actors[i].closed = true;
                }
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests;

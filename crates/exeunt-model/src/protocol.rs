//! What is checked, and by whom: a protocol as steps from state to state, and stateright, which goes
//! through all of them.

use std::collections::{HashMap, HashSet};
use std::fmt::{self, Debug};
use std::hash::Hash;
use std::sync::Arc;

use stateright::{Checker, HasDiscoveries, Model, Property};

/// A protocol: several threads, of which each has done so many of its steps.
///
/// A step is one operation on what the threads share. Between two of them anything may happen on the
/// other threads; what a thread does with itself alone belongs to the step before.
pub trait Protocol: Send + Sync + 'static {
    /// What the threads share, and where each of them is.
    type State: Clone + Debug + Eq + Hash + Send + Sync + 'static;

    /// Where it begins.
    fn begin(&self) -> Self::State;

    /// Every step that one of the threads can do now, with where it leads. None for a thread that waits.
    fn steps(&self, state: &Self::State) -> Vec<(Step, Self::State)>;

    /// What is wrong with a state, wherever it is met.
    fn wrong(&self, state: &Self::State) -> Option<&'static str>;

    /// What is wrong with a state in which nobody can do a step any more: somebody waits for ever, or
    /// the accounts do not balance.
    fn wrong_at_the_end(&self, state: &Self::State) -> Option<&'static str>;
}

/// Who does what. Of those that are possible in one state, no two are alike.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Step {
    who: String,
    does: String,
}

impl Step {
    pub(crate) fn new(who: impl Into<String>, does: impl Into<String>) -> Step {
        Step { who: who.into(), does: does.into() }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.who, self.does)
    }
}

impl Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The steps from a state, as they are found.
pub(crate) struct Steps<'a, S> {
    pub(crate) from: &'a S,
    pub(crate) all: Vec<(Step, S)>,
}

impl<S: Clone> Steps<'_, S> {
    pub(crate) fn add(&mut self, who: impl Into<String>, does: &str, step: impl FnOnce(&mut S)) {
        let mut next = self.from.clone();
        step(&mut next);
        self.all.push((Step::new(who, does), next));
    }
}

/// What the checker says of a protocol.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Verdict {
    /// How many different states it has seen: all there are, unless it found something.
    pub states: usize,
    /// The shortest way to something that is wrong.
    pub counterexample: Option<Counterexample>,
}

/// A way to something that is wrong.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Counterexample {
    /// What is wrong at its end.
    pub wrong: &'static str,
    /// What was done until then.
    pub steps: Vec<Step>,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.counterexample {
            None => write!(f, "holds in all of {} states", self.states),
            Some(found) => write!(f, "fails after {} states: {found}", self.states),
        }
    }
}

impl fmt::Display for Counterexample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.wrong)?;
        self.steps.iter().try_for_each(|step| write!(f, "\n    {step}"))
    }
}

/// Goes through all states, breadth first, until something is wrong.
pub fn check<P: Protocol>(protocol: P) -> Verdict {
    let protocol = Arc::new(protocol);
    let checked = Checked(Arc::clone(&protocol)).checker();
    let checker = checked.finish_when(HasDiscoveries::Any).spawn_bfs().join();
    let path = checker.discoveries().into_values().min_by_key(|path| path.clone().into_vec().len());
    let counterexample = path.map(|path| {
        let last = path.last_state();
        let wrong = protocol.wrong(last).or_else(|| protocol.wrong_at_the_end(last));
        let wrong = wrong.unwrap_or_else(|| unreachable!("it was found for that"));
        let steps = path.into_actions().into_iter().map(|next| next.step).collect();
        Counterexample { wrong, steps }
    });
    Verdict { states: checker.unique_state_count(), counterexample }
}

/// Whether there is a way that leads back to where it has been. If there is none, and the states are
/// finite in number, every way comes to an end, whoever is favoured by the scheduler.
pub fn turns_in_a_circle<P: Protocol>(protocol: &P) -> bool {
    let mut done = HashSet::new();
    let mut on_the_way = HashSet::new();
    let begin = protocol.begin();
    let mut way = vec![(begin.clone(), successors(protocol, &begin))];
    on_the_way.insert(begin);
    while let Some((_, next)) = way.last_mut() {
        let Some(state) = next.pop() else {
            let (state, _) = way.pop().unwrap_or_else(|| unreachable!("there was a last"));
            on_the_way.remove(&state);
            done.insert(state);
            continue;
        };
        if on_the_way.contains(&state) {
            return true;
        }
        if !done.contains(&state) {
            let next = successors(protocol, &state);
            on_the_way.insert(state.clone());
            way.push((state, next));
        }
    }
    false
}

/// Whether there is, from wherever one has come to, a way to a state in which nobody can do a step any
/// more. So who looks again and again at something that may take its time comes to an end, if no scheduler
/// keeps it from that for ever.
pub fn can_always_end<P: Protocol>(protocol: &P) -> bool {
    let mut numbers = HashMap::from([(protocol.begin(), 0)]);
    let mut to_do = vec![protocol.begin()];
    let mut before: Vec<Vec<usize>> = vec![Vec::new()];
    let mut ends = Vec::new();
    while let Some(state) = to_do.pop() {
        let from = numbers[&state];
        let next = successors(protocol, &state);
        if next.is_empty() {
            ends.push(from);
        }
        for state in next {
            let number = *numbers.entry(state).or_insert_with_key(|state| {
                to_do.push(state.clone());
                before.push(Vec::new());
                before.len() - 1
            });
            before[number].push(from);
        }
    }
    let mut reached = vec![false; before.len()];
    while let Some(number) = ends.pop() {
        if !std::mem::replace(&mut reached[number], true) {
            ends.extend(&before[number]);
        }
    }
    reached.into_iter().all(|is_reached| is_reached)
}

fn successors<P: Protocol>(protocol: &P, state: &P::State) -> Vec<P::State> {
    protocol.steps(state).into_iter().map(|(_, next)| next).collect()
}

/// A step, with where it leads, so that it need not be worked out twice.
#[derive(Clone, PartialEq, Debug)]
struct Move<S> {
    step: Step,
    next: S,
}

/// A protocol as stateright sees it.
struct Checked<P>(Arc<P>);

impl<P: Protocol> Model for Checked<P> {
    type State = P::State;
    type Action = Move<P::State>;

    fn init_states(&self) -> Vec<P::State> {
        vec![self.0.begin()]
    }

    fn actions(&self, state: &P::State, actions: &mut Vec<Self::Action>) {
        // Nothing is worth knowing of what comes after something wrong.
        if self.0.wrong(state).is_some() {
            return;
        }
        actions.extend(self.0.steps(state).into_iter().map(|(step, next)| Move { step, next }));
    }

    fn next_state(&self, _: &P::State, action: Self::Action) -> Option<P::State> {
        Some(action.next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("nothing is wrong", |model: &Self, state| {
                model.0.wrong(state).is_none()
            }),
            Property::always("nothing is wrong at the end", |model: &Self, state| {
                model.0.wrong_at_the_end(state).is_none() || !model.0.steps(state).is_empty()
            }),
        ]
    }
}

//! The watchdog: looks at all actors and tasks now and then, and says which have been at one thing for too long, and
//! which wait for each other.
//!
//! It only reads what the actors have written anyway, so it costs them nothing. What it makes of that
//! is a pure function of snapshots and a moment.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::thread;
use std::time::{Duration, Instant};

use crate::error::WaitError;
use crate::notice::{ActorIdentity, Notice};
use crate::snapshot::{ActorSnapshot, State, WaitingFor};
use crate::system::SystemHandle;

/// How many times it looks in a limit: so it speaks half a limit late at the most.
const LOOKS_IN_LIMIT: u32 = 4;

/// What it sleeps at the least.
const SHORTEST_NAP: Duration = Duration::from_millis(1);

/// Starts the thread of a watchdog, which ends with the system.
pub(crate) fn start(system: SystemHandle, limit: Duration) -> io::Result<()> {
    let name = format!("{}/watchdog", system.name().replace('\0', ""));
    thread::Builder::new().name(name).spawn(move || watch(&system, limit)).map(drop)
}

fn watch(system: &SystemHandle, limit: Duration) {
    let nap = nap_of(limit);
    let mut watch = Watch::new(limit, nap);
    while let Err(WaitError::Timeout) = system.wait_timeout(nap) {
        for notice in watch.look(Instant::now(), &system.snapshot()) {
            system.emit(notice);
        }
    }
}

fn nap_of(limit: Duration) -> Duration {
    (limit / LOOKS_IN_LIMIT).max(SHORTEST_NAP)
}

/// What it has seen so far.
struct Watch {
    limit: Duration,
    nap: Duration,
    last_look: Option<Instant>,
    /// What actors and tasks are at.
    busy: Spells<Deed>,
    /// The circles of those that wait for each other.
    cycles: Spells<Vec<(usize, u64)>>,
}

/// What an actor or task is at: if it differs from what was seen before, that has come to an end.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Deed {
    id: usize,
    pulse: u64,
    /// For a task, which finishes nothing: which of its waits it is in.
    wait: Option<u64>,
}

impl Watch {
    fn new(limit: Duration, nap: Duration) -> Watch {
        Watch { limit, nap, last_look: None, busy: Spells::new(), cycles: Spells::new() }
    }

    /// Looks, and says what there is to say that was not said before.
    fn look(&mut self, now: Instant, actors: &[ActorSnapshot]) -> Vec<Notice> {
        self.excuse_what_was_overslept(now);
        let there: BTreeMap<usize, &ActorSnapshot> =
            actors.iter().filter(|a| a.state != State::Ended).map(|a| (a.id, a)).collect();

        let cycles = cycles(&there);
        // Of the members of a cycle only the cycle is told.
        let entangled: BTreeSet<usize> = cycles.iter().flatten().map(|&(id, _)| id).collect();
        let deadlocks = self.cycles.over(now, self.limit, cycles, |_| true);
        let deeds = there.values().filter_map(|actor| deed(actor)).collect();
        let stuck = self.busy.over(now, self.limit, deeds, |deed| !entangled.contains(&deed.id));

        let deadlocks = deadlocks.iter().map(|(cycle, time)| deadlock(&there, cycle, *time));
        let stuck = stuck.iter().filter_map(|(deed, time)| Some((there.get(&deed.id)?, time)));
        deadlocks.chain(stuck.map(|(actor, time)| stuck_notice(actor, *time))).collect()
    }

    /// When the whole process was stopped, nobody could get on.
    fn excuse_what_was_overslept(&mut self, now: Instant) {
        let slept = self.last_look.map_or(self.nap, |last| now.saturating_duration_since(last));
        self.last_look = Some(now);
        if slept > self.nap * 2 {
            self.busy.excuse(slept - self.nap);
            self.cycles.excuse(slept - self.nap);
        }
    }
}

/// What an actor or task is at, if it is something that should have an end. Tasks are in their loop by nature, and may
/// wait for the end of others for as long as they like; not for room, and not for an answer.
fn deed(actor: &ActorSnapshot) -> Option<Deed> {
    let (id, pulse) = (actor.id, actor.pulse);
    let is_task = actor.capacity.is_none();
    match &actor.waits_for {
        _ if !actor.is_in_user_code => None,
        Some(wait) if is_task && wait.what != WaitingFor::End => {
            Some(Deed { id, pulse, wait: Some(wait.number) })
        }
        _ if is_task => None,
        _ => Some(Deed { id, pulse, wait: None }),
    }
}

/// The cycles of those that wait for each other, by their ids, each with the number of its wait. Everybody waits for
/// one other at the most, so whoever follows the waits comes to an end, or back to where it was before.
fn cycles(actors: &BTreeMap<usize, &ActorSnapshot>) -> Vec<Vec<(usize, u64)>> {
    let mut cycles = Vec::new();
    let mut known = BTreeSet::new();
    for &start in actors.keys() {
        let mut path: Vec<(usize, u64)> = Vec::new();
        let mut next = Some(start);
        while let Some(id) = next {
            if let Some(at) = path.iter().position(|&(before, _)| before == id) {
                path.drain(..at);
                // The same cycle, wherever it was entered.
                let first = (0..path.len()).min_by_key(|&at| path[at]).unwrap_or(0);
                path.rotate_left(first);
                cycles.push(path);
                break;
            }
            let wait = actors.get(&id).and_then(|actor| actor.waits_for.as_ref());
            let Some(wait) = wait.filter(|_| known.insert(id)) else { break };
            path.push((id, wait.number));
            next = wait.id;
        }
    }
    cycles
}

fn deadlock(
    actors: &BTreeMap<usize, &ActorSnapshot>,
    cycle: &[(usize, u64)],
    stuck_for: Duration,
) -> Notice {
    let members = cycle.iter().filter_map(|(id, _)| actors.get(id));
    let waits = members.filter_map(|a| Some((identity(a), a.waits_for.clone()?))).collect();
    Notice::Deadlock { waits, stuck_for }
}

fn identity(actor: &ActorSnapshot) -> ActorIdentity {
    ActorIdentity { id: actor.id, name: actor.name.clone() }
}

fn stuck_notice(actor: &ActorSnapshot, stuck_for: Duration) -> Notice {
    Notice::Stuck {
        id: actor.id,
        name: actor.name.clone(),
        doing: actor.doing.clone(),
        message_type: actor.message_type.filter(|_| actor.is_handling),
        label: actor.label,
        stuck_for,
    }
}

/// What goes on, since when it was seen, and whether it was told.
struct Spells<K>(BTreeMap<K, Spell>);

#[derive(Clone, Copy)]
struct Spell {
    since: Instant,
    told: bool,
}

impl<K: Ord + Clone> Spells<K> {
    fn new() -> Spells<K> {
        Spells(BTreeMap::new())
    }

    /// What has gone on for the limit and was not told, with the time for which it was seen; the rest
    /// is kept in mind, or, if it does not go on any more, forgotten.
    fn over(
        &mut self,
        now: Instant,
        limit: Duration,
        going_on: Vec<K>,
        may_tell: impl Fn(&K) -> bool,
    ) -> Vec<(K, Duration)> {
        let before = std::mem::take(&mut self.0);
        let mut over = Vec::new();
        for key in going_on {
            let new = Spell { since: now, told: false };
            let mut spell = before.get(&key).copied().unwrap_or(new);
            let time = now.saturating_duration_since(spell.since);
            if time >= limit && !spell.told && may_tell(&key) {
                spell.told = true;
                over.push((key.clone(), time));
            }
            self.0.insert(key, spell);
        }
        over
    }

    fn excuse(&mut self, lost: Duration) {
        for spell in self.0.values_mut() {
            spell.since += lost;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::Waiting;

    const LIMIT: Duration = Duration::from_secs(1);
    const NAP: Duration = Duration::from_millis(250);

    /// An actor in its handler.
    fn busy(id: usize, pulse: u64) -> ActorSnapshot {
        ActorSnapshot {
            doing: "in its handler".to_owned(),
            pulse,
            is_idle: false,
            is_waiting: false,
            is_in_user_code: true,
            is_handling: true,
            ..idle(id)
        }
    }

    fn idle(id: usize) -> ActorSnapshot {
        ActorSnapshot::at_rest(id, &format!("n{id}"))
    }

    fn task(id: usize) -> ActorSnapshot {
        ActorSnapshot { capacity: None, message_type: None, is_handling: false, ..busy(id, 0) }
    }

    fn waits(actor: ActorSnapshot, what: WaitingFor, of: usize, number: u64) -> ActorSnapshot {
        let waiting = Waiting { id: Some(of), name: format!("n{of}"), what, number };
        ActorSnapshot { waits_for: Some(waiting), ..actor }
    }

    /// What is told by a look each nap.
    fn told(looks: impl IntoIterator<Item = Vec<ActorSnapshot>>) -> Vec<(usize, String)> {
        let (mut watch, mut now) = (Watch::new(LIMIT, NAP), Instant::now());
        let mut told = Vec::new();
        for (look, actors) in looks.into_iter().enumerate() {
            let notices = watch.look(now, &actors);
            told.extend(notices.into_iter().map(|notice| (look, notice.to_string())));
            now += NAP;
        }
        told
    }

    #[test]
    fn who_is_in_one_handler_for_too_long_is_named_once_and_again_when_it_has_moved() {
        let looks = (0..6).map(|_| 7).chain((0..6).map(|_| 8));
        assert_eq!(
            told(looks.map(|pulse| vec![idle(0), busy(1, pulse)])),
            [
                (4, "`n1` is stuck: in its handler, on a message (u32), for 1.00 s".to_owned()),
                (10, "`n1` is stuck: in its handler, on a message (u32), for 1.00 s".to_owned()),
            ]
        );
    }

    #[test]
    fn who_gets_on_is_left_alone_and_so_is_who_has_ended() {
        let ended = ActorSnapshot { state: State::Ended, ..busy(1, 0) };
        assert_eq!(told((0..20).map(|n| vec![busy(0, n / 3), ended.clone()])), []);
    }

    #[test]
    fn a_task_is_in_its_loop_by_nature_and_one_long_wait_is_another_thing() {
        let looks = |actor: fn(u64) -> ActorSnapshot| told((0..9).map(|n| vec![actor(n)])).len();
        assert_eq!(looks(|_| task(0)), 0);
        assert_eq!(looks(|_| waits(task(0), WaitingFor::End, 1, 1)), 0);
        // Many short waits: a source that is faster than its sink.
        assert_eq!(looks(|n| waits(task(0), WaitingFor::Room, 1, n)), 0);
        assert_eq!(looks(|_| waits(task(0), WaitingFor::Room, 1, 1)), 1);
        assert_eq!(looks(|_| waits(task(0), WaitingFor::Answer, 1, 1)), 1);
    }

    #[test]
    fn a_cycle_of_waits_is_named_with_its_edges_and_nobody_in_it_alone() {
        let looks = (0..9).map(|_| {
            let a = waits(busy(3, 0), WaitingFor::Room, 1, 5);
            let b = waits(busy(1, 0), WaitingFor::Answer, 2, 9);
            let c = waits(task(2), WaitingFor::End, 3, 1);
            // It waits too, though for an actor that does not wait for it.
            vec![b, c, a, waits(busy(4, 0), WaitingFor::Room, 3, 1)]
        });
        let cycle = "deadlock for 1.00 s: `n1` waits for an answer of `n2`, `n2` waits for the end of \
                     `n3`, `n3` waits for room in `n1`";
        let alone = "`n4` is stuck: in its handler, on a message (u32), for 1.00 s";
        assert_eq!(told(looks), [(4, cycle.to_owned()), (4, alone.to_owned())]);
    }

    #[test]
    fn waits_that_come_and_go_are_no_deadlock() {
        let looks = (0..20).map(|n| {
            vec![
                waits(busy(0, n), WaitingFor::Room, 1, n),
                waits(busy(1, n), WaitingFor::Answer, 0, n),
            ]
        });
        assert_eq!(told(looks), []);
    }

    #[test]
    fn d1_time_in_which_the_whole_process_was_stopped_is_nobodys() {
        let (mut watch, now) = (Watch::new(LIMIT, NAP), Instant::now());
        let mut look = |ms| watch.look(now + Duration::from_millis(ms), &[busy(0, 0)]).len();
        assert_eq!([look(0), look(250), look(60_000), look(60_250)], [0; 4]);
        assert_eq!(look(60_500), 1);
    }

    #[test]
    fn d1_what_it_has_overslept_is_no_part_of_a_deadlock_either_and_to_be_a_little_late_is_nothing()
    {
        let looks = |actors: &[ActorSnapshot], moments: &[u64]| -> Vec<usize> {
            let (mut watch, now) = (Watch::new(LIMIT, NAP), Instant::now());
            let look = |&ms| watch.look(now + Duration::from_millis(ms), actors).len();
            moments.iter().map(look).collect()
        };
        let cycle = [
            waits(busy(0, 0), WaitingFor::Room, 1, 1),
            waits(busy(1, 0), WaitingFor::Answer, 0, 1),
        ];
        assert_eq!(looks(&cycle, &[0, 250, 60_000, 60_250, 60_500]), [0, 0, 0, 0, 1]);
        for actors in [&cycle[..], &[busy(0, 0)]] {
            // Of three naps two are overslept.
            assert_eq!(looks(actors, &[0, 750, 1_000, 1_250, 1_500]), [0, 0, 0, 0, 1]);
            assert_eq!(looks(actors, &[0, 400, 800, 1_200]), [0, 0, 0, 1]);
        }
    }

    #[test]
    fn who_waits_for_one_of_a_cycle_is_not_of_it_and_makes_it_no_other() {
        let looks = (0..9).map(|look| {
            let cycle = [
                waits(busy(1, 0), WaitingFor::Answer, 2, 9),
                waits(busy(2, 0), WaitingFor::Room, 1, 5),
            ];
            // It comes later, and is the first to be looked at.
            let outside = waits(busy(0, 0), WaitingFor::Room, 2, 1);
            [&[outside][..usize::from(look >= 2)], &cycle].concat()
        });
        let cycle =
            "deadlock for 1.00 s: `n1` waits for an answer of `n2`, `n2` waits for room in `n1`";
        let alone = "`n0` is stuck: in its handler, on a message (u32), for 1.00 s";
        assert_eq!(told(looks), [(4, cycle.to_owned()), (6, alone.to_owned())]);
    }

    #[test]
    fn who_is_stuck_outside_of_its_handler_is_on_no_message() {
        let looks = (0..6).map(|_| vec![ActorSnapshot { is_handling: false, ..busy(0, 0) }]);
        assert_eq!(told(looks), [(4, "`n0` is stuck: in its handler, for 1.00 s".to_owned())]);
    }

    #[test]
    fn it_looks_several_times_within_a_limit_and_watches_whatever_a_system_is_called() {
        assert_eq!((nap_of(4 * LIMIT), nap_of(Duration::ZERO)), (LIMIT, SHORTEST_NAP));
        let system = crate::System::new("a\0b");
        assert!(start(system.handle(), LIMIT).is_ok());
    }
}

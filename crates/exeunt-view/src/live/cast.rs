//! The cast: who is to be shown, in what order, and how quick everybody is. From snapshots and a moment
//! to entries; no threads, no terminal.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::time::{Duration, Instant};

use exeunt::{ActorSnapshot, Capacity, Ended, State};

/// The time over which a rate is taken.
const RATE_OVER: Duration = Duration::from_secs(2);

/// The least time of which a rate can be told.
const RATE_FROM: Duration = Duration::from_millis(500);

/// What is used of an [`ActorSnapshot`].
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Sight {
    pub(crate) id: usize,
    pub(crate) name: String,
    pub(crate) parent_id: Option<usize>,
    pub(crate) pool: Option<usize>,
    pub(crate) state: State,
    pub(crate) ended: Option<Ended>,
    pub(crate) queued: usize,
    pub(crate) capacity: Option<Capacity>,
    pub(crate) handled: u64,
    pub(crate) failed: u64,
    pub(crate) restarts: u64,
    pub(crate) until_deadline: Option<Duration>,
    /// What it is doing, unless it is on its way from one message to the next.
    pub(crate) doing: Option<String>,
    /// Whom it waits for, and which of its waits it is.
    pub(crate) waits: Option<(String, u64)>,
}

impl From<ActorSnapshot> for Sight {
    fn from(actor: ActorSnapshot) -> Sight {
        let on = actor.label.map_or(String::new(), |label| format!(" on `{label}`"));
        let doing = format!("{}{on}", actor.doing);
        Sight {
            id: actor.id,
            pool: actor.pool,
            state: actor.state,
            ended: actor.ended,
            queued: actor.queued,
            capacity: actor.capacity,
            handled: actor.handled,
            failed: actor.failed,
            restarts: actor.restarts,
            until_deadline: actor.until_deadline,
            doing: Some(doing).filter(|_| actor.is_in_user_code || actor.is_idle),
            waits: actor.waits_for.map(|wait| (wait.to_string(), wait.number)),
            name: actor.name,
            parent_id: actor.parent_id,
        }
    }
}

/// One that has a line: an actor, a task, or a pool.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Entry {
    pub(crate) sight: Sight,
    /// How many threads it has.
    pub(crate) threads: usize,
    /// Below how many parents it stands.
    pub(crate) depth: usize,
    /// Messages in a second; `None` for a task, and as long as it is not known.
    pub(crate) rate: Option<f64>,
    /// Whom it was seen to wait for more than once.
    pub(crate) waits_for: Option<String>,
}

impl Entry {
    /// Whether it is its turn.
    pub(crate) fn is_in_turn(&self) -> bool {
        matches!(self.sight.state, State::Draining | State::Overdue)
    }

    pub(crate) fn has_left(&self) -> bool {
        self.sight.state == State::Ended
    }

    /// Whether it has left as nobody should.
    pub(crate) fn ended_badly(&self) -> bool {
        matches!(self.sight.ended, Some(Ended::Failed | Ended::Abandoned | Ended::Overdue))
    }

    /// How full its mailbox is, from 0 to 1, if that has a limit.
    pub(crate) fn fill(&self) -> Option<f64> {
        match self.sight.capacity? {
            Capacity::Bounded(places) if places > 0 => {
                Some((self.sight.queued as f64 / places as f64).min(1.0))
            }
            _ => None,
        }
    }
}

/// What is remembered from one look to the next.
#[derive(Default)]
pub(crate) struct Cast {
    /// When how many messages had been handled.
    past: HashMap<usize, VecDeque<(Instant, u64)>>,
    waits: HashMap<usize, u64>,
}

impl Cast {
    /// Looks at all, and gives those to show: upstream first, which is the order of leaving; the children
    /// of somebody below it.
    pub(crate) fn look(&mut self, now: Instant, sights: Vec<Sight>) -> Vec<Entry> {
        let mut entries = in_order(of_one_line(sights));
        let there: HashSet<usize> = entries.iter().map(|entry| entry.sight.id).collect();
        self.past.retain(|id, _| there.contains(id));
        self.waits.retain(|id, _| there.contains(id));
        for entry in &mut entries {
            entry.rate = self.rate(now, &entry.sight);
            entry.waits_for = self.long_wait(&entry.sight);
        }
        entries
    }

    fn rate(&mut self, now: Instant, sight: &Sight) -> Option<f64> {
        sight.capacity?;
        let past = self.past.entry(sight.id).or_default();
        past.push_back((now, sight.handled));
        // The first that is kept is the last before the time over which it is taken.
        while past.get(1).is_some_and(|&(then, _)| now.duration_since(then) >= RATE_OVER) {
            past.pop_front();
        }
        let &(then, handled) = past.front()?;
        let time = now.duration_since(then);
        let more = sight.handled.saturating_sub(handled);
        (time >= RATE_FROM).then(|| more as f64 / time.as_secs_f64())
    }

    /// Whom it waits for, if it did in the same wait at the last look.
    fn long_wait(&mut self, sight: &Sight) -> Option<String> {
        let Some((whom, number)) = &sight.waits else {
            self.waits.remove(&sight.id);
            return None;
        };
        let before = self.waits.insert(sight.id, *number);
        (before == Some(*number)).then(|| whom.clone())
    }
}

/// The threads of a pool in one, which is the parent of the children of all of them.
fn of_one_line(sights: Vec<Sight>) -> Vec<Entry> {
    let mut entries: BTreeMap<usize, Entry> = BTreeMap::new();
    let pools: HashMap<usize, usize> =
        sights.iter().filter_map(|sight| Some((sight.id, sight.pool?))).collect();
    for mut sight in sights {
        sight.parent_id = sight.parent_id.map(|id| pools.get(&id).copied().unwrap_or(id));
        if sight.state == State::Working && sight.until_deadline.is_some() {
            // It leaves as one with others, and takes messages until they are all at rest.
            sight.state = State::Draining;
        }
        if let Some(pool) = sight.pool {
            sight.id = pool;
            sight.name = name_of_pool(&sight.name).to_owned();
        }
        match entries.get_mut(&sight.id) {
            Some(entry) => entry.add(sight),
            None => {
                let id = sight.id;
                let entry = Entry { sight, threads: 1, depth: 0, rate: None, waits_for: None };
                entries.insert(id, entry);
            }
        }
    }
    entries.into_values().collect()
}

/// The name of a thread of a pool is that of the pool, and a number.
fn name_of_pool(thread: &str) -> &str {
    thread.rsplit_once('/').map_or(thread, |(pool, _)| pool)
}

impl Entry {
    /// Adds a thread of the same pool.
    fn add(&mut self, other: Sight) {
        let own = &mut self.sight;
        self.threads += 1;
        if urgency(other.state) > urgency(own.state) {
            own.state = other.state;
            own.doing = other.doing;
            own.waits = other.waits;
        }
        own.ended = own.ended.into_iter().chain(other.ended).max_by_key(|&ended| badness(ended));
        // They read one mailbox, of which those that have left know nothing.
        own.queued = own.queued.max(other.queued);
        own.handled += other.handled;
        own.failed += other.failed;
        own.restarts += other.restarts;
        own.until_deadline = [own.until_deadline, other.until_deadline].into_iter().flatten().min();
    }
}

/// The state of a pool is that of the thread that needs most attention.
fn urgency(state: State) -> u8 {
    match state {
        State::Overdue => 4,
        State::Draining => 3,
        State::Restarting => 2,
        State::Ended => 0,
        _ => 1,
    }
}

/// A pool has ended as the worst of its threads has.
fn badness(ended: Ended) -> u8 {
    match ended {
        Ended::Completed => 0,
        Ended::Drained => 1,
        Ended::Daemon => 2,
        Ended::Overdue => 3,
        Ended::Failed => 4,
        _ => 5,
    }
}

/// The order of leaving: nobody has addresses but of those that stood before it, so the last spawned is
/// the most upstream. Children stand below their parent.
fn in_order(entries: Vec<Entry>) -> Vec<Entry> {
    let there: HashSet<usize> = entries.iter().map(|entry| entry.sight.id).collect();
    let mut children: BTreeMap<Option<usize>, Vec<Entry>> = BTreeMap::new();
    for entry in entries {
        let parent = entry.sight.parent_id.filter(|parent| there.contains(parent));
        children.entry(parent).or_default().push(entry);
    }
    let mut ordered = Vec::new();
    // With a stack of its own: a family may be deeper than that of the thread.
    let mut to_do: Vec<(usize, Entry)> = Vec::new();
    to_do.extend(children.remove(&None).into_iter().flatten().map(|entry| (0, entry)));
    while let Some((depth, entry)) = to_do.pop() {
        let below = children.remove(&Some(entry.sight.id)).into_iter().flatten();
        to_do.extend(below.map(|entry| (depth + 1, entry)));
        ordered.push(Entry { depth, ..entry });
    }
    ordered
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn actor(id: usize, name: &str) -> Sight {
        Sight {
            id,
            name: name.into(),
            parent_id: None,
            pool: None,
            state: State::Working,
            ended: None,
            queued: 0,
            capacity: Some(Capacity::Bounded(16)),
            handled: 0,
            failed: 0,
            restarts: 0,
            until_deadline: None,
            doing: None,
            waits: None,
        }
    }

    fn child(id: usize, name: &str, parent: usize) -> Sight {
        Sight { parent_id: Some(parent), ..actor(id, name) }
    }

    pub(crate) fn ended(id: usize, name: &str, ended: Ended) -> Sight {
        Sight { state: State::Ended, ended: Some(ended), ..actor(id, name) }
    }

    fn names(entries: &[Entry]) -> Vec<String> {
        let name = |entry: &Entry| format!("{}{}", "  ".repeat(entry.depth), entry.sight.name);
        entries.iter().map(name).collect()
    }

    fn look(sights: Vec<Sight>) -> Vec<Entry> {
        Cast::default().look(Instant::now(), sights)
    }

    #[test]
    fn upstream_stands_first_and_children_below_their_parent() {
        let all = vec![
            actor(0, "sink"),
            actor(1, "server"),
            actor(2, "source"),
            child(3, "session", 1),
            child(4, "session", 1),
            child(6, "timer", 4),
            // Whose parent is not there any more.
            child(7, "orphan", 5),
        ];
        let expected =
            ["orphan", "source", "server", "  session", "    timer", "  session", "sink"];
        assert_eq!(names(&look(all)), expected);
    }

    #[test]
    fn children_stand_below_their_own_parent_though_another_one_has_its_name() {
        let all = vec![
            actor(0, "server"),
            actor(1, "server"),
            child(2, "of the first", 0),
            child(3, "of the second", 1),
        ];
        let expected = ["server", "  of the second", "server", "  of the first"];
        assert_eq!(names(&look(all)), expected);
    }

    #[test]
    fn the_children_of_a_pools_threads_stand_below_the_pool() {
        let thread = |id, name| Sight { pool: Some(0), ..actor(id, name) };
        let all = vec![
            thread(1, "resize/1"),
            thread(2, "resize/2"),
            child(3, "of the second", 2),
            child(4, "of the first", 1),
            actor(5, "source"),
        ];
        let expected = ["source", "resize", "  of the first", "  of the second"];
        assert_eq!(names(&look(all)), expected);
    }

    #[test]
    fn r1_whose_child_it_is_is_seen_of_a_real_one() {
        let mut system = exeunt::System::new("namesakes");
        let (tell, told) = std::sync::mpsc::channel();
        for name in ["of the first", "of the second"] {
            let tell = tell.clone();
            system.spawn_task("parent", move |cx| {
                cx.spawn_task(name, |cx| {
                    cx.stopping().wait();
                    Ok(())
                });
                tell.send(())?;
                cx.stopping().wait();
                Ok(())
            });
            told.recv().unwrap();
        }
        let entries = look(system.snapshot().into_iter().map(Sight::from).collect());
        assert_eq!(names(&entries), ["parent", "  of the second", "parent", "  of the first"]);
    }

    #[test]
    fn the_threads_of_a_pool_have_one_line() {
        let thread = |id, handled| Sight {
            pool: Some(1),
            queued: 5,
            handled,
            ..actor(id, &format!("resize/{}", id - 1))
        };
        let draining = Sight {
            state: State::Draining,
            until_deadline: Some(RATE_OVER),
            doing: Some("in its handler".into()),
            ..thread(3, 20)
        };
        let left = Sight { pool: Some(1), handled: 9, ..ended(4, "resize/3", Ended::Drained) };
        let all = look(vec![actor(0, "sink"), thread(2, 1), draining, left, actor(5, "a/b")]);
        assert_eq!(names(&all), ["a/b", "resize", "sink"]);
        let pool = &all[1];
        assert_eq!((pool.threads, pool.sight.queued, pool.sight.handled), (3, 5, 30));
        assert_eq!(pool.sight.state, State::Draining);
        assert_eq!(pool.sight.until_deadline, Some(RATE_OVER));
        assert_eq!(pool.sight.doing.as_deref(), Some("in its handler"));
    }

    #[test]
    fn a_pool_has_ended_when_all_have_and_as_the_worst_has() {
        let of_pool = |sight: Sight| Sight { pool: Some(0), ..sight };
        let some = |last: Sight| {
            let drained = of_pool(ended(1, "p/1", Ended::Drained));
            look(vec![drained, of_pool(ended(2, "p/2", Ended::Failed)), of_pool(last)]).remove(0)
        };
        assert!(!some(actor(3, "p/3")).has_left());
        let all = some(ended(3, "p/3", Ended::Drained));
        assert!(all.has_left() && all.ended_badly());
    }

    #[test]
    fn a_ring_that_waits_until_it_is_at_rest_is_in_its_turn() {
        let settling = Sight { until_deadline: Some(RATE_OVER), ..actor(0, "ring") };
        assert!(look(vec![settling])[0].is_in_turn());
    }

    #[test]
    fn a_rate_is_that_of_the_last_two_seconds_and_unknown_at_first() {
        let (mut cast, start) = (Cast::default(), Instant::now());
        let mut rate = |ms: u64, handled| {
            let sight = Sight { handled, ..actor(0, "a") };
            cast.look(start + Duration::from_millis(ms), vec![sight])[0].rate
        };
        assert_eq!(rate(0, 1_000), None);
        assert_eq!(rate(400, 1_100), None);
        assert_eq!(rate(1_000, 1_500), Some(500.0));
        assert_eq!(rate(2_000, 2_000), Some(500.0));
        // Of the first second nothing is left.
        assert_eq!(rate(3_000, 2_000), Some(250.0));
        assert_eq!(rate(5_000, 2_000), Some(0.0));
        let task = Sight { capacity: None, ..actor(1, "task") };
        assert_eq!(cast.look(start + RATE_OVER * 4, vec![task])[0].rate, None);
    }

    #[test]
    fn a_wait_is_told_when_it_is_seen_twice() {
        let mut cast = Cast::default();
        let mut waits = |number: Option<u64>| {
            let waits = number.map(|number| ("room in `b`".to_owned(), number));
            cast.look(Instant::now(), vec![Sight { waits, ..actor(0, "a") }])[0].waits_for.clone()
        };
        let looks =
            [Some(1), Some(2), Some(2), None, Some(2)].map(|number| waits(number).is_some());
        assert_eq!(looks, [false, false, true, false, false]);
    }

    #[test]
    fn who_is_gone_is_forgotten() {
        let mut cast = Cast::default();
        let waits = Some(("room in `b`".to_owned(), 1));
        for id in 0..100 {
            cast.look(Instant::now(), vec![Sight { waits: waits.clone(), ..actor(id, "child") }]);
        }
        assert_eq!((cast.past.len(), cast.waits.len()), (1, 1));
    }
}

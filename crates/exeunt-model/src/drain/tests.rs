use std::thread;

use super::*;
use crate::protocol::{can_always_end, check};

/// Nobody yet.
fn nobody() -> Drain {
    Drain {
        wiring: Wiring::new(Vec::new(), Vec::new()),
        queued: Vec::new(),
        sends: 1,
        from_outside: 1,
        beside: 0,
        signals: 1,
        stops: 0,
        failures: 0,
        hangs: 0,
        doubled: 0,
        without: Without::Nothing,
    }
}

/// A source, what is in between, and a sink.
fn chain() -> Drain {
    Drain {
        wiring: Wiring::new(vec![vec![1], vec![2], vec![]], vec![None; 3]),
        queued: vec![1, 1, 0],
        ..nobody()
    }
}

/// Two that send to each other, and somebody who sends to them.
fn ring() -> Drain {
    Drain {
        wiring: Wiring::new(vec![vec![1], vec![0], vec![0]], vec![None; 3]),
        queued: vec![1, 0, 0],
        ..nobody()
    }
}

/// A parent with two children that send to it, and a sink for all of them.
fn family() -> Drain {
    Drain {
        wiring: Wiring::new(
            vec![vec![1], vec![], vec![0], vec![0, 1]],
            vec![None, None, Some(0), Some(0)],
        ),
        queued: vec![1, 0, 1, 1],
        from_outside: 0,
        ..nobody()
    }
}

/// Two that send to each other, and a child of the one, which sends to both.
fn ring_with_child() -> Drain {
    Drain {
        wiring: Wiring::new(vec![vec![1], vec![0], vec![0, 1]], vec![None, None, Some(0)]),
        queued: vec![0, 0, 1],
        from_outside: 0,
        ..nobody()
    }
}

/// The same, where nobody has anything to do but to say goodbye.
fn ring_with_idle_child() -> Drain {
    Drain { queued: vec![0; 3], ..ring_with_child() }
}

/// Two that send to each other, and a child of the one, to which that one sends.
fn ring_with_orders() -> Drain {
    let feeds = vec![vec![1], vec![0], vec![]];
    Drain {
        wiring: Wiring::new(feeds, vec![None, None, Some(1)]).with_orders(1, 2),
        queued: vec![0; 3],
        sends: 2,
        ..nobody()
    }
}

/// As above, where the parent has something to do, and the child something for the other one.
fn ring_whose_first_is_busy() -> Drain {
    Drain {
        wiring: Wiring::new(vec![vec![1], vec![0], vec![1]], vec![None, None, Some(0)]),
        queued: vec![1, 0, 0],
        ..ring_with_child()
    }
}

/// Two of which the one is a pool of two threads, and who send to each other.
fn ring_with_pool() -> Drain {
    Drain {
        wiring: Wiring::new(vec![vec![2], vec![], vec![0]], vec![None; 3]).with_pool(0, 1),
        queued: vec![1, 0, 0],
        ..nobody()
    }
}

/// The same, where the other one has a child that sends to the pool.
fn ring_with_pool_and_child() -> Drain {
    let feeds = vec![vec![2], vec![], vec![0], vec![0]];
    let parents = vec![None, None, None, Some(2)];
    Drain {
        wiring: Wiring::new(feeds, parents).with_pool(0, 1),
        queued: vec![0; 4],
        sends: 2,
        from_outside: 0,
        ..nobody()
    }
}

/// A pool of two threads, of which the one has a child that sends to it.
fn pool_with_child() -> Drain {
    Drain {
        wiring: Wiring::new(vec![vec![], vec![], vec![0]], vec![None, None, Some(0)])
            .with_pool(0, 1),
        queued: vec![1, 0, 0],
        ..nobody()
    }
}

/// The same, where the thread sends to its child, and to its own pool.
fn pool_with_orders() -> Drain {
    let wiring = Wiring::new(vec![vec![0], vec![], vec![]], vec![None, None, Some(0)]);
    Drain {
        wiring: wiring.with_pool(0, 1).with_orders(0, 2),
        queued: vec![1, 0, 0],
        sends: 2,
        ..nobody()
    }
}

/// A parent whose child has a child, one of whom is told to leave alone.
fn dynasty() -> Drain {
    Drain {
        wiring: Wiring::new(vec![vec![], vec![0], vec![1]], vec![None, Some(0), Some(1)]),
        queued: vec![0, 1, 0],
        stops: 1,
        from_outside: 0,
        ..nobody()
    }
}

/// A parent with a sink and a child, one of whom is told to leave alone.
fn household() -> Drain {
    Drain {
        wiring: Wiring::new(vec![vec![1], vec![], vec![0]], vec![None, None, Some(0)]),
        queued: vec![1, 0, 0],
        ..dynasty()
    }
}

fn badly(drain: Drain) -> Drain {
    Drain { failures: 1, hangs: 1, ..drain }
}

/// Whether it holds in all states, of which there are so many at least.
#[track_caller]
fn holds(drain: &Drain, states: usize) {
    let verdict = check(drain.clone());
    println!("{}: {verdict}", thread::current().name().unwrap_or_default());
    assert_eq!(verdict.counterexample, None, "{drain:?}: {verdict}");
    assert!(verdict.states >= states, "{}", verdict.states);
}

#[test]
fn o1_o3_a_chain() {
    holds(&Drain { signals: 2, doubled: 1, ..chain() }, 10_000);
}

#[test]
fn m1_d3_a_chain_in_which_things_go_wrong() {
    holds(&Drain { from_outside: 0, ..badly(chain()) }, 10_000);
}

#[test]
fn o4_a_ring() {
    holds(&ring(), 10_000);
}

#[test]
fn o4_a_ring_with_something_beside_its_mailboxes() {
    holds(&Drain { from_outside: 0, beside: 1, ..ring() }, 10_000);
}

#[test]
fn m1_o4_a_ring_in_which_things_go_wrong() {
    holds(&Drain { failures: 0, from_outside: 0, ..badly(ring()) }, 10_000);
}

#[test]
fn o3_o4_a_ring_with_a_child() {
    holds(&Drain { sends: 2, ..ring_with_child() }, 1_000);
    holds(&Drain { from_outside: 1, ..ring_with_child() }, 1_000);
}

#[test]
fn o3_o4_what_comes_late_to_one_of_a_ring_and_leads_on_to_a_child_of_the_other() {
    holds(&ring_with_orders(), 1_000);
    holds(&Drain { from_outside: 2, ..ring_with_orders() }, 10_000);
}

#[test]
fn o4_a_ring_with_a_pool() {
    holds(&ring_with_pool(), 10_000);
}

#[test]
fn o3_a_pool_of_which_one_thread_has_a_child() {
    holds(&Drain { signals: 2, ..pool_with_child() }, 10_000);
    holds(&pool_with_orders(), 10_000);
}

#[test]
fn m1_o3_a_pool_with_a_child_in_which_things_go_wrong() {
    holds(&Drain { failures: 1, ..pool_with_child() }, 10_000);
    holds(&Drain { hangs: 1, from_outside: 0, ..pool_with_child() }, 10_000);
}

#[test]
fn m1_o4_d3_a_ring_with_a_pool_in_which_things_go_wrong() {
    let drain = Drain { from_outside: 0, ..ring_with_pool() };
    holds(&Drain { failures: 1, ..drain.clone() }, 10_000);
    holds(&Drain { hangs: 1, sends: 0, ..drain }, 10_000);
}

#[test]
fn o3_a_family() {
    holds(&family(), 500);
}

#[test]
fn m1_d3_a_family_in_which_things_go_wrong() {
    holds(&Drain { failures: 0, sends: 0, ..badly(family()) }, 10_000);
}

#[test]
fn o1_o3_some_of_a_family_leave_before() {
    for drain in [dynasty(), household()] {
        holds(&drain, 1_000);
    }
}

#[test]
fn o1_o3_d3_some_of_a_family_are_given_up_before() {
    for drain in [dynasty(), household()] {
        holds(&Drain { hangs: 1, sends: 0, ..drain }, 10_000);
    }
}

#[test]
fn the_drain_always_ends() {
    let with_more = Drain { from_outside: 0, beside: 1, ..ring() };
    let with_pool = Drain { from_outside: 0, ..ring_with_pool() };
    let rings = [ring(), with_more, ring_with_child(), ring_with_orders(), with_pool];
    let pools = [pool_with_child(), pool_with_orders()];
    let others = [chain(), family(), dynasty(), household()];
    for drain in rings.into_iter().chain(pools).chain(others) {
        assert!(can_always_end(&drain), "{drain:?}");
    }
}

/// What is missed, where, and as what.
#[test]
fn nothing_can_be_taken_out() {
    let mut held = Vec::new();
    for without in Without::ALL {
        let alone = |drain: Drain| Drain { from_outside: 0, ..drain };
        let idle = |drain: Drain| Drain { sends: 0, ..alone(drain) };
        let (drain, wrong) = match without {
            Without::Nothing => unreachable!("it takes nothing out"),
            Without::WaitForUpstream => (chain(), TOO_EARLY),
            Without::SecondLook => (Drain { sends: 4, ..alone(ring()) }, CLOSED_EARLY),
            Without::LookAtSleep => (alone(ring()), CLOSED_EARLY),
            Without::JoinFirst => (ring(), REFUSED),
            Without::Together | Without::Rouse => {
                (Drain { sends: 2, ..ring_with_child() }, REFUSED)
            }
            Without::StrangersFirst | Without::RestAgain => (ring_with_orders(), REFUSED),
            Without::LookAtMailboxes => (Drain { sends: 2, ..ring_with_child() }, OFF_BALANCE),
            Without::Ended | Without::Shutdown => (idle(chain()), NEVER_ENDS),
            Without::HasLeft => (Drain { doubled: 1, ..idle(chain()) }, OVER_EARLY),
            Without::HasBegun => (Drain { signals: 2, ..idle(chain()) }, TWO_TURNS),
            Without::Ledger | Without::Disowning => (badly(idle(chain())), OFF_BALANCE),
            Without::DoorForChildren => (family(), REFUSED),
            Without::OrphansOfBefore => (Drain { hangs: 1, ..idle(household()) }, TOO_EARLY),
            Without::OrphansBelow => (Drain { hangs: 1, ..idle(dynasty()) }, LEAVES_FIRST),
            Without::LookAtChildren => (Drain { sends: 2, ..ring_with_child() }, CLOSED_EARLY),
            Without::DoorForRingsChildren => (ring_with_child(), REFUSED),
            Without::ChildrenFirst => (ring_with_child(), NEVER_ENDS),
            Without::ChildrenOfRing => {
                (Drain { failures: 1, sends: 2, ..ring_with_idle_child() }, REFUSED)
            }
            Without::OrphansOfRing => (Drain { hangs: 1, ..ring_whose_first_is_busy() }, REFUSED),
            Without::CountOfThreads => (ring_with_pool_and_child(), REFUSED),
            Without::PoolAsRing => (pool_with_child(), REFUSED),
            Without::PoolAtRest => (pool_with_orders(), REFUSED),
            Without::WaitForOrphans => (Drain { failures: 0, ..badly(idle(family())) }, TOO_EARLY),
        };
        let found = check(Drain { without, ..drain.clone() }).counterexample;
        let found = found.unwrap_or_else(|| panic!("{without:?} is not missed"));
        println!("without {without:?}: {found}");
        assert_eq!(found.wrong, wrong, "{without:?}: {found}");
        if !held.contains(&drain) {
            holds(&drain, 1);
            held.push(drain);
        }
    }
}

/// The same throws in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }

    /// Up to three roots that feed each other as they like, and below one that is in no ring a child.
    fn wiring(&mut self) -> Wiring {
        let roots = 1 + self.below(3) as usize;
        let feeds: Vec<Vec<usize>> = (0..roots)
            .map(|i| (0..roots).filter(|&to| to != i && self.below(2) == 0).collect())
            .collect();
        let alone = Wiring::new(feeds.clone(), vec![None; roots]);
        let parent = self.below(roots as u64) as usize;
        if roots > 2 || !alone.rings[parent].is_empty() {
            return alone;
        }
        let parents = [vec![None; roots], vec![Some(parent)]].concat();
        Wiring::new([feeds, vec![vec![parent]]].concat(), parents)
    }
}

#[test]
fn o1_o3_o4_m1_wirings_at_random() {
    let mut dice = Dice(7);
    for _ in 0..12 {
        let wiring = dice.wiring();
        let queued: Vec<u8> = wiring.feeds.iter().map(|_| dice.below(2) as u8).collect();
        let well = Drain { wiring, queued, ..nobody() };
        let badly = Drain { hangs: 1, sends: 0, from_outside: 0, ..well.clone() };
        for drain in [well, badly] {
            holds(&drain, 1);
            assert!(can_always_end(&drain), "{drain:?}");
        }
    }
}

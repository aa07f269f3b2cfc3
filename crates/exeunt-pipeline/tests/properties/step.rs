//! What a stage does, twice: as a stage of a pipeline, and as a plain function from a list to a list.

use std::panic::resume_unwind;
use std::time::Duration;

use exeunt::{Backoff, Error};
use exeunt_pipeline::{Diverted, Flow, Ledger, Nothing};
use proptest::prelude::*;

/// A flow whose next stage is the first on its thread, so that flows of all lengths are of one type.
pub(crate) type Numbers<P> = Flow<Nothing<u64>, P>;

#[derive(Clone, Debug)]
pub(crate) enum Step {
    Map(u64),
    Filter(u64),
    FlatMap(u64),
    Inspect,
    /// Four stages on one thread.
    Fused(u64, u64, u64),
    TryMap(Fails),
    Parallel(usize, Fails),
    Batch(usize),
    Window(Duration),
    RateLimit,
    Tee,
    /// It has a state, which a restart loses.
    Scan(u64),
}

/// Which items fail, how, and what is done about it.
#[derive(Clone, Debug)]
pub(crate) struct Fails {
    /// Those that this divides.
    pub(crate) divisor: u64,
    pub(crate) panics: bool,
    pub(crate) policy: Policy,
}

#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Policy {
    Skip,
    Divert,
    /// It succeeds when it is tried once more.
    Retry,
    /// It does not.
    RetryAndSkip,
}

const NO_WAIT: Backoff = Backoff::exponential(Duration::ZERO, Duration::ZERO);

pub(crate) fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => any_step_without_state(),
        1 => (1..9_u64).prop_map(Step::Scan),
    ]
}

/// Those that can be begun again anywhere.
pub(crate) fn any_step_without_state() -> impl Strategy<Value = Step> {
    prop_oneof![
        (1..9_u64).prop_map(Step::Map),
        (2..5_u64).prop_map(Step::Filter),
        (0..4_u64).prop_map(Step::FlatMap),
        Just(Step::Inspect),
        (1..9_u64, 2..5_u64, 1..4_u64).prop_map(|(a, b, c)| Step::Fused(a, b, c)),
        fails().prop_map(Step::TryMap),
        (1..5_usize, fails()).prop_map(|(threads, fails)| Step::Parallel(threads, fails)),
        (1..20_usize).prop_map(Step::Batch),
        prop_oneof![Just(Duration::from_micros(50)), Just(Duration::from_secs(3600))]
            .prop_map(Step::Window),
        Just(Step::RateLimit),
        Just(Step::Tee),
    ]
}

fn fails() -> impl Strategy<Value = Fails> {
    let policy = prop_oneof![
        Just(Policy::Skip),
        Just(Policy::Divert),
        Just(Policy::Retry),
        Just(Policy::RetryAndSkip)
    ];
    let fails = |(divisor, panics, policy)| Fails { divisor, panics, policy };
    (2..9_u64, any::<bool>(), policy).prop_map(fails)
}

impl Fails {
    pub(crate) fn on(&self, n: u64) -> bool {
        n % self.divisor == 0
    }

    /// A map that fails so.
    pub(crate) fn map(&self) -> impl FnMut(u64) -> Result<u64, Error> + Clone + Send + 'static {
        let (fails, mut failed) = (self.clone(), None);
        move |n| {
            let is_again = failed.replace(n) == Some(n);
            if !fails.on(n) || (fails.policy == Policy::Retry && is_again) {
                failed = None;
                return Ok(n + 1);
            }
            if fails.panics {
                resume_unwind(Box::new("as planned")); // without a word from the panic hook
            }
            Err(Error::msg("as planned"))
        }
    }

    fn model(&self, n: u64) -> Option<u64> {
        (self.policy == Policy::Retry || !self.on(n)).then_some(n + 1)
    }
}

impl Step {
    /// As a stage of that number, and a new thread behind it.
    pub(crate) fn add<P: Clone + Send + 'static>(&self, at: usize, flow: Numbers<P>) -> Numbers<P> {
        let name = format!("{at}-stage");
        let thread = format!("{at}-thread");
        match self.clone() {
            Step::Map(k) => flow.map(&name, move |n| n + k).thread(&thread),
            Step::Filter(m) => flow.filter(&name, move |n| n % m != 0).thread(&thread),
            Step::FlatMap(times) => {
                flow.flat_map(&name, move |n| (0..times).map(move |i| n + i)).thread(&thread)
            }
            Step::Inspect => flow.inspect(&name, |_| {}).thread(&thread),
            Step::Fused(a, m, times) => flow
                .map(&format!("{at}-a"), move |n| n * a)
                .filter(&format!("{at}-b"), move |n| n % m != 0)
                .inspect(&format!("{at}-c"), |_| {})
                .flat_map(&name, move |n| (0..times).map(move |i| n + i))
                .thread(&thread),
            Step::TryMap(fails) => {
                let flow = flow.try_map(&name, fails.map());
                match fails.policy {
                    Policy::Skip => flow.skip_errors(),
                    Policy::Divert => flow.divert(&format!("{at}-bad"), aside(fails)),
                    Policy::Retry => flow.retry(1, NO_WAIT),
                    Policy::RetryAndSkip => flow.retry(2, NO_WAIT).skip_errors(),
                }
                .thread(&thread)
            }
            Step::Parallel(threads, fails) => {
                let flow = flow.try_parallel(&name, threads, fails.map());
                match fails.policy {
                    Policy::Skip => flow.skip_errors(),
                    Policy::Divert => flow.divert(&format!("{at}-bad"), aside(fails)),
                    Policy::Retry => flow.retry(1, NO_WAIT),
                    Policy::RetryAndSkip => flow.retry(2, NO_WAIT).skip_errors(),
                }
                .thread(&thread)
            }
            Step::Batch(items) => flow
                .batch(&name, items, Duration::from_secs(3600))
                .flat_map(&format!("{at}-flat"), |batch| batch)
                .thread(&thread),
            Step::Window(span) => flow
                .window(&name, span)
                .flat_map(&format!("{at}-flat"), |window| window)
                .thread(&thread),
            Step::RateLimit => {
                flow.rate_limit(&name, 1_000_000, Duration::from_secs(1)).thread(&thread)
            }
            Step::Tee => {
                let side = format!("{at}-side");
                flow.tee(&name, |flow| flow.sink(&side, |_| Ok(()))).thread(&thread)
            }
            Step::Scan(k) => flow
                .scan(&name, k, |sum, n| {
                    *sum = (*sum + n) % 1_000;
                    *sum
                })
                .thread(&thread),
        }
    }

    /// As a plain iterator.
    pub(crate) fn model(&self, items: Vec<u64>) -> Vec<u64> {
        let items = items.into_iter();
        match *self {
            Step::Map(k) => items.map(|n| n + k).collect(),
            Step::Filter(m) => items.filter(|n| n % m != 0).collect(),
            Step::FlatMap(times) => items.flat_map(|n| (0..times).map(move |i| n + i)).collect(),
            Step::Fused(a, m, times) => items
                .map(|n| n * a)
                .filter(|n| n % m != 0)
                .flat_map(|n| (0..times).map(move |i| n + i))
                .collect(),
            Step::TryMap(ref fails) | Step::Parallel(_, ref fails) => {
                items.filter_map(|n| fails.model(n)).collect()
            }
            Step::Scan(k) => items
                .scan(k, |sum, n| {
                    *sum = (*sum + n) % 1_000;
                    Some(*sum)
                })
                .collect(),
            Step::Inspect | Step::Batch(_) | Step::Window(_) | Step::RateLimit | Step::Tee => {
                items.collect()
            }
        }
    }

    /// Whether the stage's line of the ledger says what became of these items.
    pub(crate) fn is_told_by(&self, at: usize, ledger: &Ledger, items: &[u64]) -> bool {
        let Some(line) = ledger.stage(&format!("{at}-stage")) else { return false };
        match self {
            Step::TryMap(fails) | Step::Parallel(_, fails) => {
                let failed = items.iter().filter(|&&n| fails.on(n)).count() as u64;
                let told = match fails.policy {
                    Policy::Skip | Policy::RetryAndSkip => line.failed,
                    Policy::Divert => line.diverted,
                    Policy::Retry => line.retried,
                };
                // Two of a kind in a row are one that is tried again, for a closure that cannot tell.
                line.entered == items.len() as u64
                    && (told == failed || fails.policy == Policy::Retry && told <= failed)
            }
            Step::Filter(m) => {
                line.filtered == items.iter().filter(|&&n| n % m == 0).count() as u64
            }
            Step::Tee => ledger.stage(&format!("{at}-side")).is_some_and(|side| {
                side.passed == items.len() as u64 && line.passed == items.len() as u64
            }),
            Step::Fused(..) => true,
            _ => line.entered == items.len() as u64,
        }
    }
}

/// A sink of its own, which fails if it is given what has not failed.
fn aside(fails: Fails) -> impl FnMut(Diverted<u64>) -> exeunt::Result + Send + 'static {
    move |diverted: Diverted<u64>| {
        assert!(fails.on(diverted.item) && diverted.error.to_string().contains("as planned"));
        Ok(())
    }
}

/// Whether both have the same items, whatever their order.
pub(crate) fn same_items(some: &[u64], others: &[u64]) -> bool {
    let sorted = |items: &[u64]| {
        let mut items = items.to_vec();
        items.sort_unstable();
        items
    };
    sorted(some) == sorted(others)
}

/// For each key the items that have it, in their order.
pub(crate) fn by_key(items: &[u64], keys: u64) -> Vec<Vec<u64>> {
    (0..keys).map(|key| items.iter().copied().filter(|n| n % keys == key).collect()).collect()
}

//! What the tests of the pure parts have in common: snapshots and reports of nobody, to be changed at
//! will. Outside of the core they cannot be made, so a real system lends one of each.

use std::sync::OnceLock;
use std::time::Duration;

use exeunt::{ActorReport, ActorSnapshot, Ended, Report, System};

pub(super) fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn lent() -> &'static (ActorSnapshot, Report) {
    static LENT: OnceLock<(ActorSnapshot, Report)> = OnceLock::new();
    LENT.get_or_init(|| {
        let mut system = System::new("props");
        system.spawn_task("nobody", |cx| {
            cx.stopping().wait();
            Ok(())
        });
        let snapshot = system.snapshot().remove(0);
        (snapshot, system.shutdown())
    })
}

pub(super) fn snapshot(id: usize, name: &str) -> ActorSnapshot {
    let mut snapshot = lent().0.clone();
    (snapshot.id, snapshot.name) = (id, name.to_owned());
    (snapshot.queued, snapshot.handled, snapshot.is_idle) = (0, 0, true);
    snapshot
}

/// The line of one that drained in 100 ms.
pub(super) fn line(id: usize, name: &str) -> ActorReport {
    let mut line = lent().1.actors[0].clone();
    (line.id, line.name) = (Some(id), name.to_owned());
    (line.ended, line.took, line.is_task) = (Ended::Drained, ms(100), false);
    line
}

pub(super) fn report(actors: Vec<ActorReport>) -> Report {
    let mut report = lent().1.clone();
    report.actors = actors;
    report
}

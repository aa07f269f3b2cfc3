//! The report as it stands in JSON, which is a contract of its own.

use super::{Ended, Reason, Refusals};

#[derive(serde::Serialize)]
pub(super) struct Report {
    system: String,
    reason: &'static str,
    signal: Option<String>,
    failure: Option<Failure>,
    complete: bool,
    took_ms: f64,
    actors: Vec<super::ActorReport>,
    refused: Vec<Refusals>,
}

#[derive(serde::Serialize)]
struct Failure {
    name: String,
    error: String,
}

#[derive(serde::Serialize)]
pub(super) struct ActorReport {
    id: Option<usize>,
    name: String,
    parent: Option<String>,
    parent_id: Option<usize>,
    kind: &'static str,
    ended: Ended,
    handled: u64,
    handled_while_draining: u64,
    failed: u64,
    returned: u64,
    overflowed: u64,
    cancelled: u64,
    restarts: u64,
    took_ms: f64,
    error: Option<String>,
    absorbed: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    threads: Vec<super::ActorReport>,
}

impl From<super::Report> for Report {
    fn from(report: super::Report) -> Report {
        Report {
            complete: report.is_complete(),
            reason: match report.reason {
                Reason::Completed => "completed",
                Reason::Shutdown => "shutdown",
                Reason::Signal(_) => "signal",
                Reason::Failure { .. } => "failure",
            },
            failure: match report.reason {
                Reason::Failure { name, error } => Some(Failure { name, error }),
                _ => None,
            },
            signal: report.signal.map(|signal| signal.to_string()),
            took_ms: millis(report.took),
            system: report.system,
            actors: report.actors,
            refused: report.refused,
        }
    }
}

impl From<super::ActorReport> for ActorReport {
    fn from(actor: super::ActorReport) -> ActorReport {
        ActorReport {
            kind: if actor.is_task { "task" } else { "actor" },
            took_ms: millis(actor.took),
            id: actor.id,
            name: actor.name,
            parent: actor.parent,
            parent_id: actor.parent_id,
            ended: actor.ended,
            handled: actor.handled,
            handled_while_draining: actor.handled_while_draining,
            failed: actor.failed,
            returned: actor.returned,
            overflowed: actor.overflowed,
            cancelled: actor.cancelled,
            restarts: actor.restarts,
            error: actor.error,
            absorbed: actor.absorbed,
            threads: actor.threads,
        }
    }
}

/// To the microsecond.
fn millis(duration: std::time::Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn r1_each_figure_of_an_actor_has_its_place() {
        let json = ActorReport::from(crate::report::ActorReport {
            handled: 1,
            handled_while_draining: 2,
            failed: 3,
            returned: 4,
            overflowed: 5,
            cancelled: 6,
            restarts: 7,
            took: Duration::from_nanos(8_000_400),
            ..crate::report::ActorReport::of_many()
        });
        let ActorReport { handled, handled_while_draining, failed, returned, .. } = json;
        assert_eq!([handled, handled_while_draining, failed, returned], [1, 2, 3, 4]);
        assert_eq!([json.overflowed, json.cancelled, json.restarts], [5, 6, 7]);
        // To the microsecond.
        assert!((json.took_ms - 8.0).abs() < 1e-9);
    }
}

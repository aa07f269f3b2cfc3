//! A notice as a line of the log.

use std::fmt::{self, Write};
use std::time::Duration;

use super::{ActorIdentity, Notice, ReturnedBecause};
use crate::printable::Printable;
use crate::report::{Ended, Reason};
use crate::snapshot::{Waiting, on_what};
use crate::span::Span;

/// Up to how many members of a cycle the log names.
const SHOWN_OF_A_CYCLE: usize = 8;
/// For a shorter time nobody is stuck.
const SHORT: Duration = Duration::from_millis(1);

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.tell(&mut Printable(f))
    }
}

impl Notice {
    fn tell(&self, f: &mut impl Write) -> fmt::Result {
        match self {
            Notice::Started { id: _, name } => write!(f, "`{name}` started"),
            Notice::NotStarted { name } => {
                write!(f, "`{name}` is not started: what it belongs to is leaving")
            }
            Notice::DrainBegan { reason: reason @ Reason::Completed, .. } => write!(f, "{reason}"),
            Notice::DrainBegan { reason, members } => {
                write!(f, "drain begins ({reason}): {members} to leave in order")
            }
            Notice::Draining { id: _, name, queued: 0 } => write!(f, "`{name}`: its turn"),
            Notice::Draining { id: _, name, queued } => {
                write!(f, "`{name}`: its turn, {queued} queued")
            }
            Notice::Waiting { on, until_deadline, given_up_next } => {
                waiting(f, on, *until_deadline, given_up_next.as_ref())
            }
            Notice::Overdue { id: _, name, doing, stuck_for } => {
                write!(f, "`{name}` has met its deadline, {}", doing_for(doing, *stuck_for))
            }
            Notice::Ended { id: _, name, ended, handled, returned, took } => {
                let took = Span(*took);
                match ended {
                    Ended::Daemon => write!(f, "`{name}`, a daemon, dismissed after {took}")?,
                    _ => write!(f, "`{name}` {ended} after {took}")?,
                }
                match (handled, returned) {
                    (0, 0) => Ok(()),
                    (_, 0) => write!(f, ": {handled} handled"),
                    _ => write!(f, ": {handled} handled, {returned} returned"),
                }
            }
            Notice::Failed { id: _, name, error } => write!(f, "`{name}` failed: {error}"),
            Notice::Absorbed { id: _, name, error } => {
                write!(f, "`{name}` failed: {error}; it leaves, the others go on")
            }
            Notice::Restarting { id: _, name, error, with, delay } => {
                restarting(f, name, error.as_deref(), with, *delay)
            }
            Notice::TooManyRestarts { id: _, name, group, restarts, within } => {
                match group {
                    Some(group) => write!(f, "the group `{group}` gives `{name}` up")?,
                    None => write!(f, "`{name}` is given up")?,
                }
                let noun = if *restarts == 1 { "restart" } else { "restarts" };
                write!(f, ": no more than {restarts} {noun} within {}", Span(*within))
            }
            Notice::FailedToStop { id: _, name, error } => {
                write!(f, "`{name}` failed while it stopped to begin anew: {error}")
            }
            Notice::Cycle { actors } => cycle(f, actors),
            Notice::Abandoned { id: _, name, doing, stuck_for, returned } => {
                write!(f, "`{name}` abandoned, {}", doing_for(doing, *stuck_for))?;
                match returned {
                    0 => Ok(()),
                    1 => f.write_str("; 1 message returned"),
                    _ => write!(f, "; {returned} messages returned"),
                }
            }
            Notice::DeadLetterLost { id: _, name, error } => {
                write!(f, "`{name}`: a panic over a message that was returned: {error}")
            }
            Notice::Returned { id: _, name, messages, total, message_type, why } => {
                let noun = if *messages == 1 { "message" } else { "messages" };
                write!(f, "`{name}`: {messages} {noun} returned ({message_type}), {why}")?;
                if total == messages { Ok(()) } else { write!(f, "; {total} so far") }
            }
            Notice::Refused { from, to } => {
                let why = "the order was wrong (is a `feeds` missing?)";
                write!(f, "`{from}` sent to `{to}`, whose turn had come before: {why}")
            }
            Notice::Stuck { id: _, name, doing, message_type, label, stuck_for } => {
                let on = on_what(*label, *message_type);
                write!(f, "`{name}` is stuck: {doing}{on}, for {}", Span(*stuck_for))
            }
            Notice::Deadlock { waits, stuck_for } => deadlock(f, waits, *stuck_for),
            Notice::Finished { reason, is_complete, is_failure, took } => {
                let how = if *is_complete { "complete" } else { "incomplete" };
                let failed = if *is_failure { ", with a failure" } else { "" };
                write!(f, "exeunt omnes: {how}{failed}")?;
                match reason {
                    Reason::Completed => Ok(()),
                    _ => write!(f, " after {}", Span(*took)),
                }
            }
        }
    }
}

/// An actor that has just made progress has met the end of the budget, or a deadline of its own: for how long it has
/// been at what it does is of no interest then.
pub(crate) fn doing_for(doing: &str, stuck_for: Duration) -> String {
    match stuck_for < SHORT {
        true => doing.to_owned(),
        false => format!("{doing} for {}", Span(stuck_for)),
    }
}

fn waiting(
    f: &mut impl Write,
    on: &[(ActorIdentity, usize)],
    until_deadline: Option<Duration>,
    given_up_next: Option<&(ActorIdentity, Duration)>,
) -> fmt::Result {
    f.write_str("waiting for ")?;
    for (i, (actor, left)) in on.iter().enumerate() {
        let comma = if i == 0 { "" } else { ", " };
        write!(f, "{comma}`{actor}`")?;
        if *left > 0 {
            write!(f, " ({left} left)")?;
        }
    }
    match (until_deadline, given_up_next) {
        (None, None) => f.write_str("; no deadline")?,
        (None, Some(_)) => {}
        (Some(time), _) => write!(f, "; deadline {}", in_time(time))?,
    }
    let Some((actor, time)) = given_up_next else { return Ok(()) };
    let its = if until_deadline.is_some() { "its own" } else { "its deadline" };
    write!(f, "; `{actor}` has met {its}, and is given up {}", in_time(*time))
}

fn in_time(time: Duration) -> String {
    match time < SHORT {
        true => "now".to_owned(),
        false => format!("in {}", Span(time)),
    }
}

fn restarting(
    f: &mut impl Write,
    name: &str,
    error: Option<&str>,
    with: &[ActorIdentity],
    delay: Duration,
) -> fmt::Result {
    match error {
        Some(error) => write!(f, "`{name}` failed: {error}; it begins anew")?,
        None => write!(f, "`{name}` has ended, and begins anew")?,
    }
    if !delay.is_zero() {
        write!(f, " in {}", Span(delay))?;
    }
    for (i, other) in with.iter().enumerate() {
        write!(f, "{} `{other}`", if i == 0 { ", with" } else { "," })?;
    }
    Ok(())
}

fn cycle(f: &mut impl Write, actors: &[ActorIdentity]) -> fmt::Result {
    f.write_str("these feed each other, and will drain as one:")?;
    let shown = if actors.len() > SHOWN_OF_A_CYCLE { SHOWN_OF_A_CYCLE - 1 } else { actors.len() };
    for actor in &actors[..shown] {
        write!(f, " `{actor}` ->")?;
    }
    if shown < actors.len() {
        write!(f, " {} more ->", actors.len() - shown)?;
    }
    write!(f, " `{}`", actors.first().map_or("", |first| &first.name))
}

fn deadlock(
    f: &mut impl Write,
    waits: &[(ActorIdentity, Waiting)],
    stuck_for: Duration,
) -> fmt::Result {
    write!(f, "deadlock for {}:", Span(stuck_for))?;
    for (i, (actor, waiting)) in waits.iter().enumerate() {
        let comma = if i == 0 { "" } else { "," };
        write!(f, "{comma} `{actor}` waits for {waiting}")?;
    }
    Ok(())
}

impl fmt::Display for ReturnedBecause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ReturnedBecause::Overflow => "since there was no room",
            ReturnedBecause::Failed => "since it failed",
            ReturnedBecause::Overdue => "since its deadline has passed",
            ReturnedBecause::Abandoned => "since it was abandoned",
            ReturnedBecause::Dismissed => "since the daemons were dismissed",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn actor(id: usize, name: &str) -> ActorIdentity {
        ActorIdentity { id, name: name.to_owned() }
    }

    fn cycle(of: usize) -> String {
        let actors = (0..of).map(|n| actor(n, &n.to_string())).collect();
        Notice::Cycle { actors }.to_string()
    }

    #[test]
    fn o4_a_cycle_of_many_is_one_short_line() {
        let begin = "these feed each other, and will drain as one:";
        assert_eq!(cycle(2), format!("{begin} `0` -> `1` -> `0`"));
        assert!(cycle(8).ends_with("`6` -> `7` -> `0`"));
        assert!(cycle(500).ends_with("`5` -> `6` -> 493 more -> `0`"), "{}", cycle(500));
    }

    #[test]
    fn who_has_nothing_left_is_waited_for_without_a_figure() {
        let waiting = waiting(Some(Duration::from_secs(4)), None);
        assert_eq!(waiting, "waiting for `listener`, `log` (3 left); deadline in 4.00 s");
    }

    #[test]
    fn d3_the_end_of_a_grace_is_not_said_to_be_a_deadline() {
        let (deadline, grace) = (Duration::from_secs(4), Duration::from_millis(500));
        let both = "waiting for `listener`, `log` (3 left)";
        let met = |its| format!("`log` has met {its}, and is given up in 500.0 ms");
        assert_eq!(waiting(None, Some(grace)), format!("{both}; {}", met("its deadline")));
        let all = format!("{both}; deadline in 4.00 s; {}", met("its own"));
        assert_eq!(waiting(Some(deadline), Some(grace)), all);
        assert_eq!(waiting(None, None), format!("{both}; no deadline"));
        let now = waiting(Some(Duration::from_micros(100)), Some(Duration::ZERO));
        assert_eq!(
            now,
            format!("{both}; deadline now; `log` has met its own, and is given up now")
        );
    }

    /// Said of a listener that has nothing left, and a log that has, whose grace it may be.
    fn waiting(until_deadline: Option<Duration>, grace: Option<Duration>) -> String {
        let on = vec![(actor(0, "listener"), 0), (actor(1, "log"), 3)];
        let given_up_next = grace.map(|grace| (actor(1, "log"), grace));
        Notice::Waiting { on, until_deadline, given_up_next }.to_string()
    }

    #[test]
    fn d1_who_has_just_made_progress_is_not_said_to_be_stuck() {
        let overdue = |stuck_for| {
            let (name, doing) = ("producer".to_owned(), "sending to `worker`".to_owned());
            Notice::Overdue { id: 0, name, doing, stuck_for }.to_string()
        };
        let met = "`producer` has met its deadline, sending to `worker`";
        assert_eq!(overdue(Duration::ZERO), met);
        assert_eq!(overdue(Duration::from_secs(5)), format!("{met} for 5.00 s"));
    }

    #[test]
    fn d3_what_was_returned_of_who_is_abandoned_is_said_if_there_was_something() {
        let abandoned = |returned| {
            let (name, doing) = ("loop".to_owned(), "in its loop".to_owned());
            let stuck_for = Duration::from_secs(6);
            Notice::Abandoned { id: 0, name, doing, stuck_for, returned }.to_string()
        };
        assert_eq!(abandoned(0), "`loop` abandoned, in its loop for 6.00 s");
        assert_eq!(abandoned(1), "`loop` abandoned, in its loop for 6.00 s; 1 message returned");
        assert_eq!(abandoned(2), "`loop` abandoned, in its loop for 6.00 s; 2 messages returned");
    }

    #[test]
    fn d4_a_daemon_is_said_to_have_been_dismissed() {
        let (name, took) = ("clock".to_owned(), Duration::from_millis(20));
        let (ended, handled, returned) = (Ended::Daemon, 3, 0);
        let ended = Notice::Ended { id: 0, name, ended, handled, returned, took };
        assert_eq!(ended.to_string(), "`clock`, a daemon, dismissed after 20.0 ms: 3 handled");
    }

    #[test]
    fn a_name_cannot_play_with_the_log() {
        let notice =
            Notice::Failed { id: 0, name: "a\nb".to_owned(), error: "\u{1b}[2J".to_owned() };
        assert_eq!(notice.to_string(), r"`a\nb` failed: \u{1b}[2J");
    }

    #[test]
    fn f1_one_restart_too_many_names_who_gives_up() {
        let said = |group: Option<&str>, restarts| {
            let (name, group) = ("reader".to_owned(), group.map(str::to_owned));
            let within = Duration::from_secs(10);
            Notice::TooManyRestarts { id: 0, name, group, restarts, within }.to_string()
        };
        assert_eq!(
            said(Some("line"), 10),
            "the group `line` gives `reader` up: no more than 10 restarts within 10.00 s"
        );
        assert_eq!(said(None, 1), "`reader` is given up: no more than 1 restart within 10.00 s");
    }
}

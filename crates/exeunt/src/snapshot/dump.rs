//! A snapshot of all as a table for a terminal.

use std::fmt;

use super::{ActorSnapshot, State};
use crate::capacity::Capacity;
use crate::report::table::{NAME_COLUMNS, clipped, wrapped};

/// How all actors and tasks of a system stand.
pub(crate) struct Dump {
    pub(crate) system: String,
    pub(crate) actors: Vec<ActorSnapshot>,
}

impl fmt::Display for Dump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = match self.actors.len() {
            1 => format!("{}: one actor or task", self.system),
            many => format!("{}: {many} actors and tasks", self.system),
        };
        writeln!(f, "{}", wrapped(&head))?;
        writeln!(
            f,
            "  {:<NAME_COLUMNS$} {:<10} {:>13} {:>12} {:>7} {:>8}",
            "in order of spawning", "state", "queued", "handled", "failed", "restarts"
        )?;
        self.actors.iter().try_for_each(|actor| writeln!(f, "{}", Line(actor)))
    }
}

/// One actor or task: its figures, and below them what it does, if it does anything.
struct Line<'a>(&'a ActorSnapshot);

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let actor = self.0;
        write!(f, "  {:<NAME_COLUMNS$} {:<10} ", clipped(&actor.name), actor.state)?;
        match queued(actor) {
            None => write!(f, "{:>13} {:>12} {:>7}", "-", "-", "-")?,
            Some(queued) => write!(f, "{queued:>13} {:>12} {:>7}", actor.handled, actor.failed)?,
        }
        write!(f, " {:>8}", actor.restarts)?;
        match remarks(actor) {
            remarks if remarks.is_empty() => Ok(()),
            remarks => write!(f, "\n{}", wrapped(&format!("    {}", remarks.join("; ")))),
        }
    }
}

/// How full its mailbox is; a task has none.
fn queued(actor: &ActorSnapshot) -> Option<String> {
    Some(match actor.capacity? {
        Capacity::Bounded(places) => format!("{}/{places}", actor.queued),
        Capacity::Unbounded => actor.queued.to_string(),
    })
}

fn remarks(actor: &ActorSnapshot) -> Vec<String> {
    let mut remarks = Vec::new();
    remarks.extend(actor.parent.as_ref().map(|parent| format!("a child of `{parent}`")));
    if actor.state != State::Ended && !actor.is_idle {
        remarks.push(doing(actor));
    }
    remarks
}

/// What it is doing, and on what.
fn doing(actor: &ActorSnapshot) -> String {
    let on = on_what(actor.label, actor.message_type.filter(|_| actor.is_handling));
    format!("{}{on}", actor.doing)
}

/// The message that an actor is on: ", on `transfer` (bank::Msg)".
pub(crate) fn on_what(label: Option<&str>, message_type: Option<&str>) -> String {
    match (label, message_type) {
        (Some(label), Some(message_type)) => format!(", on `{label}` ({message_type})"),
        (Some(label), None) => format!(", on `{label}`"),
        (None, Some(message_type)) => format!(", on a message ({message_type})"),
        (None, None) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn actor(name: &str) -> ActorSnapshot {
        ActorSnapshot::at_rest(0, name)
    }

    #[test]
    fn who_does_nothing_has_a_line_and_who_does_something_has_two() {
        let busy = ActorSnapshot {
            queued: 256,
            handled: 10_023,
            restarts: 2,
            doing: "sending to `sink`".into(),
            label: Some("line"),
            is_idle: false,
            is_waiting: false,
            is_in_user_code: true,
            is_handling: true,
            ..actor("parse")
        };
        let task = ActorSnapshot {
            parent: Some("parse".into()),
            capacity: None,
            message_type: None,
            doing: "in its loop".into(),
            is_idle: false,
            is_waiting: false,
            is_in_user_code: true,
            ..actor("a task with a name that is too long")
        };
        let dump = Dump { system: "shop".into(), actors: vec![actor("sink"), busy, task] };
        let lines = dump.to_string();
        assert_eq!(
            lines.lines().map(str::trim_end).collect::<Vec<_>>(),
            [
                "shop: 3 actors and tasks",
                "  in order of spawning state             queued      handled  failed restarts",
                "  sink                 working            0/256            0       0        0",
                "  parse                working          256/256        10023       0        2",
                "    sending to `sink`, on `line` (u32)",
                "  a task with a name … working                -            -       -        0",
                "    a child of `parse`; in its loop",
            ]
        );
        assert!(lines.lines().all(|line| line.chars().count() <= 80), "{lines}");
    }

    #[test]
    fn one_is_not_several() {
        let dump = Dump { system: "shop".into(), actors: vec![actor("sink")] };
        assert!(dump.to_string().starts_with("shop: one actor or task\n"), "{dump}");
    }

    #[test]
    fn a_name_cannot_play_with_the_terminal() {
        let dump = Dump { system: "s\x1b[2J".into(), actors: vec![actor("a\nb")] };
        assert!(!dump.to_string().contains('\x1b'));
        assert_eq!(dump.to_string().lines().count(), 3);
    }
}

//! Whether a report balances.

use std::fmt::Write as _;

use exeunt::{ActorReport, Report};

/// Asserts that a report does not contradict itself: nobody handled more while draining than in
/// all, a task has no messages, who failed or was abandoned says of what, a refusal was one at
/// least.
///
/// A report does not know what the senders were promised; [`assert_ledger`] holds it against what
/// they have counted.
///
/// # Panics
///
/// If it does, with all that is wrong, and the table.
///
/// # Examples
///
/// ```
/// let report = exeunt::System::new("empty").shutdown();
/// exeunt_testkit::assert_balanced(&report);
/// ```
#[track_caller]
pub fn assert_balanced(report: &Report) {
    let contradictions = report.actors.iter().flat_map(contradictions);
    let refusals = report
        .refused
        .iter()
        .filter(|refused| refused.count == 0)
        .map(|refused| format!("`{}` was refused by `{}` 0 times", refused.from, refused.to));
    assert_none(report, contradictions.chain(refusals).collect());
}

/// Asserts that a report [is balanced](assert_balanced), and that it agrees with the senders: that
/// for each actor named, as many messages as were accepted, which is how many sends returned `Ok`,
/// were handled, failed, or returned.
///
/// Several actors of one name count as one. Who is not named is not looked at.
///
/// # Panics
///
/// If one does not balance, or is not in the report: with what is wrong of whom, and the table.
///
/// # Examples
///
/// ```
/// use exeunt::{Actor, Context, System};
///
/// struct Sink;
/// impl Actor for Sink {
///     type Msg = u32;
///     fn handle(&mut self, _n: u32, _cx: &mut Context<Self>) -> exeunt::Result {
///         Ok(())
///     }
/// }
///
/// let mut system = System::new("test");
/// let sink = system.spawn("sink", Sink);
/// let accepted = (0..100).filter(|n| sink.try_send(*n).is_ok()).count() as u64;
///
/// exeunt_testkit::assert_ledger(&system.shutdown(), &[("sink", accepted)]);
/// ```
#[track_caller]
pub fn assert_ledger<N: AsRef<str>>(report: &Report, accepted: &[(N, u64)]) {
    assert_balanced(report);
    let wrong = accepted.iter().filter_map(|(name, n)| imbalance(report, name.as_ref(), *n));
    assert_none(report, wrong.collect());
}

#[track_caller]
fn assert_none(report: &Report, wrong: Vec<String>) {
    assert!(wrong.is_empty(), "the report does not balance:\n  {}\n{report}", wrong.join("\n  "));
}

/// What one line of the report says against itself.
fn contradictions(actor: &ActorReport) -> Vec<String> {
    use exeunt::Ended::{Abandoned, Failed};
    let ActorReport { handled, handled_while_draining: draining, .. } = *actor;
    let needs_reason = matches!(actor.ended, Failed | Abandoned);
    let checks = [
        (draining > handled, format!("handled {draining} while draining, but {handled} in all")),
        (actor.is_task && actor.accepted() > 0, "is a task, and has messages".to_owned()),
        (needs_reason && actor.error.is_none(), format!("{}, of nothing", actor.ended)),
    ];
    checks
        .into_iter()
        .filter(|(is_wrong, _)| *is_wrong)
        .map(|(_, text)| format!("`{}`: {text}", actor.name))
        .collect()
}

/// What is wrong between what was accepted for a name and what became of it.
fn imbalance(report: &Report, name: &str, accepted: u64) -> Option<String> {
    let bearers: Vec<&ActorReport> = report.actors.iter().filter(|a| a.name == name).collect();
    let sum = |count: fn(&ActorReport) -> u64| bearers.iter().map(|a| count(a)).sum::<u64>();
    let [handled, failed, returned] = [sum(|a| a.handled), sum(|a| a.failed), sum(|a| a.returned)];
    let ended = handled + failed + returned;
    if bearers.is_empty() {
        return Some(format!("`{name}`: accepted {accepted}, but it is not in the report"));
    }
    if ended == accepted {
        return None;
    }
    let mut text = format!(
        "`{name}`: accepted {accepted}, but handled {handled} + failed {failed} + returned \
         {returned} = {ended}: "
    );
    let _ = match accepted.checked_sub(ended) {
        Some(missing) => write!(text, "{missing} vanished"),
        None => write!(text, "{} too many", ended - accepted),
    };
    Some(text)
}

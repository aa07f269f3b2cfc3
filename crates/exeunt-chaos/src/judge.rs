//! Whether a run kept the contract: a pure function from what it left behind to what is wrong with it.

use std::collections::BTreeMap;
use std::fmt;
use std::process;

use exeunt::Signal;
use exeunt_testkit::Finished;
use serde_json::Value;

use crate::ledger::{Figures, has_finished, senders};
use crate::part::{Fault, Moment};
use crate::run::Evidence;

/// How much longer than budget and grace a drain may take: all has to be noticed, and reported.
const ALLOWANCE_MS: f64 = 100.0;
/// If the machine had no processor for a child for longer than this, the time of its drain says nothing about it.
const WITHHELD_MS: f64 = 50.0;

/// What can be wrong with a run.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum Wrong {
    /// The ledger does not balance, or the report says otherwise (M1, R1).
    Unaccounted,
    /// It did not end.
    Hang,
    /// It did not end as its report says, or the report not as the signal says (S3).
    WrongStatus,
    /// There is no report, or it does not name who was given up (R1, D3).
    MissingReport,
    /// The drain took longer than budget, grace, and 100 ms (D1, D3).
    Late,
    /// Messages of one sender came in another order, or twice (M3).
    Disordered,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Wrong::Unaccounted => "unaccounted",
            Wrong::Hang => "hang",
            Wrong::WrongStatus => "wrong status",
            Wrong::MissingReport => "missing report",
            Wrong::Late => "late",
            Wrong::Disordered => "disordered",
        })
    }
}

/// What the signal met.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Met {
    /// A system at work, whose drain it began.
    Work,
    /// A drain that had begun for another reason.
    Drain,
    /// A system that had ended already: the signal had its default effect, or came too late.
    End,
}

/// What came out of a run.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    pub(crate) wrong: Vec<(Wrong, String)>,
    /// Somebody else has signalled the child, so that nothing can be said of it.
    pub(crate) is_disturbed: bool,
    pub(crate) met: Option<Met>,
    pub(crate) accepted: u64,
    pub(crate) handled_while_draining: u64,
    pub(crate) returned: u64,
    pub(crate) given_up: u64,
    /// If somebody was given up: how much longer than budget and grace it took, if that can be judged.
    pub(crate) overdue: Option<Option<f64>>,
}

pub(crate) fn judge(run: &Evidence) -> Verdict {
    let mut verdict = Verdict::default();
    let finished = match &run.end {
        Ok(finished) => finished,
        Err(hang) => {
            verdict.blame(Wrong::Hang, hang.to_string());
            return verdict;
        }
    };
    if run.is_disturbed(finished) {
        verdict.is_disturbed = true;
        return verdict;
    }
    verdict.accepted = run.pages.iter().map(|(_, page)| page.accepted).sum();
    for (name, page) in run.pages.iter().filter(|(_, page)| page.disordered > 0) {
        verdict.blame(Wrong::Disordered, format!("`{name}`: {page}"));
    }
    match &run.closing {
        Some(closing) => verdict.hold_against(run, &Closing(closing), finished),
        None => verdict.excuse(run, finished),
    }
    verdict
}

impl Verdict {
    fn blame(&mut self, wrong: Wrong, what: String) {
        self.wrong.push((wrong, what));
    }

    fn blame_all(&mut self, wrong: Wrong, what: impl IntoIterator<Item = String>) {
        what.into_iter().for_each(|what| self.blame(wrong, what));
    }

    /// A report is missing. A signal that comes when the system has ended, and before its report is
    /// written, has its default effect (S5); then the drain was over, and nothing is left.
    fn excuse(&mut self, run: &Evidence, finished: &Finished) {
        let is_dead = run.is_signalled && died_of(finished, run.plan.signal);
        let had_ended = run.may_have_ended() && has_finished(&finished.stderr);
        if !(is_dead && had_ended && !run.pages.is_empty()) {
            self.blame(Wrong::MissingReport, format!("ended by {}", finished.status));
            return;
        }
        self.met = Some(Met::End);
        for (name, page) in &run.pages {
            self.blame_all(Wrong::Unaccounted, imbalance(name, page));
            if page.in_hand() > 0 {
                self.blame(Wrong::Unaccounted, format!("`{name}` was cut off: {page}"));
            }
        }
    }

    fn hold_against(&mut self, run: &Evidence, closing: &Closing<'_>, finished: &Finished) {
        self.met = run.is_signalled.then(|| closing.met());
        self.handled_while_draining = closing.sum("handled_while_draining");
        self.returned = closing.sum("returned");
        self.given_up = closing.actors().filter(|actor| is_abandoned(actor)).count() as u64;
        self.hold_pages(&run.pages, closing);
        self.hold_status(run, closing, finished);
        if let Some(drain) = closing.drain() {
            self.hold_time(&drain);
        }
    }

    /// By the clock, if the machine was there.
    fn hold_time(&mut self, drain: &Drain) {
        let beyond = drain.took_ms - drain.limit_ms;
        let is_judged = drain.overslept_ms <= WITHHELD_MS;
        if is_judged && beyond > ALLOWANCE_MS {
            self.blame(Wrong::Late, format!("{drain:.1?}"));
        }
        if self.given_up > 0 {
            self.overdue = Some(is_judged.then_some(beyond));
        }
    }

    // The ledger.

    fn hold_pages(&mut self, pages: &[(String, Figures)], closing: &Closing<'_>) {
        if pages.is_empty() {
            self.blame(Wrong::Unaccounted, "there is no ledger".to_owned());
        }
        let claims = closing.claims();
        for (name, page) in pages {
            let claim = claims.get(name.as_str()).copied().unwrap_or_default();
            self.blame_all(Wrong::Unaccounted, contradiction(name, page, &claim));
            if page.in_hand() > 0 && !closing.names_straggler(name) {
                let what = format!("`{name}` is stuck, and not named as given up: {page}");
                self.blame(Wrong::MissingReport, what);
            }
        }
    }

    // The status.

    fn hold_status(&mut self, run: &Evidence, closing: &Closing<'_>, finished: &Finished) {
        let sent = run.plan.signal;
        let due = match closing.signal() {
            Some(name) if name != sent.to_string() || !run.is_signalled => {
                self.blame(Wrong::WrongStatus, format!("the report says {name}"));
                return;
            }
            None if run.is_signalled && !run.may_have_ended() => {
                self.blame(Wrong::WrongStatus, format!("the report does not say {sent}"));
                return;
            }
            Some(_) => closing.due_after(sent),
            None if run.is_signalled && died_of(finished, sent) => return, // after its end (S5)
            None => closing.due(),
        };
        if closing.is_complete() != closing.says_complete() {
            let what = format!("the report says complete: {}", closing.says_complete());
            self.blame(Wrong::WrongStatus, what);
        }
        if !due.is(finished, run.plan.part.fault) {
            let what = format!("{due:?} is due, and it ended by {}", finished.status);
            self.blame(Wrong::WrongStatus, what);
        }
    }
}

impl Evidence {
    fn is_disturbed(&self, finished: &Finished) -> bool {
        // Who is outside its namespace has no number there.
        let own = if self.plan.part.fault == Fault::Process1 { 0 } else { process::id() };
        senders(&finished.stderr).any(|sender| sender != own)
    }

    /// Whether the system may have ended before the signal came.
    fn may_have_ended(&self) -> bool {
        let part = &self.plan.part;
        part.moment == Moment::Drain || part.fault.may_end_it()
    }
}

/// As process 1 it cannot die of a signal, and exits as a shell would report that.
fn died_of(finished: &Finished, signal: Signal) -> bool {
    finished.signal() == Some(signal) || finished.code() == Some(128 + signal.0)
}

/// M1, by the child's own figures.
fn imbalance(name: &str, page: &Figures) -> Option<String> {
    (!balances(page)).then(|| format!("`{name}`: {page}"))
}

fn balances(page: &Figures) -> bool {
    page.offered == page.accepted + page.refused && page.accepted == page.entered + page.returned
}

/// M1 and R1: whether the figures do not add up, or the library says otherwise.
fn contradiction(name: &str, page: &Figures, claim: &Sum) -> Option<String> {
    // What was in a handler when its thread was given up is a failure to the report, whatever
    // became of it afterwards.
    let handled = page.handled == claim.handled || claim.is_abandoned;
    // So is the rest of its chunk, which has not even entered.
    let entered = match claim.is_abandoned && claim.in_chunks {
        false => page.entered,
        true => page.accepted.saturating_sub(page.returned),
    };
    let others = page.offered == page.accepted + page.refused
        && page.accepted == entered + page.returned
        && entered == claim.handled + claim.failed
        && page.returned == claim.returned;
    (!(handled && others)).then(|| format!("`{name}`: {page}; the report: {claim:?}"))
}

/// What the library claims of all of one name.
#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    handled: u64,
    failed: u64,
    returned: u64,
    in_chunks: bool,
    is_abandoned: bool,
}

/// How it should end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Due {
    Code(i32),
    Death(Signal),
}

impl Due {
    fn is(self, finished: &Finished, fault: Fault) -> bool {
        match (self, fault) {
            (Due::Code(code), _) => finished.code() == Some(code),
            (Due::Death(signal), Fault::Process1) => finished.code() == Some(128 + signal.0),
            (Due::Death(signal), _) => finished.signal() == Some(signal),
        }
    }
}

/// What a child handed in.
struct Closing<'a>(&'a Value);

#[derive(Debug)]
struct Drain {
    took_ms: f64,
    overslept_ms: f64,
    limit_ms: f64,
}

impl<'a> Closing<'a> {
    fn actors(&self) -> impl Iterator<Item = &'a Value> {
        self.0["report"]["actors"].as_array().into_iter().flatten()
    }

    fn sum(&self, key: &str) -> u64 {
        self.actors().filter_map(|actor| actor[key].as_u64()).sum()
    }

    /// By name. A name that is none of an actor's is that of a stage, whose thread has another.
    fn claims(&self) -> BTreeMap<&'a str, Sum> {
        let mut claims: BTreeMap<&str, Sum> = BTreeMap::new();
        for claim in self.0["claims"].as_array().into_iter().flatten() {
            let number = |key: &str| claim[key].as_u64().unwrap_or(u64::MAX / 8);
            let sum = claims.entry(claim["name"].as_str().unwrap_or_default()).or_default();
            sum.handled += number("handled");
            sum.failed += number("failed");
            sum.returned += number("returned");
            sum.in_chunks |= claim["in_chunks"] == true;
        }
        for actor in self.actors().filter(|actor| is_abandoned(actor)) {
            let abandoned =
                claims.iter_mut().filter(|(name, sum)| sum.in_chunks || actor["name"] == **name);
            abandoned.for_each(|(_, sum)| sum.is_abandoned = true);
        }
        claims
    }

    fn signal(&self) -> Option<&'a str> {
        self.0["report"]["signal"].as_str()
    }

    fn met(&self) -> Met {
        match (self.signal(), self.0["report"]["reason"].as_str()) {
            (Some(_), Some("signal")) => Met::Work,
            (Some(_), _) => Met::Drain,
            (None, _) => Met::End,
        }
    }

    fn drain(&self) -> Option<Drain> {
        let number = |key: &str| self.0[key].as_f64();
        Some(Drain {
            took_ms: number("drain_ms")?,
            overslept_ms: number("overslept_ms")?,
            limit_ms: number("limit_ms")?,
        })
    }

    /// Whether somebody of that name is said to have been given up, and in what. The stages of a
    /// pipeline share threads, which have names of their own.
    fn names_straggler(&self, name: &str) -> bool {
        let is_actor = self.actors().any(|actor| actor["name"] == name);
        self.actors()
            .filter(|actor| !is_actor || actor["name"] == name)
            .any(|actor| is_abandoned(actor) && actor["error"].is_string())
    }

    // S3, by the lines of the report and not by its own conclusion.

    fn says_complete(&self) -> bool {
        self.0["report"]["complete"] == true
    }

    fn is_complete(&self) -> bool {
        self.actors().all(|actor| {
            let is_out = actor["ended"] != "overdue" && actor["ended"] != "abandoned";
            actor["ended"] == "daemon" || is_out && actor["returned"] == actor["overflowed"]
        })
    }

    fn is_failure(&self) -> bool {
        self.0["report"]["reason"] == "failure"
            || self.actors().any(|actor| actor["ended"] == "failed" && actor["absorbed"] != true)
    }

    fn due_after(&self, signal: Signal) -> Due {
        match (self.is_complete(), self.is_failure()) {
            (false, _) => Due::Code(i32::from(exeunt::INCOMPLETE)),
            (true, true) => Due::Code(1),
            (true, false) => Due::Death(signal),
        }
    }

    fn due(&self) -> Due {
        match (self.is_complete(), self.is_failure()) {
            (_, true) => Due::Code(1),
            (false, false) => Due::Code(i32::from(exeunt::INCOMPLETE)),
            (true, false) => Due::Code(0),
        }
    }
}

fn is_abandoned(actor: &Value) -> bool {
    actor["ended"] == "abandoned"
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn page() -> Figures {
        Figures {
            offered: 10,
            accepted: 9,
            refused: 1,
            entered: 8,
            handled: 7,
            failed: 1,
            returned: 1,
            disordered: 0,
        }
    }

    fn closing(change: impl FnOnce(&mut Value)) -> Value {
        let mut closing = json!({
            "report": {
                "reason": "signal", "signal": "SIGTERM", "complete": false,
                "actors": [{
                    "name": "a", "ended": "drained", "returned": 1, "overflowed": 0,
                    "handled": 7, "failed": 1,
                }],
            },
            "claims": [{ "name": "a", "handled": 7, "failed": 1, "returned": 1 }],
        });
        change(&mut closing);
        closing
    }

    fn blamed(page: Figures, closing: &Value) -> Vec<Wrong> {
        let mut verdict = Verdict::default();
        verdict.hold_pages(&[("a".to_owned(), page)], &Closing(closing));
        verdict.wrong.into_iter().map(|(wrong, _)| wrong).collect()
    }

    #[test]
    fn what_balances_is_not_blamed() {
        assert_eq!(blamed(page(), &closing(|_| {})), []);
    }

    #[test]
    fn each_figure_counts() {
        let closing = closing(|_| {});
        let changes: [fn(&mut Figures); 6] = [
            |page| page.offered += 1,
            |page| page.accepted -= 1,
            |page| page.entered -= 1,
            |page| page.handled += 1,
            |page| page.returned -= 1,
            |page| page.refused += 1,
        ];
        for change in changes {
            let mut changed = page();
            change(&mut changed);
            assert!(blamed(changed, &closing).contains(&Wrong::Unaccounted), "{changed}");
        }
    }

    #[test]
    fn the_report_is_held_to_each_figure_of_its_own() {
        for key in ["handled", "failed", "returned"] {
            let wrong = closing(|closing| closing["claims"][0][key] = json!(3));
            assert_eq!(blamed(page(), &wrong), [Wrong::Unaccounted], "{key}");
        }
        let missing = closing(|closing| closing["claims"] = json!([]));
        assert_eq!(blamed(page(), &missing), [Wrong::Unaccounted]);
    }

    #[test]
    fn d3_who_is_stuck_is_to_be_named_with_what_it_does() {
        let stuck = Figures { handled: 6, ..page() };
        let given_up = |error: Value| {
            closing(|closing| {
                closing["report"]["actors"][0]["ended"] = json!("abandoned");
                closing["report"]["actors"][0]["error"] = error;
                closing["claims"][0]["handled"] = json!(6);
                closing["claims"][0]["failed"] = json!(2);
            })
        };
        assert_eq!(blamed(stuck, &given_up(json!("in a handler"))), []);
        assert_eq!(blamed(stuck, &given_up(Value::Null)), [Wrong::MissingReport]);
    }

    #[test]
    fn d3_the_rest_of_a_chunk_that_was_given_up_has_failed() {
        let stuck = Figures { handled: 5, entered: 6, ..page() };
        let in_chunks = |ended: &str, in_chunks: bool| {
            closing(|closing| {
                closing["report"]["actors"][0]["ended"] = json!(ended);
                closing["report"]["actors"][0]["error"] = json!("in a handler");
                closing["claims"][0] = json!({
                    "name": "a", "handled": 5, "failed": 3, "returned": 1, "in_chunks": in_chunks,
                });
            })
        };
        assert_eq!(blamed(stuck, &in_chunks("abandoned", true)), []);
        assert_eq!(blamed(stuck, &in_chunks("abandoned", false)), [Wrong::Unaccounted]);
        let come_back = Figures { failed: 1, ..stuck };
        assert_eq!(blamed(come_back, &in_chunks("drained", true)), [Wrong::Unaccounted]);
    }

    #[test]
    fn d3_only_the_machine_is_an_excuse_for_a_drain_that_is_late() {
        let blamed = |took_ms, overslept_ms| {
            let mut verdict = Verdict { given_up: 1, ..Verdict::default() };
            verdict.hold_time(&Drain { took_ms, overslept_ms, limit_ms: 500.0 });
            (!verdict.wrong.is_empty(), verdict.overdue.unwrap())
        };
        assert_eq!(blamed(600.0, 0.0), (false, Some(100.0)));
        assert_eq!(blamed(601.0, 50.0), (true, Some(101.0)));
        assert_eq!(blamed(601.0, 51.0), (false, None));
    }

    #[test]
    fn s3_the_status_that_is_due() {
        let due = |returned: u64, ended: &str, reason: &str| {
            let closing = closing(|closing| {
                closing["report"]["reason"] = json!(reason);
                closing["report"]["actors"][0]["returned"] = json!(returned);
                closing["report"]["actors"][0]["ended"] = json!(ended);
            });
            (Closing(&closing).due_after(Signal(15)), Closing(&closing).due())
        };
        let term = Due::Death(Signal(15));
        assert_eq!(due(0, "drained", "signal"), (term, Due::Code(0)));
        assert_eq!(due(1, "drained", "signal"), (Due::Code(75), Due::Code(75)));
        assert_eq!(due(0, "abandoned", "signal"), (Due::Code(75), Due::Code(75)));
        assert_eq!(due(0, "failed", "failure"), (Due::Code(1), Due::Code(1)));
        assert_eq!(due(1, "failed", "failure"), (Due::Code(75), Due::Code(1)));
    }
}

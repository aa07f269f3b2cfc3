//! [`Tally`]: what came out of a campaign.

use std::collections::BTreeMap;
use std::fmt;

use crate::judge::{Met, Verdict, Wrong};
use crate::part::{Fault, Moment, Part};

/// So many failures are kept with all that is known of them. All are counted.
const KEPT: usize = 20;

/// What came out of a campaign, or has so far.
///
/// `Display` tells it in full; the last line is the one that counts.
#[derive(Debug, Default)]
pub struct Tally {
    runs: u64,
    disturbed: u64,
    counts: BTreeMap<Wrong, u64>,
    failures: Vec<Failure>,
    moments: BTreeMap<(String, Moment), u64>,
    faults: BTreeMap<Fault, u64>,
    met: BTreeMap<Option<Met>, u64>,
    accepted: u64,
    handled_while_draining: u64,
    returned: u64,
    given_up: u64,
    overdue: Overdue,
    left_out: Vec<(Fault, String)>,
}

/// The drains of a campaign in which somebody was given up, and how much longer than budget and grace they took.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Overdue {
    /// How many.
    pub drains: u64,
    /// For how many of them the machine had a processor all the time, but for 50 ms at most. Of the others, how long
    /// they took says nothing.
    pub judged: u64,
    /// The longest of these, by its clock, in milliseconds more than budget and grace; less, if negative.
    pub longest_ms: Option<f64>,
}

impl Overdue {
    fn add(&mut self, beyond_ms: Option<f64>) {
        self.drains += 1;
        if let Some(beyond) = beyond_ms {
            self.judged += 1;
            self.longest_ms = Some(self.longest_ms.map_or(beyond, |longest| longest.max(beyond)));
        }
    }
}

impl fmt::Display for Overdue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Overdue { drains, judged, longest_ms } = self;
        write!(f, "{drains} drains met their deadline; ")?;
        match longest_ms {
            Some(longest) => write!(
                f,
                "of the {judged} for which the machine had a processor all the time, the longest took budget + \
                 grace {longest:+.1} ms"
            ),
            None => write!(f, "for none of them the machine had a processor all the time"),
        }
    }
}

/// A run that broke the contract.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Failure {
    /// How the campaign is told to repeat its choices: seed, topology, fault and moment.
    pub part: Part,
    /// In which ways it broke it, and with which figures.
    pub wrong: Vec<(Wrong, String)>,
    /// All that the child said.
    pub said: String,
}

impl Tally {
    /// How many runs there were.
    #[must_use]
    pub fn runs(&self) -> u64 {
        self.runs
    }

    /// How many of them were wrong in this way.
    #[must_use]
    pub fn count(&self, wrong: Wrong) -> u64 {
        self.counts.get(&wrong).copied().unwrap_or(0)
    }

    /// How many more runs there were in which a process that has nothing to do with the campaign signalled the child.
    /// They are told, and not counted.
    #[must_use]
    pub fn disturbed(&self) -> u64 {
        self.disturbed
    }

    /// Whether there was a run at all, and none was wrong in any way.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.runs > 0 && self.counts.is_empty()
    }

    /// The first of the runs that were wrong, up to twenty.
    #[must_use]
    pub fn failures(&self) -> &[Failure] {
        &self.failures
    }

    /// How many runs there were with a fault.
    #[must_use]
    pub fn runs_with(&self, fault: Fault) -> u64 {
        self.faults.get(&fault).copied().unwrap_or(0)
    }

    /// The faults that cannot be had on this machine, and why.
    #[must_use]
    pub fn left_out(&self) -> &[(Fault, String)] {
        &self.left_out
    }

    /// The drains in which somebody was given up.
    #[must_use]
    pub fn overdue(&self) -> Overdue {
        self.overdue
    }

    pub(crate) fn without(left_out: Vec<(Fault, String)>) -> Tally {
        Tally { left_out, ..Tally::default() }
    }

    pub(crate) fn add(&mut self, part: Part, verdict: Verdict, said: impl FnOnce() -> String) {
        if verdict.is_disturbed {
            self.disturbed += 1;
            return;
        }
        self.runs += 1;
        *self.moments.entry((part.topology.clone(), part.moment)).or_default() += 1;
        *self.faults.entry(part.fault).or_default() += 1;
        *self.met.entry(verdict.met).or_default() += 1;
        self.accepted += verdict.accepted;
        self.handled_while_draining += verdict.handled_while_draining;
        self.returned += verdict.returned;
        self.given_up += verdict.given_up;
        if let Some(beyond) = verdict.overdue {
            self.overdue.add(beyond);
        }
        let mut kinds: Vec<Wrong> = verdict.wrong.iter().map(|(wrong, _)| *wrong).collect();
        kinds.sort_unstable();
        kinds.dedup();
        kinds.iter().for_each(|wrong| *self.counts.entry(*wrong).or_default() += 1);
        if !kinds.is_empty() && self.failures.len() < KEPT {
            self.failures.push(Failure { part, wrong: verdict.wrong, said: said() });
        }
    }

    /// What can be said of the chance of a failure if none was seen: with 95 % confidence it is below this.
    #[must_use]
    pub fn bound(&self) -> f64 {
        1.0 - 0.05_f64.powf(1.0 / self.runs.max(1) as f64)
    }

    fn met(&self, met: Option<Met>) -> u64 {
        self.met.get(&met).copied().unwrap_or(0)
    }

    fn table(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let topologies: Vec<&str> = {
            let mut names: Vec<&str> = self.moments.keys().map(|(name, _)| &**name).collect();
            names.dedup();
            names
        };
        write!(f, "{:<12}", "topology")?;
        Moment::ALL.iter().try_for_each(|moment| write!(f, "{moment:>10}"))?;
        writeln!(f)?;
        for name in topologies {
            write!(f, "{name:<12}")?;
            for moment in Moment::ALL {
                let runs = self.moments.get(&(name.to_owned(), moment)).copied().unwrap_or(0);
                write!(f, "{runs:>10}")?;
            }
            writeln!(f)?;
        }
        Ok(())
    }

    fn faults(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "faults:")?;
        self.faults.iter().try_for_each(|(fault, runs)| write!(f, " {fault} {runs}"))?;
        writeln!(f)?;
        self.left_out.iter().try_for_each(|(fault, why)| writeln!(f, "left out: {fault}: {why}"))
    }

    fn figures(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [work, drain, end, nothing] =
            [Some(Met::Work), Some(Met::Drain), Some(Met::End), None].map(|met| self.met(met));
        writeln!(
            f,
            "the signal began the drain {work} times, came into one {drain} times, and after the end {end} times; \
             {nothing} had ended before it was sent"
        )?;
        let Tally { accepted, handled_while_draining: drained, returned, given_up, .. } = self;
        writeln!(
            f,
            "messages: {accepted} accepted, {drained} of them handled while draining, {returned} returned; \
             {given_up} threads given up"
        )?;
        if self.disturbed > 0 {
            writeln!(
                f,
                "{} more were signalled by a stranger, and are not counted",
                self.disturbed
            )?;
        }
        if self.overdue.drains > 0 {
            writeln!(f, "{}", self.overdue)?;
        }
        if self.is_clean() {
            let bound = self.bound() * 1e4;
            writeln!(f, "none in {}: below {bound:.1} in 10,000 with 95 % confidence", self.runs)?;
        }
        Ok(())
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.failures.iter().try_for_each(|failure| writeln!(f, "{failure}\n"))?;
        self.table(f)?;
        self.faults(f)?;
        self.figures(f)?;
        write!(
            f,
            "signals={} unaccounted={} hangs={} wrong_status={} missing_reports={} late={} disordered={}",
            self.runs,
            self.count(Wrong::Unaccounted),
            self.count(Wrong::Hang),
            self.count(Wrong::WrongStatus),
            self.count(Wrong::MissingReport),
            self.count(Wrong::Late),
            self.count(Wrong::Disordered),
        )
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Part { topology, fault, moment, seed } = &self.part;
        write!(f, "failed: --seed {seed} --fault {fault} --moment {moment}")?;
        if !topology.is_empty() {
            write!(f, " --topology {topology}")?;
        }
        self.wrong.iter().try_for_each(|(wrong, what)| write!(f, "\n  {wrong}: {what}"))?;
        write!(f, "\n  {}", self.said.trim_end().replace('\n', "\n  "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally_of(runs: u64) -> Tally {
        let mut tally = Tally::default();
        (0..runs).for_each(|_| tally.add(Part::default(), Verdict::default(), String::new));
        tally
    }

    #[test]
    fn no_run_at_all_is_not_clean() {
        assert!(!Tally::default().is_clean());
        assert!(tally_of(1).is_clean());
    }

    #[test]
    fn the_bound_is_that_of_the_rule_of_three() {
        assert!((tally_of(10_000).bound() * 1e4 - 2.995).abs() < 0.001);
        assert!((tally_of(300).bound() - 0.00994).abs() < 0.0001);
    }

    #[test]
    fn a_run_that_is_wrong_twice_in_one_way_is_one() {
        let mut tally = tally_of(1);
        let twice = vec![(Wrong::Unaccounted, String::new()), (Wrong::Unaccounted, String::new())];
        tally.add(Part::default(), Verdict { wrong: twice, ..Verdict::default() }, String::new);
        let line = tally.to_string();
        let line = line.lines().last().unwrap();
        assert_eq!(
            line,
            "signals=2 unaccounted=1 hangs=0 wrong_status=0 missing_reports=0 late=0 disordered=0"
        );
        assert!(!tally.is_clean());
    }
}

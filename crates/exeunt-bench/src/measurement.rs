//! One workload, measured with those who take part in it, where it was asked for.

use crate::contender::{self, Entry};
use crate::measure::{Failure, Outcome, Rounds};
use crate::options::Options;
use crate::placement::Placement;
use crate::table::Table;
use crate::workload::{Scale, Workload};

pub(crate) struct Measurement {
    work: Workload,
    placement: Placement,
    scale: Scale,
    taking_part: Vec<&'static Entry>,
    rounds: Rounds,
}

impl Measurement {
    /// All that were asked for, in their order, on a machine with so many CPUs.
    pub(crate) fn all(options: &Options, cpus: usize) -> Vec<Measurement> {
        let mut all = Vec::new();
        let mut is_first = true;
        for placement in options.placements(cpus) {
            let is_measured = |work: &&Workload| work.is_measured(placement, is_first);
            let works = options.workloads.iter().filter(is_measured);
            all.extend(works.map(|&work| Measurement::new(work, placement, options)));
            is_first &= placement == Placement::Apart;
        }
        all
    }

    fn new(work: Workload, placement: Placement, options: &Options) -> Measurement {
        let taking_part: Vec<&Entry> = contender::entries()
            .iter()
            .filter(|entry| options.includes(entry.about.name))
            .filter(|entry| !entry.keeps_only || matches!(work, Workload::Keeps | Workload::Ledger))
            .collect();
        let rounds = Rounds::of(taking_part.len());
        Measurement { work, placement, scale: work.scale(options.quick), taking_part, rounds }
    }

    pub(crate) fn title(&self) -> String {
        self.work.title(self.placement)
    }

    /// Plays what is left to play up to this one of so many passes: its part of the rounds. `play` plays one round of
    /// one contender.
    ///
    /// # Errors
    ///
    /// The first wrong result, with who had it.
    pub(crate) fn play_until(
        &mut self,
        pass: usize,
        passes: usize,
        mut play: impl FnMut(&Entry, Workload, Placement, &Scale) -> Outcome,
    ) -> Result<(), String> {
        let Measurement { work, placement, scale, taking_part, rounds } = self;
        rounds.play_until(scale.rounds * pass / passes, |number| {
            let entry = taking_part[number];
            play(entry, *work, *placement, scale).map_err(|failure| match failure {
                Failure::Wrong(what) => {
                    Failure::Wrong(format!("{}: {}: {what}", work.name(), entry.about.name))
                }
                left_out => left_out,
            })
        })
    }

    pub(crate) fn table(&self) -> Table {
        let figures = self.rounds.summaries();
        Table::new(self.work, self.placement, &self.scale, &self.taking_part, figures)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn titles(workloads: &[Workload], placements: &[Placement]) -> Vec<String> {
        let (workloads, placements) = (workloads.to_vec(), placements.to_vec());
        let options = Options { workloads, placements, ..Options::default() };
        Measurement::all(&options, 2).iter().map(Measurement::title).collect()
    }

    #[test]
    fn apart_are_a_sender_and_an_actor_and_no_more() {
        let works = [Workload::TellBounded, Workload::Pipeline, Workload::Ask];
        assert_eq!(titles(&works, &[Placement::Apart]), ["tell-bounded, apart", "ask, apart"]);
        assert!(titles(&[Workload::FanIn, Workload::Keeps], &[Placement::Apart]).is_empty());
    }

    #[test]
    fn what_is_counted_is_measured_where_all_cpus_are_and_nowhere_else() {
        let titles =
            titles(&[Workload::Ask, Workload::Idle], &[Placement::Free, Placement::Pinned(1)]);
        assert_eq!(titles, ["ask", "idle", "ask, on one CPU"]);
    }

    #[test]
    fn what_is_never_apart_is_measured_where_it_is_asked_for_next() {
        let titles = titles(&[Workload::Idle], &[Placement::Apart, Placement::Pinned(1)]);
        assert_eq!(titles, ["idle, on one CPU"]);
    }
}

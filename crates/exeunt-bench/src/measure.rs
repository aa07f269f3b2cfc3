//! How figures are taken: in turns, and summed up by their quartiles.

use std::time::Duration;

/// Why a contender has no figure in a workload.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Failure {
    /// It does not fit, for this reason.
    LeftOut(String),
    /// What came out of it was wrong. This ends the run.
    Wrong(String),
}

/// The figures of one run, one for each column of its workload.
pub(crate) type Outcome = Result<Vec<f64>, Failure>;

/// The figures of all rounds: for each column its spread, or why there is none.
pub(crate) type Summary = Result<Vec<Spread>, String>;

/// Median and quartiles.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spread {
    pub(crate) low: f64,
    pub(crate) median: f64,
    pub(crate) high: f64,
}

impl Spread {
    /// The spread of at least one figure.
    pub(crate) fn of(mut figures: Vec<f64>) -> Spread {
        figures.sort_by(f64::total_cmp);
        let at = |part| quantile(&figures, part);
        Spread { low: at(0.25), median: at(0.5), high: at(0.75) }
    }
}

/// The value below which this part of the sorted figures lies, interpolated between neighbours.
pub(crate) fn quantile(sorted: &[f64], part: f64) -> f64 {
    let place = part * (sorted.len() - 1) as f64;
    let (below, above) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
    below + (above - below) * place.fract()
}

/// The median and the 99th percentile, in microseconds, of times in nanoseconds.
pub(crate) fn latencies(nanos: &[u64]) -> Vec<f64> {
    let mut micros: Vec<f64> = nanos.iter().map(|&n| n as f64 / 1e3).collect();
    micros.sort_by(f64::total_cmp);
    vec![quantile(&micros, 0.5), quantile(&micros, 0.99)]
}

/// Nanoseconds for each of `count`.
pub(crate) fn nanos_each(time: Duration, count: u64) -> f64 {
    time.as_nanos() as f64 / count as f64
}

/// Microseconds for each of `count`.
pub(crate) fn micros_each(time: Duration, count: u64) -> f64 {
    nanos_each(time, count) / 1e3
}

/// The figures of all contenders of a workload, taken in rounds.
#[derive(Debug)]
pub(crate) struct Rounds {
    played: usize,
    /// For each contender its figures, one row for each round, or why it has none.
    taken: Vec<Result<Vec<Vec<f64>>, String>>,
}

impl Rounds {
    pub(crate) fn of(contenders: usize) -> Rounds {
        Rounds { played: 0, taken: vec![Ok(Vec::new()); contenders] }
    }

    /// Runs the contenders by their number, in turns, until so many rounds are played; each round begins with
    /// another, so that nobody always follows the same. One that is left out is not run again.
    ///
    /// # Errors
    ///
    /// The first wrong result.
    pub(crate) fn play_until(
        &mut self,
        rounds: usize,
        mut run: impl FnMut(usize) -> Outcome,
    ) -> Result<(), String> {
        for round in self.played..rounds {
            for turn in 0..self.taken.len() {
                let number = (turn + round) % self.taken.len();
                let Ok(rows) = &mut self.taken[number] else { continue };
                match run(number) {
                    Ok(row) => rows.push(row),
                    Err(Failure::LeftOut(why)) => self.taken[number] = Err(why),
                    Err(Failure::Wrong(what)) => return Err(what),
                }
            }
            self.played = round + 1;
        }
        Ok(())
    }

    pub(crate) fn summaries(&self) -> Vec<Summary> {
        self.taken.iter().map(|rows| rows.as_deref().map(spreads).map_err(Clone::clone)).collect()
    }
}

fn spreads(rows: &[Vec<f64>]) -> Vec<Spread> {
    let columns = rows.first().map_or(0, Vec::len);
    (0..columns).map(|column| Spread::of(rows.iter().map(|row| row[column]).collect())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_is_median_and_quartiles_of_any_order() {
        let spread = Spread::of(vec![5.0, 1.0, 3.0, 2.0, 4.0]);
        assert_eq!(spread, Spread { low: 2.0, median: 3.0, high: 4.0 });
    }

    #[test]
    fn between_two_figures_lies_their_middle() {
        assert_eq!(Spread::of(vec![1.0, 2.0]).median, 1.5);
        assert_eq!(Spread::of(vec![7.0]), Spread { low: 7.0, median: 7.0, high: 7.0 });
    }

    #[test]
    fn contenders_take_turns_and_begin_in_turn_whenever_the_rounds_are_played() {
        let (mut order, mut rounds) = (Vec::new(), Rounds::of(3));
        for until in [0, 1, 2] {
            let played = rounds.play_until(until, |number| {
                order.push(number);
                Ok(vec![(number + until) as f64])
            });
            assert_eq!(played, Ok(()));
        }
        assert_eq!(order, [0, 1, 2, 1, 2, 0]);
        assert_eq!(rounds.summaries()[2].as_ref().unwrap()[0].median, 3.5);
    }

    #[test]
    fn who_is_left_out_is_not_asked_again() {
        let (mut asked, mut rounds) = (0, Rounds::of(1));
        let played = rounds.play_until(5, |_| {
            asked += 1;
            Err(Failure::LeftOut("too short".to_owned()))
        });
        assert_eq!((asked, played), (1, Ok(())));
        assert_eq!(rounds.summaries(), vec![Err("too short".to_owned())]);
    }

    #[test]
    fn a_wrong_result_ends_the_run() {
        let wrong = |_| Err(Failure::Wrong("sum 3, not 4".to_owned()));
        assert_eq!(Rounds::of(2).play_until(5, wrong), Err("sum 3, not 4".to_owned()));
    }

    #[test]
    fn latencies_are_in_microseconds() {
        assert_eq!(latencies(&[1000, 3000, 2000]), [2.0, 2.98]);
    }
}

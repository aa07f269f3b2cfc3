//! [`Scale`]: moments to places on the page, from 0 to 100, and the ticks between.

use std::time::Duration;

/// Beside a run that is longer by this, the drain has a scale of its own,
const SHORT_DRAIN: f64 = 0.15;
/// on so much of the page.
const DRAIN_SHARE: f64 = 34.0;

/// About so many ticks there are on the whole page.
const TICKS: f64 = 10.0;

/// Of moments to places: one stretch, or one until the drain and another from then on.
#[derive(Clone, Debug)]
pub(super) struct Scale {
    pub(super) stretches: Vec<Stretch>,
}

/// A part of the page that is linear.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Stretch {
    pub(super) from: Duration,
    pub(super) to: Duration,
    pub(super) left: f64,
    pub(super) right: f64,
}

/// A moment that is named on the axis.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Tick {
    pub(super) place: f64,
    pub(super) label: String,
}

impl Scale {
    /// Of a run that ends then and whose drain, if there is one, begins then.
    pub(super) fn new(end: Duration, drain: Option<Duration>) -> Scale {
        // Something to divide by.
        let end = end.max(Duration::from_micros(1));
        let whole = Stretch { from: Duration::ZERO, to: end, left: 0.0, right: 100.0 };
        let short = |drain: &Duration| {
            let took = end.saturating_sub(*drain).as_secs_f64();
            took > 0.0 && took < end.as_secs_f64() * SHORT_DRAIN
        };
        let stretches = match drain.filter(short) {
            None => vec![whole],
            Some(drain) => {
                let break_at = 100.0 - DRAIN_SHARE;
                let run = Stretch { to: drain, right: break_at, ..whole };
                vec![run, Stretch { from: drain, left: break_at, ..whole }]
            }
        };
        Scale { stretches }
    }

    pub(super) fn place(&self, at: Duration) -> f64 {
        let stretch = self.stretches.iter().find(|stretch| at <= stretch.to);
        match stretch.or(self.stretches.last()) {
            Some(stretch) => stretch.place(at.min(stretch.to)),
            None => 0.0,
        }
    }

    /// How many times slower the drain is drawn than the run before it, if it is.
    pub(super) fn drain_is_slower(&self) -> Option<f64> {
        let [run, drain] = &self.stretches[..] else { return None };
        Some(run.seconds_in_one() / drain.seconds_in_one())
    }

    /// Those of a stretch of its own count from its beginning.
    pub(super) fn ticks(&self) -> Vec<Tick> {
        self.stretches.iter().flat_map(Stretch::ticks).collect()
    }
}

impl Stretch {
    fn place(&self, at: Duration) -> f64 {
        let done = at.saturating_sub(self.from).as_secs_f64() / (self.to - self.from).as_secs_f64();
        self.left + done * (self.right - self.left)
    }

    fn seconds_in_one(&self) -> f64 {
        (self.to - self.from).as_secs_f64() / (self.right - self.left)
    }

    fn ticks(&self) -> Vec<Tick> {
        let took = self.to - self.from;
        let wanted = took.as_secs_f64() / (TICKS * (self.right - self.left) / 100.0);
        let step = step(wanted);
        let is_own = !self.from.is_zero();
        let steps = (took.as_nanos() / step.as_nanos()) as u32;
        let tick = |n: u32| {
            let since = step * n;
            let label = match (label(since, step, took), is_own) {
                (label, true) => format!("+{label}"),
                (label, false) => label,
            };
            Tick { place: self.place(self.from + since), label }
        };
        // Where one stretch ends the next begins, and there is no room for two labels.
        let last_place = self.right - if self.right < 100.0 { 4.0 } else { 0.0 };
        let first = u32::from(is_own);
        (first..=steps).map(tick).filter(|tick| tick.place <= last_place).collect()
    }
}

/// The next round time that is no shorter.
fn step(seconds: f64) -> Duration {
    const MINUTE: f64 = 60.0;
    const HOUR: f64 = 3_600.0;
    let round = [
        10.0,
        15.0,
        30.0,
        MINUTE,
        2.0 * MINUTE,
        5.0 * MINUTE,
        10.0 * MINUTE,
        15.0 * MINUTE,
        30.0 * MINUTE,
        HOUR,
        2.0 * HOUR,
        3.0 * HOUR,
        6.0 * HOUR,
        12.0 * HOUR,
    ];
    let rounded = match seconds {
        ..=5.0 => decimal(seconds),
        _ => round.into_iter().find(|&step| step >= seconds).unwrap_or_else(|| {
            let day = 24.0 * HOUR;
            decimal(seconds / day).max(1.0) * day
        }),
    };
    // A nanosecond is all that a clock tells apart.
    Duration::from_secs_f64(rounded).max(Duration::from_nanos(1))
}

/// The next of 1, 2 and 5, times a power of ten.
fn decimal(wanted: f64) -> f64 {
    let power = 10f64.powf(wanted.max(1e-9).log10().floor());
    let round = [1.0, 2.0, 5.0, 10.0].into_iter().find(|step| step * power >= wanted * 0.999);
    round.unwrap_or(10.0) * power
}

/// A moment on an axis of such steps and such a length: as exact as the steps, no more.
fn label(at: Duration, step: Duration, length: Duration) -> String {
    let (seconds, whole) = (at.as_secs_f64(), at.as_secs());
    let decimals =
        |unit: f64| (-(step.as_secs_f64() / unit).log10() - 1e-9).ceil().max(0.0) as usize;
    if at.is_zero() {
        return "0".to_owned();
    }
    match length.as_secs_f64() {
        ..1e-3 => format!("{:.*} µs", decimals(1e-6), seconds * 1e6),
        ..1.0 => format!("{:.*} ms", decimals(1e-3), seconds * 1e3),
        ..100.0 => format!("{seconds:.*} s", decimals(1.0)),
        _ if step.as_secs() < 60 => format!("{}:{:02} min", whole / 60, whole % 60),
        _ if step.as_secs() < 3_600 && length.as_secs() < 7_200 => format!("{} min", whole / 60),
        _ if step.as_secs() < 3_600 => format!("{}:{:02} h", whole / 3_600, whole / 60 % 60),
        _ if step.as_secs() < 86_400 && length.as_secs() < 259_200 => {
            format!("{} h", whole / 3_600)
        }
        _ if step.as_secs() < 86_400 => format!("{} d {} h", whole / 86_400, whole / 3_600 % 24),
        _ => format!("{} d", whole / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timeline::props::ms;

    fn labels(end: Duration) -> Vec<String> {
        Scale::new(end, None).ticks().into_iter().map(|tick| tick.label).collect()
    }

    #[test]
    fn ticks_are_round_at_any_length() {
        let hour = Duration::from_secs(3_600);
        let cases = [
            (Duration::from_nanos(80_000), "0 10 µs 20 µs 30 µs"),
            (ms(12), "0 2 ms 4 ms 6 ms"),
            (ms(850), "0 100 ms 200 ms 300 ms"),
            (ms(3_200), "0 0.5 s 1.0 s 1.5 s"),
            (ms(42_000), "0 5 s 10 s 15 s"),
            (ms(250_000), "0 0:30 min 1:00 min 1:30 min"),
            (hour, "0 10 min 20 min 30 min"),
            (hour * 5, "0 0:30 h 1:00 h 1:30 h"),
            (hour * 40, "0 6 h 12 h 18 h"),
            (hour * 24 * 9, "0 1 d 2 d 3 d"),
            (hour * 24 * 400, "0 50 d 100 d 150 d"),
        ];
        for (end, expected) in cases {
            let labels = labels(end);
            assert_eq!(labels[..4].join(" "), expected, "{end:?}");
            assert!((5..=12).contains(&labels.len()), "{labels:?}");
        }
    }

    #[test]
    fn a_run_of_no_time_has_a_scale() {
        for end in [Duration::ZERO, Duration::from_nanos(3)] {
            let scale = Scale::new(end, Some(Duration::ZERO));
            assert!(scale.place(end).is_finite());
            assert!((0.0..=100.0).contains(&scale.place(Duration::from_secs(1))));
            assert!(scale.ticks().iter().all(|tick| (0.0..=100.0).contains(&tick.place)));
        }
    }

    #[test]
    fn a_long_drain_shares_the_scale_of_the_run() {
        let scale = Scale::new(ms(1_000), Some(ms(600)));
        assert_eq!(scale.stretches.len(), 1);
        assert_eq!([scale.place(ms(0)), scale.place(ms(600))], [0.0, 60.0]);
        assert_eq!(scale.drain_is_slower(), None);
    }

    #[test]
    fn a_short_drain_has_a_scale_of_its_own() {
        let scale = Scale::new(ms(100_100), Some(ms(100_000)));
        assert_eq!([scale.place(ms(50_000)), scale.place(ms(100_000))], [33.0, 66.0]);
        assert!((scale.place(ms(100_050)) - 83.0).abs() < 1e-6);
        assert!((scale.place(ms(100_100)) - 100.0).abs() < 1e-6);
        let slower = scale.drain_is_slower().unwrap();
        assert!((slower - 1_000.0 * 34.0 / 66.0).abs() < 1.0, "{slower}");

        let ticks = scale.ticks();
        assert!(ticks.windows(2).all(|pair| pair[0].place < pair[1].place), "{ticks:?}");
        assert!(ticks.iter().any(|tick| tick.label == "+50 ms"), "{ticks:?}");
        assert!(ticks.iter().any(|tick| tick.label == "1:00 min"), "{ticks:?}");
    }
}

//! How a time is written, in the report and in the log.

use std::fmt;
use std::time::Duration;

/// A duration in at most eight columns.
#[derive(Clone, Copy)]
pub(crate) struct Span(pub(crate) Duration);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs_f64();
        // What would be rounded up to the next unit is written in that.
        match self.0.as_micros() {
            0..999_950 => write!(f, "{:.1} ms", seconds * 1e3),
            999_950..599_995_000 => write!(f, "{seconds:.2} s"),
            _ => write!(f, "{:.0} min", seconds / 60.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r1_a_time_is_written_with_a_unit_that_suits_it_and_fits_its_column() {
        for (micros, written) in [
            (40, "0.0 ms"),
            (20_000, "20.0 ms"),
            (999_949, "999.9 ms"),
            (999_950, "1.00 s"),
            (6_000_000, "6.00 s"),
            (599_994_999, "599.99 s"),
            (599_995_000, "10 min"),
            (6_000_000_000, "100 min"),
        ] {
            assert_eq!(Span(Duration::from_micros(micros)).to_string(), written);
        }
    }
}

//! Texts and figures as they stand on the page.

use std::fmt::Write;
use std::time::Duration;

/// A text of the user's between tags and in quotes: it is shown, and nothing else.
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in printable(text).chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

/// The same as a string of the data, which stands in a script: nothing in it can end that.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for c in printable(text).chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// Without what has no shape of its own: control characters, and those that turn the direction of what
/// follows.
fn printable(text: &str) -> String {
    let is_odd =
        |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let mut printable = String::with_capacity(text.len());
    for c in text.chars() {
        match is_odd(c) {
            true => printable.extend(c.escape_default()),
            false => printable.push(c),
        }
    }
    printable
}

/// At most so many characters of it.
pub(super) fn clipped(text: &str, columns: usize) -> String {
    match text.char_indices().nth(columns) {
        Some(_) => text.chars().take(columns - 1).chain(['…']).collect(),
        None => text.to_owned(),
    }
}

/// A duration in three figures or so.
pub(super) fn time(time: Duration) -> String {
    let (seconds, whole) = (time.as_secs_f64(), time.as_secs());
    match time.as_nanos() {
        0 => "0 s".to_owned(),
        1..1_000_000 => format!("{:.0} µs", (seconds * 1e6).max(1.0)),
        1_000_000..10_000_000 => format!("{:.2} ms", seconds * 1e3),
        10_000_000..100_000_000 => format!("{:.1} ms", seconds * 1e3),
        100_000_000..1_000_000_000 => format!("{:.0} ms", seconds * 1e3),
        1_000_000_000..10_000_000_000 => format!("{seconds:.2} s"),
        10_000_000_000..60_000_000_000 => format!("{seconds:.1} s"),
        _ if whole < 3_600 => format!("{} min {:02} s", whole / 60, whole % 60),
        _ if whole < 86_400 => format!("{} h {:02} min", whole / 3_600, whole / 60 % 60),
        _ => format!("{} d {:02} h", whole / 86_400, whole / 3_600 % 24),
    }
}

/// A count, with its thousands apart.
pub(super) fn count(count: u64) -> String {
    let digits = count.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// "1 actor", "2 actors".
pub(super) fn several(many: u64, one: &str) -> String {
    let plural = if many == 1 { "" } else { "s" };
    format!("{} {one}{plural}", count(many))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_shown_and_nothing_else() {
        let name = "<script>alert('1')</script> & \"q\"";
        let escaped = escaped(name);
        assert!(!escaped.contains(['<', '>', '"', '\'']), "{escaped}");
        assert_eq!(escaped.matches("&lt;").count(), 2);
        let quoted = quoted(name);
        assert!(!quoted.contains(['<', '>', '&']), "{quoted}");
        assert!(quoted.contains("\\\"q\\\""), "{quoted}");
    }

    #[test]
    fn what_has_no_shape_is_spelled_out() {
        assert_eq!(escaped("a\nb\u{202e}c"), "a\\nb\\u{202e}c");
        assert_eq!(quoted("a\nb\\"), "\"a\\\\nb\\\\\"");
        assert_eq!(escaped("渡辺 ü"), "渡辺 ü");
    }

    #[test]
    fn a_time_is_short_at_any_length() {
        let times = [
            (0, "0 s"),
            (400, "1 µs"),
            (65_400, "65 µs"),
            (2_900_000, "2.90 ms"),
            (805_400_000, "805 ms"),
            (1_312_000_000, "1.31 s"),
            (59_000_000_000, "59.0 s"),
            (125_000_000_000, "2 min 05 s"),
            (7_500_000_000_000, "2 h 05 min"),
            (180_000_000_000_000, "2 d 02 h"),
        ];
        for (nanos, text) in times {
            assert_eq!(time(Duration::from_nanos(nanos)), text);
        }
    }

    #[test]
    fn counts_are_grouped_and_names_cut() {
        assert_eq!([count(7), count(1_000), count(51_216_000)], ["7", "1,000", "51,216,000"]);
        assert_eq!([several(1, "actor"), several(1_200, "actor")], ["1 actor", "1,200 actors"]);
        assert_eq!([clipped("渡辺さん", 4), clipped("渡辺さん", 3)], ["渡辺さん", "渡辺…"]);
    }
}

//! [`Record`]: one line of a web server's log, read as the common or the combined log format.
//!
//! ```text
//! 192.0.2.7 - ada [10/Oct/2000:13:55:36 -0700] "GET /a?b=c HTTP/1.1" 200 2326 "referer" "agent"
//! ```
//!
//! Only what is counted is kept, but all of it is looked at: what is not a line of that form is an
//! error that says where, and what is missing. What a server adds after the agent is let be.
//!
//! A request is whatever a client has sent, and a line that tells of an odd one is no broken line: it
//! counts, as a request without a path.

use std::borrow::Cow;
use std::fmt;

/// What is counted of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record<'a> {
    /// When the minute of the request began, as a Unix time: in seconds, in UTC, whatever the zone
    /// of the log.
    pub(crate) minute: i64,
    /// The path as it was asked for, without the query string and without the host of a proxy's
    /// request; [`NO_PATH`] if the request has none.
    pub(crate) path: Cow<'a, str>,
    pub(crate) status: u16,
    /// What was sent, without headers.
    pub(crate) bytes: u64,
}

/// The path of a request that has none: of a client that sent nothing, or garbage.
pub(crate) const NO_PATH: &str = "-";

impl<'a> Record<'a> {
    /// Reads a line, which comes without its newline.
    ///
    /// # Errors
    ///
    /// If it is of neither format: with the column, and what should have been there.
    pub(crate) fn parse(line: &'a str) -> Result<Record<'a>, BrokenLine> {
        let mut rest = Cursor { line, at: 0 };
        rest.word("a client")?;
        rest.word("an identity")?;
        // A user's name may have spaces in it, so it goes on to the time.
        rest.until(" [", "a user and `[`")?;
        let minute = rest.time()?;
        rest.expect("] \"", "`]` and a request in quotes")?;
        let request = rest.quoted("the end of the request")?;
        rest.expect(" ", "a space after the request")?;
        let status = rest.status()?;
        rest.expect(" ", "a space after the status")?;
        let bytes = rest.size()?;
        if !rest.is_at_end() {
            rest.expect(" \"", "the end, or a referer in quotes")?;
            rest.quoted("the end of the referer")?;
            rest.expect(" \"", "an agent in quotes")?;
            rest.quoted("the end of the agent")?;
        }
        Ok(Record { minute, path: path_of(request), status, bytes })
    }
}

/// Why a line was not understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BrokenLine {
    /// In bytes, from 1 on.
    column: usize,
    expected: &'static str,
}

impl fmt::Display for BrokenLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "column {}: expected {}", self.column, self.expected)
    }
}

impl std::error::Error for BrokenLine {}

/// How far a line has been read.
struct Cursor<'a> {
    line: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    fn rest(&self) -> &'a str {
        &self.line[self.at..]
    }

    fn is_at_end(&self) -> bool {
        self.at == self.line.len()
    }

    fn broken(&self, expected: &'static str) -> BrokenLine {
        BrokenLine { column: self.at + 1, expected }
    }

    fn expect(&mut self, text: &str, expected: &'static str) -> Result<(), BrokenLine> {
        if !self.rest().starts_with(text) {
            return Err(self.broken(expected));
        }
        self.at += text.len();
        Ok(())
    }

    /// Goes past a text, which is not the very next.
    fn until(&mut self, text: &str, expected: &'static str) -> Result<(), BrokenLine> {
        match self.rest().find(text) {
            None | Some(0) => Err(self.broken(expected)),
            Some(length) => {
                self.at += length + text.len();
                Ok(())
            }
        }
    }

    /// Goes past a word and the space after it.
    fn word(&mut self, expected: &'static str) -> Result<(), BrokenLine> {
        self.until(" ", expected)
    }

    /// The inside of quotes of which the first has been read, escapes and all. The last is the
    /// first that is not escaped.
    fn quoted(&mut self, expected: &'static str) -> Result<&'a str, BrokenLine> {
        let rest = self.rest();
        let bytes = rest.as_bytes();
        let mut end = 0;
        while let Some(byte) = bytes.get(end) {
            match byte {
                b'"' => {
                    self.at += end + 1;
                    return Ok(&rest[..end]);
                }
                b'\\' => end += 2,
                _ => end += 1,
            }
        }
        self.at = self.line.len();
        Err(self.broken(expected))
    }

    /// So many digits.
    fn number(&mut self, digits: usize, expected: &'static str) -> Result<i64, BrokenLine> {
        let digits = self.rest().as_bytes().get(..digits);
        let digits = digits.filter(|digits| digits.iter().all(u8::is_ascii_digit));
        let digits = digits.ok_or_else(|| self.broken(expected))?;
        self.at += digits.len();
        Ok(digits.iter().fold(0, |number, digit| 10 * number + i64::from(digit - b'0')))
    }

    /// As [`Cursor::number`], of two digits and no more than `most`.
    fn two_digits(&mut self, most: i64, expected: &'static str) -> Result<i64, BrokenLine> {
        let before = self.broken(expected);
        let number = self.number(2, expected)?;
        if number > most { Err(before) } else { Ok(number) }
    }

    /// Reads `10/Oct/2000:13:55:36 -0700`, and says when that minute began.
    fn time(&mut self) -> Result<i64, BrokenLine> {
        let date = self.broken("a day that there is");
        let day = self.two_digits(31, "a day of the month")?;
        self.expect("/", "`/` after the day")?;
        let month = self.month()?;
        self.expect("/", "`/` after the month")?;
        let year = self.number(4, "a year of four digits")?;
        if day == 0 || day > days_of_month(year, month) {
            return Err(date);
        }
        self.expect(":", "`:` after the year")?;
        let hour = self.two_digits(23, "an hour up to 23")?;
        self.expect(":", "`:` after the hour")?;
        let minute = self.two_digits(59, "a minute up to 59")?;
        self.expect(":", "`:` after the minute")?;
        // There are leap seconds; they belong to the minute that they lengthen.
        self.two_digits(60, "a second up to 60")?;
        self.expect(" ", "a space before the time zone")?;
        let offset = self.offset()?;
        let minutes = (days_since_1970(year, month, day) * 24 + hour) * 60 + minute - offset;
        Ok(minutes * 60)
    }

    /// From 1 to 12.
    fn month(&mut self) -> Result<i64, BrokenLine> {
        const NAMES: [&str; 12] =
            ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        let month = (1..).zip(NAMES).find(|(_, name)| self.rest().starts_with(name));
        let (month, name) = month.ok_or_else(|| self.broken("a month from Jan to Dec"))?;
        self.at += name.len();
        Ok(month)
    }

    /// Reads `-0700`: how many minutes the log is ahead of UTC.
    fn offset(&mut self) -> Result<i64, BrokenLine> {
        let sign = match self.rest().as_bytes().first() {
            Some(b'+') => 1,
            Some(b'-') => -1,
            _ => return Err(self.broken("a time zone such as +0200")),
        };
        self.at += 1;
        let hours = self.two_digits(23, "the hours of a time zone")?;
        let minutes = self.two_digits(59, "the minutes of a time zone")?;
        Ok(sign * (hours * 60 + minutes))
    }

    fn status(&mut self) -> Result<u16, BrokenLine> {
        // Not every server keeps to those from 100 on: nginx has 000, and 499.
        let status = self.number(3, "a status of three digits")?;
        Ok(status as u16)
    }

    fn size(&mut self) -> Result<u64, BrokenLine> {
        let rest = self.rest();
        let word = rest.split(' ').next().unwrap_or_default();
        // `parse` would take a `+`.
        let parsed = match word {
            "-" => Some(0),
            _ if word.starts_with('+') => None,
            _ => word.parse().ok(),
        };
        let bytes = parsed.ok_or_else(|| self.broken("a size in bytes, or `-`"))?;
        self.at += word.len();
        Ok(bytes)
    }
}

/// The path that a request asks for.
fn path_of(request: &str) -> Cow<'_, str> {
    match path_in(request) {
        Some(path) => unescaped(path),
        None => Cow::Borrowed(NO_PATH),
    }
}

/// `GET /path?query HTTP/1.1`; or, of very old clients, without a version. A target with spaces in
/// it is against the rules, and in every log.
fn path_in(request: &str) -> Option<&str> {
    let (method, rest) = request.split_once(' ')?;
    if method.is_empty() || !method.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        return None;
    }
    let target = rest.rfind(" HTTP/").map_or(rest, |end| &rest[..end]);
    // A proxy is asked for the whole of an address.
    let target = match target.split_once("://") {
        Some(("http" | "https", address)) => address.find('/').map_or("/", |at| &address[at..]),
        _ => target,
    };
    let path = target.split(['?', '#']).next().unwrap_or_default();
    let is_path = path.starts_with('/') || path == "*" || method == "CONNECT" && !path.is_empty();
    is_path.then_some(path)
}

/// Without what a server has escaped: `\"` and `\\`, `\x22` and `\n` and the like. What is not UTF-8
/// then becomes `�`.
fn unescaped(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let (byte, length) = if byte == b'\\' { escape(rest) } else { (byte, 1) };
        bytes.push(byte);
        rest = after.get(length - 1..).unwrap_or_default();
    }
    Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
}

/// What an escape stands for, and how long it is. One that nobody knows stands for itself.
fn escape(text: &[u8]) -> (u8, usize) {
    match text {
        [_, b'x', high, low, ..] => match (hex(*high), hex(*low)) {
            (Some(high), Some(low)) => (16 * high + low, 4),
            _ => (b'\\', 1),
        },
        [_, b'n', ..] => (b'\n', 2),
        [_, b'r', ..] => (b'\r', 2),
        [_, b't', ..] => (b'\t', 2),
        [_, quoted @ (b'"' | b'\\'), ..] => (*quoted, 2),
        _ => (b'\\', 1),
    }
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_of_month(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if is_leap(year) => 29,
        2 => 28,
        _ => 31,
    }
}

/// In the calendar of today, for all years. A year is taken to begin in March, so that the day that
/// may be missing is its last.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    // The months from March on have 31, 30, 31, 30, 31 days, again and again.
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    // As many days lie between the first of March of the year 0 and 1970.
    365 * year + leap_days + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMON: &str =
        r#"192.0.2.7 - ada [10/Oct/2000:13:55:36 -0700] "GET /a.gif?b=c HTTP/1.0" 200 2326"#;

    #[test]
    fn both_formats_are_read() {
        let record = Record::parse(COMMON).unwrap();
        let path = Cow::Borrowed("/a.gif");
        // date -ud '2000-10-10 20:55' +%s
        assert_eq!(record, Record { minute: 971_211_300, path, status: 200, bytes: 2326 });
        for more in [r#" "-" "curl/8.5""#, r#" "a \" b" "" 0.003 "more""#] {
            assert_eq!(Record::parse(&format!("{COMMON}{more}")).unwrap(), record, "{more}");
        }
    }

    #[test]
    fn who_asked_may_look_like_anything() {
        for who in ["::1 - -", "2001:db8::7 - ada", "host.example id a user of two", "unix: - \"\""]
        {
            let line = COMMON.replace("192.0.2.7 - ada", who);
            assert_eq!(Record::parse(&line).unwrap().status, 200, "{line}");
        }
    }

    #[test]
    fn a_request_is_what_a_client_has_sent() {
        let cases = [
            ("GET / HTTP/1.1", "/"),
            ("GET /old", "/old"),
            ("GET /a b HTTP/1.1", "/a b"),
            ("POST /a?x=1?y HTTP/2.0", "/a"),
            ("GET /a#b HTTP/1.1", "/a"),
            ("GET /%C3%A4 HTTP/1.1", "/%C3%A4"),
            ("GET /ä HTTP/1.1", "/ä"),
            (r#"GET /say-\"no\" HTTP/1.1"#, r#"/say-"no""#),
            (r"GET /\x22\xc3\xa4\\ HTTP/1.1", "/\"ä\\"),
            (r"GET /\xff\q\x4 HTTP/1.1", "/\u{FFFD}\\q\\x4"),
            ("OPTIONS * HTTP/1.1", "*"),
            ("CONNECT example.com:443 HTTP/1.1", "example.com:443"),
            ("GET http://example.com/a?b HTTP/1.1", "/a"),
            ("GET https://example.com HTTP/1.1", "/"),
            ("GET /to?http://example.com/a HTTP/1.1", "/to"),
            ("-", NO_PATH),
            ("", NO_PATH),
            (" ", NO_PATH),
            ("GET", NO_PATH),
            ("GET  HTTP/1.1", NO_PATH),
            (r"\x16\x03\x01 \x02", NO_PATH),
            ("hello world", NO_PATH),
        ];
        for (request, path) in cases {
            let line = COMMON.replace("GET /a.gif?b=c HTTP/1.0", request);
            assert_eq!(Record::parse(&line).unwrap().path, path, "{request}");
        }
    }

    #[test]
    fn every_zone_is_brought_to_utc() {
        let cases = [
            ("01/Jan/1970:00:00:59 +0000", 0),
            ("01/Jan/1970:05:30:00 +0530", 0),
            ("31/Dec/1969:23:00:00 -0100", 0),
            ("31/Dec/1969:23:59:00 +0000", -60),
            ("29/Feb/2024:23:59:60 +0000", 1_709_251_140),
            ("01/Mar/2024:00:00:00 +0000", 1_709_251_200),
            ("01/Jan/2100:00:00:00 +0000", 4_102_444_800),
        ];
        for (time, minute) in cases {
            let line = COMMON.replace("10/Oct/2000:13:55:36 -0700", time);
            assert_eq!(Record::parse(&line).unwrap().minute, minute, "{time}");
        }
    }

    #[test]
    fn days_follow_upon_each_other_through_all_years() {
        let mut expected = days_since_1970(1600, 1, 1);
        assert_eq!(expected, -135_140);
        for year in 1600..2401 {
            for month in 1..=12 {
                for day in 1..=days_of_month(year, month) {
                    assert_eq!(days_since_1970(year, month, day), expected, "{year}-{month}-{day}");
                    expected += 1;
                }
            }
        }
    }

    #[test]
    fn sizes_are_numbers_or_nothing() {
        for (size, bytes) in [("-", 0), ("0", 0), ("18446744073709551615", u64::MAX)] {
            let line = COMMON.replace("2326", size);
            assert_eq!(Record::parse(&line).unwrap().bytes, bytes);
        }
    }

    #[test]
    fn what_is_broken_is_named_with_its_place() {
        let cases = [
            ("", "", "column 1: expected a client"),
            ("192.0.2.7 - ada ", " - ada ", "column 1: expected a client"),
            ("- ada", "", "column 11: expected an identity"),
            ("[", "", "column 13: expected a user and `[`"),
            ("10/", "1/", "column 18: expected a day of the month"),
            ("10/Oct", "31/Feb", "column 18: expected a day that there is"),
            ("10/Oct", "00/Oct", "column 18: expected a day that there is"),
            ("Oct", "Okt", "column 21: expected a month from Jan to Dec"),
            ("2000:", "200:", "column 25: expected a year of four digits"),
            (":13:", ":24:", "column 30: expected an hour up to 23"),
            (":55:", ":60:", "column 33: expected a minute up to 59"),
            (":36 ", ":61 ", "column 36: expected a second up to 60"),
            ("-0700", "0700", "column 39: expected a time zone such as +0200"),
            ("-0700", "-07", "column 42: expected the minutes of a time zone"),
            ("] ", "]", "column 44: expected `]` and a request in quotes"),
            ("1.0\"", "1.0", "column 79: expected the end of the request"),
            ("1.0\"", "1.0\\\"", "column 81: expected the end of the request"),
            (" 200 ", " 20 ", "column 72: expected a status of three digits"),
            (" 200 ", " 2000 ", "column 75: expected a space after the status"),
            ("2326", "", "column 76: expected a size in bytes, or `-`"),
            ("2326", "+1", "column 76: expected a size in bytes, or `-`"),
            ("2326", "1 2", "column 77: expected the end, or a referer in quotes"),
            ("2326", "1 \"-\"", "column 81: expected an agent in quotes"),
            ("2326", "1 \"-\" \"x", "column 84: expected the end of the agent"),
        ];
        for (part, instead, error) in cases {
            let line =
                if part.is_empty() { String::new() } else { COMMON.replacen(part, instead, 1) };
            assert_eq!(Record::parse(&line).unwrap_err().to_string(), error, "{line}");
        }
    }

    #[test]
    fn no_line_makes_it_panic() {
        // Cut off anywhere, or with anything anywhere in it.
        let line = format!(r#"{COMMON} "ä" "\x22""#);
        let lines = |odd: &str| -> Vec<String> {
            let at = line.char_indices().map(|(at, _)| at);
            at.flat_map(|at| {
                [line[..at].to_owned(), format!("{}{odd}{}", &line[..at], &line[at..])]
            })
            .collect()
        };
        for odd in ["\"", "\\", "ä", " ", "\\x", "é\\", "[", "]", "9"] {
            for line in lines(odd) {
                if let Err(broken) = Record::parse(&line) {
                    assert!(broken.column <= line.len() + 1, "{line}: {broken}");
                }
            }
        }
    }
}

//! Makes logs to try this on, as a busy server and `logrotate` would leave them: five files, three of
//! them compressed, with few pages that are asked for often and many seldom, crawlers that look for
//! what is not there, clients that send nonsense, and now and then a line that was cut short.
//!
//! With the same seed they are the same. Each file appears whole or not at all, and a note beside them
//! says what they are to be; so one that was killed in between is taken up again.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::random::Xorshift;

/// From the oldest to the youngest.
const FILES: [&str; 5] =
    ["access.log.4.gz", "access.log.3.gz", "access.log.2.gz", "access.log.1", "access.log"];

/// What says that the logs of a folder are ours, and how many lines they are to have.
const NOTE: &str = ".generated";

/// When the first line was written: 22:30 on a summer evening, so that there is a midnight in it, and
/// another one in UTC. As a Unix time, in milliseconds, of the server's own clock.
const BEGIN_MS: u64 = 1_750_545_000_000;

/// How far that clock is ahead of UTC.
const ZONE: &str = "+0200";

/// Fifty requests in a second.
const GAP_MS: u64 = 20;

/// Writes logs of so many lines into a folder, which is made if it is missing. Does nothing if they are
/// there.
///
/// # Errors
///
/// If there is anything else in the folder, or it cannot be written to.
pub(crate) fn generate(folder: &Path, lines: u64, seed: u64) -> Result<(), String> {
    let failed = |path: &Path, error: io::Error| format!("{}: {error}", path.display());
    fs::create_dir_all(folder).map_err(|error| failed(folder, error))?;
    claim(folder, &format!("{lines} lines with the seed {seed}"))?;
    let missing: Vec<usize> =
        (0..FILES.len()).filter(|&index| !folder.join(FILES[index]).exists()).collect();
    if missing.is_empty() {
        log::info!("{}: the {lines} lines are there already", folder.display());
        return Ok(());
    }
    log::info!("{}: generating {lines} lines", folder.display());
    for index in missing {
        let path = folder.join(FILES[index]);
        // Each has dice of its own, so that it is the same whether or not the others were written.
        let seed = seed.wrapping_mul(FILES.len() as u64).wrapping_add(index as u64);
        let mut server = Server::new(seed, index > 0);
        let range = share(lines, index);
        replace(&path, |file| write_log(FILES[index], file, range, &mut server))
            .map_err(|error| failed(&path, error))?;
    }
    Ok(())
}

/// Makes sure that the folder is ours, or makes it ours if it is empty.
fn claim(folder: &Path, what: &str) -> Result<(), String> {
    let failed = |error: io::Error| format!("{}: {error}", folder.display());
    let note = folder.join(NOTE);
    match fs::read_to_string(&note) {
        Ok(there) if there.trim_end() == what => return Ok(()),
        Ok(there) => {
            let there = there.trim_end();
            return Err(format!("{}: there are {there} in it already", folder.display()));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error)),
    }
    for entry in fs::read_dir(folder).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        // Somebody may have been killed while he wrote the note.
        if Path::new(&name) != temporary(&PathBuf::from(NOTE)) {
            return Err(format!(
                "{}: not empty, there is {} in it; logs are generated into a folder of their own",
                folder.display(),
                name.to_string_lossy(),
            ));
        }
    }
    replace(&note, |file| writeln!(file, "{what}")).map_err(failed)
}

/// Writes a file and puts it in its place when it is whole.
fn replace(path: &Path, content: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let temporary = temporary(path);
    let mut file = BufWriter::with_capacity(1 << 16, File::create(&temporary)?);
    content(&mut file)?;
    let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
    // Some file systems find out only now that the disk is full.
    file.sync_all()?;
    fs::rename(temporary, path)
}

/// No log by its name, so that it is not taken for one.
fn temporary(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!("{name}.tmp"))
}

/// The lines that one file holds of all.
fn share(lines: u64, index: usize) -> Range<u64> {
    let bound = |index| (u128::from(lines) * index as u128 / FILES.len() as u128) as u64;
    bound(index)..bound(index + 1)
}

fn write_log(
    name: &str,
    file: &mut dyn Write,
    lines: Range<u64>,
    server: &mut Server,
) -> io::Result<()> {
    if !name.ends_with(".gz") {
        return server.write(file, lines);
    }
    // In two parts, as of a server that was started anew, whose logs were then put together.
    let middle = lines.start + (lines.end - lines.start) / 2;
    for lines in [lines.start..middle, middle..lines.end] {
        let mut member = GzEncoder::new(&mut *file, Compression::fast());
        server.write(&mut member, lines)?;
        member.finish()?;
    }
    Ok(())
}

const AGENTS: [&str; 7] = [
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/137.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (compatible; ExampleBot/2.1; +https://bot.example/about)",
    "curl/8.14.1",
    "-",
    // As a server escapes it.
    r#"Mozilla/4.0 (\"compatible\"; \xe4)"#,
];

const REFERERS: [&str; 4] = [
    "-",
    "https://www.example.com/",
    "https://search.example/?q=logs",
    "https://news.example/item/42",
];

/// What is not there, and asked for all the same.
const PROBES: [&str; 5] =
    ["/wp-login.php", "/.env", "/admin/config.php", "/.git/config", "/xmlrpc.php"];

const SECTIONS: [&str; 8] =
    ["blog", "docs", "products", "images", "api/v1/items", "tags", "users", "static"];

const PAGES: usize = 400;

const USERS: [&str; 3] = ["ada", "grace", "barbara liskov"];

/// Somebody who writes logs.
struct Server {
    random: Xorshift,
    /// With the referer and the agent. The oldest log is from before that was chosen.
    is_combined: bool,
    pages: Zipf,
    clients: Zipf,
    /// The second of the last line, and how it is written.
    clock: (u64, String),
    line: Vec<u8>,
}

impl Server {
    fn new(seed: u64, is_combined: bool) -> Server {
        Server {
            random: Xorshift::new(seed),
            is_combined,
            pages: Zipf::new(PAGES),
            clients: Zipf::new(5000),
            clock: (u64::MAX, String::new()),
            line: Vec::new(),
        }
    }

    fn write(&mut self, file: &mut dyn Write, lines: Range<u64>) -> io::Result<()> {
        for number in lines {
            self.line.clear();
            self.compose(number)?;
            if self.random.below(1000) == 0 {
                // Short enough that nothing of the request is left.
                self.line.truncate(self.random.below(40) as usize);
            }
            self.line.push(b'\n');
            file.write_all(&self.line)?;
        }
        Ok(())
    }

    /// The times grow with the number, so that those of one file go on where the one before ends.
    fn compose(&mut self, number: u64) -> io::Result<()> {
        let time = BEGIN_MS + number * GAP_MS + self.random.below(GAP_MS);
        if self.clock.0 != time / 1000 {
            self.clock = (time / 1000, written(time / 1000));
        }
        self.write_client()?;
        write!(self.line, " [{} {ZONE}] ", self.clock.1)?;
        match self.random.below(1000) {
            0 => self.line.extend_from_slice(br#""-" 408 -"#),
            1 => self.line.extend_from_slice(br#""\x16\x03\x01\x02" 400 157"#),
            2..40 => self.write_probe()?,
            _ => self.write_visit()?,
        }
        if self.is_combined {
            let referer = self.one_of(&REFERERS);
            let agent = self.one_of(&AGENTS);
            write!(self.line, " \"{referer}\" \"{agent}\"")?;
        }
        Ok(())
    }

    fn write_client(&mut self) -> io::Result<()> {
        let client = self.clients.draw(&mut self.random) as u64;
        // In the ranges that are kept for documentation.
        match client % 8 {
            0 => write!(self.line, "2001:db8:{:x}::{:x}", 1 + client % 97, 1 + client)?,
            n => write!(self.line, "198.{}.{}.{}", 18 + n % 2, client % 251, 1 + client / 251)?,
        }
        match self.random.below(50) {
            0 => {
                let user = self.one_of(&USERS);
                write!(self.line, " - {user}")
            }
            _ => self.line.write_all(b" - -"),
        }
    }

    fn write_probe(&mut self) -> io::Result<()> {
        let path = self.one_of(&PROBES);
        write!(self.line, "\"GET {path} HTTP/1.1\" 404 {}", 150 + self.random.below(50))
    }

    fn write_visit(&mut self) -> io::Result<()> {
        let page = self.pages.draw(&mut self.random);
        let method = match self.random.below(40) {
            0 => "POST",
            1 => "HEAD",
            _ => "GET",
        };
        write!(self.line, "\"{method} ")?;
        match page {
            0 => self.line.push(b'/'),
            _ => write!(self.line, "/{}/{page}", SECTIONS[page % SECTIONS.len()])?,
        }
        match self.random.below(16) {
            0 => write!(self.line, "?page={}", 1 + self.random.below(9))?,
            1 => self.line.extend_from_slice(b"?utm_source=news&utm_medium=mail"),
            _ => {}
        }
        let version = if self.random.below(3) == 0 { "2.0" } else { "1.1" };
        write!(self.line, " HTTP/{version}\" ")?;
        let size = 400 + page as u64 * 37 + self.random.below(2000);
        match self.random.below(200) {
            0 => write!(self.line, "500 {}", 170 + size % 10),
            1 => self.line.write_all(b"499 0"),
            2..6 => self.line.write_all(b"301 -"),
            6..30 => self.line.write_all(b"304 -"),
            _ if method == "HEAD" => self.line.write_all(b"200 -"),
            _ => write!(self.line, "200 {size}"),
        }
    }

    fn one_of(&mut self, choices: &[&'static str]) -> &'static str {
        choices[self.random.below(choices.len() as u64) as usize]
    }
}

/// Numbers of which the first is drawn twice as often as the second, and three times as often as the
/// third.
struct Zipf {
    /// The weight of each number and of all before it.
    sums: Vec<u64>,
}

impl Zipf {
    fn new(count: usize) -> Zipf {
        let weights = (1..=count as u64).map(|rank| 1_000_000_000 / rank);
        let sums = weights.scan(0, |sum, weight| {
            *sum += weight;
            Some(*sum)
        });
        Zipf { sums: sums.collect() }
    }

    fn draw(&self, random: &mut Xorshift) -> usize {
        let all = self.sums.last().copied().unwrap_or(1);
        let drawn = random.below(all);
        self.sums.partition_point(|&sum| sum <= drawn)
    }
}

/// A time as a log has it: `22/Jun/2025:00:30:00`.
fn written(seconds: u64) -> String {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = date(days);
    let (hour, minute) = (second / 3600, second / 60 % 60);
    let month = MONTHS[month as usize - 1];
    format!("{day:02}/{month}/{year}:{hour:02}:{minute:02}:{:02}", second % 60)
}

/// Year, month and day of a day since 1970. A year is taken to begin in March, so that the day that may
/// be missing is its last.
fn date(days_since_1970: u64) -> (u64, u64, u64) {
    // Since the first of March of the year 0; 400 years have 146,097 days.
    let days = days_since_1970 + 719_468;
    let (cycle, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (year, month) = if month < 10 { (year, month + 3) } else { (year + 1, month - 9) };
    (cycle * 400 + year, month, day)
}

#[cfg(test)]
mod tests {
    use exeunt::Event;
    use exeunt_pipeline::Source;

    use super::*;
    use crate::folder::Folder;
    use crate::logs::Logs;
    use crate::record::Record;

    fn lines(folder: &Folder) -> Vec<String> {
        let mut logs = Logs::open(folder.path(), None).unwrap();
        let lines = std::iter::from_fn(|| logs.next_item(&Event::new()));
        lines.map(|line| line.unwrap().0.text).collect()
    }

    #[test]
    fn every_line_is_there_and_few_are_broken() {
        for count in [1, 4, 5, 10_000] {
            let folder = Folder::new();
            generate(folder.path(), count, 3).unwrap();
            let written = lines(&folder);
            assert_eq!(written.len() as u64, count);
            let minutes = written.iter().filter_map(|line| Record::parse(line).ok());
            let minutes: Vec<i64> = minutes.map(|record| record.minute).collect();
            assert!(minutes.is_sorted());
            let broken = count - minutes.len() as u64;
            assert!(broken <= count / 200, "{broken} of {count}");
            assert!(count < 10_000 || broken > 0);
        }
    }

    #[test]
    fn a_time_is_read_as_it_was_written() {
        // Every 19 hours or so, up to the year 2300.
        for seconds in (0..10_413_792_000).step_by(68_431) {
            let line = format!("::1 - - [{} +0000] \"-\" 200 -", written(seconds));
            let minute = Record::parse(&line).unwrap().minute;
            assert_eq!(minute, (seconds / 60 * 60) as i64, "{line}");
        }
    }

    #[test]
    fn the_same_seed_writes_the_same_also_if_it_was_killed_in_between() {
        let [one, other, different] = [Folder::new(), Folder::new(), Folder::new()];
        generate(one.path(), 2000, 7).unwrap();
        generate(different.path(), 2000, 8).unwrap();
        let before = lines(&one);
        assert_ne!(lines(&different), before);

        // Killed, at first while it wrote the note, then in the middle of the third file.
        fs::write(other.join(".generated.tmp"), "200").unwrap();
        generate(other.path(), 2000, 7).unwrap();
        for name in &FILES[2..] {
            fs::remove_file(other.join(name)).unwrap();
        }
        fs::write(other.join("access.log.2.gz.tmp"), "half").unwrap();
        generate(other.path(), 2000, 7).unwrap();
        assert_eq!(lines(&other), before);
        assert_eq!(fs::read_dir(other.path()).unwrap().count(), FILES.len() + 1);

        // And once more, when all is there.
        generate(other.path(), 2000, 7).unwrap();
        assert_eq!(lines(&other), before);
    }

    #[test]
    fn nothing_that_is_there_is_written_over() {
        let folder = Folder::new();
        fs::write(folder.join("access.log"), "of a real server\n").unwrap();
        let error = generate(folder.path(), 10, 1).unwrap_err();
        assert!(error.contains("not empty, there is access.log in it"), "{error}");
        assert_eq!(lines(&folder), ["of a real server"]);

        let folder = Folder::new();
        generate(folder.path(), 10, 1).unwrap();
        let before = lines(&folder);
        for (count, seed) in [(11, 1), (10, 2)] {
            let error = generate(folder.path(), count, seed).unwrap_err();
            assert!(error.ends_with("there are 10 lines with the seed 1 in it already"), "{error}");
        }
        assert_eq!(lines(&folder), before);
    }
}

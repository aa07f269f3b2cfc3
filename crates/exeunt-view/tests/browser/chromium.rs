//! A browser without a window, and the probe that it finds in the page.

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

/// However slow the machine is.
const LIMIT: Duration = Duration::from_secs(120);

const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// Before everything else: hears of whatever goes wrong.
const WATCH: &str = "<script>
const problems = [];
addEventListener('error', event => problems.push(event.message));
addEventListener('securitypolicyviolation', event => problems.push('forbidden: ' + event.blockedURI));
</script>";

/// After everything else: looks at each row, and moves the pointer over it.
const PROBE: &str = include_str!("probe.js");

/// In what it is opened.
#[derive(Clone, Copy)]
pub(crate) struct Window {
    pub(crate) columns: u32,
    pub(crate) is_dark: bool,
}

impl Default for Window {
    fn default() -> Window {
        Window { columns: 1_280, is_dark: false }
    }
}

/// What the probe has seen.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) rows: Vec<Row>,
    /// Those of the table.
    pub(crate) lines: usize,
    pub(crate) marks: Vec<String>,
    pub(crate) drains: usize,
    /// That of the page.
    pub(crate) width: f64,
    /// How bright they are.
    pub(crate) paper: f64,
    pub(crate) ink: f64,
    pub(crate) busy: String,
    pub(crate) problems: Vec<String>,
    /// What the page has asked for.
    pub(crate) requests: usize,
    /// Whether a name became a script.
    pub(crate) was_fooled: bool,
}

#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) depth: usize,
    /// Of its life.
    pub(crate) width: f64,
    pub(crate) right: f64,
    /// What stands under the pointer.
    pub(crate) tip: String,
}

impl Seen {
    fn of(said: &Value) -> Seen {
        let texts = |list: &Value| -> Vec<String> {
            list.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
        };
        let number = |name: &str| said[name].as_f64().unwrap();
        Seen {
            rows: said["rows"].as_array().unwrap().iter().map(Row::of).collect(),
            lines: number("lines") as usize,
            marks: texts(&said["marks"]),
            drains: number("drains") as usize,
            width: number("width"),
            paper: number("paper"),
            ink: number("ink"),
            busy: said["busy"].as_str().unwrap().to_owned(),
            problems: texts(&said["problems"]),
            requests: number("requests") as usize,
            was_fooled: said["fooled"].as_bool().unwrap(),
        }
    }

    /// That of the text, as WCAG defines it.
    pub(crate) fn contrast(&self) -> f64 {
        (self.paper.max(self.ink) + 0.05) / (self.paper.min(self.ink) + 0.05)
    }
}

impl Row {
    fn of(said: &Value) -> Row {
        let text = |name: &str| said[name].as_str().unwrap().to_owned();
        let number = |name: &str| said[name].as_f64().unwrap();
        Row {
            name: text("name"),
            depth: number("depth") as usize,
            width: number("width"),
            right: number("right"),
            tip: text("tip"),
        }
    }
}

pub(crate) struct Chromium(PathBuf);

impl Chromium {
    pub(crate) fn find() -> Option<Chromium> {
        let path = env::var_os("PATH").unwrap_or_default();
        let folders: Vec<PathBuf> = env::split_paths(&path).collect();
        let programs = NAMES.iter().flat_map(|name| folders.iter().map(move |f| f.join(name)));
        let program = programs.into_iter().find(|program| program.is_file());
        if program.is_none() {
            let is_required = env::var_os("EXEUNT_CHROMIUM").is_some_and(|how| how == "require");
            assert!(!is_required, "there is none of {NAMES:?} in PATH");
            eprintln!("skipped: there is none of {NAMES:?} in PATH");
        }
        program.map(Chromium)
    }

    /// Opens the page with the probe in it.
    pub(crate) fn see(&self, page: &str, name: &str, window: Window) -> Seen {
        let probed = page.replacen("<head>", &format!("<head>{WATCH}"), 1);
        let end = probed.rfind("</body>").unwrap();
        let probed = format!("{}<script>{PROBE}</script>{}", &probed[..end], &probed[end..]);
        let file = kept(name, &probed);
        let args = [
            "--dump-dom".to_owned(),
            // It may wait for so many milliseconds of its own clock.
            "--virtual-time-budget=1000".to_owned(),
            format!("--window-size={},900", window.columns),
            format!("--blink-settings=preferredColorScheme={}", u8::from(!window.is_dark)),
        ];
        let page = self.run(&args, &file);
        let said = between(&page, "<pre id=\"said\">", "</pre>");
        Seen::of(&serde_json::from_str(&unescaped(said)).unwrap())
    }

    /// The page as a PDF.
    pub(crate) fn print(&self, page: &str, name: &str) -> Vec<u8> {
        let file = kept(name, page);
        let pdf = file.with_extension("pdf");
        self.run(
            &["--no-pdf-header-footer".into(), format!("--print-to-pdf={}", pdf.display())],
            &file,
        );
        fs::read(pdf).unwrap()
    }

    /// What it says of the page in this file.
    fn run(&self, args: &[String], file: &Path) -> String {
        let profile = Profile::new();
        let flags = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
        ];
        let mut command = Command::new(&self.0);
        command.args(flags).args(args).arg(format!("--user-data-dir={}", profile.0.display()));
        command.arg(format!("file://{}", file.display()));
        // Files, since a pipe would have to be read while it is waited for.
        let (said, log) = (profile.0.join("said"), profile.0.join("log"));
        let create = |path: &Path| Stdio::from(fs::File::create(path).unwrap());
        command.stdin(Stdio::null()).stdout(create(&said)).stderr(create(&log));
        let mut browser = command.spawn().unwrap();
        let deadline = Instant::now() + LIMIT;
        let status = loop {
            if let Some(status) = browser.try_wait().unwrap() {
                break status;
            }
            if Instant::now() > deadline {
                let _ = browser.kill();
                panic!("the browser does not end");
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        assert!(status.success(), "{status}: {}", fs::read_to_string(log).unwrap());
        fs::read_to_string(said).unwrap()
    }
}

/// A folder for what a browser remembers, which goes with it.
struct Profile(PathBuf);

impl Profile {
    fn new() -> Profile {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("exeunt-chromium-{}-{number}", std::process::id());
        let path = env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Profile(path)
    }
}

impl Drop for Profile {
    fn drop(&mut self) {
        // Its helpers may still be on their way out.
        let _: io::Result<()> = fs::remove_dir_all(&self.0);
    }
}

/// The page in a file that stays.
fn kept(name: &str, page: &str) -> PathBuf {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("timeline-{name}.html"));
    fs::write(&file, page).unwrap();
    file
}

fn between<'a>(text: &'a str, begin: &str, end: &str) -> &'a str {
    let from = text.rfind(begin).unwrap_or_else(|| panic!("no {begin} in {text}")) + begin.len();
    &text[from..from + text[from..].find(end).unwrap()]
}

fn unescaped(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&nbsp;", "\u{a0}").replace("&amp;", "&")
}

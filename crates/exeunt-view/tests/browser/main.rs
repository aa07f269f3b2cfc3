//! The timeline in a real browser: headless Chromium opens the page, a probe that the test has put into it
//! moves the pointer, and what it has seen is read from the page.
//!
//! Without a Chromium these tests are skipped, and say so; with `EXEUNT_CHROMIUM=require` they fail. The
//! pages stay in `target/tmp`, to be looked at.
#![cfg(unix)]
#![allow(clippy::unwrap_used)]

mod chromium;
mod plays;

use std::net::TcpListener;
use std::sync::OnceLock;

use chromium::{Chromium, Seen, Window};
use exeunt::Report;
use exeunt_view::Timeline;

/// The same for all.
fn everything() -> &'static (Report, Timeline) {
    static EVERYTHING: OnceLock<(Report, Timeline)> = OnceLock::new();
    EVERYTHING.get_or_init(plays::everything)
}

/// The page as it is seen in such a window; nothing if there is no browser.
fn see(timeline: &Timeline, name: &str, window: Window) -> Option<Seen> {
    let chromium = Chromium::find()?;
    let seen = chromium.see(&timeline.to_string(), name, window);
    assert_eq!(seen.problems, [""; 0], "{name}");
    assert_eq!(seen.requests, 0, "{name}");
    Some(seen)
}

/// Each row is drawn and tells of itself under the pointer.
fn assert_all_are_drawn(timeline: &Timeline, seen: &Seen) {
    assert_eq!(seen.rows.len(), timeline.rows());
    assert_eq!(seen.lines, timeline.rows());
    for row in &seen.rows {
        assert!(row.width > 0.0 && row.right <= seen.width, "{row:?}");
        assert!(row.tip.starts_with(&row.name) && row.tip.len() > row.name.len(), "{row:?}");
    }
}

#[test]
fn every_actor_of_the_report_is_a_row_and_a_line_with_its_figures() {
    let (report, timeline) = everything();
    let Some(seen) = see(timeline, "everything", Window::default()) else { return };
    let lines = report.actors.iter().map(|actor| 1 + actor.threads.len());
    assert_eq!(timeline.rows(), lines.sum::<usize>());
    assert_all_are_drawn(timeline, &seen);

    let names: Vec<&str> = seen.rows.iter().map(|row| row.name.as_str()).collect();
    for actor in &report.actors {
        // A name is text, and one that would turn the text around is spelled out.
        let name = actor.name.replace('\u{202e}', "\\u{202e}");
        assert!(names.contains(&name.as_str()), "{name} is not in {names:?}");
    }
    assert!(names.contains(&plays::WICKED) && !seen.was_fooled);
    // A restart, a thread that was given up, messages that were returned: each has its mark.
    for mark in ["m-anew", "m-abandoned", "m-returned", "m-overdue"] {
        assert!(seen.marks.iter().any(|seen| seen == mark), "{mark} is not in {:?}", seen.marks);
    }
    let row = |name: &str| seen.rows.iter().find(|row| row.name == name).unwrap();
    assert!(row("worker").tip.contains(" queued, "), "{:?}", row("worker"));
    assert!(row("stuck").tip.contains("busy"), "{:?}", row("stuck"));
    assert!(row("parent").depth < row("child-1").depth, "{:?}", row("child-1"));
}

/// The policy in its head is what keeps it from that, and not that it does not try.
#[test]
fn the_page_can_fetch_nothing() {
    let timeline = plays::nothing_to_drain();
    let Some(chromium) = Chromium::find() else { return };
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/picture", server.local_addr().unwrap());
    let page = timeline.to_string();
    let page = page.replacen("<header>", &format!("<img src=\"{url}\"><header>"), 1);
    let seen = chromium.see(&page, "fetching", Window::default());
    assert_eq!(seen.problems, [format!("forbidden: {url}")]);
    server.set_nonblocking(true).unwrap();
    assert!(server.accept().is_err());
}

#[test]
fn dark_and_light_differ_and_both_can_be_read() {
    let (_, timeline) = everything();
    let Some(light) = see(timeline, "light", Window::default()) else { return };
    let dark = see(timeline, "dark", Window { is_dark: true, ..Window::default() }).unwrap();
    for (seen, is_dark) in [(&light, false), (&dark, true)] {
        assert!((seen.paper < 0.2) == is_dark && (seen.ink > 0.6) == is_dark, "{seen:?}");
        // That of large text; small text has more.
        assert!(seen.contrast() > 7.0, "{}", seen.contrast());
    }
    assert_ne!(light.busy, dark.busy);
}

#[test]
fn a_narrow_window_and_a_wide_one_show_all_of_it() {
    let (_, timeline) = everything();
    for columns in [380, 2_560] {
        let window = Window { columns, ..Window::default() };
        let Some(seen) = see(timeline, &format!("{columns}-wide"), window) else { return };
        assert_all_are_drawn(timeline, &seen);
    }
}

#[test]
fn thousands_are_drawn_as_far_as_they_can_be_told_apart() {
    let (report, timeline) = plays::thousands();
    let lines = report.actors.len();
    assert!(lines > 1_000, "{lines}");
    assert_eq!(timeline.rows(), 1_000);
    let Some(seen) = see(&timeline, "thousands", Window::default()) else { return };
    assert_eq!((seen.rows.len(), seen.lines), (1_000, 1_000));
    assert!(seen.rows.iter().any(|row| row.name.ends_with(" others)")));
}

#[test]
fn a_run_without_a_drain_has_no_drain() {
    let timeline = plays::nothing_to_drain();
    let Some(seen) = see(&timeline, "short", Window::default()) else { return };
    assert_all_are_drawn(&timeline, &seen);
    assert_eq!(seen.drains, 0);
}

#[test]
fn on_paper_it_is_a_page_or_more() {
    let (_, timeline) = everything();
    let Some(chromium) = Chromium::find() else { return };
    let pdf = chromium.print(&timeline.to_string(), "paper");
    assert!(pdf.starts_with(b"%PDF-"));
    let pages = pdf.windows(b"/Type /Page\n".len()).filter(|part| part == b"/Type /Page\n").count();
    assert!((1..=3).contains(&pages), "{pages} pages");
}

//! The page of runs that nobody has run.

use super::*;
use crate::timeline::props::{line, ms, report, snapshot};
use crate::timeline::recording::Recording;
use exeunt::{ActorReport, Ended, Notice};

struct Page<'a>(&'a Picture);

impl fmt::Display for Page<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write(f, self.0)
    }
}

/// A run of these, of 100 ms, of which the last 20 were the drain.
fn page(lines: Vec<ActorReport>) -> String {
    let mut recording = Recording::new(ms(20));
    let named: Vec<(usize, String)> =
        lines.iter().map(|line| (line.id.unwrap(), line.name.clone())).collect();
    let mut actors: Vec<_> = named.iter().map(|(id, name)| snapshot(*id, name)).collect();
    for at in [0, 20, 40, 60, 80] {
        for actor in &mut actors {
            (actor.queued, actor.handled) = (at as usize % 40, at);
            actor.is_idle = at % 40 == 0;
        }
        recording.look(ms(at), &actors);
    }
    let reason = Reason::Shutdown;
    recording.hear(ms(80), &Notice::DrainBegan { reason, members: actors.len() });
    for (id, name) in named {
        recording.hear(ms(90), &Notice::Draining { id, name: name.clone(), queued: 1 });
        let (ended, took, handled, returned) = (Ended::Drained, ms(10), 0, 0);
        recording.hear(ms(100), &Notice::Ended { id, name, ended, handled, returned, took });
    }
    let mut report = report(lines);
    (report.took, report.reason) = (ms(20), Reason::Shutdown);
    Page(&Picture::of(&recording, &report, ms(100))).to_string()
}

fn count_of(page: &str, what: &str) -> usize {
    page.matches(what).count()
}

#[test]
fn each_line_of_the_report_is_a_bar() {
    let page = page((0..300).map(|id| line(id, &format!("actor-{id}"))).collect());
    assert_eq!(count_of(&page, "<rect class=\"life\""), 300);
    // And one in the legend.
    assert_eq!(count_of(&page, "<rect class=\"turn\""), 301);
    assert_eq!(count_of(&page, "<tr><th scope=\"row\""), 300);
    assert!(page.contains(">300</dd>") && page.contains("<b class=\"good\">complete</b>"));
}

#[test]
fn a_name_is_text_wherever_it_stands() {
    let wicked = "</script><script>alert(\"'1'\")</script>";
    let page = page(vec![line(0, wicked), line(1, "渡辺 & søn")]);
    assert_eq!(count_of(&page, "<script"), 2);
    assert_eq!(count_of(&page, "</script"), 2);
    assert!(!page.contains("alert(\""));
    assert!(page.contains("<bdi>渡辺 &amp; søn</bdi>"));
}

#[test]
fn the_page_fetches_nothing() {
    let page = page(vec![line(0, "a")]);
    assert!(page.contains("default-src 'none'"));
    for fetching in ["http:", "https:", " src=", "@import", "<link", "fetch(", "//cdn"] {
        assert!(!page.contains(fetching), "{fetching}");
    }
    assert_eq!(count_of(&page, "url("), count_of(&page, "url(#"));
}

#[test]
fn it_is_well_formed() {
    let page = page(vec![line(0, "a"), line(1, "b")]);
    for tag in ["div", "svg", "table", "tr", "td", "header", "footer", "ul", "li", "dl", "defs"] {
        let opened = count_of(&page, &format!("<{tag} ")) + count_of(&page, &format!("<{tag}>"));
        assert_eq!(opened, count_of(&page, &format!("</{tag}>")), "{tag}");
    }
    assert!(!page.contains("NaN") && !page.contains("inf%"), "{page}");
}

#[test]
fn a_run_of_nobody_and_of_no_time_is_a_page() {
    let recording = Recording::new(ms(20));
    let picture = Picture::of(&recording, &report(Vec::new()), Duration::ZERO);
    let page = Page(&picture).to_string();
    assert!(page.contains("<dd>0 s</dd>"), "{page}");
    assert!(!page.contains("NaN") && !page.contains("inf"), "{page}");
}

#[test]
fn what_went_wrong_is_said_above_and_below() {
    let mut abandoned = line(0, "stuck");
    (abandoned.ended, abandoned.returned) = (Ended::Abandoned, 1_200);
    abandoned.error = Some("given up, in its handler for 6.00 s".to_owned());
    let page = page(vec![abandoned]);
    assert!(page.contains("<b class=\"bad\">incomplete</b>"));
    assert!(page.contains("<dt>returned</dt><dd>1,200</dd>"));
    assert!(page.contains("<td class=\"bad\">1,200</td>"));
    assert!(page.contains("given up, in its handler for 6.00 s"));
    assert!(page.contains("abandoned · 0 handled · 1,200 returned · queue ≤ 20"));
}

#[test]
fn a_thousand_rows_are_a_file_that_opens() {
    let page = page((0..1_500).map(|id| line(id, &format!("actor-{id}"))).collect());
    assert_eq!(count_of(&page, "<rect class=\"life\""), 999);
    assert!(page.contains("(501 others)"));
    assert!(page.len() < 4_000_000, "{} bytes", page.len());
}

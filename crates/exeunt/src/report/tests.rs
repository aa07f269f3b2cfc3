use super::table::{NAME_COLUMNS, clipped, wrapped};
use super::*;

fn actor(name: &str, ended: Ended) -> ActorReport {
    let figures = Figures { handled: 1_000_000, ..Figures::default() };
    ActorReport {
        id: Some(0),
        took: Duration::from_millis(1_204),
        handled_while_draining: 256,
        ..ActorReport::with(name.to_owned(), ended, figures)
    }
}

fn report(actors: Vec<ActorReport>) -> Report {
    Report {
        system: "words".to_owned(),
        reason: Reason::Shutdown,
        signal: None,
        took: Duration::from_secs(2),
        actors,
        refused: Vec::new(),
    }
}

#[test]
fn r1_the_table_fits_eighty_columns() {
    let long = actor("a name that is longer than its column is wide", Ended::Abandoned);
    let longest = ActorReport {
        handled: 999_999_999,
        handled_while_draining: 999_999_999,
        failed: 999_999,
        returned: 99_999_999,
        took: Duration::from_secs(599),
        ..long
    };
    let text = report(vec![longest, actor("tally", Ended::Drained)]).to_string();
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    assert_eq!(text.lines().count(), 4, "{text}");
}

#[test]
fn o4_how_often_somebody_sent_to_who_had_left_is_a_word_for_once() {
    let refusals = |count| Refusals { from: "a".to_owned(), to: "b".to_owned(), count };
    let refused = vec![refusals(1), refusals(2)];
    let text = Report { refused, ..report(Vec::new()) }.to_string();
    let lines: Vec<&str> = text.lines().skip(2).collect();
    let why = "after its turn (is a `feeds` missing?)";
    let wanted =
        ["once", "2 times"].map(|times| format!("  refused: `a` sent to `b` {times} {why}"));
    assert_eq!(lines, wanted);
}

#[test]
fn r1_what_is_too_long_is_broken_between_words() {
    let error = Some(format!("it said: {} and {}", "a few words ".repeat(9), "x".repeat(90)));
    let text = report(vec![ActorReport { error, ..actor("a", Ended::Failed) }]).to_string();
    let lines: Vec<&str> = text.lines().skip(3).collect();
    assert!(lines.iter().all(|line| line.chars().count() <= 80), "{text}");
    assert!(lines.len() >= 3 && lines[1].starts_with("    "), "{text}");
    let words = lines[..lines.len() - 2].join(" ");
    assert!(!words.split_whitespace().any(|word| word == "wor" || word == "fe"), "{text}");
    assert!(text.contains("a few words a few words"), "{text}");
}

#[test]
fn r1_a_figure_and_its_unit_stay_on_one_line() {
    for length in 1..80 {
        let system = "s".repeat(length);
        let text = Report { system, ..report(Vec::new()) }.to_string();
        assert!(text.contains("2.00 s\n"), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    }
}

fn child(name: String, ended: Ended, error: Option<&str>) -> ActorReport {
    let (parent, error) = (Some("lobby".to_owned()), error.map(str::to_owned));
    ActorReport { parent, absorbed: error.is_some(), error, ..actor(&name, ended) }
}

#[test]
fn r1_children_that_left_alike_are_one_line_and_those_that_did_not_have_their_own() {
    let of = |ended, error, names: std::ops::Range<u32>| {
        names.map(move |n| child(format!("guest {n}"), ended, error))
    };
    let mut actors: Vec<ActorReport> = of(Ended::Completed, None, 0..2000).collect();
    actors.insert(1000, child("odd".to_owned(), Ended::Abandoned, None));
    actors.extend(of(Ended::Failed, Some("no line"), 2000..2020));
    actors.extend((0..10).map(|n| child(format!("peer {n}"), Ended::Failed, Some(&n.to_string()))));
    actors.extend(of(Ended::Drained, None, 2020..2028)); // not too many
    actors.push(actor("lobby", Ended::Drained));
    let text = report(actors).to_string();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 2 + 3 + 8 + 1 + 9, "{text}");
    assert!(
        lines[2].starts_with("  (2000 of lobby)      completed   1.20 s 2000000000    512000"),
        "{text}"
    );
    assert!(lines[3].starts_with("  odd                  abandoned"), "{text}");
    assert!(lines[4].starts_with("  (30 of lobby)        failed"), "{text}");
    assert!(lines[5].starts_with("  guest 2020           drained"), "{text}");
    assert_eq!(lines[14], "  `guest 2000` and 19 others: no line (absorbed)");
    assert_eq!(lines[15], "  `peer 0`: 0 (absorbed)");
    assert_eq!(lines[22], "  and 3 of something else (absorbed)");
}

#[test]
fn r1_of_others_that_left_alike_so_do_more_than_can_be_read_and_nobody_with_a_story() {
    let shards = |count: u32| -> Vec<ActorReport> {
        (0..count).map(|n| actor(&format!("s{n}/{n}"), Ended::Drained)).collect()
    };
    let lines = |actors: &[ActorReport]| -> Vec<String> {
        report(actors.to_vec()).to_string().lines().skip(2).map(str::to_owned).collect()
    };
    assert_eq!(lines(&shards(32)).len(), 32);
    let many = shards(1000);
    let sum = lines(&many);
    assert_eq!(sum.len(), 1);
    assert!(sum[0].starts_with("  (1000 like s0/0)     drained     1.20 s 1000000000"), "{sum:?}");

    let plain = || actor("s7/7", Ended::Drained);
    let pool = ActorReport { threads: vec![plain()], ..plain() };
    let others = [
        actor("s/", Ended::Drained),
        actor("s7/7", Ended::Completed),
        actor("s7/7", Ended::Overdue),
        actor("s7/7", Ended::Failed),
        actor("s7/7", Ended::Daemon),
        ActorReport { is_task: true, ..plain() },
        ActorReport { restarts: 1, ..plain() },
        ActorReport { failed: 1, ..plain() },
        ActorReport { returned: 1, ..plain() },
        ActorReport { overflowed: 1, ..plain() },
        ActorReport { error: Some("it was late".to_owned()), ..plain() },
        child("s7/7".to_owned(), Ended::Drained, None),
        pool,
    ];
    for other in others {
        let alone = lines(std::slice::from_ref(&other));
        let all = lines(&[&many[..], &[other]].concat());
        assert_eq!((&all[0], &all[1..]), (&sum[0], &alone[..]));
    }
}

#[test]
fn r1_what_happened_once_is_said_in_words_and_what_happened_more_often_in_figures() {
    let remark = |count, absorbed| {
        let line = ActorReport {
            restarts: count,
            overflowed: count,
            cancelled: count,
            error: Some("no line".to_owned()),
            absorbed,
            ..actor("a", Ended::Failed)
        };
        report(vec![line]).to_string().lines().skip(3).collect::<Vec<_>>().join("")
    };
    let once =
        "  `a`: restarted once; one had to make room; a timer never fired; no line (absorbed)";
    assert_eq!(remark(1, true).replace("    ", " "), once);
    let twice = "  `a`: 2 restarts; 2 had to make room; 2 timers never fired; no line";
    assert_eq!(remark(2, false), twice);
}

#[test]
fn r1_a_task_has_no_figures() {
    let line = ActorReport { is_task: true, ..actor("a", Ended::Drained) }.to_string();
    assert!(
        !line.contains("1000000") && line.split_whitespace().filter(|&it| it == "-").count() == 4
    );
}

#[test]
fn r1_a_name_is_cut_when_it_does_not_fit_and_a_line_is_broken_when_it_does_not() {
    let x = |count| "x".repeat(count);
    assert_eq!(clipped(&x(NAME_COLUMNS)), x(NAME_COLUMNS));
    assert_eq!(clipped(&x(NAME_COLUMNS + 1)), format!("{}…", x(NAME_COLUMNS - 1)));
    assert_eq!(clipped("a\nb").lines().count(), 1);

    let just_fits = format!("{} {}", x(60), x(19));
    assert_eq!(wrapped(&just_fits), just_fits);
    let [first, then] = [x(60), x(20)];
    assert_eq!(wrapped(&format!("{first} {then}")), format!("{first}\n    {then}"));
    // What fits on no line is not put off to the next one.
    assert_eq!(wrapped(&format!("a {}", x(90))), format!("a {}\n    {}", x(78), x(12)));
}

#[test]
fn r1_the_sum_of_lines_has_all_of_their_figures_and_the_longest_of_their_times() {
    let line = ActorReport {
        handled_while_draining: 2,
        failed: 3,
        returned: 4,
        overflowed: 5,
        cancelled: 6,
        restarts: 7,
        ..actor("a", Ended::Drained)
    };
    let mut sum = line.clone();
    sum.add(&ActorReport { took: Duration::ZERO, ..line.clone() });
    let twice = ActorReport {
        handled: 2_000_000,
        handled_while_draining: 4,
        failed: 6,
        returned: 8,
        overflowed: 10,
        cancelled: 12,
        restarts: 14,
        ..line
    };
    assert_eq!((sum.accepted(), &sum), (2_000_014, &twice));
}

#[test]
fn r1_failures_of_children_that_left_alike_are_counted() {
    let of = |error: &str, count: usize| {
        let children =
            (0..count).map(|n| child(format!("{error} {n}"), Ended::Failed, Some(error)));
        children.collect::<Vec<_>>()
    };
    let remarks = |errors: &[(&str, usize)]| -> Vec<String> {
        let actors: Vec<_> = errors.iter().flat_map(|&(error, count)| of(error, count)).collect();
        report(actors).to_string().lines().skip(3).map(str::to_owned).collect()
    };
    let eight = ["a", "b", "c", "d", "e", "f", "g", "h"].map(|error| (error, 1));
    let told = remarks(&[&[("x", 2)][..], &eight[1..], &[("i", 1)]].concat());
    assert_eq!(told[0], "  `x 0` and another: x (absorbed)");
    assert_eq!((told.len(), &*told[8]), (9, "  and another one of something else (absorbed)"));
    let told = remarks(&[&eight[..], &[("i", 2), ("j", 3)]].concat());
    assert_eq!(told[8], "  and 5 of something else (absorbed)");
}

#[test]
fn r1_a_sum_of_tasks_has_no_figures_either_and_sums_are_not_summed_up() {
    let lines = |actors: Vec<ActorReport>| report(actors).to_string().lines().skip(2).count();
    let tasks: Vec<_> = (0..40)
        .map(|n| ActorReport { is_task: true, ..actor(&format!("t{n}"), Ended::Drained) })
        .collect();
    let text = report(tasks).to_string();
    let sum = text.lines().nth(2).unwrap();
    assert!(sum.starts_with("  (40 like t0)") && sum.ends_with('-'), "{text}");
    assert_eq!(lines(vec![ActorReport::of_many(); 40]), 40);
}

#[test]
fn a_signal_keeps_to_its_column() {
    assert_eq!(format!("{:>8}|{:<12}|", Signal::INT, Signal(77)), "  SIGINT|signal 77   |");
}

#[test]
fn s3_the_status_tells_the_truth() {
    let drained = || actor("a", Ended::Drained);
    let interrupted = Signal(2);
    let signalled = |actors| Report { signal: Some(interrupted), ..report(actors) };
    let returned = ActorReport { returned: 1, ..drained() };
    let failed = || actor("b", Ended::Failed);

    assert_eq!(report(vec![drained()]).status(), Status::Success);
    assert_eq!(report(vec![drained(), failed()]).status(), Status::Failure);
    assert_eq!(report(vec![returned.clone()]).status(), Status::Incomplete);
    let completed = ActorReport { ended: Ended::Completed, ..returned.clone() };
    assert_eq!(report(vec![completed]).status(), Status::Incomplete);
    assert_eq!(report(vec![returned.clone(), failed()]).status(), Status::Failure);
    assert_eq!(signalled(vec![drained()]).status(), Status::Signal(interrupted));
    assert_eq!(signalled(vec![returned]).status(), Status::Incomplete);
    assert_eq!(signalled(vec![failed()]).status(), Status::Failure);
    assert_eq!(signalled(vec![actor("a", Ended::Abandoned)]).status(), Status::Incomplete);
    assert_eq!(signalled(vec![actor("a", Ended::Daemon)]).status(), Status::Signal(interrupted));
}

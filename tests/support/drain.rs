//! What the drains of the examples that are pipelines have in common: what the JSON of `--report` has to say of them.

use serde_json::Value;

/// A figure of a stage of the ledger.
pub(crate) fn of_stage(report: &Value, name: &str, figure: &str) -> u64 {
    let stages = report["stages"].as_array().unwrap();
    let stage = stages.iter().find(|stage| stage["name"] == name);
    let stage = stage.unwrap_or_else(|| panic!("no stage is called {name}: {report}"));
    number(stage, figure)
}

fn number(stage: &Value, figure: &str) -> u64 {
    stage[figure].as_u64().unwrap_or_else(|| panic!("{figure} is no number: {stage}"))
}

/// Reckons by itself what the ledger says of itself: what a stage was given is what those before it handed on, and each
/// of these has ended in one way.
pub(crate) fn assert_balances(report: &Value) {
    let stages = report["stages"].as_array().unwrap();
    let at = |index: &Value| &stages[index.as_u64().unwrap() as usize];
    for stage in stages {
        let ends = ["passed", "filtered", "failed", "diverted", "returned"];
        let ended: u64 = ends.iter().map(|figure| number(stage, figure)).sum();
        assert_eq!(number(stage, "entered"), ended, "{stage} in {report}");
        let inputs = stage["inputs"].as_array().unwrap();
        let given: u64 = match &stage["diverted_from"] {
            Value::Null => inputs.iter().map(|input| number(at(input), "out")).sum(),
            from => number(at(from), "diverted"),
        };
        let is_source = inputs.is_empty() && stage["diverted_from"].is_null();
        assert!(is_source || given == number(stage, "entered"), "{stage} in {report}");
    }
}

/// Everybody has left with everything done, and each of these after the one before it. Those that are not named may have
/// left beside them.
pub(crate) fn assert_left_in_order(report: &Value, order: &[&str]) {
    let actors = report["actors"].as_array().unwrap();
    for actor in actors {
        let ended = actor["ended"].as_str().unwrap();
        assert!(["drained", "completed"].contains(&ended), "{actor}");
        for figure in ["failed", "returned", "restarts"] {
            assert_eq!(number(actor, figure), 0, "{actor}");
        }
        for figure in ["handled", "handled_while_draining"] {
            number(actor, figure);
        }
        assert!(actor["took_ms"].as_f64().unwrap() >= 0.0, "{actor}");
    }
    let names: Vec<&str> = actors.iter().map(|actor| actor["name"].as_str().unwrap()).collect();
    let left: Vec<&str> = names.iter().copied().filter(|name| order.contains(name)).collect();
    assert_eq!(left, order, "{names:?}");
    assert_eq!(report["refused"], Value::Array(Vec::new()), "{report}");
}

//! What the types of the interface are without saying so: what the compiler derives of what is inside, and could take back for
//! a change there. Here it does not compile then.

use std::panic::{RefUnwindSafe, UnwindSafe};

use exeunt_pipeline::{Ending, Error, Ledger, Outcome, Pipeline, Ready, Running, StageLedger};

fn goes<T: Send + Unpin>() {}

fn is_shared<T: Send + Sync + Unpin>() {}

fn survives<T: Send + Sync + Unpin + UnwindSafe + RefUnwindSafe>() {}

#[test]
fn what_a_pipeline_leaves_goes_anywhere_and_so_does_who_looks_at_it() {
    survives::<(Running, Outcome, Ledger, StageLedger, Ending)>();
    is_shared::<Error>();
}

#[test]
fn a_description_goes_to_the_thread_that_runs_it() {
    goes::<(Pipeline, Ready)>();
    let flow = Pipeline::new("described").iter("numbers", 0..3).map("double", |n: i32| 2 * n);
    let run = std::thread::spawn(move || flow.sink("out", |_| Ok(())).wait());
    assert_eq!(run.join().unwrap().unwrap().ledger().stage("out").unwrap().passed, 3);
}

//! Ways aside, of a tee or of items that fail: what is put there arrives, while the stage waits, while it goes on, and when it
//! has come to its end, whichever that is.
//!
//! Nobody makes more here until what was made before has come: what is kept back comes never.

use std::thread;
use std::time::Duration;

use crossbeam_channel::{Sender, unbounded};
use exeunt::{Backoff, Error, System};
use exeunt_pipeline::{Channel, Diverted, Flow, Given, Op, Pipeline, Ready};

/// Longer than anything here takes.
const GUARD: Duration = Duration::from_secs(20);

/// So often, so that it is known of who reads that they are quick, and much is kept together for them.
const ROUNDS: u64 = 300;

const ITEMS: u64 = 3_000;

/// A sink that tells what it is given.
fn tells(tell: Sender<u64>) -> impl FnMut(u64) -> exeunt::Result + Send + 'static {
    move |n| Ok(tell.send(n)?)
}

/// The same, though nobody may listen.
fn tells_anybody(tell: Sender<u64>) -> impl FnMut(u64) -> exeunt::Result + Send + 'static {
    move |n| {
        let _ = tell.send(n);
        Ok(())
    }
}

fn tells_diverted(
    tell: Sender<u64>,
) -> impl FnMut(Diverted<u64>) -> exeunt::Result + Send + 'static {
    move |diverted| Ok(tell.send(diverted.item)?)
}

fn refuse(n: u64) -> exeunt::Result<u64> {
    Err(Error::msg(n))
}

/// Some are sent, and no more until all of them have come aside.
fn comes_aside(describe: impl FnOnce(Flow<Given<u64>>, Sender<u64>) -> Ready) {
    let ((send, receiver), (tell, told)) = (unbounded(), unbounded());
    let ready = describe(Pipeline::new("aside").source("numbers", Channel::new(receiver)), tell);
    let pipeline = thread::spawn(|| ready.wait());
    for round in 0..ROUNDS {
        let some = 3 * round..3 * round + 3;
        some.clone().for_each(|n| send.send(n).unwrap());
        assert!(some.map(Ok).eq((0..3).map(|_| told.recv_timeout(GUARD))), "in round {round}");
    }
    drop(send);
    let outcome = pipeline.join().unwrap().unwrap();
    assert!(outcome.ledger().balances(), "{outcome}");
}

#[test]
fn it_does_not_wait_for_more() {
    comes_aside(|flow, tell| {
        flow.tee("copy", |flow| flow.sink("aside", tells(tell))).sink("out", |_| Ok(()))
    });
    comes_aside(|flow, tell| {
        let flow = flow.thread("on").tee("copy", |flow| flow.sink("aside", tells(tell)));
        flow.sink("out", |_| Ok(()))
    });
    comes_aside(|flow, tell| {
        let flow = flow.thread("on").try_map("refuse", refuse);
        flow.divert("aside", tells_diverted(tell)).sink("out", |_| Ok(()))
    });
    comes_aside(|flow, tell| {
        let flow = flow.try_parallel("refuse", 1, refuse);
        flow.divert("aside", tells_diverted(tell)).sink("out", |_| Ok(()))
    });
}

/// What is not quick does not keep back what was put aside before it.
#[test]
fn it_does_not_wait_for_many_slow_ones() {
    let (tell, told) = unbounded();
    let flow = Pipeline::new("slow")
        .items("numbers", 0..ITEMS)
        .thread("on")
        .tee("copy", |flow| flow.sink("aside", tells_anybody(tell)));
    let mut come = 0;
    let slow_at_last = move |n: &u64| {
        if *n < ITEMS - 500 {
            return;
        }
        thread::sleep(Duration::from_millis(2));
        // It takes some of them to notice that they have become slow; then no more is kept.
        while *n >= ITEMS - 300 && come + 100 < *n {
            come = told.recv_timeout(GUARD).expect("what went aside does not come");
        }
    };
    flow.inspect("slow", slow_at_last).sink("out", |_| Ok(())).wait().unwrap();
}

/// Longer than any test.
const NEVER: Duration = Duration::from_secs(3600);

/// A stage that waits for an hour does not keep back what went aside before that, at the source's thread and at one of its
/// own. It is the last of many that waits, since single ones are not kept. The drain's budget ends the wait.
#[test]
fn it_does_not_wait_for_a_try_of_what_goes_on() {
    let numbers = || Pipeline::new("tries").items("numbers", 0..ITEMS);
    let is_last: fn(u64) -> bool = |n| n == ITEMS - 1;
    let all: Vec<u64> = (0..ITEMS).collect();
    comes_before(&all, |tell| fails(copied(numbers(), tell), is_last));
    comes_before(&all, |tell| fails(copied(numbers().thread("on"), tell), is_last));
    let even: Vec<u64> = all.iter().copied().filter(|n| n % 2 == 0).collect();
    comes_before(&even, |tell| {
        let flow = numbers().thread("on");
        let flow = flow.try_map("even", |n| if n % 2 == 0 { refuse(n) } else { Ok(n) });
        fails(flow.divert("aside", tells_diverted(tell)), is_last)
    });
}

/// Nor does one at the end, when it is handed what all come to.
#[test]
fn it_does_not_wait_for_a_try_at_the_end() {
    comes_before(&Vec::from_iter(0..ITEMS), |tell| {
        let flow = copied(Pipeline::new("sum").items("numbers", 0..ITEMS), tell);
        fails(flow.fold("sum", 0, |sum, n| *sum += n), |_| true)
    });
}

fn copied<O: Op<Out = u64>>(flow: Flow<O>, tell: Sender<u64>) -> Flow<impl Op<Out = u64>> {
    flow.tee("copy", |flow| flow.sink("aside", tells_anybody(tell)))
}

/// The next try is in an hour.
fn fails(flow: Flow<impl Op<Out = u64>>, which: fn(u64) -> bool) -> Ready {
    let flow = flow.try_map("fails", move |n| if which(n) { refuse(n) } else { Ok(n) });
    let flow = flow.retry(1, Backoff::exponential(NEVER, NEVER));
    flow.skip_errors().sink("out", |_| Ok(()))
}

fn comes_before(expected: &[u64], describe: impl FnOnce(Sender<u64>) -> Ready) {
    let (tell, told) = unbounded();
    let mut system = System::new("turns");
    system.set_drain_budget(Duration::from_millis(100));
    let running = describe(tell).spawn(&mut system).unwrap();
    let come: Vec<u64> = expected.iter().map_while(|_| told.recv_timeout(GUARD).ok()).collect();
    assert!(come == expected, "{} of {} come aside", come.len(), expected.len());
    let outcome = running.ended(system.shutdown());
    assert!(outcome.ledger().balances(), "{outcome}");
}

/// All that comes to a stage goes aside, until another on its thread ends that.
fn arrives<O: Op<Out = u64>>(
    flow: Flow<O>,
    last: impl Fn(u64) -> exeunt::Result<u64> + Send + 'static,
) {
    let flow = flow.tee("copy", |flow| flow.sink("aside", |_| Ok(())));
    let flow = flow.try_map("last", last);
    let outcome = match flow.sink("out", |_| Ok(())).wait() {
        Ok(outcome) => outcome,
        Err(error) => error.into_outcome().unwrap(),
    };
    let ledger = outcome.ledger();
    let [copy, aside] = ["copy", "aside"].map(|name| ledger.stage(name).unwrap());
    assert!(ledger.balances(), "{outcome}");
    assert_eq!((aside.passed, aside.returned), (copy.passed, 0), "{outcome}");
}

#[test]
fn it_arrives_although_the_stage_after_it_fails() {
    let fails = |n: u64| if n == ITEMS { refuse(n) } else { Ok(n) };
    arrives(Pipeline::new("fails").items("numbers", 0..), fails);
    arrives(Pipeline::new("fails").items("numbers", 0..).thread("on"), fails);
}

#[test]
fn it_arrives_when_all_have_come() {
    arrives(Pipeline::new("ends").items("numbers", 0..ITEMS), Ok);
    arrives(Pipeline::new("ends").items("numbers", 0..ITEMS).thread("on"), Ok);
}

//! Who waits in a pipeline is seen to wait, and for what: it looks like nobody who works.

use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{bounded, unbounded};
use exeunt::{ActorSnapshot, Backoff, Error, System};
use exeunt_pipeline::{Channel, Lines, Pipeline, Ready};

/// Longer than anything here takes.
const GUARD: Duration = Duration::from_secs(20);

/// Longer than any test.
const NEVER: Duration = Duration::from_secs(3600);

/// Runs a pipeline until that one is seen to wait for that.
fn is_seen_to_wait(ready: Ready, who: &str, what: &str) -> System {
    let mut system = System::new("waits");
    ready.spawn(&mut system).unwrap();
    let began = Instant::now();
    loop {
        let actors = system.snapshot();
        let one = actors.iter().find(|actor| actor.name == who).unwrap();
        if one.doing == what && one.is_waiting {
            return system;
        }
        assert!(began.elapsed() < GUARD, "{:?}", actors.iter().map(told).collect::<Vec<_>>());
        thread::sleep(Duration::from_millis(1));
    }
}

fn told(actor: &ActorSnapshot) -> (&str, &str, bool) {
    (&actor.name, &actor.doing, actor.is_waiting)
}

#[test]
fn a_source_that_waits_for_its_next_item() {
    let (send, receiver) = unbounded::<u32>();
    let ready = Pipeline::new("p").source("jobs", Channel::new(receiver)).sink("out", |_| Ok(()));
    let system = is_seen_to_wait(ready, "jobs", "waiting for the next item");
    drop(send);
    assert!(system.wait().is_complete());
}

#[cfg(unix)]
#[test]
fn a_source_that_waits_for_input() {
    let (reader, writer) = std::os::unix::net::UnixStream::pair().unwrap();
    let lines = Lines::read_aside("input", reader);
    let ready = Pipeline::new("p").source("lines", lines).sink("out", |_| Ok(()));
    let system = is_seen_to_wait(ready, "lines", "waiting for input");
    drop(writer);
    assert!(system.wait().is_complete());
}

#[cfg(feature = "net")]
#[test]
fn a_source_that_waits_for_its_peers() {
    let listener = exeunt_pipeline::Listener::tcp("127.0.0.1:0").unwrap();
    let _peer = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let ready = Pipeline::new("p").source("lines", listener).sink("out", |_| Ok(()));
    let system = is_seen_to_wait(ready, "lines", "waiting for a line");
    assert!(system.shutdown().is_complete());
}

/// The first item is held up, and all others have to wait for it, since they are to come in order.
#[test]
fn who_feeds_threads_that_are_far_ahead_of_one_of_them() {
    let (go_on, held_up) = bounded::<()>(0);
    let work = move |n: u32| {
        if n == 0 {
            let _ = held_up.recv();
        }
        n
    };
    let numbers = Pipeline::new("p").items("numbers", 0..1_000_000);
    let ready = numbers.parallel("work", 2, work).sink("out", |_| Ok(()));
    let system = is_seen_to_wait(ready, "work-in", "waiting for the items before these");
    drop(go_on);
    assert!(system.wait().is_complete());
}

#[test]
fn a_stage_that_waits_for_its_next_try() {
    let fails = |n: u32| Err::<u32, _>(Error::msg(n));
    let flow = Pipeline::new("p").items("numbers", 0..1).thread("on").try_map("fails", fails);
    let flow = flow.retry(1, Backoff::exponential(NEVER, NEVER)).skip_errors();
    let mut system = is_seen_to_wait(flow.sink("out", |_| Ok(())), "on", "waiting for its time");
    system.set_drain_budget(Duration::from_millis(100));
    drop(system.shutdown());
}

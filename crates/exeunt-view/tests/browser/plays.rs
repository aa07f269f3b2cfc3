//! Runs to draw, as short as they can be.

use std::sync::mpsc;
use std::time::Duration;

use exeunt::{Actor, Addr, Context, Report, Restart, System};
use exeunt_view::{Recorder, Timeline};

pub(crate) const WICKED: &str =
    "</script><script>document.title='fooled'</script><img src=http://x/>";

/// What an actor does with a number.
struct Does(Box<Act>);

type Act = dyn FnMut(u64, &mut Context<Does>) -> exeunt::Result + Send;

fn does(act: impl FnMut(u64, &mut Context<Does>) -> exeunt::Result + Send + 'static) -> Does {
    Does(Box::new(act))
}

impl Actor for Does {
    type Msg = u64;

    fn handle(&mut self, number: u64, cx: &mut Context<Self>) -> exeunt::Result {
        (self.0)(number, cx)
    }
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// One that waits until it is its turn.
fn wait(system: &mut System, name: &str) {
    system.spawn_task(name, |cx| {
        cx.stopping().wait();
        Ok(())
    });
}

/// Restarts, a pool, children, somebody who is given up, messages that are returned, and odd names.
pub(crate) fn everything() -> (Report, Timeline) {
    let mut system = System::new("Everything & <all>");
    system.set_stall_limit(ms(300));
    system.set_grace(ms(100));
    let recorder = Recorder::attach_every(&mut system, ms(5));
    for name in [WICKED, "🎭 exeunt omnes 渡辺", &"a very long name ".repeat(12), "\u{202e}evil"]
    {
        wait(&mut system, name);
    }
    let stuck = system.spawn(
        "stuck",
        does(|_, _| {
            std::thread::sleep(Duration::from_secs(3_600));
            Ok(())
        }),
    );
    let restart = Restart::on_failure().intensity(100, Duration::from_secs(1));
    let (tell, told) = mpsc::channel();
    let make = move || {
        let tell = tell.clone();
        does(move |number, cx| {
            cx.sleep(ms(2))?;
            if number == 99 {
                tell.send(())?;
            }
            if number % 20 == 10 { Err(exeunt::Error::msg("no tens")) } else { Ok(()) }
        })
    };
    let worker = system.actor("worker").unbounded().restart(restart).spawn_with(make.clone());
    let worker: Addr<u64> = worker.unwrap();
    let pool = system.pool("pool", 3).spawn_with(|| does(|_, cx| Ok(cx.sleep(ms(3))?)));
    let pool = pool.unwrap();
    let parent = system.spawn(
        "parent",
        does(|number, cx| {
            let child = cx.task(&format!("child-{number}"));
            child.spawn(|cx| Ok(cx.sleep(ms(20))?))?;
            Ok(())
        }),
    );
    (0..100).for_each(|number| worker.send(number).unwrap());
    (0..30).for_each(|number| pool.send(number).unwrap());
    (0..4).for_each(|number| parent.send(number).unwrap());
    (0..5).for_each(|number| stuck.send(number).unwrap());
    told.recv().unwrap();
    // Something is left to drain.
    (100..130).for_each(|number| worker.send(number).unwrap());
    let report = system.shutdown();
    let timeline = recorder.finish(&report);
    (report, timeline)
}

/// Children, one after the other.
pub(crate) fn thousands() -> (Report, Timeline) {
    let mut system = System::new("thousands");
    let recorder = Recorder::attach(&mut system);
    let parent = system.actor("parent").unbounded();
    let parent = parent.spawn(does(|number, cx| {
        cx.spawn_task(&format!("child-{number}"), |_| Ok(()));
        Ok(())
    }));
    let parent = parent.unwrap();
    (0..2_100).for_each(|number| parent.send(number).unwrap());
    drop(parent);
    let report = system.wait();
    let timeline = recorder.finish(&report);
    (report, timeline)
}

pub(crate) fn nothing_to_drain() -> Timeline {
    let mut system = System::new("short");
    let recorder = Recorder::attach_every(&mut system, ms(1));
    let actor = system.spawn("actor", does(|_, cx| Ok(cx.sleep(ms(2))?)));
    (0..10).for_each(|number| actor.send(number).unwrap());
    drop(actor);
    let report = system.wait();
    recorder.finish(&report)
}

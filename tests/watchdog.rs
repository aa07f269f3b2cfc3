//! The watchdog on real threads: that it names who is stuck, and where, and who waits for whom; that it
//! says so once, and leaves those alone who get on. What it makes of what it sees is tested beside it,
//! on a clock of its own.

use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use exeunt::{Actor, Addr, Context, Event, Notice, Reply, Restart, System};

use crate::support::{
    HANG, Planned, Play, figures, guarded, in_time, late_unless, line, ms, next,
    silence_planned_panics, standing, trap, until,
};

/// Long enough that nobody who gets on is taken for stuck on a busy machine.
const LIMIT: Duration = Duration::from_millis(200);

fn watched(name: &str, limit: Duration) -> (System, Receiver<Notice>) {
    let (tell, told) = mpsc::channel();
    let mut system = System::new(name);
    system.watchdog(limit).observe(move |notice| {
        if let Notice::Stuck { .. } | Notice::Deadlock { .. } = notice {
            tell.send(notice.clone()).unwrap();
        }
    });
    (system, told)
}

/// Waits until there have been many more looks.
fn look_again(told: &Receiver<Notice>) -> Option<Notice> {
    told.recv_timeout(LIMIT * 3).ok()
}

struct Labelled(crate::support::Trap);

impl Actor for Labelled {
    type Msg = u32;

    fn label(n: &u32) -> Option<&'static str> {
        (*n == 1).then_some("one")
    }

    fn handle(&mut self, n: u32, _cx: &mut Context<Self>) -> exeunt::Result {
        if n > 0 {
            self.0.walk_in();
        }
        Ok(())
    }
}

/// Has a name for 2 alone, and walks into a trap with 2, and into another with 3.
struct SomeLabels([crate::support::Trap; 2]);

impl Actor for SomeLabels {
    type Msg = u32;

    fn label(n: &u32) -> Option<&'static str> {
        if *n == 1 {
            std::panic::panic_any(Planned);
        }
        (*n == 2).then_some("two")
    }

    fn handle(&mut self, n: u32, _cx: &mut Context<Self>) -> exeunt::Result {
        if n > 1 {
            self.0[n as usize - 2].walk_in();
        }
        Ok(())
    }
}

#[test]
fn f1_m1_a_label_that_panics_is_a_failure_of_its_message() {
    guarded(|| {
        silence_planned_panics();
        let (trap, keeper) = trap();
        keeper.opens();
        let mut system = System::new("labels");
        let restart = Restart::on_failure().intensity(9, Duration::MAX);
        let builder = system.actor("a").restart(restart);
        let addr = builder.spawn_with(move || SomeLabels([trap.clone(), trap.clone()])).unwrap();
        (0..4).for_each(|n| addr.send(n).unwrap());
        assert_eq!(figures(line(&system.shutdown(), "a")), [3, 1, 0]);
    });
}

#[test]
fn the_label_of_one_message_is_not_that_of_the_next() {
    guarded(|| {
        let ((two, with_two), (three, with_three)) = (trap(), trap());
        let mut system = System::new("labels");
        let addr = system.spawn("a", SomeLabels([two, three]));
        addr.send(2).unwrap();
        with_two.catches();
        assert_eq!(standing(&system.handle(), "a").label, Some("two"));
        addr.send(3).unwrap();
        with_two.opens();
        with_three.catches();
        assert_eq!(standing(&system.handle(), "a").label, None);
        with_three.opens();
        drop(system);
    });
}

#[test]
fn a_handler_that_does_not_return_is_named_once_with_what_it_is_on() {
    let attempt = |slower| {
        let (trap, keeper) = trap();
        let (mut system, told) = watched("handler", LIMIT * slower);
        let addr = system.spawn("a", Labelled(trap));
        let _idle = system.spawn("idle", Play::<u32>::idle());
        system.spawn_task("task", |cx| {
            cx.stopping().wait();
            Ok(())
        });
        addr.send(0).unwrap();
        addr.send(1).unwrap();
        let Notice::Stuck { id, name, doing, message_type, label, stuck_for } = next(&told) else {
            panic!("nobody waits for anybody");
        };
        let again = look_again(&told);
        keeper.opens();
        drop(system.shutdown());
        late_unless(label == Some("one"), format!("`{name}`, {doing}, with {label:?}"))?;
        assert_eq!((&*name, &*doing, message_type), ("a", "in its handler", Some("u32")));
        assert_eq!(Some(id), addr.id());
        assert!(stuck_for >= LIMIT * slower && stuck_for < HANG);
        assert!(again.is_none());
        Ok(())
    };
    guarded(move || in_time(attempt));
}

#[test]
fn a_send_that_does_not_end_is_named_of_actors_and_of_tasks() {
    let attempt = |slower| {
        let (trap, keeper) = trap();
        let (mut system, told) = watched("send", LIMIT * slower);
        let full = system.actor("full").capacity(1).spawn(Labelled(trap)).unwrap();
        full.send(2).unwrap();
        keeper.catches();
        full.send(0).unwrap();
        let to = full.clone();
        let sender = system.spawn("actor", Play::new(move |n: u32, _| Ok(to.send(n)?)));
        sender.send(0).unwrap();
        let to = full.clone();
        system.spawn_task("task", move |_| Ok(to.send(0)?));
        let mut said: Vec<String> = (0..3)
            .map(|_| match next(&told) {
                Notice::Stuck { name, doing, .. } => format!("{name} {doing}"),
                other => panic!("{other}"),
            })
            .collect();
        said.sort();
        let again = look_again(&told);
        keeper.opens();
        drop((full, sender));
        drop(system.shutdown());
        let expected = ["actor sending to `full`", "full in its handler", "task sending to `full`"];
        late_unless(said == expected, format!("{said:?}"))?;
        assert!(again.is_none());
        Ok(())
    };
    guarded(move || in_time(attempt));
}

#[test]
fn who_gets_on_is_left_alone_however_often_it_waits() {
    let attempt = |slower| {
        let (mut system, told) = watched("slow", LIMIT * slower);
        let slow = Play::new(move |_: u32, cx| Ok(cx.sleep(ms(10) * slower)?));
        let slow = system.actor("slow").capacity(1).spawn(slow).unwrap();
        system.spawn_task("source", move |_| {
            (0..100).try_for_each(|n| slow.send(n))?;
            Ok(())
        });
        assert!(system.wait().is_complete());
        match told.try_iter().next() {
            Some(notice) => Err(notice.to_string()),
            None => Ok(()),
        }
    };
    guarded(move || in_time(attempt));
}

/// What two actors send to each other.
enum Ball {
    Serve,
    Ask(Reply<()>),
}

#[test]
fn m5_a_cycle_of_waits_is_named_once_with_its_edges() {
    let attempt = |slower| {
        let (mut system, told) = watched("deadlock", LIMIT * slower);
        system.set_stall_limit(ms(50)).set_grace(HANG);
        let (a, a_inbox) = exeunt::mailbox::<Ball>(4);
        let (b, b_inbox) = exeunt::mailbox::<Ball>(1);
        // `b` asks `a`, which is in its handler, and waits there for room in `b`.
        let asks = Play::new({
            let a = a.clone();
            move |_: Ball, _| {
                a.ask(Ball::Ask)?;
                Ok(())
            }
        });
        let fills = Play::new({
            let b: Addr<Ball> = b.clone();
            move |ball, _| {
                match ball {
                    Ball::Serve => (0..3).try_for_each(|_| b.send(Ball::Serve))?,
                    Ball::Ask(reply) => drop(reply.send(())),
                }
                Ok(())
            }
        });
        system.actor("a").inbox(a_inbox).feeds(&b).spawn(fills).unwrap();
        system.actor("b").inbox(b_inbox).feeds(&a).spawn(asks).unwrap();
        a.send(Ball::Serve).unwrap();
        let notice = next(&told);
        let Notice::Deadlock { waits, .. } = &notice else {
            drop(system.shutdown());
            return Err(notice.to_string()); // not all of them had come to wait
        };
        let waits: Vec<String> =
            waits.iter().map(|(who, what)| format!("{} {who}: {what}", who.id)).collect();
        assert_eq!(waits, ["0 a: room in `b`", "1 b: an answer of `a`"]);
        assert!(notice.to_string().starts_with("deadlock for "), "{notice}");
        assert!(look_again(&told).is_none());
        // The drain ends what the watchdog only names.
        drop(system.shutdown());
        Ok(())
    };
    guarded(move || in_time(attempt));
}

#[test]
#[cfg(target_os = "linux")]
fn it_ends_with_the_system() {
    let lives = |name: &str| {
        std::fs::read_dir("/proc/self/task").unwrap().filter_map(Result::ok).any(|task| {
            std::fs::read_to_string(task.path().join("comm")).is_ok_and(|comm| comm.trim() == name)
        })
    };
    guarded(move || {
        let mut system = System::new("w");
        system.watchdog(Duration::from_secs(3600));
        let over = Event::new();
        system.spawn_task("task", {
            let over = over.clone();
            move |_| {
                over.wait();
                Ok(())
            }
        });
        until(|| lives("w/watchdog"));
        over.set();
        drop(system.wait());
        until(|| !lives("w/watchdog"));
    });
}

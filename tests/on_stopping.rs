//! An end for what blocks where no event reaches (D5): `on_stopping`, of tasks and of actors, and when
//! its closure is called, and when not.

use std::io::Read;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::Duration;

use exeunt::{Ended, Restart, Strategy, System};

use crate::support::{HANG, OnDrop, Play, guarded, line, next};

/// Both ends of a connection.
fn connection() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (listener.accept().unwrap().0, client)
}

/// A closure that says on which thread it was called, or that it was not.
fn says(tell: &Sender<String>) -> impl FnOnce() + Send + 'static {
    let (called, dropped) = (tell.clone(), tell.clone());
    let on_drop = OnDrop(move || dropped.send("dropped".to_owned()).unwrap());
    move || {
        called.send(thread::current().name().unwrap_or_default().to_owned()).unwrap();
        drop(on_drop);
    }
}

#[test]
fn d5_a_task_that_reads_from_a_socket_is_told_its_turn() {
    guarded(|| {
        let (mut stream, mut client) = connection();
        let (tell, told) = mpsc::channel();
        let mut system = System::new("server");
        system.spawn_task("reader", move |cx| {
            let socket = stream.try_clone()?;
            let _hang_up = cx.on_stopping(move || drop(socket.shutdown(Shutdown::Both)))?;
            tell.send(())?;
            let _ = stream.read(&mut [0])?;
            Ok(())
        });
        next(&told);
        let report = system.shutdown();
        assert_eq!(line(&report, "reader").ended, Ended::Drained);
        assert!(report.is_complete());
        // The other end hears of it.
        assert_eq!(client.read(&mut [0]).unwrap(), 0);
    });
}

#[test]
fn d5_an_actor_in_the_middle_of_a_message_is_told_and_its_message_is_handled() {
    guarded(|| {
        let (mut stream, _client) = connection();
        let (tell, told) = mpsc::channel();
        let mut system = System::new("server");
        let reader = system.spawn(
            "reader",
            Play::new(move |(), cx| {
                let socket = stream.try_clone()?;
                let _hang_up = cx.on_stopping(move || drop(socket.shutdown(Shutdown::Both)))?;
                tell.send(())?;
                let _ = stream.read(&mut [0])?;
                Ok(())
            }),
        );
        reader.send(()).unwrap();
        next(&told);
        assert_eq!(line(&system.shutdown(), "reader").handled, 1);
    });
}

#[test]
fn s6_the_closure_runs_on_a_thread_of_its_own_that_nobody_waits_for() {
    guarded(|| {
        let (tell, told) = mpsc::channel();
        let (go, wait) = mpsc::channel::<()>();
        let mut system = System::new("slow");
        system.spawn_task("a", move |cx| {
            let say = says(&tell);
            let kept = cx.on_stopping(move || {
                say();
                let _ = wait.recv();
            });
            std::mem::forget(kept?);
            cx.stopping().wait();
            Ok(())
        });
        assert!(system.shutdown().is_complete());
        assert_eq!(next(&told), "a/stopping");
        drop(go);
    });
}

#[test]
fn a_guard_that_is_dropped_takes_the_closure_back_and_ends_its_thread() {
    guarded(|| {
        let (tell, told) = mpsc::channel();
        let mut system = System::new("over");
        let again = tell.clone();
        system.spawn_task("a", move |cx| {
            drop(cx.on_stopping(says(&tell))?);
            cx.stopping().wait();
            Ok(())
        });
        // Before any turn comes.
        assert_eq!(next(&told), "dropped");
        // A failure takes it back, too: its incarnation is over.
        system
            .task("b")
            .restart(Restart::temporary())
            .spawn(move |cx| {
                let _kept = cx.on_stopping(says(&again))?;
                Err(exeunt::Error::msg("trouble"))
            })
            .unwrap();
        assert_eq!(next(&told), "dropped");
        assert!(!system.shutdown().is_failure());
        assert!(told.try_recv().is_err());
    });
}

#[test]
fn who_is_in_its_turn_already_is_told_at_once() {
    guarded(|| {
        let (tell, told) = mpsc::channel();
        let mut system = System::new("late");
        system.spawn_task("a", move |cx| {
            cx.stopping().wait();
            let kept = cx.on_stopping(says(&tell))?;
            assert_eq!(next(&told), "a/stopping");
            drop(kept);
            Ok(())
        });
        assert!(!system.shutdown().is_failure());
    });
}

#[test]
fn f1_who_is_to_begin_anew_with_others_is_told() {
    guarded(|| {
        let (tell, told) = mpsc::channel();
        let (began, begins) = mpsc::channel();
        let mut system = System::new("group");
        let both = system
            .group("both")
            .strategy(Strategy::OneForAll)
            .intensity(9, Duration::from_secs(60))
            .build()
            .unwrap();
        let restart = Restart::on_failure();
        let fails = || Play::new(|(), _| Err(exeunt::Error::msg("trouble")));
        let failing =
            system.actor("failing").within(&both).restart(restart).spawn_with(fails).unwrap();
        let blocks = move |cx: &exeunt::TaskContext| {
            let (unblock, blocked) = mpsc::channel();
            let say = says(&tell);
            let _kept = cx.on_stopping(move || {
                say();
                let _ = unblock.send(());
            })?;
            began.send(())?;
            blocked.recv_timeout(HANG)?;
            Ok(())
        };
        system.task("blocked").within(&both).restart(restart).spawn_with(blocks).unwrap();
        next(&begins);
        failing.send(()).unwrap();
        next(&begins);
        assert_eq!(next(&told), "blocked/stopping");
        let report = system.shutdown();
        assert_eq!(line(&report, "blocked").restarts, 1);
        assert!(!report.is_failure());
    });
}

#[test]
fn f5_a_panic_of_the_closure_that_panics_when_it_is_dropped_ends_no_process() {
    guarded(|| {
        let mut system = System::new("grenade");
        system.spawn_task("a", move |cx| {
            let (thrown, caught) = mpsc::channel::<()>();
            let grenade = OnDrop(move || panic!("when it is dropped, {thrown:?}"));
            let _kept = cx.on_stopping(move || std::panic::panic_any(grenade))?;
            cx.system().shutdown();
            assert_eq!(caught.recv_timeout(HANG), Err(mpsc::RecvTimeoutError::Disconnected));
            Ok(())
        });
        assert!(!system.wait().is_failure());
    });
}

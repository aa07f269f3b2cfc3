//! Clause D1 across systems: who waits for another system, or for one of its actors, is not told to stop while those
//! get on.
//!
//! Each is held to both: the other system gets on, for longer than the stall limit, and nobody is told to stop; or it
//! stands still, and who waits is told to, no sooner than at the stall limit, and no actor hangs.

use std::sync::{Arc, Barrier, mpsc};
use std::thread;
use std::time::Duration;

use exeunt::{Addr, Context, Ended, Notice, Reply, Report, System, SystemHandle};

use crate::support::{
    Keeper, Play, figures, get_on, guarded, in_time, late_unless, line, ms, next, patient,
    standing, trap, until,
};

type Question = Option<Reply<()>>;

/// How an actor comes to need something of another system.
#[derive(Clone, Copy)]
enum Need {
    OfOne(fn(&Addr<Question>, &mut Context<Play<()>>) -> exeunt::Result),
    /// Its end.
    OfAll(fn(System) -> exeunt::Result),
}

/// With what the one who waits is then said to be doing.
const NEEDS_OF_ONE: [(&str, Need); 4] = [
    ("asking `slow`", Need::OfOne(|slow, _| Ok(slow.ask(Some)?))),
    (
        "waiting for answers",
        Need::OfOne(|slow, cx| Ok(cx.ask_then(slow, Some, |_, answer, _| Ok(answer?))?)),
    ),
    (
        "sending to `slow`",
        Need::OfOne(|slow, _| {
            slow.send(None)?; // fills its mailbox
            Ok(slow.send(None)?)
        }),
    ),
    (
        "waiting for the end of `slow`",
        Need::OfOne(|slow, _| {
            slow.stop();
            Ok(slow.wait().map(drop)?)
        }),
    ),
];

const NEEDS_OF_ALL: [(&str, Need); 3] = [
    ("waiting for the end of `others`", Need::OfAll(drop_it)),
    (
        "waiting for the end of `others`",
        Need::OfAll(|others| {
            let _ = others.shutdown();
            Ok(())
        }),
    ),
    (
        "waiting for the end of `others`",
        Need::OfAll(|others| {
            others.handle().shutdown();
            Ok(others.handle().wait().map(drop)?)
        }),
    ),
];

fn drop_it(system: System) -> exeunt::Result {
    drop(system);
    Ok(())
}

impl Need {
    /// What the one in need does, and the other system, unless that is drained there.
    fn of(self, (system, slow): (System, Addr<Question>)) -> (Deed, Option<System>) {
        match self {
            Need::OfOne(need) => (Box::new(move |cx| need(&slow, cx)), Some(system)),
            Need::OfAll(need) => (Box::new(move |_| need(system)), None),
        }
    }
}

type Deed = Box<dyn FnOnce(&mut Context<Play<()>>) -> exeunt::Result + Send>;

/// Where an actor that has its turn needs it.
#[derive(Clone, Copy, Debug)]
enum Place {
    Handler,
    Stopped,
}

/// What an actor does with the one message that it has in hand.
type Way = Box<dyn Fn(&Context<Play<Question>>) + Send>;

/// A system with an actor that has a message in hand, for which it begins to do something when `ours` drains; with
/// another one that is idle; and with a daemon that gets on all the time.
fn others(ours: SystemHandle, way: Way) -> (System, Addr<Question>) {
    let mut system = patient("others");
    let beat = system.actor("beat").daemon().feeds_nothing();
    let beat = beat.spawn(Play::<()>::idle().started(|cx| {
        cx.send_every(ms(1), || ());
        Ok(())
    }));
    drop(beat.unwrap());
    std::mem::forget(system.spawn("idle", Play::<()>::idle()));
    let (tell, has_it) = mpsc::channel();
    let slow = system.actor("slow").capacity(1).feeds_nothing();
    let mut is_first = true;
    let slow = slow.spawn(Play::new(move |question: Question, cx| {
        if std::mem::take(&mut is_first) {
            tell.send(())?;
            until(|| ours.is_draining());
            way(cx);
        }
        question.into_iter().for_each(|reply| _ = reply.send(()));
        Ok(())
    }));
    let slow = slow.unwrap();
    slow.send(None).unwrap();
    next(&has_it);
    (system, slow)
}

/// An actor that needs something, once, in its handler or its `stopped` hook.
fn needy(place: Place, need: Deed) -> Play<()> {
    let mut need = Some(need);
    let once = move |cx: &mut Context<Play<()>>| need.take().map_or(Ok(()), |need| need(cx));
    match place {
        Place::Handler => {
            let mut once = once;
            Play::new(move |(), cx| once(cx))
        }
        Place::Stopped => Play::idle().stopped(once),
    }
}

/// Drains a system of one that needs something, and gives its report. If that one is told to stop, says what it was
/// doing, and lets those go who stand still.
fn drain_of(
    mut ours: System,
    place: Place,
    keeper: Option<Keeper>,
    need: Deed,
) -> (Report, Option<String>) {
    let (tell, told) = mpsc::channel();
    ours.observe(move |notice| {
        if let Notice::Overdue { doing, .. } = notice {
            let _ = tell.send(doing.clone());
            keeper.iter().for_each(Keeper::opens);
        }
    });
    let needy = ours.spawn("needy", needy(place, need));
    needy.send(()).unwrap();
    let handle = ours.handle();
    until(|| match place {
        Place::Handler => {
            let needy = standing(&handle, "needy");
            needy.waits_for.is_some() || needy.handled == 1
        }
        Place::Stopped => standing(&handle, "needy").handled == 1,
    });
    let report = ours.shutdown();
    (report, told.try_iter().next())
}

fn limited_to(stall_limit: Duration) -> System {
    let mut ours = patient("ours");
    ours.set_stall_limit(stall_limit);
    ours
}

/// The drain of one for whom another system is too slow, but gets on.
fn is_waited_for(place: Place, need: Need) {
    let attempt = move |slower| {
        let ours = limited_to(ms(200) * slower);
        let (deed, _others) =
            need.of(others(ours.handle(), Box::new(move |cx| get_on(cx, slower))));
        let (report, doing) = drain_of(ours, place, None, deed);
        late_unless(doing.is_none() && report.is_complete(), format!("{doing:?}: {report}"))?;
        assert!(report.took > ms(300) * slower, "{report}");
        assert_eq!(figures(line(&report, "needy")), [1, 0, 0], "{report}");
        Ok(())
    };
    guarded(move || in_time(attempt));
}

/// The drain of one for whom another system does nothing.
fn is_waited_for_no_longer(place: Place, (was_doing, need): (&'static str, Need)) {
    guarded(move || {
        let ours = limited_to(ms(200));
        let (trap, keeper) = trap();
        let (deed, _others) = need.of(others(ours.handle(), Box::new(move |_| trap.walk_in())));
        let (report, doing) = drain_of(ours, place, Some(keeper), deed);
        assert_eq!(doing.as_deref(), Some(was_doing), "{report}");
        let needy = line(&report, "needy");
        assert_eq!(needy.ended, Ended::Overdue, "{report}");
        assert!(needy.took >= ms(200), "{report}");
        assert!(needy.error.as_ref().unwrap().contains(was_doing), "{report}");
    });
}

#[test]
fn d1_to_need_one_of_another_system_that_gets_on_is_no_stall() {
    for (_, need) in NEEDS_OF_ONE {
        is_waited_for(Place::Handler, need);
    }
}

#[test]
fn d1_to_need_one_of_another_system_that_stands_still_is_one() {
    for need in NEEDS_OF_ONE {
        is_waited_for_no_longer(Place::Handler, need);
    }
}

#[test]
fn d1_to_drain_another_system_that_gets_on_is_no_stall() {
    for (_, need) in NEEDS_OF_ALL {
        is_waited_for(Place::Stopped, need);
    }
    is_waited_for(Place::Handler, Need::OfAll(drop_it));
}

#[test]
fn d1_to_drain_another_system_that_stands_still_is_one() {
    for need in NEEDS_OF_ALL {
        is_waited_for_no_longer(Place::Stopped, need);
    }
    is_waited_for_no_longer(Place::Handler, NEEDS_OF_ALL[0]);
}

#[test]
fn d1_a_system_gets_on_by_everybody_who_leaves() {
    let attempt = |slower| {
        let mut inner = patient("inner");
        for _ in 0..10 {
            let leaves = Play::<()>::idle().stopped(move |_| {
                thread::sleep(ms(60) * slower);
                Ok(())
            });
            std::mem::forget(inner.spawn("leaves", leaves));
        }
        let ours = limited_to(ms(200) * slower);
        let deed = Box::new(|_: &mut Context<_>| drop_it(inner));
        let (report, doing) = drain_of(ours, Place::Stopped, None, deed);
        assert!(report.took > ms(600) * slower, "{report}");
        late_unless(doing.is_none() && report.is_complete(), format!("{doing:?}: {report}"))
    };
    guarded(move || in_time(attempt));
}

/// One that asks one of a second system, which asks one of a third.
fn asks_who_asks(ours: System, keeper: Option<Keeper>, way: Way) -> (Report, Option<String>) {
    let (others, slow) = others(ours.handle(), way);
    let mut between = patient("between");
    let middle = Play::new(move |question: Question, _| {
        slow.ask(Some)?;
        question.into_iter().for_each(|reply| _ = reply.send(()));
        Ok(())
    });
    let middle = between.spawn("middle", middle);
    let end = drain_of(ours, Place::Handler, keeper, Box::new(move |_| Ok(middle.ask(Some)?)));
    drop((between, others));
    end
}

/// One that drains a second system, one of which drains a third.
fn drains_who_drains(ours: System, keeper: Option<Keeper>, way: Way) -> (Report, Option<String>) {
    let (others, _) = others(ours.handle(), way);
    let mut between = patient("between");
    let middle = needy(Place::Stopped, Box::new(|_| drop_it(others)));
    std::mem::forget(between.spawn("middle", middle));
    drain_of(ours, Place::Stopped, keeper, Box::new(|_| drop_it(between)))
}

type Row = fn(System, Option<Keeper>, Way) -> (Report, Option<String>);
const ROWS: [(&str, Row); 2] =
    [("asking `middle`", asks_who_asks), ("waiting for the end of `between`", drains_who_drains)];

#[test]
fn d1_to_wait_for_a_system_that_waits_for_one_that_gets_on_is_no_stall() {
    for (_, row) in ROWS {
        let attempt = move |slower| {
            let (report, doing) =
                row(limited_to(ms(200) * slower), None, Box::new(move |cx| get_on(cx, slower)));
            assert!(report.took > ms(300) * slower, "{report}");
            late_unless(doing.is_none() && report.is_complete(), format!("{doing:?}: {report}"))
        };
        guarded(move || in_time(attempt));
    }
}

#[test]
fn d1_to_wait_for_a_system_that_waits_for_one_that_stands_still_is_one() {
    for (was_doing, row) in ROWS {
        guarded(move || {
            let (trap, keeper) = trap();
            let way = Box::new(move |_: &Context<Play<Question>>| trap.walk_in());
            let (report, doing) = row(limited_to(ms(200)), Some(keeper), way);
            assert_eq!(doing.as_deref(), Some(was_doing), "{report}");
            let needy = line(&report, "needy");
            assert!(needy.ended == Ended::Overdue && needy.took >= ms(200), "{report}");
        });
    }
}

/// What one of two is told, each in a system of its own.
enum Line {
    /// To wait for the other, or for all of its system, when both are there.
    Wait(Mutual, Addr<Line>, SystemHandle, Arc<Barrier>),
    Answer(Reply<()>),
}

type Mutual = fn(&Addr<Line>, &SystemHandle) -> exeunt::Result;

const MUTUAL: [Mutual; 3] = [
    |other, _| Ok(other.ask(Line::Answer)?),
    |other, _| Ok(other.wait().map(drop)?),
    |_, system| Ok(system.wait().map(drop)?),
];

#[test]
fn d1_two_systems_that_wait_for_each_other_are_told_to_stop() {
    for wait in MUTUAL {
        guarded(move || {
            let both = Arc::new(Barrier::new(2));
            let systems = ["one", "other"].map(|name| {
                let mut system = patient(name);
                system.set_stall_limit(ms(200));
                let waits = system.spawn(
                    "waits",
                    Play::new(|line, _| match line {
                        Line::Wait(wait, other, system, both) => {
                            both.wait();
                            wait(&other, &system)
                        }
                        Line::Answer(reply) => {
                            let _ = reply.send(());
                            Ok(())
                        }
                    }),
                );
                (system, waits)
            });
            let [(one, first), (other, second)] = systems;
            for (who, whom, system) in [(&first, &second, &other), (&second, &first, &one)] {
                let (whom, both) = (whom.clone(), Arc::clone(&both));
                who.send(Line::Wait(wait, whom, system.handle(), both)).unwrap();
            }
            let handles = [one.handle(), other.handle()];
            let is_waiting = |handle| standing(handle, "waits").waits_for.is_some();
            until(|| handles.iter().all(is_waiting));
            handles.iter().for_each(SystemHandle::shutdown);
            let reports = [one, other].map(System::wait);
            let waits = reports.each_ref().map(|report| line(report, "waits"));
            let mut overdue = waits.iter().filter(|waits| waits.ended == Ended::Overdue).peekable();
            assert!(overdue.peek().is_some(), "{reports:?}");
            assert!(overdue.all(|waits| waits.took >= ms(200)), "{reports:?}");
        });
    }
}

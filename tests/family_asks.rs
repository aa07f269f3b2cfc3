//! Clause M5: a child that asks its parent hears that there will be no answer when that waits for it to leave, and reads its
//! mailbox no more until it has.

use std::sync::mpsc::{self, Receiver, Sender};

use exeunt::{Addr, AskError, Context, Ended, Error, Reply, Report, Restart, System};

use crate::support::{HANG, Play, block_on, guarded, line, next, trap, until};

enum Word {
    /// Fails, when it is let go.
    Fail,
    Question(Reply<u32>),
}

fn answer(reply: Reply<u32>) -> exeunt::Result {
    let _ = reply.send(1); // nobody waits, should that one have left
    Ok(())
}

type Heard = Result<u32, AskError<Word>>;

/// How a child asks when it is told to.
type Asks = fn(&Addr<Word>, &Sender<Heard>, &mut Context<Play<()>>) -> exeunt::Result;

fn awake(parent: &Addr<Word>, tell: &Sender<Heard>, _: &mut Context<Play<()>>) -> exeunt::Result {
    Ok(tell.send(parent.ask(Word::Question))?)
}

fn in_a_future(
    parent: &Addr<Word>,
    tell: &Sender<Heard>,
    _: &mut Context<Play<()>>,
) -> exeunt::Result {
    Ok(tell.send(block_on(parent.ask_async(Word::Question)))?)
}

fn asleep(parent: &Addr<Word>, tell: &Sender<Heard>, cx: &mut Context<Play<()>>) -> exeunt::Result {
    let tell = tell.clone();
    cx.ask_then(parent, Word::Question, move |_, answer, _| Ok(tell.send(answer)?))?;
    Ok(())
}

/// A parent of so many threads that fail and begin anew, and of each a child that has asked before.
fn asks_who_fails(threads: usize, asks: Asks) -> (Report, Receiver<Heard>) {
    let (trap, keeper) = trap();
    let (parent, inbox) = exeunt::mailbox::<Word>(4);
    let (born, children) = mpsc::channel();
    let (tell, heard) = mpsc::channel();
    let mut system = System::new("m5");
    system.set_stall_limit(2 * HANG);
    let to = parent.clone();
    let make = move || {
        let (trap, born, to, tell) = (trap.clone(), born.clone(), to.clone(), tell.clone());
        let player = Play::new(move |word, _| match word {
            Word::Fail => {
                trap.walk_in();
                Err(Error::msg("planned"))
            }
            Word::Question(reply) => answer(reply),
        });
        player.started(move |cx| {
            let (to, tell) = (to.clone(), tell.clone());
            let child = Play::new(move |(), cx| asks(&to, &tell, cx));
            Ok(born.send(cx.actor("child").feeds_nothing().spawn(child)?)?)
        })
    };
    let restart = Restart::on_failure().intensity(9, HANG);
    system.pool("parent", threads).inbox(inbox).restart(restart).spawn_with(make).unwrap();
    let children: (Vec<_>, _) = ((0..threads).map(|_| next(&children)).collect(), children);
    for _ in &children.0 {
        assert!(parent.send(Word::Fail).is_ok());
        keeper.catches();
    }
    let handle = system.handle();
    for child in &children.0 {
        child.send(()).unwrap();
    }
    until(|| handle.snapshot().iter().any(|actor| actor.queued == threads));
    keeper.opens();
    // They have begun anew.
    (0..threads).for_each(|_| drop(next(&children.1)));
    (system.shutdown(), heard)
}

#[test]
fn m5_f1_an_ask_of_a_child_ends_when_its_parent_waits_for_it_to_begin_anew() {
    for asks in [awake as Asks, in_a_future, asleep] {
        for threads in [1, 2] {
            let (report, heard) = guarded(move || asks_who_fails(threads, asks));
            let heard: Vec<Heard> = heard.into_iter().collect();
            assert_eq!(heard.len(), threads);
            // The first of a pool whose child has left begins anew, and may answer another one's child before that has woken.
            let (first, others) = heard.split_first().unwrap();
            assert!(matches!(first, Err(AskError::Ended(_))), "{heard:?}");
            let is_fair = |end: &Heard| matches!(end, Err(AskError::Ended(_)) | Ok(1));
            assert!(others.iter().all(is_fair), "{heard:?}");
            let is_well = |ended: Ended| matches!(ended, Ended::Completed | Ended::Drained);
            assert!(report.actors.iter().all(|line| is_well(line.ended)), "{report}");
            // What was asked is there for the next incarnation.
            assert_eq!(line(&report, "parent").handled, threads as u64, "{report}");
        }
    }
}

#[test]
fn m5_f2_an_ask_of_a_child_ends_when_its_parent_fails_in_its_turn() {
    let (report, heard) = guarded(|| {
        let (tell, heard) = mpsc::channel();
        let mut system = System::new("m5");
        system.set_stall_limit(2 * HANG);
        let mut is_first = true;
        let make = move || {
            let (tell, has_child) = (tell.clone(), std::mem::take(&mut is_first));
            let player = Play::new(|word, _| match word {
                Word::Fail => Err(Error::msg("planned")),
                Word::Question(reply) => answer(reply),
            });
            player.started(move |cx| {
                if !has_child {
                    return Ok(());
                }
                let (parent, tell) = (cx.addr(), tell.clone());
                let child = Play::<()>::idle().stopped(move |_| {
                    parent.send(Word::Fail).map_err(|_| Error::msg("refused"))?;
                    Ok(tell.send(parent.ask(Word::Question))?)
                });
                cx.actor("child").feeds_nothing().spawn(child)?;
                Ok(())
            })
        };
        let restart = Restart::on_failure().intensity(1, HANG);
        system.actor("parent").restart(restart).spawn_with(make).unwrap();
        (system.shutdown(), next(&heard))
    });
    assert!(matches!(heard, Err(AskError::Ended(_))), "{heard:?}");
    assert_eq!(line(&report, "parent").failed, 1, "{report}");
}

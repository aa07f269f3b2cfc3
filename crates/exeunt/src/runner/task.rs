//! A task: a thread that runs one closure, and waits where the closure waits.

use std::sync::Arc;

use crate::cell::{self, Failure};
use crate::context::TaskContext;
use crate::ending::{self, Fate, Rebirth};
use crate::error;
use crate::life::{Activity, Life, Outcome, Summons};
use crate::mailbox::Mailbox;
use crate::notice::Notice;

/// Runs a task to its end on this thread, one incarnation after the other.
pub(crate) fn perform(
    life: Arc<Life>,
    mut task: impl FnMut(&TaskContext) -> error::Result,
) -> Outcome {
    let mut is_awaited = false;
    loop {
        life.stage.emit(|| Notice::Started { id: life.index, name: life.name.to_string() });
        if std::mem::take(&mut is_awaited) {
            life.stage.risen(&life);
        }
        let cx = TaskContext::new(Arc::clone(&life));
        let result = life.in_hook(Activity::Performing, || cell::attempt(|| task(&cx)));
        if life.close_family() {
            let everybody_has_left = life.stage.dismiss_family(&life);
            life.during(Activity::AwaitingChildren, || drop(everybody_has_left.recv()));
        }
        match fate_of_task(&life, result) {
            Fate::Leave(outcome) => return outcome,
            Fate::Anew(rebirth) => {
                is_awaited = ending::rest(&life, rebirth, None::<&Mailbox<()>>);
            }
        }
        if life.must_stop.is_set() {
            return Outcome::Overdue;
        }
        if life.stopping.is_set() {
            return ending::ended_well(&life);
        }
        life.count_restart();
    }
}

fn fate_of_task(life: &Arc<Life>, result: Result<(), Failure>) -> Fate {
    let (its_turn, must_stop) = (life.stopping.is_set(), life.must_stop.is_set());
    match (result, life.summons()) {
        (_, Some(Summons::Retire)) if !its_turn => Fate::Anew(Rebirth::Together),
        (_, Some(Summons::Fall(error))) if !must_stop => {
            ending::fate_of_failure(life, Failure::of(error))
        }
        // It was told to stop, and did: its sleep ends with its turn, not only with its deadline.
        (Err(failure), _) if failure.is_interruption && its_turn && !must_stop => {
            Fate::Leave(ending::ended_well(life))
        }
        (Err(failure), _) => ending::fate_of_failure(life, failure),
        (Ok(()), _) if must_stop => Fate::Leave(Outcome::Overdue),
        (Ok(()), _) if its_turn => Fate::Leave(ending::ended_well(life)),
        (Ok(()), _) if !life.is_supervised => Fate::Leave(ending::ended_well(life)),
        (Ok(()), _) => {
            let sentence = life.stage.judge(life, None);
            Fate::from(life, sentence, ending::TOO_OFTEN.to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn life() -> Arc<Life> {
        Arc::new(Life::unstarted())
    }

    #[test]
    fn f1_a_task_that_is_to_begin_anew_with_others_need_not_ask_for_it() {
        let life = life();
        life.summon(Summons::Retire);
        for result in [Ok(()), Err(Failure::of("tripped".into()))] {
            assert!(matches!(fate_of_task(&life, result), Fate::Anew(Rebirth::Together)));
        }
    }

    #[test]
    fn f3_a_task_falls_with_a_child_unless_its_deadline_has_come() {
        let life = life();
        life.summon(Summons::Fall("tripped".into()));
        let fate = fate_of_task(&life, Ok(()));
        assert!(matches!(fate, Fate::Leave(Outcome::Failed(error)) if error == "tripped"));
        life.must_stop.set();
        assert!(matches!(fate_of_task(&life, Ok(())), Fate::Leave(Outcome::Overdue)));
    }

    #[test]
    fn f3_a_task_that_fails_in_its_turn_has_failed_though_it_was_to_begin_anew() {
        let life = life();
        life.summon(Summons::Retire);
        life.stopping.set();
        let fate = fate_of_task(&life, Err(Failure::of("tripped".into())));
        assert!(matches!(fate, Fate::Leave(Outcome::Failed(error)) if error == "tripped"));
    }
}

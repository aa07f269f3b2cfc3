//! The conductor's part: `conductor.rs`, `conductor/turns.rs`, `conductor/revival.rs`.

use super::{Cue, Rebirth, Restarting, Revival, Sentence, State, Without};
use crate::protocol::Steps;

impl Restarting {
    pub(super) fn conduct(&self, steps: &mut Steps<'_, State>) {
        let from = steps.from;
        let conductor = &from.conductor;
        if let Some(i) = (0..2).find(|&i| conductor.rings[i]) {
            // member.rs: an order first, and then the bell
            return steps.add("conductor", &format!("rings for {i}"), |next| {
                next.conductor.rings[i] = false;
                next.actors[i].is_rung = true;
            });
        }
        if let Some(&cue) = from.cues.first() {
            steps.add("conductor", &format!("takes {cue:?}"), |next| {
                next.cues.remove(0);
                self.take(next, cue);
            });
        }
        if !conductor.has_begun {
            return;
        }
        // turns.rs, give_turns: upstream first, and of the two the last spawned
        if !from.source.stopping {
            steps.add("conductor", "gives the source its turn", |next| next.source.stopping = true);
        }
        for i in (0..2).filter(|&i| !conductor.is_in_turn[i] && !conductor.has_left[i]) {
            if conductor.source_has_left && (i + 1..2).all(|other| conductor.has_left[other]) {
                steps.add("conductor", &format!("gives {i} its turn"), |next| self.call(next, i));
            }
        }
        if conductor.source_has_left && conductor.has_left == [true; 2] {
            steps.add("conductor", "writes the report", |next| next.conductor.is_over = true);
        }
    }

    fn take(&self, next: &mut State, cue: Cue) {
        match cue {
            // begin
            Cue::Shutdown => {
                next.conductor.has_begun = true;
                self.dissolve(next);
            }
            // grant, send_away
            Cue::Stop(i) if !next.conductor.has_left[i] && !next.conductor.is_in_turn[i] => {
                self.call(next, i);
            }
            Cue::Stop(_) => {}
            Cue::Over(i) => next.actors[i].sentence = Some(self.judge(next, i)),
            Cue::Rests(i) => self.rests(next, i),
            Cue::Risen(i) => {
                next.conductor.is_rising[i] = false;
                self.advance(next);
            }
            Cue::Ended(i) => {
                next.conductor.has_left[i] = true;
                self.excuse(next, i);
            }
            Cue::SourceEnded => next.conductor.source_has_left = true,
        }
    }

    /// member.rs, call; give_turns
    fn call(&self, next: &mut State, i: usize) {
        next.conductor.is_in_turn[i] = true;
        next.conductor.is_retiring[i] = false;
        next.conductor.rings[i] = true;
        let actor = &mut next.actors[i];
        (actor.closed, actor.stopping) = (true, true);
        self.excuse(next, i);
    }

    fn judge(&self, next: &mut State, i: usize) -> Sentence {
        let conductor = &next.conductor;
        let is_retiring = conductor.revival.is_some_and(|revival| !revival.is_starting);
        if is_retiring && !conductor.is_in_turn[i] {
            return Sentence::Anew(Rebirth::Together);
        }
        // supervision.rs, decide
        let is_alone = conductor.has_begun || conductor.is_in_turn[i];
        let counts = self.without != Without::Limit || !conductor.has_begun;
        if next.actors[i].restarts >= self.limit && counts {
            return Sentence::GiveUp;
        }
        if is_alone || i == 1 {
            // incarnation.rs, countermand
            next.actors[i].is_summoned = false;
            return Sentence::Anew(Rebirth::Alone(self.has_delay));
        }
        // revive
        next.conductor.revival = Some(Revival { has_delay: self.has_delay, is_starting: false });
        self.advance(next);
        Sentence::Anew(Rebirth::Together)
    }

    fn rests(&self, next: &mut State, i: usize) {
        let conductor = &mut next.conductor;
        conductor.is_rising[i] = false;
        conductor.is_retiring[i] = false;
        next.actors[i].is_summoned = false;
        let is_leaving = conductor.has_begun || conductor.is_in_turn[i] || conductor.has_left[i];
        if conductor.revival.is_none() || is_leaving {
            next.actors[i].word = Some(false);
            return;
        }
        conductor.is_resting[i] = true;
        self.advance(next);
    }

    /// excuse_from_revivals
    fn excuse(&self, next: &mut State, i: usize) {
        next.conductor.is_rising[i] = false;
        if std::mem::take(&mut next.conductor.is_resting[i]) {
            next.actors[i].word = Some(false);
        }
        self.advance(next);
    }

    /// dissolve_revivals
    fn dissolve(&self, next: &mut State) {
        if self.without == Without::Dissolve {
            return;
        }
        for i in 0..2 {
            if std::mem::take(&mut next.conductor.is_resting[i]) {
                next.actors[i].word = Some(false);
            }
        }
        next.conductor.revival = None;
        next.conductor.is_rising = [false; 2];
        next.conductor.is_retiring = [false; 2];
    }

    /// advance_revivals
    fn advance(&self, next: &mut State) {
        let Some(mut revival) = next.conductor.revival else { return };
        if !revival.is_starting && self.is_stopping(next) {
            return;
        }
        revival.is_starting = true;
        next.conductor.revival = Some(revival);
        for i in 0..2 {
            if next.conductor.is_rising[i] {
                return;
            }
            if std::mem::take(&mut next.conductor.is_resting[i]) {
                next.conductor.is_rising[i] = true;
                next.actors[i].word = Some(std::mem::take(&mut revival.has_delay));
                next.conductor.revival = Some(revival);
                return;
            }
        }
        next.conductor.revival = None;
    }

    fn is_stopping(&self, next: &mut State) -> bool {
        for i in (0..2).rev() {
            let conductor = &mut next.conductor;
            if conductor.has_left[i] || conductor.is_resting[i] || conductor.is_in_turn[i] {
                continue;
            }
            if !std::mem::replace(&mut conductor.is_retiring[i], true) {
                // member.rs, summon
                conductor.rings[i] = true;
                next.actors[i].is_summoned = true;
            }
            return true;
        }
        false
    }
}

//! The conductor's part: what it is told, whose turn it gives, and what its deadlines say. Functions are those of
//! `exeunt/src/conductor.rs` and `conductor/turns.rs`, if no other file is named.

use super::{At, Conductor, Cue, Drain, Family, Figures, State, TOO_EARLY, Turn, Without};
use crate::protocol::Steps;

impl Drain {
    pub(super) fn conduct(&self, steps: &mut Steps<'_, State>) {
        let from = steps.from;
        let conductor = &from.conductor;
        if let Some(look) = &conductor.look {
            return self.look(look, steps);
        }
        if let Some(&i) = conductor.to_shut.first() {
            return self.shut_next(i, steps);
        }
        if let Some(&i) = conductor.to_close.first() {
            return self.close_next(i, steps);
        }
        // take
        if let Some(&cue) = from.cues.first() {
            steps.add("conductor", &format!("takes {cue:?}"), |next| {
                next.cues.remove(0);
                self.take(next, cue);
            });
        }
        // drain: `while !self.all_have_left()`
        if conductor.has_begun && usize::from(conductor.left) >= self.len() {
            steps.add("conductor", "writes the report", |next| next.conductor.is_over = true);
        }
        for i in (0..self.len()).filter(|&i| !conductor.has_left[i]) {
            if let (Turn::None, Some(before)) = (conductor.turns[i], self.is_due(from, i)) {
                steps.add("conductor", &format!("gives {i} its turn"), |next| {
                    self.give_turn(next, i, &before);
                });
            }
            self.enforce(i, steps);
        }
        self.begin_looks(steps);
        self.finish_rings(steps);
    }

    fn take(&self, next: &mut State, cue: Cue) {
        match cue {
            // wait_for_the_end, begin
            Cue::Shutdown if next.conductor.has_begun && self.without == Without::HasBegun => {
                next.conductor.turns.fill(Turn::None);
            }
            Cue::Shutdown => self.begin_drain(&mut next.conductor),
            // see_off: `.filter(|member| !member.has_left())`
            Cue::Ended(i) if next.conductor.has_left[i] && self.without != Without::HasLeft => {}
            Cue::Ended(i) => {
                let actor = &next.actors[i];
                let figures = actor.figures;
                self.leave(next, i, figures);
            }
            Cue::Dismiss(parent) => self.dismiss_family(&mut next.conductor, parent, true),
            // early.rs, send_away
            Cue::Stop(i) => next.conductor.alone[i] = true,
        }
    }

    fn begin_drain(&self, conductor: &mut Conductor) {
        conductor.has_begun = true;
        if self.without == Without::OrphansOfBefore {
            // `all.retain(|member| !member.has_left() ..)`
            for i in 0..self.len() {
                conductor.ended[i] |= conductor.has_left[i];
            }
        }
    }

    /// early.rs; stage.rs, children
    fn dismiss_family(&self, conductor: &mut Conductor, of: usize, is_awaited: bool) {
        let is_of_it = |&i: &usize| {
            let is_there = |&above: &usize| above == of || !conductor.has_left[above];
            let its = match self.without {
                Without::OrphansBelow => self.wiring.parents[i],
                _ => self.wiring.above(i).find(is_there),
            };
            !conductor.has_left[i] && its == Some(of)
        };
        let members = (0..self.len()).filter(is_of_it).collect();
        conductor.families.push(Family { of, members, is_awaited });
        self.disband(conductor);
    }

    /// leaving.rs
    fn leave(&self, next: &mut State, i: usize, figures: Figures) {
        let conductor = &mut next.conductor;
        conductor.has_left[i] = true;
        conductor.left += 1;
        conductor.report[i].get_or_insert(figures);
        conductor.turns[i] = Turn::Called;
        if !self.has_children(i) || self.without == Without::WaitForOrphans {
            conductor.ended[i] = true;
        }
        if self.has_children(i) {
            self.dismiss_family(conductor, i, false);
        }
        self.disband(conductor);
    }

    /// early.rs
    fn disband(&self, conductor: &mut Conductor) {
        let has_left = |conductor: &Conductor, family: &Family| {
            family.members.iter().all(|&member| conductor.ended[member])
        };
        while let Some(at) = conductor.families.iter().position(|one| has_left(conductor, one)) {
            let family = conductor.families.remove(at);
            let tells = if family.is_awaited { &mut conductor.told } else { &mut conductor.ended };
            tells[family.of] = true;
        }
    }

    /// company.rs, take_due: those who have left before, if its turn may come after them.
    fn is_due(&self, state: &State, i: usize) -> Option<Vec<usize>> {
        let conductor = &state.conductor;
        let lets_go = |&other: &usize| match self.without {
            Without::WaitForUpstream => conductor.turns[other] != Turn::None,
            _ => conductor.ended[other],
        };
        let alone = conductor.alone[i].then(Vec::new);
        let is_root = self.wiring.parents[i].is_none() && conductor.has_begun;
        let with_all = is_root.then(|| self.wiring.upstream[i].clone());
        // Last spawned first.
        let families = conductor.families.iter().filter(|family| family.members.contains(&i));
        let with_family = families.map(|family| {
            family.members.iter().copied().filter(|&other| other > i).collect::<Vec<_>>()
        });
        let mut ways = alone.into_iter().chain(with_all).chain(with_family);
        ways.find(|before| before.iter().all(lets_go))
    }

    /// turns.rs, give_turns
    fn give_turn(&self, next: &mut State, i: usize, before: &[usize]) {
        // Of those who have left for good, with all that is theirs: no order but this is asked here.
        let has_gone = |&other: &usize| {
            self.wiring.trees[other].iter().all(|&one| next.conductor.has_left[one])
        };
        if !before.iter().all(has_gone) {
            next.wrong.get_or_insert(TOO_EARLY);
        }
        if self.ring(i).is_empty() {
            self.call(next, i);
        }
        // What one of a ring waits for, all of it wait for: so their turns come at once.
        for &i in self.ring(i) {
            if next.conductor.turns[i] == Turn::None {
                next.conductor.turns[i] = Turn::Settling;
            }
        }
        // company.rs, With::Pool
        let ring = self.ring(i);
        if !ring.is_empty() && self.wiring.is_pool(ring) {
            self.close_ring(next, &self.ring_of(next, i));
        }
    }

    /// member.rs, call
    pub(super) fn call(&self, next: &mut State, i: usize) {
        next.conductor.turns[i] = Turn::Called;
        next.conductor.given[i] += 1;
        self.mailbox_of(next, i).closed = true;
        next.actors[i].stopping = true;
    }

    /// turns.rs, enforce_deadlines: at any moment.
    fn enforce(&self, i: usize, steps: &mut Steps<'_, State>) {
        let conductor = &steps.from.conductor;
        let awaits_children = conductor.families.iter().any(|family| family.of == i);
        match conductor.turns[i] {
            Turn::None => {}
            Turn::Halted if awaits_children => {}
            Turn::Halted => {
                let at = steps.from.actors[i].at;
                if matches!(at, At::Handling | At::Hung | At::Evict | At::Count(_)) {
                    steps.add("conductor", &format!("gives {i} up"), |next| self.abandon(next, i));
                }
            }
            _ if self.hangs > 0 => {
                steps.add("conductor", &format!("tells {i} that it must stop"), |next| {
                    self.halt(next, i);
                });
            }
            _ => {}
        }
    }

    /// turns.rs, halt
    fn halt(&self, next: &mut State, i: usize) {
        if !next.actors[i].stopping {
            self.call(next, i);
        }
        next.conductor.turns[i] = Turn::Halted;
        next.actors[i].must_stop = true;
        let family = next.conductor.families.iter().find(|family| family.of == i);
        for child in family.map(|family| family.members.clone()).unwrap_or_default() {
            if !next.conductor.has_left[child] && next.conductor.turns[child] != Turn::Halted {
                self.halt(next, child);
            }
        }
    }

    /// abandon; life/ledger.rs, disown; member.rs, take_over
    fn abandon(&self, next: &mut State, i: usize) {
        let actor = &mut next.actors[i];
        actor.disowned = true;
        actor.has_resigned = true;
        let mut figures = actor.figures;
        figures.failed += u8::from(matches!(actor.at, At::Handling | At::Hung));
        if next.is_unread(self, self.wiring.reads[i]) {
            figures.returned += self.mailbox_of(next, i).evict();
        }
        if self.without == Without::Disowning {
            next.actors[i].figures = figures;
        }
        self.leave(next, i, figures);
    }
}

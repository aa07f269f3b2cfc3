//! How much of everything there was.

use exeunt::{ActorReport, Ended};

use super::{Audit, is_child};
use crate::programs_at_random::Figures;
use crate::programs_at_random::program::Way;

impl Audit {
    pub(super) fn figures(&self) -> Figures {
        let (accepted, refused): (Vec<_>, Vec<_>) =
            self.accounts.iter().flatten().partition(|(.., accepted)| *accepted);
        let sum = |figure: fn(&ActorReport) -> u64| self.report.actors.iter().map(figure).sum();
        let answers = self.asked.iter().filter(|(.., answer)| answer.is_ok()).count();
        let by = |way: Way| accepted.iter().filter(|(_, number, _)| number.way == way).count();
        let all = 0..self.program.roles.len();
        let in_rings = all.filter(|&i| self.drained(i) && !self.program.ring(i).is_empty());
        let in_teams =
            (0..self.program.roles.len()).filter(|&i| self.program.roles[i].team.is_some());
        let children = || self.report.actors.iter().filter(|line| is_child(&line.name));
        let of_children = |figure: fn(&ActorReport) -> u64| children().map(figure).sum();
        let heard = self.books.values().map(|book| book.lock().unwrap().heard.len() as u64).sum();
        let editions: Vec<_> = self.editions().map(|(_, edition)| edition).collect();
        let routed = self.routed();
        let by_routers = |is_answered: bool| {
            routed.iter().filter(|(_, one)| one.is_answered == Some(is_answered)).count() as u64
        };
        let told = self.books.values().map(|book| book.lock().unwrap().told.len());
        let told = self.ways.told.len() + told.sum::<usize>();
        Figures([
            accepted.len() as u64,
            refused.len() as u64,
            sum(|line| line.handled),
            sum(|line| line.failed),
            sum(|line| line.returned),
            sum(|line| line.overflowed),
            sum(|line| line.restarts),
            answers as u64,
            (self.asked.len() - answers) as u64,
            by(Way::Urgent) as u64,
            by(Way::Channel) as u64,
            self.left.len() as u64,
            in_rings.count() as u64,
            sum(|line| line.threads.len() as u64),
            sum(|line| u64::from(line.ended == Ended::Abandoned)),
            sum(|line| u64::from(line.ended == Ended::Daemon)),
            in_teams.map(|i| self.line(i).restarts).sum(),
            heard,
            self.report.actors.iter().map(|line| line.cancelled).sum(),
            self.books.values().map(|book| book.lock().unwrap().ticks.len() as u64).sum(),
            of_children(|line| line.restarts),
            of_children(|line| u64::from(line.ended == Ended::Failed)),
            editions.iter().map(|edition| edition.accepted as u64).sum(),
            editions.iter().map(|edition| edition.refused.len() as u64).sum(),
            self.editions_that_must_come().len() as u64,
            (0..self.program.roles.len()).filter_map(|i| self.edge_of_children(i)).count() as u64,
            self.routed().len() as u64,
            self.rounds().len() as u64,
            by_routers(true),
            by_routers(false),
            told as u64,
            self.heard_by_pools().len() as u64,
            self.children_of_pools(),
        ])
    }
}

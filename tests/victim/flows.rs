//! Systems under load: a chain, a fan, and actors mixed with tasks and a daemon.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crossbeam_channel::Receiver;
use exeunt::{Addr, System, TaskContext};

use crate::facts::say;
use crate::ledger::{Account, Item, Ledger, Port};
use crate::options::Options;
use crate::relay::{Relay, Work};

type Spawned = Result<(), Box<dyn std::error::Error>>;

/// A system in the making.
pub(crate) struct Flow<'a> {
    pub(crate) system: System,
    pub(crate) ledger: Ledger,
    /// Closed when the daemon, for which the system does not wait, writes no more.
    pub(crate) last_pen: Option<Receiver<()>>,
    options: &'a Options,
}

impl<'a> Flow<'a> {
    pub(crate) fn new(system: System, options: &'a Options) -> Flow<'a> {
        Flow { system, ledger: Ledger::default(), last_pen: None, options }
    }

    /// Source task -> a -> b -> sink, nothing declared.
    pub(crate) fn chain(&mut self) -> Spawned {
        let (sink, sink_page) = self.spawn("sink", vec![], &[])?;
        let (b, b_page) = self.spawn("b", vec![Port::new(&sink, &sink_page, 1)], &[])?;
        let (a, a_page) = self.spawn("a", vec![Port::new(&b, &b_page, 2)], &[])?;
        drop((sink, b));
        self.pause();
        let source = self.source(vec![Port::new(&a, &a_page, 3)]);
        drop(a);
        self.system.task("source").spawn(source)?;
        Ok(())
    }

    /// Two sources to three workers to two sinks, all of it declared.
    pub(crate) fn fan(&mut self) -> Spawned {
        let sinks = [self.spawn("sink", vec![], &[])?, self.spawn("sink 2", vec![], &[])?];
        let downstream: Vec<&Addr<Item>> = sinks.iter().map(|(addr, _)| addr).collect();
        let mut workers = Vec::new();
        for (number, name) in [(1, "worker 1"), (2, "worker 2"), (3, "worker 3")] {
            let ports = sinks.iter().map(|(addr, page)| Port::new(addr, page, number)).collect();
            workers.push(self.spawn(name, ports, &downstream)?);
        }
        for (number, name) in [(4, "source"), (5, "source 2")] {
            self.pause();
            let ports = workers.iter().map(|(addr, page)| Port::new(addr, page, number)).collect();
            let source = self.source(ports);
            let mut task = self.system.task(name);
            for (worker, _) in &workers {
                task = task.feeds(worker);
            }
            task.spawn(source)?;
        }
        Ok(())
    }

    /// Tasks plus actors: a chain, a task that sleeps, one that comes after the sink, and a daemon
    /// that sends to the sink for as long as it can.
    pub(crate) fn mixed(&mut self) -> Spawned {
        let (sink, sink_page) = self.spawn("sink", vec![], &[])?;
        let (a, a_page) = self.spawn("a", vec![Port::new(&sink, &sink_page, 1)], &[])?;
        self.system
            .task("sleeper")
            .feeds_nothing()
            .spawn(|cx| Ok(cx.sleep(Duration::from_secs(3600))?))?;
        if !self.system.handle().is_draining() {
            // Refused for the name it comes after, if that one came too late to be started.
            let after = self.system.task("after the sink").after("sink");
            let _ = after.spawn(|cx| {
                cx.stopping().wait();
                say("the sink has left");
                Ok(())
            });
        }
        let (pen, last_pen) = crossbeam_channel::bounded::<()>(0);
        let mut ticks = Port::new(&sink, &sink_page, 2);
        self.system.task("ticker").daemon().spawn(move |cx| {
            while !cx.must_stop().wait_timeout(Duration::from_micros(700)) {
                let _ = ticks.send();
            }
            drop((ticks, pen));
            Ok(())
        })?;
        self.last_pen = Some(last_pen);
        self.pause();
        let source = self.source(vec![Port::new(&a, &a_page, 3)]);
        self.system.task("source").feeds(&a).spawn(source)?;
        Ok(())
    }

    /// Spawns a relay, after a pause if start-up is to be slow.
    pub(crate) fn spawn(
        &mut self,
        name: &str,
        to: Vec<Port>,
        feeds: &[&Addr<Item>],
    ) -> Result<(Addr<Item>, Arc<Account>), exeunt::SpawnError> {
        self.pause();
        let page = self.ledger.open(name);
        let is_sink = name == "sink";
        let relay = Relay {
            to,
            progress_every: is_sink.then_some(64),
            is_held: is_sink && self.options.has("hold"),
            fails_at_the_end: is_sink && self.options.has("fail_at_the_end"),
            ..Relay::new(&page, self.work(is_sink))
        };
        let mut actor = self.system.actor(name).capacity(64).returned(Relay::bury(&page));
        for addr in feeds {
            actor = actor.feeds(addr);
        }
        Ok((actor.spawn(relay)?, page))
    }

    /// The sink is the slow one, so that the mailboxes before it are full.
    fn work(&self, is_sink: bool) -> Work {
        let pace = Duration::from_micros(self.options.number("pace_us").unwrap_or(200));
        match self.options.number("fail_at") {
            Some(at) if is_sink => Work::FailAt(at),
            _ if is_sink && self.options.has("fail_in_drain") => Work::FailInDrain,
            _ if is_sink && self.options.has("compute") => Work::Compute(pace),
            _ if is_sink => Work::Take(pace),
            _ => Work::Take(Duration::ZERO),
        }
    }

    fn pause(&self) {
        thread::sleep(self.options.millis("start_ms").unwrap_or_default());
    }

    /// Sends as fast as it can, until it is to stop, or has sent enough.
    fn source(
        &self,
        mut ports: Vec<Port>,
    ) -> impl FnOnce(&TaskContext) -> exeunt::Result + Send + 'static {
        let limit = self.options.number("limit").unwrap_or(u64::MAX);
        let shutdown_at = self.options.number("shutdown_at");
        move |cx| {
            let mut sent = 0;
            while sent < limit && !cx.stopping().is_set() {
                let turn = usize::try_from(sent)? % ports.len();
                ports[turn].send()?;
                sent += 1;
                if shutdown_at == Some(sent) {
                    cx.system().shutdown();
                }
            }
            Ok(())
        }
    }
}

//! The topologies: who sends to whom.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use exeunt::{Actor, ActorBuilder, Capacity, Context, System, SystemHandle, TaskContext, mailbox};
use exeunt_chaos::{Claim, Entry, Fault, Ledger, Page, Part};
use exeunt_pipeline::{Pipeline, Running};

use crate::conduct::{Conduct, restart};
use crate::relay::{Item, Line, Relay, Seen, Trick, Way};

pub(crate) struct Topology {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    /// How many of its actors something may be wrong with.
    places: u64,
    pub(crate) build: fn(&mut Build<'_>) -> Built,
}

type Built = Result<(), Box<dyn Error>>;

impl Topology {
    pub(crate) const ALL: [Topology; 7] = [
        Topology {
            name: "chain",
            about: "a source, two relays and a sink; nothing declared",
            places: 3,
            build: chain,
        },
        Topology {
            name: "fan",
            about: "two sources to three workers to one collector, all of it declared",
            places: 4,
            build: fan,
        },
        Topology {
            name: "pool",
            about: "a source, a pool of three threads, and a sink",
            places: 2,
            build: pool,
        },
        Topology {
            name: "cycle",
            about: "three actors in a declared circle, round which all goes a few times, and a sink",
            places: 4,
            build: cycle,
        },
        Topology {
            name: "tree",
            about: "an actor with children and grandchildren, and guests that come and go",
            places: 7,
            build: tree,
        },
        Topology {
            name: "mixed",
            about: "a chain beside tasks that sleep and that come last, and a daemon that sends to the sink",
            places: 2,
            build: mixed,
        },
        Topology {
            name: "pipeline",
            about: "a pipeline of exeunt-pipeline, with a stage on two threads",
            places: 2,
            build: pipeline,
        },
    ];

    pub(crate) fn find(name: &str) -> Option<&'static Topology> {
        const { &Topology::ALL }.iter().find(|topology| topology.name == name)
    }
}

/// A topology in the making.
pub(crate) struct Build<'a> {
    system: &'a mut System,
    cast: Cast,
    /// What the library says of those that have no line in the report.
    pub(crate) claims: Option<Box<dyn FnOnce() -> Vec<Claim>>>,
    /// Closed when the daemon, for which the system does not wait, writes no more.
    pub(crate) last_pen: Option<Receiver<()>>,
}

/// What everybody who is spawned is made of.
#[derive(Clone)]
struct Cast {
    ledger: Ledger,
    part: Part,
    places: u64,
    /// Counts down: the sink is spawned first, and is the last.
    place: Arc<AtomicU64>,
    trick: Trick,
}

impl<'a> Build<'a> {
    pub(crate) fn new(
        system: &'a mut System,
        ledger: &Ledger,
        part: &Part,
        topology: &Topology,
        trick: Trick,
    ) -> Build<'a> {
        let cast = Cast {
            ledger: ledger.clone(),
            part: part.clone(),
            places: topology.places,
            place: Arc::new(AtomicU64::new(topology.places)),
            trick,
        };
        Build { system, cast, claims: None, last_pen: None }
    }

    /// An actor, spawned; the sink first.
    fn relay(&mut self, name: &str, to: &[Way], feeds: bool) -> Result<Way, Box<dyn Error>> {
        pause();
        let actor = self.system.actor(name);
        Ok(self.cast.spawn(actor, name, to, feeds)?)
    }

    /// Sends until it is to stop.
    fn source(&mut self, name: &str, to: Vec<Way>, hops: u64, feeds: bool) -> Built {
        pause();
        let mut task = self.system.task(name);
        if feeds {
            task = to.iter().fold(task, |task, way| task.feeds(&way.to));
        }
        let drains_at = self.cast.part.drains_at();
        task.spawn(move |cx| send_all(cx, &to, hops, drains_at))?;
        Ok(())
    }
}

/// Start-up takes a while, so that it can be met.
fn pause() {
    thread::sleep(Duration::from_millis(2));
}

fn send_all(cx: &TaskContext, to: &[Way], hops: u64, drains_at: Option<u64>) -> exeunt::Result {
    let mut lines: Vec<Line> = to.iter().map(Way::line).collect();
    let mut sent = 0;
    while !cx.stopping().is_set() {
        let turn = usize::try_from(sent)? % lines.len();
        lines[turn].send(hops)?;
        sent += 1;
        if drains_at == Some(sent) {
            cx.system().shutdown();
        }
    }
    Ok(())
}

impl Cast {
    fn next_conduct(&self) -> Conduct {
        let place = self.place.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |place| {
            Some(place.saturating_sub(1))
        });
        Conduct::of(&self.part, place.unwrap_or_default().saturating_sub(1), self.places)
    }

    fn capacity(&self) -> Capacity {
        Capacity::Bounded(if self.part.fault == Fault::Full { 1 } else { 64 })
    }

    fn spawn(
        &self,
        actor: ActorBuilder<'_, Item>,
        name: &str,
        to: &[Way],
        feeds: bool,
    ) -> Result<Way, exeunt::SpawnError> {
        let actor = actor.capacity(self.capacity());
        let page = self.ledger.page(name);
        let relay = self.maker(&page, to, Some(Seen::default()));
        let actor = if feeds {
            to.iter().fold(actor.feeds_nothing(), |actor, way| actor.feeds(&way.to))
        } else {
            actor
        };
        self.finish(actor, page, relay)
    }

    fn finish<A: Actor<Msg = Item>>(
        &self,
        actor: ActorBuilder<'_, Item>,
        page: Page,
        make: impl FnMut() -> A + Send + 'static,
    ) -> Result<Way, exeunt::SpawnError> {
        let actor = actor.restart(restart(&self.part)).returned(page.returned());
        Ok(Way { to: actor.spawn_with(make)?, page, trick: self.trick })
    }

    fn maker(
        &self,
        page: &Page,
        to: &[Way],
        seen: Option<Seen>,
    ) -> impl FnMut() -> Relay + Send + 'static + use<> {
        let (conduct, page, to) = (self.next_conduct(), page.clone(), to.to_vec());
        let trick = self.trick;
        move || Relay {
            page: page.clone(),
            conduct,
            lines: to.iter().map(Way::line).collect(),
            exit: None,
            seen: seen.clone(),
            trick,
        }
    }
}

fn chain(build: &mut Build<'_>) -> Built {
    let sink = build.relay("sink", &[], false)?;
    let b = build.relay("b", &[sink], false)?;
    let a = build.relay("a", &[b], false)?;
    build.source("source", vec![a], 0, false)
}

fn fan(build: &mut Build<'_>) -> Built {
    let collector = [build.relay("collector", &[], true)?];
    let mut workers = Vec::new();
    for name in ["worker 1", "worker 2", "worker 3"] {
        workers.push(build.relay(name, &collector, true)?);
    }
    build.source("source 1", workers.clone(), 0, true)?;
    build.source("source 2", workers, 0, true)
}

fn pool(build: &mut Build<'_>) -> Built {
    let sink = build.relay("sink", &[], false)?;
    pause();
    let cast = build.cast.clone();
    let page = cast.ledger.page("pool");
    let make = cast.maker(&page, &[sink], None);
    let make = std::sync::Mutex::new(make);
    let pool = build.system.pool("pool", 3).capacity(cast.capacity());
    let pool = cast.finish(pool, page, move || {
        (make.lock().unwrap_or_else(std::sync::PoisonError::into_inner))()
    })?;
    build.source("source", vec![pool], 0, false)
}

/// So many go round at a time, at most; the mailboxes of the circle have room for all.
const TOKENS: u64 = 1000;

fn cycle(build: &mut Build<'_>) -> Built {
    let sink = build.relay("sink", &[], true)?;
    let names = ["ring 1", "ring 2", "ring 3"];
    let (ways, inboxes): (Vec<Way>, Vec<_>) = names
        .map(|name| {
            let (to, inbox) = mailbox(Capacity::Bounded(2 * TOKENS as usize));
            (Way { to, page: build.cast.ledger.page(name), trick: build.cast.trick }, inbox)
        })
        .into_iter()
        .unzip();
    for (place, inbox) in inboxes.into_iter().enumerate() {
        pause();
        let cast = build.cast.clone();
        let next = ways[(place + 1) % ways.len()].clone();
        let (page, exit) = (ways[place].page.clone(), sink.clone());
        let mut make = cast.maker(&page, std::slice::from_ref(&next), Some(Seen::default()));
        let actor = build.system.actor(names[place]).inbox(inbox).feeds(&next.to).feeds(&exit.to);
        cast.finish(actor, page, move || Relay { exit: Some(exit.line()), ..make() })?;
    }
    pause();
    let entry = ways[0].clone();
    drop((ways, sink));
    let drains_at = build.cast.part.drains_at();
    build.system.task("source").feeds(&entry.to).spawn(move |cx| {
        let mut line = entry.line();
        for sent in 1..=TOKENS {
            if cx.stopping().is_set() {
                break;
            }
            line.send(4)?;
            if drains_at == Some(sent) {
                cx.system().shutdown();
            }
        }
        cx.stopping().wait(); // else a circle that is at rest would be waited for by nobody
        Ok(())
    })?;
    Ok(())
}

fn tree(build: &mut Build<'_>) -> Built {
    let cast = build.cast.clone();
    let page = cast.ledger.page("root");
    let mut make = cast.maker(&page, &[], Some(Seen::default()));
    let children = cast.clone();
    let actor = build.system.actor("root").capacity(cast.capacity());
    let root = cast.finish(actor, page, move || Parent {
        relay: make(),
        cast: children.clone(),
        children: &["branch 1", "branch 2"],
    })?;
    build.source("source", vec![root], 0, false)
}

/// Passes on to its children; now and then to a guest, which leaves when it has handled the one message.
struct Parent {
    relay: Relay,
    cast: Cast,
    children: &'static [&'static str],
}

impl Parent {
    fn child(&self, name: &str, cx: &Context<Parent>) -> Result<Way, exeunt::SpawnError> {
        if let Some(leaves) = leaves(name) {
            let page = self.cast.ledger.page(name);
            let mut make = self.cast.maker(&page, &[], Some(Seen::default()));
            let cast = self.cast.clone();
            let actor = cx.actor(name).capacity(cast.capacity());
            return self.cast.finish(actor, page, move || Parent {
                relay: make(),
                cast: cast.clone(),
                children: leaves,
            });
        }
        self.cast.spawn(cx.actor(name), name, &[], false)
    }
}

fn leaves(branch: &str) -> Option<&'static [&'static str]> {
    match branch {
        "branch 1" => Some(&["leaf 1", "leaf 2"]),
        "branch 2" => Some(&["leaf 3", "leaf 4"]),
        _ => None,
    }
}

impl Actor for Parent {
    type Msg = Item;

    fn started(&mut self, cx: &mut Context<Self>) -> exeunt::Result {
        for name in self.children {
            let child = self.child(name, cx)?;
            if !child.to.is_closed() {
                // else it was not started any more, and this one keeps its messages
                self.relay.lines.push(child.line());
            }
        }
        Ok(())
    }

    fn handle(&mut self, item: Item, cx: &mut Context<Self>) -> exeunt::Result {
        let number = self.relay.take(item)?;
        if number % 40 == 0 {
            // Without a thread there is no guest; and in a drain none is started, and none takes anything.
            if let Ok(guest) = self.child("guest", cx) {
                let _ = guest.line().send(0);
            }
        }
        Ok(())
    }
}

fn mixed(build: &mut Build<'_>) -> Built {
    let sink = build.relay("sink", &[], false)?;
    let a = build.relay("a", std::slice::from_ref(&sink), false)?;
    let sleeper = build.system.task("sleeper").feeds_nothing();
    sleeper.spawn(|cx| Ok(cx.sleep(Duration::from_secs(3600))?))?;
    let after = build.system.task("after the sink").after("sink");
    match after.spawn(|cx| {
        cx.stopping().wait();
        Ok(())
    }) {
        // In a drain the sink was not started any more.
        Err(error) if error.is_unknown_name() => {}
        spawned => drop(spawned?),
    }
    let (pen, last_pen) = mpsc::channel::<()>();
    let way = sink.clone();
    build.system.task("ticker").daemon().feeds(&way.to).spawn(move |cx| {
        let _pen = pen;
        let mut ticks = way.line();
        while !cx.must_stop().wait_timeout(Duration::from_micros(700)) {
            let _ = ticks.send(0); // also when the sink has left
        }
        Ok(())
    })?;
    build.last_pen = Some(last_pen);
    build.source("source", vec![a], 0, true)
}

fn pipeline(build: &mut Build<'_>) -> Built {
    let cast = build.cast.clone();
    let [into_map, into_sink] = ["map", "sink"].map(|name| cast.ledger.page(name));
    let (sink_conduct, map_conduct) = (cast.next_conduct(), cast.next_conduct());
    let begun = Arc::new(AtomicU64::new(0));
    let source = source(&cast, build.system.handle(), into_map, Arc::clone(&begun));
    let map = move |piece: Piece| {
        begun.fetch_add(1, Ordering::Relaxed);
        let entry = piece.enter();
        map_conduct.act(entry.number())?;
        let made = Piece::new(&into_sink);
        entry.handled();
        Ok::<Piece, exeunt::Error>(made)
    };
    let flow = Pipeline::new("pipeline").iter("source", source).try_parallel("map", 2, map);
    let flow = if cast.part.fault == Fault::Panics { flow.skip_errors() } else { flow };
    let ready = flow.sink("sink", move |piece: Piece| {
        let entry = piece.enter();
        sink_conduct.act(entry.number())?;
        entry.handled();
        Ok(())
    });
    let running = ready.spawn(build.system)?;
    build.claims = Some(Box::new(move || claims(&running)));
    Ok(())
}

/// Pieces, not too far ahead of what has begun, so that there is always something on its way, and a drain has an end.
fn source(
    cast: &Cast,
    system: SystemHandle,
    into: Page,
    begun: Arc<AtomicU64>,
) -> impl Iterator<Item = Piece> + Send + use<> {
    let drains_at = cast.part.drains_at();
    (1..).map(move |n| {
        while n > begun.load(Ordering::Relaxed) + 400 && !system.is_draining() {
            thread::sleep(Duration::from_micros(100));
        }
        if drains_at == Some(n) {
            system.shutdown();
        }
        Piece::new(&into)
    })
}

/// An item of a pipeline, which keeps the page of the stage that it is given to.
struct Piece(Option<Page>);

impl Piece {
    /// One that is given on, which in a pipeline nobody refuses.
    fn new(into: &Page) -> Piece {
        let given: Result<(), ()> = into.offer(|| Ok(()));
        debug_assert!(given.is_ok());
        Piece(Some(into.clone()))
    }

    fn enter(mut self) -> Entry {
        self.0.take().expect("it is consumed by this").enter()
    }
}

/// Without having entered the stage: no hook is told of it, and none has to be.
impl Drop for Piece {
    fn drop(&mut self) {
        if let Some(page) = self.0.take() {
            (page.returned())(());
        }
    }
}

/// What the ledger of the pipeline says of each stage.
fn claims(running: &Running) -> Vec<Claim> {
    let ledger = running.ledger();
    let stages = ledger.stages.iter().filter(|stage| !stage.inputs.is_empty());
    stages
        .map(|stage| {
            let handled = stage.passed + stage.filtered + stage.diverted;
            let returned = stage.returned;
            let failed = stage.failed + stage.abandoned;
            Claim { name: stage.name.clone(), handled, failed, returned, in_chunks: true }
        })
        .collect()
}

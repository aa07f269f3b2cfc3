//! What people write by hand: a `select!` over work and shutdown for every message.

use std::thread::{self, JoinHandle};

use crossbeam_channel::{Receiver, Sender, bounded, select};

use super::plain::{self, Msg};
use crate::contender::{About, Contender, Mailbox, Place, Stop};
use crate::role::Role;

pub(crate) struct Select {
    shutdowns: Vec<Sender<()>>,
    workers: Vec<JoinHandle<()>>,
}

fn work(work: &Receiver<Msg>, shutdown: &Receiver<()>, role: &mut Role<Sender<Msg>>) {
    loop {
        select! {
            recv(work) -> msg => match msg {
                Ok(msg) => plain::handle(role, msg),
                Err(_) => break,
            },
            recv(shutdown) -> _ => break,
        }
    }
}

impl Select {
    fn start_worker(&mut self, messages: Receiver<Msg>, mut role: Role<Sender<Msg>>) {
        let (shutdown, told) = bounded(1);
        self.workers.push(thread::spawn(move || work(&messages, &told, &mut role)));
        self.shutdowns.push(shutdown);
    }
}

impl Contender for Select {
    type Addr = Sender<Msg>;

    const ABOUT: About = About {
        name: "select",
        version: "crossbeam-channel 0.5.17",
        place: Place::OwnThread("a thread for each `select!` loop"),
        stop: "`shutdown.send(())` to each, then `worker.join()`",
        no_bounded: None,
        no_order: None,
    };

    fn start() -> Select {
        Select { shutdowns: Vec::new(), workers: Vec::new() }
    }

    fn spawn(&mut self, mailbox: Mailbox, role: Role<Sender<Msg>>) -> Sender<Msg> {
        let (sender, receiver) = plain::channel(mailbox);
        self.start_worker(receiver, role);
        sender
    }

    fn pool(
        &mut self,
        mailbox: Mailbox,
        threads: usize,
        mut role: impl FnMut() -> Role<Sender<Msg>> + Send + 'static,
    ) -> Option<Sender<Msg>> {
        let (sender, receiver) = plain::channel(mailbox);
        (0..threads).for_each(|_| self.start_worker(receiver.clone(), role()));
        Some(sender)
    }

    fn send(addr: &Sender<Msg>, n: u64) {
        plain::send(addr, n);
    }

    fn ask_all(addr: &Sender<Msg>, questions: u64) -> Option<Vec<u64>> {
        plain::ask_all(addr, questions)
    }

    fn stop(self, how: Stop) {
        let each = self.shutdowns.into_iter().zip(self.workers);
        if how == Stop::Upstream {
            for (shutdown, worker) in each.rev() {
                let _ = shutdown.send(());
                plain::join(vec![worker]);
            }
            return;
        }
        plain::join(each.map(|(shutdown, worker)| (shutdown.send(()), worker).1).collect());
    }
}

//! A tokio program that holds thread actors. It answers over TCP, which is what an executor is good
//! at; it reckons on a thread, where that holds up no connection; and on Ctrl-C or SIGTERM every number
//! that was taken is answered and booked before it ends.
//!
//! The server has its place in the order, as the task that is upstream of all: it leaves first, and while it
//! does, those whom it asks are there.
//!
//! Each line that a client sends is a number, and is answered with its prime factors.
//!
//! ```text
//! cargo run --example async_tokio -- 127.0.0.1:7007
//! printf '12\n97\n' | nc -N 127.0.0.1 7007
//! ```

use std::io;

use common::{help, refuse};
use exeunt::{Actor, Addr, Context, Event, Exit, Reply, Signals, System, TaskContext};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::task::JoinSet;

mod common;

// The actors, who know nothing of tokio.

/// A number to take apart.
struct Question {
    number: u64,
    reply: Reply<Vec<u64>>,
}

struct Factors {
    book: Addr<bool>,
}

impl Actor for Factors {
    type Msg = Question;

    fn handle(&mut self, question: Question, _cx: &mut Context<Self>) -> exeunt::Result {
        let factors = factors_of(question.number);
        // An actor may wait for another: it holds up nobody but those who ask it.
        self.book.send(factors.len() == 1)?;
        // A client that has left is no reason to fail.
        let _ = question.reply.send(factors);
        Ok(())
    }
}

/// How many numbers were taken apart, and how many of them were prime.
#[derive(Default)]
struct Book {
    numbers: u64,
    primes: u64,
}

impl Actor for Book {
    type Msg = bool;

    fn handle(&mut self, is_prime: bool, _cx: &mut Context<Self>) -> exeunt::Result {
        self.numbers += 1;
        self.primes += u64::from(is_prime);
        Ok(())
    }

    fn stopped(&mut self, _cx: &mut Context<Self>) -> exeunt::Result {
        let text = format!("{} numbers, {} of them prime\n", self.numbers, self.primes);
        common::print(&text).map_err(exeunt::Error::msg)
    }
}

fn factors_of(mut number: u64) -> Vec<u64> {
    let mut factors = Vec::new();
    let mut factor = 2;
    while factor * factor <= number {
        while number % factor == 0 {
            factors.push(factor);
            number /= factor;
        }
        factor += 1;
    }
    if number > 1 || factors.is_empty() {
        factors.push(number);
    }
    factors
}

// The program around them.

const HELP: &str = "\
Answers each line that a client sends, a number, with its prime factors. On Ctrl-C every number that was
taken is answered, and it says how many there were.

Usage: async_tokio [ADDRESS]

ADDRESS is one of this machine's, such as 127.0.0.1:7007; without it, one that is free.
";

#[tokio::main]
async fn main() -> Exit {
    env_logger::init();
    let address = std::env::args().nth(1).unwrap_or("127.0.0.1:0".to_owned());
    if ["--help", "-h"].contains(&address.as_str()) {
        help(HELP);
    }
    match run(&address).await {
        Ok(exit) => exit,
        Err(error) => refuse(&error),
    }
}

async fn run(address: &str) -> Result<Exit, String> {
    let mut system = System::new("factors");
    // From here on a signal begins the drain, and a second one ends the process, whatever tokio does.
    let signals =
        Signals::default().install(&system.handle()).map_err(|error| error.to_string())?;
    let bound = TcpListener::bind(address).await;
    let listener =
        bound.map_err(|error| format!("{address}: {error} (usage: async_tokio [IP:PORT])"))?;
    let local = listener.local_addr().map_err(|error| format!("{address}: {error}"))?;
    common::print(&format!("listening on {local}\n"))?;

    let book = system.spawn("book", Book::default());
    let reckon = system.actor("factors").capacity(8).feeds(&book).spawn(Factors { book });
    let factors = reckon.map_err(|error| error.to_string())?;
    let runtime = Handle::current();
    // A thread that waits for the server, which runs on those of tokio's.
    system.spawn_task("server", move |cx| runtime.block_on(serve(listener, factors, cx)));

    let report = system.handle().wait_async().await.map_err(|error| error.to_string())?;
    drop(signals);
    Ok(Exit::from(report))
}

/// Takes connections until its turn comes. Then each client gets the answer that it waits for, and is hung up on.
async fn serve(listener: TcpListener, factors: Addr<Question>, cx: &TaskContext) -> exeunt::Result {
    let mut clients = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                drop(clients.spawn(converse(accepted?.0, factors.clone(), cx.stopping().clone())));
            }
            Some(_) = clients.join_next() => {}
            () = cx.stopping().wait_async() => break,
        }
    }
    drop(listener);
    while clients.join_next().await.is_some() {
        cx.progress(); // however many there are, as long as one after the other leaves
    }
    Ok(())
}

/// Answers one client, line by line, until it hangs up or all are leaving.
async fn converse(stream: TcpStream, factors: Addr<Question>, stopping: Event) -> io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    loop {
        let line = tokio::select! {
            line = lines.next_line() => line?,
            () = stopping.wait_async() => None,
        };
        let Some(line) = line else {
            return Ok(());
        };
        let answer = answer(&line, &factors).await;
        write.write_all(format!("{answer}\n").as_bytes()).await?;
    }
}

async fn answer(line: &str, factors: &Addr<Question>) -> String {
    let Ok(number) = line.trim().parse() else {
        return format!("? not a number: {line:?}");
    };
    // If eight are waiting already this one waits too, and with it its client, but no thread.
    match factors.ask_async(|reply| Question { number, reply }).await {
        Ok(factors) => {
            let factors: Vec<String> = factors.iter().map(u64::to_string).collect();
            format!("{number} = {}", factors.join(" * "))
        }
        Err(error) => format!("? {error}"),
    }
}

//! A tokio program that holds thread actors. It answers over TCP, which is what an executor is good
//! at; it reckons on a thread, where that holds up no connection; and on Ctrl-C every number that was
//! taken is answered and booked before it ends.
//!
//! Each line that a client sends is a number, and is answered with its prime factors.
//!
//! ```text
//! cargo run --example async_tokio -- 127.0.0.1:7007
//! printf '12\n97\n' | nc -N 127.0.0.1 7007
//! ```

use std::env;
use std::error::Error;
use std::io;

use exeunt::{Actor, Addr, Context, Exit, Reason, Reply, Signal, System};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

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
        println!("{} numbers, {} of them prime", self.numbers, self.primes);
        Ok(())
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

#[tokio::main]
async fn main() -> Result<Exit, Box<dyn Error>> {
    env_logger::init();
    let address = env::args().nth(1).unwrap_or("127.0.0.1:0".to_owned());
    let bound = TcpListener::bind(&address).await;
    let listener = bound.map_err(|error| format!("{address}: {error}"))?;
    println!("listening on {}", listener.local_addr()?);

    let mut system = System::new("factors");
    let book = system.spawn("book", Book::default());
    let factors = system.actor("factors").capacity(8).feeds(&book).spawn(Factors { book })?;
    let handle = system.handle();

    let mut clients = JoinSet::new();
    let reason = tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted.map(|()| Reason::Signal(Signal(2)))?,
        // Only an actor that failed ends the system before somebody asks for it.
        _ = handle.wait_async() => Reason::Shutdown,
        error = serve(&listener, &factors, &mut clients) => {
            Reason::Failure { name: "listener".to_owned(), error: error.to_string() }
        }
    };
    drop(listener);

    // The ordered drain: what was asked is answered, and what was answered is booked. Nothing here
    // blocks a thread of tokio's, so the clients get their answers meanwhile.
    handle.shutdown_because(reason);
    let report = tokio::select! {
        report = handle.wait_async() => report?,
        _ = tokio::signal::ctrl_c() => std::process::exit(130), // somebody cannot wait
    };
    // They end by themselves, since `factors` has ended.
    while clients.join_next().await.is_some() {}
    Ok(Exit::from(report))
}

/// Takes connections for good.
async fn serve(
    listener: &TcpListener,
    factors: &Addr<Question>,
    clients: &mut JoinSet<io::Result<()>>,
) -> io::Error {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(clients.spawn(converse(stream, factors.clone()))),
            Err(error) => return error,
        }
        while clients.try_join_next().is_some() {}
    }
}

/// Answers one client, line by line, until it hangs up or there is nobody left to ask.
async fn converse(stream: TcpStream, factors: Addr<Question>) -> io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    let mut nobody_left = factors.wait_async();
    loop {
        let line = tokio::select! {
            line = lines.next_line() => line?,
            _ = &mut nobody_left => None,
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

use std::io::{Read, Write};
use std::net::TcpStream;

use crossbeam_channel::Receiver;
use exeunt::{Report, System};

use super::*;
#[cfg(unix)]
use crate::scratch::Scratch;
use crate::{IntoChannel, Pipeline, Running};

/// Longer than anything here takes.
const GUARD: Duration = Duration::from_secs(30);

/// A pipeline that hands on what is sent to it.
struct Collector {
    address: Option<SocketAddr>,
    lines: Receiver<String>,
    system: System,
    running: Running,
}

impl Collector {
    fn new(listener: Listener) -> Collector {
        let address = listener.local_addr();
        let (sender, lines) = crossbeam_channel::unbounded();
        let mut system = System::new("collector");
        let pipeline = Pipeline::new("collector").source("lines", listener);
        let running = pipeline.sink("out", IntoChannel::new(sender)).spawn(&mut system).unwrap();
        Collector { address, lines, system, running }
    }

    fn tcp(listener: impl FnOnce(Listener) -> Listener) -> Collector {
        Collector::new(listener(Listener::tcp("127.0.0.1:0").unwrap()))
    }

    fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address.unwrap()).unwrap()
    }

    fn line(&self) -> String {
        self.lines.recv_timeout(GUARD).unwrap()
    }

    /// Begins the drain, and gives what came after that.
    fn drain(self) -> Vec<String> {
        let Collector { lines, system, running, .. } = self;
        let report: Report = system.shutdown();
        assert!(report.is_complete(), "{report}");
        assert!(running.ledger().balances(), "{}", running.ledger());
        lines.into_iter().collect()
    }
}

#[test]
fn many_send_at_once_and_the_order_of_each_is_kept() {
    const PEERS: usize = 20;
    const LINES: usize = 5_000;
    let collector = Collector::tcp(|listener| listener);
    let peers: Vec<_> = (0..PEERS)
        .map(|peer| {
            let mut stream = collector.connect();
            thread::spawn(move || {
                let lines: String = (0..LINES).map(|line| format!("{peer} {line}\r\n")).collect();
                // In pieces that end anywhere.
                lines.as_bytes().chunks(777).for_each(|piece| stream.write_all(piece).unwrap());
            })
        })
        .collect();
    let mut next = [0; PEERS];
    for _ in 0..PEERS * LINES {
        let line = collector.line();
        let (peer, number) = line.split_once(' ').unwrap();
        let next = &mut next[peer.parse::<usize>().unwrap()];
        assert_eq!(number.parse(), Ok(*next));
        *next += 1;
    }
    peers.into_iter().for_each(|peer| peer.join().unwrap());
    assert_eq!(collector.drain(), [""; 0]);
}

#[test]
fn peers_who_idle_do_not_hold_the_drain_and_half_a_line_is_none() {
    let collector = Collector::tcp(|listener| listener);
    let (mut idle, mut half) = (collector.connect(), collector.connect());
    half.write_all(b"whole\nhal").unwrap();
    assert_eq!(collector.line(), "whole");
    assert_eq!(collector.drain(), [""; 0]);
    // And they see that it is over.
    assert_eq!(idle.read(&mut [0]).unwrap_or(0), 0);
}

#[test]
fn what_has_arrived_when_the_drain_begins_is_handed_on() {
    let mut listener = Listener::tcp("127.0.0.1:0").unwrap();
    let (address, stopping) = (listener.local_addr().unwrap(), Event::new());
    let mut peer = TcpStream::connect(address).unwrap();
    peer.write_all(b"first\n").unwrap();
    let (line, ()) = listener.next_item(&stopping).unwrap().unwrap();
    assert_eq!(line, "first");
    // The source is busy elsewhere meanwhile, and does not look.
    let rest: Vec<String> = (0..1_000).map(|n| n.to_string()).collect();
    peer.write_all(rest.join("\n").as_bytes()).unwrap();
    peer.write_all(b"\nhalf").unwrap();
    stopping.set();
    assert!(left(&mut listener).eq(rest));
}

/// The lines that are left when the drain has begun.
fn left(listener: &mut Listener) -> impl Iterator<Item = String> {
    std::iter::from_fn(|| listener.leftover()).map(|line| line.unwrap().0)
}

/// It was sent to us, and nobody will send it again.
#[test]
fn the_last_line_of_who_has_left_is_handed_on_in_a_drain_too() {
    let mut listener = Listener::tcp("127.0.0.1:0").unwrap();
    let (address, stopping) = (listener.local_addr().unwrap(), Event::new());
    let mut peer = TcpStream::connect(address).unwrap();
    peer.write_all(b"first\n").unwrap();
    assert!(listener.next_item(&stopping).is_some());
    peer.write_all(b"second\nthird").unwrap();
    drop(peer);
    assert!(left(&mut listener).eq(["second", "third"]));
}

#[cfg(unix)]
#[test]
fn in_a_drain_so_much_is_read_of_each_and_not_less_since_it_had_sent_much_before() {
    use std::os::unix::net::UnixStream;
    let scratch = Scratch::new();
    let path = scratch.join("socket");
    let mut listener = Listener::unix(&path).unwrap();
    let mut peer = UnixStream::connect(&path).unwrap();
    // More than one block, and little enough that all of it is there when it has been written.
    let line = [b"x".repeat(999), b"\n".to_vec()].concat();
    let lines = line.repeat(100);
    let stopping = Event::new();
    let mut before = 0;
    while before < LAST_BYTES {
        peer.write_all(&lines).unwrap();
        (0..100).for_each(|_| assert!(listener.next_item(&stopping).is_some()));
        before += lines.len();
    }
    peer.write_all(&lines).unwrap();
    assert_eq!(left(&mut listener).count(), 100);
}

#[cfg(unix)]
#[test]
fn who_does_not_stop_sending_does_not_hold_the_drain() {
    use std::os::unix::net::UnixStream;
    let scratch = Scratch::new();
    let path = scratch.join("socket");
    let mut listener = Listener::unix(&path).unwrap();
    let mut peer = UnixStream::connect(&path).unwrap();
    peer.set_nonblocking(true).unwrap();
    let line = [b"x".repeat(999), b"\n".to_vec()].concat();
    let mut sent = 0;
    let mut send_on = move || {
        while let Ok(bytes) = peer.write(&line[sent % line.len()..]) {
            sent += bytes;
        }
    };
    send_on();
    assert!(listener.next_item(&Event::new()).is_some());
    let mut left = left(&mut listener).inspect(|_| send_on());
    // What is there, what is enough, and what that is more than by a block.
    let most = (LAST_BYTES + 2 * (1 << 16)) / 1_000 + 2;
    assert!(left.by_ref().take(most + 1).count() <= most, "there is no end");
}

#[test]
fn what_has_arrived_since_it_was_waited_for_is_handed_on_in_a_drain() {
    let mut listener = Listener::tcp("127.0.0.1:0").unwrap();
    let (address, stopping) = (listener.local_addr().unwrap(), Event::new());
    let mut peer = TcpStream::connect(address).unwrap();
    peer.write_all(b"first\n").unwrap();
    assert!(listener.next_item(&stopping).is_some());
    stopping.set();
    assert!(listener.next_item(&stopping).is_none(), "there is nothing for now");
    peer.write_all(b"second\n").unwrap();
    assert!(left(&mut listener).eq(["second"]));
}

/// No wait for it is possible.
#[cfg(unix)]
#[test]
fn who_cannot_listen_says_so_once() {
    use std::os::fd::OwnedFd;
    let scratch = Scratch::new();
    let no_socket = std::fs::File::open(scratch.write("file", "text")).unwrap();
    let no_socket = std::net::TcpListener::from(OwnedFd::from(no_socket));
    let socket = Socket::Tcp(mio::net::TcpListener::from_std(no_socket));
    let mut listener = Listener::of(socket, "nowhere".into());
    let error = listener.next_item(&Event::new()).unwrap().unwrap_err();
    assert!(error.to_string().starts_with("nowhere: "), "{error}");
    assert!(listener.next_item(&Event::new()).is_none());
}

#[test]
fn its_second_thread_ends_with_it() {
    let mut listener = Listener::tcp("127.0.0.1:0").unwrap();
    let mut peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    peer.write_all(b"first\n").unwrap();
    assert!(listener.next_item(&Event::new()).is_some());
    let waker = Arc::downgrade(&listener.open.as_ref().unwrap()._waker);
    drop(listener);
    let until = std::time::Instant::now() + GUARD;
    while waker.upgrade().is_some() {
        assert!(std::time::Instant::now() < until, "it waits for a drain");
        thread::yield_now();
    }
}

#[test]
fn who_comes_beyond_the_limit_waits_until_somebody_leaves() {
    let collector = Collector::tcp(|listener| listener.connections(1));
    let mut first = collector.connect();
    first.write_all(b"first\n").unwrap();
    assert_eq!(collector.line(), "first");
    let mut second = collector.connect();
    second.write_all(b"second\n").unwrap();
    first.write_all(b"first again, and the last").unwrap();
    drop(first);
    assert_eq!(collector.line(), "first again, and the last");
    assert_eq!(collector.line(), "second");
    drop(collector.drain());
}

#[test]
fn a_peer_who_sends_nonsense_ends_nothing_but_its_connection() {
    let collector = Collector::tcp(|listener| listener.line_limit(10));
    let mut endless = collector.connect();
    endless.write_all(b"fine\nmore than ten bytes").unwrap();
    assert_eq!(collector.line(), "fine");
    assert_eq!(endless.read(&mut [0]).unwrap_or(0), 0);
    let mut other = collector.connect();
    other.write_all(b"caf\xE9\n1234567890\r\n").unwrap();
    assert_eq!(collector.line(), "caf\u{FFFD}");
    assert_eq!(collector.line(), "1234567890");
    assert_eq!(collector.drain(), [""; 0]);
}

#[test]
fn a_pipeline_that_is_slow_holds_up_its_peers_and_not_the_memory() {
    let (sender, lines) = crossbeam_channel::bounded(0);
    let listener = Listener::tcp("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mut system = System::new("slow");
    let pipeline = Pipeline::new("slow").source("lines", listener);
    let running = pipeline.sink("out", IntoChannel::new(sender)).spawn(&mut system).unwrap();
    let mut peer = TcpStream::connect(address).unwrap();
    peer.set_nonblocking(true).unwrap();
    // Until nothing more fits into any buffer on the way.
    let line = [b"x".repeat(1 << 16), b"\n".to_vec()].concat();
    let mut sent = 0;
    let mut refused = 0;
    while refused < 20 {
        match peer.write(&line[sent % line.len()..]) {
            Ok(bytes) => (sent, refused) = (sent + bytes, 0),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                refused += 1;
                thread::sleep(Duration::from_millis(5));
            }
            Err(error) => panic!("{error}"),
        }
        assert!(sent < 1 << 30, "nobody is ever held up");
    }
    let taken_in = running.ledger().stage("lines").unwrap().out;
    assert!(taken_in < (sent / line.len()) as u64 + 1);
    drop(lines);
    assert!(system.shutdown().is_complete());
}

#[test]
fn an_address_that_is_taken_is_named() {
    let listener = Listener::tcp("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let error = Listener::tcp(address).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    assert!(error.to_string().starts_with(&format!("{address}: ")), "{error}");
}

#[cfg(unix)]
#[test]
fn a_unix_socket_is_there_as_long_as_it_is_listened_to() {
    use std::os::unix::net::{UnixListener, UnixStream};
    let scratch = Scratch::new();
    let path = scratch.join("socket");
    // One that was left behind.
    drop(UnixListener::bind(&path).unwrap());
    let collector = Collector::new(Listener::unix(&path).unwrap());
    assert_eq!(Listener::unix(&path).unwrap_err().kind(), io::ErrorKind::AddrInUse);
    let mut peer = UnixStream::connect(&path).unwrap();
    peer.write_all(b"one\ntwo\n").unwrap();
    assert_eq!([collector.line(), collector.line()], ["one", "two"]);
    assert_eq!(collector.drain(), [""; 0]);
    assert!(!path.exists());
    // What is there and no socket stays.
    scratch.write("socket", "text");
    assert!(
        Listener::unix(&path)
            .unwrap_err()
            .to_string()
            .starts_with(&format!("{}: ", path.display()))
    );
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "text");
}

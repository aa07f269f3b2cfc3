//! [`Listener`]: the lines that others send.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
#[cfg(unix)]
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use exeunt::Event;
use mio::{Events, Poll, Token, Waker};

use self::connection::{Connection, Heard};
use self::socket::Socket;
use super::{Next, Source};
use crate::named::named;

mod connection;
mod socket;

/// More than are usual, and fewer than the descriptors that a process may have.
const CONNECTIONS: usize = 512;

/// What is longer is no line of text, and would fill the memory.
const LINE_LIMIT_BYTES: usize = 1 << 20;

/// So much is read of each connection at most when the drain begins, however quick its peer is.
const LAST_BYTES: usize = 1 << 20;

/// When there are no descriptors left, it is tried again after this.
const PAUSE: Duration = Duration::from_millis(100);

const LISTENER: Token = Token(usize::MAX);
const WAKER: Token = Token(usize::MAX - 1);

/// The lines that are sent to a TCP or Unix socket, over many connections at once.
///
/// All connections are read by the source's own thread, as bytes come; of each of them the order is kept. While the
/// pipeline is busy nothing is read, and so it is the peers who wait. There is a
/// [limit](Listener::connections) to their number; who comes beyond it waits until somebody leaves.
///
/// A line ends with `\n` or `\r\n`; the last one of a connection that is closed in order counts without. Bytes that are not UTF-8
/// become `�`. Nothing that a peer does ends the pipeline: a connection that breaks, or sends a
/// [line too long](Listener::line_limit), is closed and named in the log.
///
/// # The drain
///
/// When it begins, nobody is accepted any more, and what has arrived is read, up to 1 MiB of each connection: every whole
/// line of it is handed on. Then the connections are closed; that they idle holds up nothing.
///
/// # Errors
///
/// That the operating system has no thread or descriptor with which it could wait is an error of the source's, with the address.
/// Nothing follows it but what has arrived.
///
/// # Examples
///
/// ```
/// use std::io::Write;
/// use std::net::TcpStream;
/// use exeunt::System;
/// use exeunt_pipeline::{IntoChannel, Listener, Pipeline};
///
/// let listener = Listener::tcp("127.0.0.1:0")?;
/// let address = listener.local_addr().expect("it is TCP");
/// let (sender, lines) = crossbeam_channel::unbounded();
/// let mut system = System::new("collector");
/// Pipeline::new("collector")
///     .source("lines", listener)
///     .sink("out", IntoChannel::new(sender))
///     .spawn(&mut system)?;
///
/// let mut peer = TcpStream::connect(address)?;
/// writeln!(peer, "hello")?;
/// assert_eq!(lines.recv()?, "hello");
/// assert!(system.shutdown().is_complete()); // although the peer is still there
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Listener {
    socket: Socket,
    name: Arc<str>,
    most: usize,
    limit_bytes: usize,
    /// From the first item on.
    open: Option<Open>,
    /// It cannot wait for anybody.
    has_failed: bool,
}

impl Listener {
    /// Listens at a TCP address.
    ///
    /// # Errors
    ///
    /// What the operating system says, with the address; that it is in use, for example.
    pub fn tcp(address: impl ToSocketAddrs + fmt::Display) -> io::Result<Listener> {
        let name: Arc<str> = address.to_string().into();
        let socket = Socket::tcp(address).map_err(|error| named(&name, &error))?;
        Ok(Listener::of(socket, name))
    }

    /// Listens at a Unix socket, which is made, and removed in the end. One that was left behind by a process that was
    /// killed is replaced.
    ///
    /// # Errors
    ///
    /// What the operating system says, with the path; that it is in use, or that there is something else, for example.
    #[cfg(unix)]
    pub fn unix(path: impl AsRef<Path>) -> io::Result<Listener> {
        let path = path.as_ref();
        let name: Arc<str> = path.display().to_string().into();
        let socket = Socket::unix(path).map_err(|error| named(&name, &error))?;
        Ok(Listener::of(socket, name))
    }

    fn of(socket: Socket, name: Arc<str>) -> Listener {
        Listener {
            socket,
            name,
            most: CONNECTIONS,
            limit_bytes: LINE_LIMIT_BYTES,
            open: None,
            has_failed: false,
        }
    }

    /// Sets how many connections there may be at once; 512 unless set.
    ///
    /// # Panics
    ///
    /// If `most` is zero.
    #[must_use]
    pub fn connections(mut self, most: usize) -> Listener {
        assert!(most > 0, "nobody could connect");
        self.most = most;
        self
    }

    /// Sets how long a line may be, without its end; 1 MiB unless set.
    ///
    /// # Panics
    ///
    /// If `bytes` is zero.
    #[must_use]
    pub fn line_limit(mut self, bytes: usize) -> Listener {
        assert!(bytes > 0, "no line would be short enough");
        self.limit_bytes = bytes;
        self
    }

    /// Where it listens, if that is TCP: with the port that was chosen for `:0`.
    #[must_use]
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.socket.local_addr()
    }
}

impl Source for Listener {
    type Item = String;
    type Position = ();

    fn next_item(&mut self, stopping: &Event) -> Option<Next<String, ()>> {
        if self.has_failed {
            return self.leftover();
        }
        match self.listen(stopping) {
            Ok(line) => line.map(|line| Ok((line, ()))),
            Err(error) => {
                self.has_failed = true;
                Some(Err(named(&self.name, &error).into()))
            }
        }
    }

    fn leftover(&mut self) -> Option<Next<String, ()>> {
        let open = self.open.as_mut()?;
        open.leave();
        let line = open.line_that_is_there(self.limit_bytes)?;
        Some(Ok((line, ())))
    }

    fn is_next_at_hand(&self) -> bool {
        self.open.as_ref().is_some_and(|open| !open.lines.is_empty())
    }
}

impl Listener {
    /// The next line, or nothing if the drain begins before there is one.
    fn listen(&mut self, stopping: &Event) -> io::Result<Option<String>> {
        if self.open.is_none() {
            self.open = Some(Open::new(&mut self.socket, stopping)?);
        }
        let Some(open) = &mut self.open else { return Ok(None) };
        loop {
            if let Some(line) = open.line_that_is_there(self.limit_bytes) {
                return Ok(Some(line));
            }
            if stopping.is_set() {
                return Ok(None);
            }
            if !open.accept(&mut self.socket, self.most)? {
                exeunt::waiting_for("a line", || open.wait())?;
            }
        }
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener").field("name", &self.name).finish_non_exhaustive()
    }
}

/// What there is once it listens.
struct Open {
    poll: Poll,
    events: Events,
    connections: HashMap<Token, Connection>,
    /// Those of whom there may be more to read, each once; they take turns.
    ready: VecDeque<Token>,
    /// The lines of what was read last.
    lines: VecDeque<String>,
    next: usize,
    /// Somebody may be waiting to be accepted.
    is_asked: bool,
    /// There are no descriptors left.
    is_short: bool,
    is_shortage_told: bool,
    is_leaving: bool,
    /// If it went with the thread that uses it, so would a call that has not been heard yet.
    _waker: Arc<Waker>,
    over: Event,
}

impl Open {
    fn new(socket: &mut Socket, stopping: &Event) -> io::Result<Open> {
        let poll = Poll::new()?;
        socket.register(poll.registry(), LISTENER)?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
        let over = stopping.child();
        let (until, wakes) = (over.clone(), Arc::clone(&waker));
        // Nothing can wait for sockets and for the drain: somebody has to tell.
        thread::Builder::new().name("listener".to_owned()).spawn(move || {
            until.wait();
            let _ = wakes.wake();
        })?;
        Ok(Open {
            poll,
            events: Events::with_capacity(256),
            connections: HashMap::new(),
            ready: VecDeque::new(),
            lines: VecDeque::new(),
            next: 0,
            is_asked: true,
            is_short: false,
            is_shortage_told: false,
            is_leaving: false,
            _waker: waker,
            over,
        })
    }

    /// The next line of what has arrived; it does not wait.
    fn line_that_is_there(&mut self, limit_bytes: usize) -> Option<String> {
        while self.lines.is_empty() {
            let token = self.ready.pop_front()?;
            let Some(connection) = self.connections.get_mut(&token) else { continue };
            match connection.hear(limit_bytes, &mut self.lines) {
                Heard::Some if self.is_leaving && connection.has_heard(LAST_BYTES) => {}
                Heard::Some => self.ready.push_back(token),
                Heard::Nothing => {}
                Heard::End => {
                    self.lines.extend(connection.rest());
                    self.close(token);
                }
            }
        }
        self.lines.pop_front()
    }

    fn close(&mut self, token: Token) {
        if let Some(mut connection) = self.connections.remove(&token) {
            let _ = connection.deregister(self.poll.registry());
        }
    }

    /// Accepts somebody, if somebody waits and there is room.
    fn accept(&mut self, socket: &mut Socket, most: usize) -> io::Result<bool> {
        if !self.is_asked || self.connections.len() >= most {
            return Ok(false);
        }
        match socket.accept() {
            Ok(mut connection) => {
                self.is_shortage_told = false;
                let token = Token(self.next);
                self.next = (self.next + 1) % WAKER.0;
                if let Err(error) = connection.register(self.poll.registry(), token) {
                    log::warn!("a connection is closed, since it cannot be watched: {error}");
                    return Ok(true);
                }
                self.connections.insert(token, connection);
                // It may have been sent something before it was registered.
                self.ready.push_back(token);
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.is_asked = false;
                Ok(false)
            }
            // They have left before it was their turn.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(true),
            Err(error) => {
                // It is tried again ten times a second, and told once.
                if !std::mem::replace(&mut self.is_shortage_told, true) {
                    log::warn!("nobody can be accepted for now: {error}");
                }
                self.is_short = true;
                Ok(false)
            }
        }
    }

    fn wait(&mut self) -> io::Result<()> {
        let pause = self.is_short.then_some(PAUSE);
        match self.poll.poll(&mut self.events, pause) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            polled => polled?,
        }
        self.is_short = false;
        for event in &self.events {
            match event.token() {
                LISTENER => self.is_asked = true,
                WAKER => {}
                token => self.ready.push_back(token),
            }
        }
        Ok(())
    }

    /// Nothing more is waited for, but for what has arrived.
    fn leave(&mut self) {
        if !std::mem::replace(&mut self.is_leaving, true) {
            self.connections.values_mut().for_each(Connection::begin_to_count);
            self.ready = self.connections.keys().copied().collect();
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.over.set();
    }
}

#[cfg(test)]
mod tests;

//! [`Socket`] and [`Stream`]: TCP and Unix sockets, as one.

use std::io::{self, Read};
use std::net::{SocketAddr, ToSocketAddrs};

use mio::event::Source;
use mio::net::{TcpListener, TcpStream};
#[cfg(unix)]
use mio::net::{UnixListener, UnixStream};
use mio::{Interest, Registry, Token};

use super::connection::Connection;

/// Who listens.
pub(super) enum Socket {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix(UnixListener, UnixPath),
}

impl Socket {
    pub(super) fn tcp(address: impl ToSocketAddrs) -> io::Result<Socket> {
        let listener = std::net::TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        Ok(Socket::Tcp(TcpListener::from_std(listener)))
    }

    #[cfg(unix)]
    pub(super) fn unix(path: &std::path::Path) -> io::Result<Socket> {
        let listener = match UnixListener::bind(path) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && is_left_behind(path) => {
                std::fs::remove_file(path)?;
                UnixListener::bind(path)?
            }
            listener => listener?,
        };
        Ok(Socket::Unix(listener, UnixPath(path.to_owned())))
    }

    pub(super) fn local_addr(&self) -> Option<SocketAddr> {
        match self {
            Socket::Tcp(listener) => listener.local_addr().ok(),
            #[cfg(unix)]
            Socket::Unix(..) => None,
        }
    }

    pub(super) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        match self {
            Socket::Tcp(listener) => registry.register(listener, token, Interest::READABLE),
            #[cfg(unix)]
            Socket::Unix(listener, _) => registry.register(listener, token, Interest::READABLE),
        }
    }

    pub(super) fn accept(&mut self) -> io::Result<Connection> {
        match self {
            Socket::Tcp(listener) => {
                let (stream, peer) = listener.accept()?;
                Ok(Connection::new(Stream::Tcp(stream), peer.to_string()))
            }
            #[cfg(unix)]
            Socket::Unix(listener, path) => {
                let (stream, _) = listener.accept()?;
                Ok(Connection::new(Stream::Unix(stream), path.0.display().to_string()))
            }
        }
    }
}

/// A socket of a process that was killed: there it is, and nobody listens.
#[cfg(unix)]
fn is_left_behind(path: &std::path::Path) -> bool {
    use std::os::unix::fs::FileTypeExt;
    let is_socket = std::fs::metadata(path).is_ok_and(|metadata| metadata.file_type().is_socket());
    let asked = std::os::unix::net::UnixStream::connect(path);
    is_socket && asked.is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
}

/// Removed in the end.
#[cfg(unix)]
pub(super) struct UnixPath(std::path::PathBuf);

#[cfg(unix)]
impl Drop for UnixPath {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// One end of a connection.
pub(super) enum Stream {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
}

impl Stream {
    pub(super) fn as_source(&mut self) -> &mut dyn Source {
        match self {
            Stream::Tcp(stream) => stream,
            #[cfg(unix)]
            Stream::Unix(stream) => stream,
        }
    }
}

impl Read for Stream {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(stream) => stream.read(to),
            #[cfg(unix)]
            Stream::Unix(stream) => stream.read(to),
        }
    }
}

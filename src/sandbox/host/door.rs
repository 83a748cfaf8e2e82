//! The port that leads to the hosts. While no host answers it is bound but nobody listens: connections are refused as
//! by a machine without a server, and nobody else can take the port.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};

/// How many connections may wait to be let in.
const BACKLOG: u32 = 64;

#[derive(Debug)]
pub(super) struct Door {
    address: SocketAddr,
    state: State,
}

#[derive(Debug)]
enum State {
    Shut(TcpSocket),
    Open(TcpListener),
    /// Somebody took the port in the moment between its closing and its being bound anew.
    Lost,
}

impl Door {
    /// A door that is shut.
    pub(super) fn bind(address: SocketAddr) -> std::io::Result<Self> {
        let socket = socket(address)?;
        Ok(Self { address: socket.local_addr()?, state: State::Shut(socket) })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The next who comes in; nobody while it is shut.
    pub(super) async fn visitor(&self) -> Visitor {
        let State::Open(listener) = &self.state else { return std::future::pending().await };
        loop {
            match listener.accept().await {
                Ok((stream, _)) => return Visitor(stream),
                // Out of file descriptors, most likely: others must end first.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }

    pub(super) fn set_open(&mut self, open: bool) {
        let was_lost = matches!(self.state, State::Lost);
        let state = match (std::mem::replace(&mut self.state, State::Lost), open) {
            (State::Shut(socket), true) => socket.listen(BACKLOG).map(State::Open),
            (State::Open(listener), false) => {
                drop(listener);
                socket(self.address).map(State::Shut)
            }
            (State::Lost, _) => socket(self.address).map(State::Shut),
            (as_it_should_be, _) => Ok(as_it_should_be),
        };
        self.state = state.unwrap_or_else(|error| {
            if !was_lost {
                tracing::error!(%error, address = %self.address, "the port of the sandbox's hosts is lost");
            }
            State::Lost
        });
    }
}

fn socket(address: SocketAddr) -> std::io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    // Connections that were let in hold the port too, some of them for a minute after their end.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

/// Somebody at the door.
#[derive(Debug)]
pub(super) struct Visitor(TcpStream);

impl Visitor {
    /// The connection, as a program's input and output.
    pub(super) fn let_in(self) -> std::io::Result<OwnedFd> {
        let stream = self.0.into_std()?;
        stream.set_nonblocking(false)?;
        Ok(stream.into())
    }

    /// Ends the connection by a reset, as a host that is down does.
    pub(super) fn turn_away(self) {
        // Without it, the end is only politer.
        drop(self.0.set_zero_linger());
    }
}

//! The TCP and TLS connections of a peer connection: to TURN servers, and to the peer itself where UDP
//! is blocked.
//!
//! Each has a task that reads it and writes to it. What the session wants sent is put into a bounded
//! [`Outbox`]; what does not fit is lost, as on a network, and the layers above notice.

mod connect;
mod framing;
mod outbox;

use std::net::SocketAddr;
use std::sync::{Arc, Weak};

use gannet_ortc::ice::{ConnectionId, Protocol, Transmit};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};

pub(crate) use self::connect::{connect_peer, connect_server};
use self::framing::Framing;
pub(crate) use self::framing::read_first_frame;
use self::outbox::Outbox;
use crate::connection::{Connection, Core};

/// The most streams of one connection: the agent asks for no more than 16 to servers and 16 to the
/// peer, and a peer that has our password may open some to us.
const MAX_STREAMS: usize = 48;
/// How much is read at a time.
const READ_SIZE: usize = 16 * 1024;

/// Which stream: its ends, and what it carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StreamKey {
    pub(crate) local: SocketAddr,
    pub(crate) remote: SocketAddr,
    pub(crate) protocol: Protocol,
}

/// Where a stream leads, for the agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// To a TURN server that the agent wanted to be connected to.
    Server(ConnectionId),
    /// To the peer.
    Peer,
}

/// The open streams of a connection.
#[derive(Debug, Default)]
pub(crate) struct Streams {
    open: Vec<Open>,
}

#[derive(Debug)]
struct Open {
    key: StreamKey,
    origin: Origin,
    outbox: Arc<Outbox>,
}

impl Streams {
    /// A place for a stream; `None` if there are too many, or one with these ends.
    fn add(&mut self, key: StreamKey, origin: Origin) -> Option<Arc<Outbox>> {
        if self.open.len() >= MAX_STREAMS || self.find(key).is_some() {
            return None;
        }
        let outbox = Arc::new(Outbox::default());
        self.open.push(Open {
            key,
            origin,
            outbox: Arc::clone(&outbox),
        });
        Some(outbox)
    }

    fn find(&self, key: StreamKey) -> Option<&Outbox> {
        let mut open = self.open.iter();
        open.find(|open| open.key == key).map(|open| &*open.outbox)
    }

    fn remove(&mut self, key: StreamKey) {
        self.open.retain(|open| open.key != key);
    }

    /// Hands a packet to its stream, if that is still there and has room.
    pub(crate) fn send(&self, transmit: &Transmit, packet: &[u8]) {
        let key = StreamKey {
            local: transmit.local,
            remote: transmit.remote,
            protocol: transmit.protocol,
        };
        let sent = self
            .find(key)
            .is_some_and(|outbox| outbox.push(key.protocol, packet));
        if !sent {
            tracing::trace!(remote = %key.remote, "a packet found no room in its stream");
        }
    }

    /// Lets the stream to a server write what it has, and end.
    pub(crate) fn disconnect(&mut self, server: ConnectionId) {
        let streams = self.open.iter();
        for open in streams.filter(|open| open.origin == Origin::Server(server)) {
            open.outbox.close();
        }
    }

    /// Lets every stream write what it has, and end.
    pub(crate) fn close(&mut self) {
        for open in self.open.drain(..) {
            open.outbox.close();
        }
    }
}

/// Drives a stream until one side ends it. `announce` tells the agent of it; `first` was read already.
pub(crate) async fn run<S: AsyncRead + AsyncWrite>(
    connection: Weak<Connection>,
    key: StreamKey,
    origin: Origin,
    stream: S,
    first: Vec<u8>,
    announce: impl FnOnce(&mut Core, std::time::Instant),
) {
    let outbox = connection.upgrade().and_then(|connection| {
        connection.with(|core, now| {
            let outbox = core.streams.add(key, origin)?;
            announce(core, now);
            Some(outbox)
        })
    });
    let Some(outbox) = outbox else {
        return;
    };
    let (reader, writer) = tokio::io::split(stream);
    let reading = read(&connection, key, reader, first);
    tokio::select! {
        () = reading => {}
        () = write(&outbox, writer) => {}
    }
    if let Some(connection) = connection.upgrade() {
        connection.with(|core, now| {
            core.streams.remove(key);
            let ice = core.session.ice_mut();
            match origin {
                Origin::Server(id) => ice.handle_server_disconnected(now, id),
                Origin::Peer => ice.handle_peer_disconnected(now, key.local, key.remote),
            }
        });
    }
}

async fn read<S: AsyncRead>(
    connection: &Weak<Connection>,
    key: StreamKey,
    mut reader: ReadHalf<S>,
    first: Vec<u8>,
) {
    let mut framing = Framing::new(key.protocol);
    let mut received = first;
    let mut buffer = vec![0; READ_SIZE];
    loop {
        framing.push(&received);
        let Some(connection) = connection.upgrade() else {
            return;
        };
        if !connection.with(|core, now| hand_over(core, now, key, &mut framing)) {
            tracing::debug!(remote = %key.remote, "a stream is out of step");
            return;
        }
        drop(connection);
        match reader.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(len) => {
                received.clear();
                received.extend_from_slice(buffer.get(..len).unwrap_or_default());
            }
        }
    }
}

/// Gives the session all whole packets; false if the stream makes no sense any more.
fn hand_over(
    core: &mut Core,
    now: std::time::Instant,
    key: StreamKey,
    framing: &mut Framing,
) -> bool {
    let StreamKey {
        local,
        remote,
        protocol,
    } = key;
    let mut packet = Vec::new();
    loop {
        packet.clear();
        match framing.next_packet(&mut packet) {
            Ok(true) => {
                let session = &mut core.session;
                session.handle_packet(now, local, remote, protocol, &mut packet);
            }
            Ok(false) => return true,
            Err(_) => return false,
        }
    }
}

async fn write<S: AsyncWrite>(outbox: &Outbox, mut writer: WriteHalf<S>) {
    let mut bytes = Vec::new();
    while outbox.take(&mut bytes).await {
        if writer.write_all(&bytes).await.is_err() || writer.flush().await.is_err() {
            return;
        }
    }
    // Goodbye was said; whether the other end hears it is not ours to wait for.
    let _ = writer.shutdown().await;
}

//! Opening streams.

use std::io;
use std::net::SocketAddr;
use std::sync::Weak;
use std::time::Duration;

use gannet_ortc::ice::{ConnectionId, Protocol};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;

use super::{Origin, StreamKey, run};
use crate::connection::Connection;
use crate::tls::Tls;

/// How long a connection may take, its TLS handshake included.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long after one address the next one is tried (RFC 8305, section 8).
const NEXT_ADDRESS: Duration = Duration::from_millis(250);

/// Connects to a TURN server, over TLS if `tls` is given, and drives the stream.
pub(crate) async fn connect_server(
    connection: Weak<Connection>,
    id: ConnectionId,
    addresses: Vec<SocketAddr>,
    name: Option<String>,
    tls: Option<Tls>,
) {
    let protocol = match tls {
        Some(_) => Protocol::TurnTls,
        None => Protocol::TurnTcp,
    };
    let connected = tokio::time::timeout(PATIENCE, async {
        let stream = connect_any(&addresses).await?;
        let key = key(&stream, protocol)?;
        let name = name.unwrap_or_else(|| key.remote.ip().to_string());
        let secured = match tls {
            Some(tls) => Secured::Tls(Box::new(tls.connect(&name, stream).await?)),
            None => Secured::Plain(stream),
        };
        Ok::<_, io::Error>((key, secured))
    });
    let origin = Origin::Server(id);
    match connected
        .await
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    {
        Ok((key, secured)) => {
            let announce = move |core: &mut crate::connection::Core, now| {
                let ice = core.session.ice_mut();
                ice.handle_server_connected(now, id, key.local, key.remote);
            };
            match secured {
                Secured::Plain(stream) => {
                    run(connection, key, origin, stream, Vec::new(), announce).await;
                }
                Secured::Tls(stream) => {
                    run(connection, key, origin, *stream, Vec::new(), announce).await;
                }
            }
        }
        Err(error) => {
            tracing::debug!(%error, ?addresses, "a TURN server can not be connected to");
            if let Some(connection) = connection.upgrade() {
                connection.with(|core, now| {
                    core.session.ice_mut().handle_server_disconnected(now, id);
                });
            }
        }
    }
}

/// Connects to the peer, from `local` if it is given, and drives the stream.
pub(crate) async fn connect_peer(
    connection: Weak<Connection>,
    id: ConnectionId,
    address: SocketAddr,
    local: Option<SocketAddr>,
) {
    let connected = tokio::time::timeout(PATIENCE, async {
        let socket = socket_for(address)?;
        if let Some(local) = local {
            socket.set_reuseaddr(true)?;
            socket.bind(local)?;
        }
        let stream = socket.connect(address).await?;
        Ok::<_, io::Error>((key(&stream, Protocol::Tcp)?, stream))
    });
    match connected
        .await
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    {
        Ok((key, stream)) => {
            let announce = move |core: &mut crate::connection::Core, now| {
                let ice = core.session.ice_mut();
                ice.handle_peer_connected(now, id, key.local);
            };
            run(connection, key, Origin::Peer, stream, Vec::new(), announce).await;
        }
        Err(error) => {
            tracing::debug!(%error, %address, "the peer can not be connected to by TCP");
            if let Some(connection) = connection.upgrade() {
                connection.with(|core, now| core.session.ice_mut().handle_peer_refused(now, id));
            }
        }
    }
}

enum Secured {
    Plain(TcpStream),
    Tls(Box<crate::tls::TlsStream>),
}

fn socket_for(address: SocketAddr) -> io::Result<TcpSocket> {
    match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }
}

fn key(stream: &TcpStream, protocol: Protocol) -> io::Result<StreamKey> {
    stream.set_nodelay(true)?;
    Ok(StreamKey {
        local: stream.local_addr()?,
        remote: stream.peer_addr()?,
        protocol,
    })
}

/// Tries the addresses one after the other at short intervals; the first that answers it is
/// (RFC 8305, section 5).
async fn connect_any(addresses: &[SocketAddr]) -> io::Result<TcpStream> {
    let mut tries = JoinSet::new();
    let mut waiting = addresses.iter();
    let mut failure = io::Error::from(io::ErrorKind::AddrNotAvailable);
    loop {
        if let Some(&address) = waiting.next() {
            tries.spawn(async move { socket_for(address)?.connect(address).await });
        }
        let next = tokio::time::timeout(NEXT_ADDRESS, tries.join_next());
        let joined = match next.await {
            Ok(joined) => joined,
            Err(_) if waiting.len() > 0 => continue,
            Err(_) => tries.join_next().await,
        };
        match joined {
            Some(Ok(Ok(stream))) => return Ok(stream),
            Some(Ok(Err(error))) => failure = error,
            Some(Err(_)) => {}
            None if waiting.len() == 0 => return Err(failure),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_refusing_address_does_not_stop_the_next_one() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let good = listener.local_addr().unwrap();
        // Nobody listens on a port that was just given back.
        let refusing = {
            let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            gone.local_addr().unwrap()
        };
        let stream = connect_any(&[refusing, good]).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), good);
        assert!(connect_any(&[refusing]).await.is_err());
        assert!(connect_any(&[]).await.is_err());
    }
}

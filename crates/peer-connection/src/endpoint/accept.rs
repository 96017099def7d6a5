//! Listening for peers that connect by TCP.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Weak};
use std::time::Duration;

use gannet_ortc::ice::{Protocol, username_fragment_of};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use super::{BindError, Shared};
use crate::streams::{StreamKey, read_first_frame};

/// How long an accepted stream may take to send its first check.
const PATIENCE: Duration = Duration::from_secs(5);
/// How many accepted streams may be waited for at a time. Whoever opens more than that, and says nothing,
/// keeps others out for as long as the patience lasts.
const MAX_SILENT: usize = 256;
/// How long to wait when the system accepts nothing, as when it has no file descriptors left.
const PAUSE: Duration = Duration::from_millis(100);

/// A listener on each address; must be called inside a tokio runtime. With `any_port`, another port does
/// where somebody else listens on the address's.
pub(super) fn listen_all(
    addresses: impl Iterator<Item = SocketAddr>,
    any_port: bool,
) -> Result<Vec<(SocketAddr, TcpListener)>, BindError> {
    addresses
        .map(|address| match listen(address) {
            Err(error) if any_port && error.kind() == io::ErrorKind::AddrInUse => {
                listen(SocketAddr::new(address.ip(), 0)).map_err(|source| (address, source))
            }
            listener => listener.map_err(|source| (address, source)),
        })
        .map(|listener| listener.map_err(|(address, source)| BindError::Bind { address, source }))
        .collect()
}

fn listen(address: SocketAddr) -> io::Result<(SocketAddr, TcpListener)> {
    let listener = std::net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Ok((listener.local_addr()?, TcpListener::from_std(listener)?))
}

/// Accepts streams until the endpoint is gone.
pub(super) async fn accept(shared: Weak<Shared>, local: SocketAddr, listener: TcpListener) {
    let places = Arc::new(Semaphore::new(MAX_SILENT));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        let (mut stream, remote) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::debug!(%error, %local, "no stream is accepted");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        let shared = Weak::clone(&shared);
        tokio::spawn(async move {
            let _ = stream.set_nodelay(true);
            let first = tokio::time::timeout(PATIENCE, read_first_frame(&mut stream)).await;
            drop(place);
            if let (Ok(Ok(frame)), Some(shared)) = (first, shared.upgrade()) {
                let key = StreamKey {
                    local,
                    remote,
                    protocol: Protocol::Tcp,
                };
                hand_over(&shared, stream, key, frame);
            }
        });
    }
}

/// Gives a stream to the connection that the check in its first frame names; without one it is closed.
fn hand_over(shared: &Shared, stream: TcpStream, key: StreamKey, frame: Vec<u8>) {
    // Behind the frame's length.
    let check = frame.get(2..).unwrap_or_default();
    let name = username_fragment_of(check);
    if let Some(connection) = name.and_then(|name| shared.fragments.find(name)) {
        connection.adopt(stream, key, frame);
    }
}

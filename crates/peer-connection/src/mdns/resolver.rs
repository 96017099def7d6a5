//! Asking for the address behind a name.

use std::io;
use std::net::IpAddr;
use std::time::Duration;

use thiserror::Error;

use super::message::{find_answer, write_query};
use super::{MAX_MESSAGE, multicast, open};

/// How often the question is asked, and how long after each time an answer is waited for.
const TRIES: [Duration; 4] = [
    Duration::from_millis(200),
    Duration::from_millis(400),
    Duration::from_millis(800),
    Duration::from_millis(1600),
];

/// Why a `.local` name was not resolved.
#[derive(Debug, Error)]
pub(crate) enum ResolveError {
    /// The name is not one that mDNS serves.
    #[error("'{0}' is not a name in .local of at most 253 bytes")]
    NotLocal(String),
    /// No socket could be had.
    #[error("no multicast DNS socket can be opened")]
    Socket(#[source] io::Error),
    /// Nobody answered.
    #[error("nobody on the local network answers for '{0}'")]
    NoAnswer(String),
}

/// Resolves `name`, asking on every interface that has one of `interfaces` as its address.
pub(crate) async fn resolve(name: &str, interfaces: &[IpAddr]) -> Result<IpAddr, ResolveError> {
    let query = write_query(name).ok_or_else(|| ResolveError::NotLocal(name.to_owned()))?;
    let socket = open(interfaces).map_err(ResolveError::Socket)?;
    let mut buffer = [0; MAX_MESSAGE];
    for patience in TRIES {
        multicast(&socket, &query, interfaces).await;
        let answer = tokio::time::timeout(patience, async {
            loop {
                let received = socket.recv_from(&mut buffer).await;
                let Ok((len, _)) = received else { continue };
                let message = buffer.get(..len).unwrap_or_default();
                if let Ok(Some(address)) = find_answer(message, name) {
                    return address;
                }
            }
        });
        if let Ok(address) = answer.await {
            return Ok(address);
        }
    }
    Err(ResolveError::NoAnswer(name.to_owned()))
}

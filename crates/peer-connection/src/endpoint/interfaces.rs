//! Which local addresses there are, and a socket for each.

use std::io;
use std::net::{IpAddr, SocketAddr};

use super::socket::Socket;
use super::{BindError, EndpointConfiguration};

/// The most sockets in an endpoint: hosts with more addresses than that (containers' bridges) would
/// only slow the connectivity checks down.
const MAX_SOCKETS: usize = 16;

/// Binds a socket to each address that the configuration means. Addresses that can not be bound are
/// left out, unless that leaves none.
pub(super) fn bind_all(configuration: &EndpointConfiguration) -> Result<Vec<Socket>, BindError> {
    let addresses = if configuration.addresses.is_empty() {
        candidate_addresses(configuration.loopback).map_err(BindError::Interfaces)?
    } else {
        configuration.addresses.clone()
    };
    let mut sockets = Vec::new();
    let mut failure = BindError::NoAddress;
    for ip in addresses.into_iter().take(MAX_SOCKETS) {
        let address = SocketAddr::new(ip, configuration.port);
        match Socket::bind(address) {
            Ok(socket) => sockets.push(socket),
            Err(source) => {
                tracing::debug!(%address, error = %source, "an address can not be bound");
                failure = BindError::Bind { address, source };
            }
        }
    }
    if sockets.is_empty() {
        Err(failure)
    } else {
        Ok(sockets)
    }
}

/// The addresses of all interfaces that are up, loopback included.
///
/// # Errors
///
/// If the system does not tell.
pub fn local_addresses() -> io::Result<Vec<IpAddr>> {
    let interfaces = if_addrs::get_if_addrs()?;
    let up = interfaces
        .iter()
        .filter(|interface| interface.is_oper_up() || interface.is_loopback());
    Ok(up.map(if_addrs::Interface::ip).collect())
}

/// The addresses that are worth a candidate.
fn candidate_addresses(with_loopback: bool) -> io::Result<Vec<IpAddr>> {
    let usable = local_addresses()?
        .into_iter()
        .filter(|ip| !is_link_local_v6(*ip));
    let (loopback, mut addresses): (Vec<_>, Vec<_>) = usable.partition(IpAddr::is_loopback);
    if with_loopback || addresses.is_empty() {
        addresses.extend(loopback);
    }
    Ok(addresses)
}

/// fe80::/10: useless as a candidate, because it means nothing without its interface.
const fn is_link_local_v6(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local())
}

//! Which local addresses there are, and a socket for each.

use std::io;
use std::net::{IpAddr, SocketAddr};

use super::socket::BoundSocket;
use super::{BindError, EndpointConfiguration};

/// The most sockets in an endpoint: hosts with more addresses than that (containers' bridges) would
/// only slow the connectivity checks down.
const MAX_SOCKETS: usize = 16;

/// Binds a socket for each of `shards` to each address that the configuration means; the inner lists are the shards'.
/// Addresses that can not be bound are left out, unless that leaves none. One that can be bound once can be bound for
/// all shards, or that is an error.
pub(super) fn bind_all(
    configuration: &EndpointConfiguration,
    shards: usize,
) -> Result<Vec<Vec<BoundSocket>>, BindError> {
    let addresses = if configuration.addresses.is_empty() {
        candidate_addresses(configuration.loopback).map_err(BindError::Interfaces)?
    } else {
        configuration.addresses.clone()
    };
    let mut sockets: Vec<Vec<_>> = (0..shards).map(|_| Vec::new()).collect();
    let mut failure = BindError::NoAddress;
    for ip in addresses.into_iter().take(MAX_SOCKETS) {
        let address = SocketAddr::new(ip, configuration.port);
        match BoundSocket::bind(address) {
            Ok(first) => {
                let group =
                    complete_group(first, shards).map_err(|source| not_for_all(address, source))?;
                for (shard, socket) in sockets.iter_mut().zip(group) {
                    shard.push(socket);
                }
            }
            Err(source) => {
                tracing::debug!(%address, error = %source, "an address can not be bound");
                failure = BindError::Bind { address, source };
            }
        }
    }
    if sockets.iter().all(Vec::is_empty) {
        Err(failure)
    } else {
        Ok(sockets)
    }
}

/// As many sockets as there are shards, all with the address of the first.
fn complete_group(first: BoundSocket, shards: usize) -> io::Result<Vec<BoundSocket>> {
    let others: io::Result<Vec<_>> = (1..shards).map(|_| first.bind_beside()).collect();
    let mut group = vec![first];
    group.extend(others?);
    Ok(group)
}

fn not_for_all(address: SocketAddr, source: io::Error) -> BindError {
    match source.kind() {
        io::ErrorKind::Unsupported => BindError::OneShardOnly,
        _ => BindError::Bind { address, source },
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

//! Asking the local network for the address behind a `.local` name (RFC 6762), as browsers use them to
//! hide their addresses.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use gannet_wire::{ReadError, Reader, Writer};
use socket2::{Domain, Protocol, Socket, Type};
use thiserror::Error;
use tokio::net::UdpSocket;

/// Where queries go (RFC 6762, section 3).
const GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 251);
const PORT: u16 = 5353;
/// How often the question is asked, and how long after each time an answer is waited for.
const TRIES: [Duration; 4] = [
    Duration::from_millis(200),
    Duration::from_millis(400),
    Duration::from_millis(800),
    Duration::from_millis(1600),
];

const TYPE_A: u16 = 1;
const TYPE_AAAA: u16 = 28;
const CLASS_IN: u16 = 1;
/// A name may jump back this often before we call it a loop (RFC 1035, section 4.1.4).
const MAX_POINTERS: usize = 16;

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
    let mut buffer = [0; 1500];
    for patience in TRIES {
        ask(&socket, &query, interfaces).await;
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

/// A socket on the mDNS port, shared with whoever else listens there, in the group on each interface.
fn open(interfaces: &[IpAddr]) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_reuse_address(true)?;
    #[cfg(unix)]
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    let address = SocketAddr::from((Ipv4Addr::UNSPECIFIED, PORT));
    socket.bind(&address.into())?;
    for interface in interfaces {
        if let IpAddr::V4(interface) = interface {
            // An interface without multicast is no reason not to ask on the others.
            let _ = socket.join_multicast_v4(&GROUP, interface);
        }
    }
    UdpSocket::from_std(socket.into())
}

async fn ask(socket: &UdpSocket, query: &[u8], interfaces: &[IpAddr]) {
    for interface in interfaces {
        let IpAddr::V4(interface) = interface else {
            continue;
        };
        let selected = socket2::SockRef::from(socket).set_multicast_if_v4(interface);
        if selected.is_ok() {
            // What is not sent is not answered, and then the next try comes.
            let _ = socket.send_to(query, (GROUP, PORT)).await;
        }
    }
}

/// A query for the IPv4 and the IPv6 address of `name` (RFC 1035, section 4.1).
fn write_query(name: &str) -> Option<Vec<u8>> {
    let name = name.strip_suffix('.').unwrap_or(name);
    let is_local = name.len() <= 253 && name.to_ascii_lowercase().ends_with(".local");
    if !is_local
        || name
            .split('.')
            .any(|label| label.is_empty() || label.len() > 63)
    {
        return None;
    }
    let mut query = Vec::new();
    let mut writer = Writer::new(&mut query);
    // Id and flags are zero (RFC 6762, section 18); two questions, nothing else.
    for field in [0, 0, 2, 0, 0, 0] {
        writer.u16(field);
    }
    for kind in [TYPE_A, TYPE_AAAA] {
        for label in name.split('.') {
            writer.prefixed_u8("label").bytes(label.as_bytes());
        }
        writer.u8(0);
        writer.u16(kind);
        writer.u16(CLASS_IN);
    }
    writer.finish().ok()?;
    Some(query)
}

/// The first address that `message` gives for `name`, if it is a response.
fn find_answer(message: &[u8], name: &str) -> Result<Option<IpAddr>, ReadError> {
    let mut reader = Reader::new(message);
    reader.u16("id")?;
    let flags = reader.u16("flags")?;
    let questions = reader.u16("question count")?;
    let mut records = u32::from(reader.u16("answer count")?);
    records += u32::from(reader.u16("authority count")?);
    records += u32::from(reader.u16("additional count")?);
    let is_response = flags & 0x8000 != 0;
    if !is_response {
        return Ok(None);
    }
    for _ in 0..questions {
        read_name(&mut reader, message)?;
        reader.u32("question")?;
    }
    for _ in 0..records {
        let owner = read_name(&mut reader, message)?;
        let kind = reader.u16("type")?;
        reader.u16("class")?;
        reader.u32("time to live")?;
        let mut data = reader.prefixed_u16("record data")?;
        if !owner.eq_ignore_ascii_case(name.strip_suffix('.').unwrap_or(name)) {
            continue;
        }
        match kind {
            TYPE_A => {
                return Ok(Some(
                    Ipv4Addr::from(data.take_array("IPv4 address")?).into(),
                ));
            }
            TYPE_AAAA => {
                return Ok(Some(
                    Ipv6Addr::from(data.take_array::<16>("IPv6 address")?).into(),
                ));
            }
            _ => {}
        }
    }
    Ok(None)
}

/// Reads a name, following its pointers (RFC 1035, section 4.1.4).
fn read_name<'a>(reader: &mut Reader<'a>, message: &'a [u8]) -> Result<String, ReadError> {
    let mut name = String::new();
    let mut elsewhere: Option<Reader<'a>> = None;
    let mut pointers = 0;
    loop {
        let current = elsewhere.as_mut().unwrap_or(reader);
        let len = current.u8("label")?;
        match len {
            0 => return Ok(name),
            0xc0.. => {
                let low = current.u8("label pointer")?;
                pointers += 1;
                let offset = (usize::from(len & 0x3f) << 8) | usize::from(low);
                let target = if pointers > MAX_POINTERS {
                    None
                } else {
                    message.get(offset..)
                };
                elsewhere = Some(Reader::new(target.unwrap_or_default()));
            }
            _ => {
                let label = current.take(usize::from(len), "label")?;
                if !name.is_empty() {
                    name.push('.');
                }
                name.push_str(&String::from_utf8_lossy(label));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "4c0b5c1e-8c0f-4f1c-a7b5-2f6f3f9a7e11.local";

    /// A response whose record owner is a pointer to the question's name.
    fn response(kind: u16, address: &[u8]) -> Vec<u8> {
        let mut message = write_query(NAME).unwrap();
        message[2] = 0x84;
        message[7] = 1;
        let mut writer = Writer::new(&mut message);
        writer.u16(0xc00c);
        writer.u16(kind);
        writer.u16(0x8001);
        writer.u32(120);
        writer.prefixed_u16("data").bytes(address);
        writer.finish().unwrap();
        message
    }

    #[test]
    fn addresses_are_found_behind_name_pointers() {
        let v4 = find_answer(&response(TYPE_A, &[10, 9, 9, 1]), NAME).unwrap();
        assert_eq!(v4, Some(IpAddr::from([10, 9, 9, 1])));
        let v6 = find_answer(&response(TYPE_AAAA, &[0xfd; 16]), &NAME.to_uppercase()).unwrap();
        assert_eq!(v6, Some(IpAddr::from([0xfd; 16])));
    }

    #[test]
    fn answers_for_others_and_queries_are_passed_over() {
        let message = response(TYPE_A, &[10, 9, 9, 1]);
        assert_eq!(find_answer(&message, "other.local").unwrap(), None);
        assert_eq!(
            find_answer(&write_query(NAME).unwrap(), NAME).unwrap(),
            None
        );
    }

    #[test]
    fn truncated_messages_and_pointer_loops_are_errors() {
        let message = response(TYPE_A, &[10, 9, 9, 1]);
        for len in 0..message.len() {
            assert!(find_answer(&message[..len], NAME).is_err(), "{len} bytes");
        }
        let mut looping = response(TYPE_A, &[10, 9, 9, 1]);
        looping[12..14].copy_from_slice(&[0xc0, 0x0c]);
        assert!(find_answer(&looping, NAME).is_err());
    }

    #[test]
    fn only_local_names_are_asked_for() {
        for name in ["example.com", "local", "a..local", ""] {
            assert!(write_query(name).is_none(), "{name}");
        }
        assert!(write_query(&format!("{}.local", "a".repeat(64))).is_none());
    }
}

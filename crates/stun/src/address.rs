//! Transport addresses, plain and XORed.
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |0 0 0 0 0 0 0 0|    Family     |           Port                |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                 Address (32 bits or 128 bits)                 |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! ```

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use gannet_wire::{ReadError, Reader, Writer};

use crate::{MAGIC_COOKIE, TransactionId};

/// The family of an address (RFC 8489, section 14.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AddressFamily {
    /// IPv4 (0x01).
    V4,
    /// IPv6 (0x02).
    V6,
}

impl AddressFamily {
    /// The family of `address`.
    #[must_use]
    pub const fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }

    pub(crate) const fn number(self) -> u8 {
        match self {
            Self::V4 => 0x01,
            Self::V6 => 0x02,
        }
    }

    pub(crate) const fn from_number(number: u8) -> Option<Self> {
        match number {
            0x01 => Some(Self::V4),
            0x02 => Some(Self::V6),
            _ => None,
        }
    }
}

/// Reads an address; `None` inside `Ok` is a family that does not exist.
pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Option<SocketAddr>, ReadError> {
    reader.u8("address padding")?;
    let family = reader.u8("address family")?;
    let port = reader.u16("port")?;
    let ip = match AddressFamily::from_number(family) {
        Some(AddressFamily::V4) => IpAddr::V4(Ipv4Addr::from(reader.take_array("IPv4 address")?)),
        Some(AddressFamily::V6) => IpAddr::V6(Ipv6Addr::from(reader.take_array("IPv6 address")?)),
        None => return Ok(None),
    };
    reader.finish("address")?;
    Ok(Some(SocketAddr::new(ip, port)))
}

/// Reads an XORed address (RFC 8489, section 14.2).
pub(crate) fn read_xored(
    reader: &mut Reader<'_>,
    id: &TransactionId,
) -> Result<Option<SocketAddr>, ReadError> {
    Ok(read(reader)?.map(|address| xor(address, id)))
}

/// Writes an address.
pub(crate) fn write(writer: &mut Writer<'_>, address: SocketAddr) {
    writer.u8(0);
    writer.u8(AddressFamily::of(address.ip()).number());
    writer.u16(address.port());
    match address.ip() {
        IpAddr::V4(ip) => writer.bytes(&ip.octets()),
        IpAddr::V6(ip) => writer.bytes(&ip.octets()),
    }
}

/// The port is XORed with the upper half of the cookie, an IPv4 address with the cookie, an IPv6
/// address with the cookie and the transaction ID. Doing it twice gives the address back.
pub(crate) fn xor(address: SocketAddr, id: &TransactionId) -> SocketAddr {
    let [a, b, c, d] = MAGIC_COOKIE.to_be_bytes();
    let port = address.port() ^ u16::from_be_bytes([a, b]);
    let ip = match address.ip() {
        IpAddr::V4(ip) => IpAddr::V4(Ipv4Addr::from(u32::from(ip) ^ MAGIC_COOKIE)),
        IpAddr::V6(ip) => {
            let mut mask = [a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
            if let Some((_, tail)) = mask.split_first_chunk_mut::<4>() {
                tail.copy_from_slice(&id.0);
            }
            IpAddr::V6(Ipv6Addr::from(u128::from(ip) ^ u128::from_be_bytes(mask)))
        }
    };
    SocketAddr::new(ip, port)
}

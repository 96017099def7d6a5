//! A simulated run as a capture file, for Wireshark.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use crate::clock;
use crate::pair::Direction;

/// Nanosecond resolution, in the byte order of the file (little-endian here).
const MAGIC: u32 = 0xa1b2_3c4d;
/// LINKTYPE_RAW: each record begins with an IPv4 or IPv6 header.
const LINK_TYPE: u32 = 101;
const UDP: u8 = 17;
const UDP_HEADER: usize = 8;

/// A capture file in memory: datagrams with UDP and IP headers put in front of them, stamped with
/// [`wall_clock_start`](crate::wall_clock_start) plus the virtual time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pcap {
    bytes: Vec<u8>,
}

impl Pcap {
    /// A capture without records.
    #[must_use]
    pub fn new() -> Self {
        let mut bytes = Vec::new();
        bytes.extend(MAGIC.to_le_bytes());
        bytes.extend(2_u16.to_le_bytes());
        bytes.extend(4_u16.to_le_bytes());
        bytes.extend([0; 8]);
        bytes.extend(u32::from(u16::MAX).to_le_bytes());
        bytes.extend(LINK_TYPE.to_le_bytes());
        Self { bytes }
    }

    /// Appends one datagram, at a virtual time. One that is too long for IP is cut.
    pub fn datagram(&mut self, at: Instant, from: SocketAddr, to: SocketAddr, payload: &[u8]) {
        let longest = usize::from(u16::MAX) - 40 - UDP_HEADER;
        let payload = &payload[..payload.len().min(longest)];
        let udp = udp_packet(from, to, payload);
        let mut packet = ip_header(from.ip(), to.ip(), udp.len());
        packet.extend(udp);
        let stamp = clock::wall_clock_start() + at.saturating_duration_since(clock::start());
        let stamp = stamp
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or(Duration::ZERO);
        self.bytes.extend((stamp.as_secs() as u32).to_le_bytes());
        self.bytes.extend(stamp.subsec_nanos().to_le_bytes());
        let length = (packet.len() as u32).to_le_bytes();
        self.bytes.extend(length);
        self.bytes.extend(length);
        self.bytes.extend(packet);
    }

    /// The whole file.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Writes the file.
    ///
    /// # Errors
    /// Those of [`std::fs::write`].
    pub fn save(&self, path: impl AsRef<Path>) -> io::Result<()> {
        std::fs::write(path, &self.bytes)
    }

    /// Where the two ends of a [`Pair`](crate::Pair) live: 192.0.2.1:5000 and 192.0.2.2:5000 (RFC
    /// 5737).
    pub(crate) const fn pair_addresses(direction: Direction) -> (SocketAddr, SocketAddr) {
        const A: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 5000);
        const B: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2)), 5000);
        match direction {
            Direction::AToB => (A, B),
            Direction::BToA => (B, A),
        }
    }
}

impl Default for Pcap {
    fn default() -> Self {
        Self::new()
    }
}

/// RFC 768, with the checksum over the pseudo header of RFC 768 or RFC 8200, section 8.1.
fn udp_packet(from: SocketAddr, to: SocketAddr, payload: &[u8]) -> Vec<u8> {
    let length = (UDP_HEADER + payload.len()) as u16;
    let mut packet = Vec::with_capacity(usize::from(length));
    packet.extend(from.port().to_be_bytes());
    packet.extend(to.port().to_be_bytes());
    packet.extend(length.to_be_bytes());
    packet.extend([0, 0]);
    packet.extend(payload);
    let mut pseudo = Vec::new();
    push_address(&mut pseudo, from.ip());
    push_address(&mut pseudo, to.ip());
    pseudo.extend([0, UDP]);
    pseudo.extend(length.to_be_bytes());
    let checksum = match checksum(pseudo.chunks(2).chain(packet.chunks(2))) {
        0 => u16::MAX,
        other => other,
    };
    packet[6..8].copy_from_slice(&checksum.to_be_bytes());
    packet
}

fn ip_header(from: IpAddr, to: IpAddr, payload: usize) -> Vec<u8> {
    const TIME_TO_LIVE: u8 = 64;
    let mut header = Vec::with_capacity(40);
    if from.is_ipv4() && to.is_ipv4() {
        header.extend([0x45, 0]);
        header.extend(((20 + payload) as u16).to_be_bytes());
        header.extend([0, 0, 0x40, 0, TIME_TO_LIVE, UDP, 0, 0]);
        push_address(&mut header, from);
        push_address(&mut header, to);
        let checksum = checksum(header.chunks(2));
        header[10..12].copy_from_slice(&checksum.to_be_bytes());
    } else {
        header.extend([0x60, 0, 0, 0]);
        header.extend((payload as u16).to_be_bytes());
        header.extend([UDP, TIME_TO_LIVE]);
        for address in [from, to] {
            header.extend(match address {
                IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
                IpAddr::V6(v6) => v6.octets(),
            });
        }
    }
    header
}

fn push_address(bytes: &mut Vec<u8>, address: IpAddr) {
    match address {
        IpAddr::V4(v4) => bytes.extend(v4.octets()),
        IpAddr::V6(v6) => bytes.extend(v6.octets()),
    }
}

/// RFC 1071 over chunks of two bytes; the last may be one.
fn checksum<'a>(chunks: impl Iterator<Item = &'a [u8]>) -> u16 {
    let sum: u32 = chunks
        .map(|chunk| match chunk {
            [high, low] => u32::from(u16::from_be_bytes([*high, *low])),
            [high] => u32::from(*high) << 8,
            _ => 0,
        })
        .sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    let folded = (folded & 0xffff) + (folded >> 16);
    !(folded as u16)
}

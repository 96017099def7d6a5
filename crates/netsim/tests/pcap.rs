//! The capture file, byte by byte.

use std::time::{Duration, Instant};

use gannet_netsim::{LinkConfig, Pair, Pcap, Peer, start};

/// Sends two letters, one at the start and one 1.5 s later.
#[derive(Debug, Default)]
struct Sender {
    sent: usize,
}

impl Peer for Sender {
    fn handle_packet(&mut self, _now: Instant, _packet: &[u8]) {}
    fn handle_timeout(&mut self, _now: Instant) {}
    fn poll_transmit(&mut self, now: Instant, buf: &mut Vec<u8>) -> bool {
        let due = self.poll_timeout().is_some_and(|at| at <= now);
        if due {
            buf.push(b"xy"[self.sent]);
            self.sent += 1;
        }
        due
    }
    fn poll_timeout(&self) -> Option<Instant> {
        let at = start() + Duration::from_millis(1500) * self.sent as u32;
        (self.sent < 2).then_some(at)
    }
}

#[test]
fn a_run_as_a_capture() {
    let idle = Sender { sent: 2 };
    let mut pair = Pair::new(1, Sender::default(), idle)
        .link(LinkConfig::new().loss(1.0))
        .record();
    pair.run_until_idle();
    let bytes = pair.pcap().expect("it was asked for").as_bytes();

    let header = "4d3cb2a1 0200 0400 00000000 00000000 ffff0000 65000000";
    // 192.0.2.1 to 192.0.2.2, both from port 5000, one byte of payload.
    let first = "c0615669 00000000 1d000000 1d000000
        4500 001d 0000 4000 4011 b6cc c0000201 c0000202 1388 1388 0009 dcc7 78";
    let second = "c1615669 0065cd1d 1d000000 1d000000
        4500 001d 0000 4000 4011 b6cc c0000201 c0000202 1388 1388 0009 dbc7 79";
    assert_eq!(
        hex(bytes),
        [header, first, second].concat().replace([' ', '\n'], "")
    );
}

#[test]
fn ipv6_has_its_own_header_and_checksum() {
    let mut pcap = Pcap::default();
    let from = "[2001:db8::1]:53".parse().expect("an address");
    let to = "[2001:db8::2]:53".parse().expect("an address");
    pcap.datagram(start(), from, to, &[0xab, 0xcd]);
    let packet = &pcap.as_bytes()[24 + 16..];
    assert_eq!(packet[..8], [0x60, 0, 0, 0, 0, 10, 17, 64]);
    assert_eq!(packet.len(), 40 + 8 + 2);
    // The sum over the pseudo header (addresses, length, next header) and the packet is all ones.
    let words = packet[8..]
        .chunks(2)
        .map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]])));
    let sum: u32 = words.sum::<u32>() + 10 + 17;
    assert_eq!((sum & 0xffff) + (sum >> 16), 0xffff);
}

#[test]
fn too_long_payloads_are_cut_and_files_written() {
    let mut pcap = Pcap::new();
    let any = "192.0.2.1:1".parse().expect("an address");
    pcap.datagram(start(), any, any, &[0; 70_000]);
    assert!(pcap.as_bytes().len() < 66_000);
    let path = std::env::temp_dir().join(format!("gannet-netsim-{}.pcap", std::process::id()));
    pcap.save(&path)
        .expect("the temporary directory can be written");
    assert_eq!(std::fs::read(&path).expect("it is there"), pcap.as_bytes());
    std::fs::remove_file(path).expect("it is there");
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

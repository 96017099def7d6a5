//! What Wireshark says of the packets that we log.
//!
//! `tshark` comes from the system (Debian's package of that name). Where it is missing the test fails and
//! says so: what was not run has not passed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use bytes::Bytes;
use gannet_netsim::{LinkConfig, Pair};
use gannet_sctp::{AssociationState, Config, PacketLog, Ppid, Reliability, SendOptions, StreamId};
use gannet_sctp_peers::{Ours, Sctp};

/// Messages of all kinds over a lossy link, a reset, and a shutdown: what one end has logged.
fn logged(config: &Config) -> Vec<u8> {
    let end = |seed| Ours::new(seed, config.clone());
    let link = LinkConfig::new().delay(Duration::from_millis(10)).loss(0.1);
    let mut pair = Pair::new(1, end(1), end(2)).link(link);
    let now = pair.now();
    let log = PacketLog::new(now, Duration::from_secs(1_700_000_000), 1 << 24);
    pair.a.0.start_packet_log(log);
    pair.a.connect(now);
    pair.b.connect(now);
    pair.run_until(|a, b| a.is_connected() && b.is_connected());
    let now = pair.now();
    for i in 0..60_u16 {
        let options = SendOptions {
            ordered: i % 3 != 0,
            reliability: match i % 4 {
                0 => Reliability::MaxRetransmits(0),
                _ => Reliability::Reliable,
            },
        };
        let data = Bytes::from(vec![i as u8; 100 + 90 * usize::from(i)]);
        let sent = pair.a.0.send(now, StreamId(i % 5), Ppid(53), data, options);
        assert_eq!(sent, Ok(()));
    }
    pair.run_for(Duration::from_secs(5));
    pair.a.0.reset_streams(&[StreamId(1), StreamId(2)]).unwrap();
    pair.run_for(Duration::from_secs(5));
    let now = pair.now();
    pair.a.0.shutdown(now);
    pair.run_until(|a, _| a.0.state() == AssociationState::Closed);
    pair.a.0.take_packet_log().unwrap().into_bytes()
}

fn tshark(file: &Path, arguments: &[&str]) -> String {
    let output = Command::new("tshark")
        .arg("-r")
        .arg(file)
        .args(["-o", "sctp.checksum:CRC32C"])
        .args(arguments)
        .output()
        .expect("tshark can not be run; is it installed?");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// How many chunks of each type there are.
fn chunk_types(file: &Path) -> BTreeMap<u8, u32> {
    let mut counts = BTreeMap::new();
    for line in tshark(file, &["-T", "fields", "-e", "sctp.chunk_type"]).lines() {
        for kind in line.split(',').filter(|kind| !kind.is_empty()) {
            *counts.entry(kind.parse().unwrap()).or_default() += 1;
        }
    }
    counts
}

fn write(name: &str, bytes: &[u8]) -> PathBuf {
    let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&file, bytes).unwrap();
    file
}

/// The packets that are malformed or whose checksum is wrong.
const BAD: &str = "_ws.malformed || sctp.checksum.status == 0 || sctp.checksum.status == \"Bad\"";

#[test]
fn wireshark_reads_the_packet_log() {
    for (name, interleaving) in [("data.pcap", false), ("i-data.pcap", true)] {
        let config = Config {
            interleaving,
            ..Config::default()
        };
        let mut bytes = logged(&config);
        let file = write(name, &bytes);
        assert_eq!(tshark(&file, &["-Y", BAD]), "", "{name}");
        let counts = chunk_types(&file);
        // DATA or I-DATA, INIT, INIT ACK, SACK, COOKIE ECHO, COOKIE ACK, SHUTDOWN, SHUTDOWN ACK, RE-CONFIG, and
        // FORWARD TSN or I-FORWARD-TSN.
        let (data, forward) = if interleaving { (64, 194) } else { (0, 192) };
        for kind in [data, 1, 2, 3, 7, 8, 10, 11, 130, forward] {
            assert!(
                counts.contains_key(&kind),
                "{name}: no {kind} in {counts:?}"
            );
        }
        // What is broken is found: a bit of the last packet is turned.
        *bytes.last_mut().unwrap() ^= 1;
        let file = write(&format!("broken-{name}"), &bytes);
        assert_eq!(tshark(&file, &["-Y", BAD]).lines().count(), 1);
    }
}

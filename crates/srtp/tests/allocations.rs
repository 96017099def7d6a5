//! A packet of a known stream costs no allocation, and a stream costs few bytes.
//!
//! Only what Rust code allocates is counted.

#![cfg(feature = "aws-lc-rs")]

use gannet_alloc_count::{allocations, count};
use gannet_srtp::{Cryptex, MasterKey, Profile, Receiver, ReceiverConfig, Sender, SenderConfig};

fn contexts(profile: Profile, max_streams: usize) -> (Sender, Receiver) {
    let crypto = gannet_crypto::default_provider();
    let (key, salt) = (vec![1; profile.key_len()], vec![2; profile.salt_len()]);
    let key = MasterKey::new(profile, &key, &salt).unwrap();
    let sending = SenderConfig {
        cryptex: true,
        max_streams,
        ..SenderConfig::default()
    };
    let receiving = ReceiverConfig {
        cryptex: Cryptex::Accept,
        max_streams,
        ..ReceiverConfig::default()
    };
    (
        Sender::new(&*crypto, &key, sending).unwrap(),
        Receiver::new(&*crypto, &key, receiving).unwrap(),
    )
}

fn rtp(ssrc: u32, sequence_number: u16, packet: &mut Vec<u8>) {
    packet.clear();
    packet.extend([0x91, 96]);
    packet.extend(sequence_number.to_be_bytes());
    packet.extend([0, 0, 0, 1]);
    packet.extend(ssrc.to_be_bytes());
    packet.extend([0, 0, 0, 9, 0xbe, 0xde, 0, 1, 0x10, 0, 0, 0]);
    packet.extend([0x42; 1_000]);
}

#[test]
fn a_packet_of_a_known_stream_allocates_nothing() {
    for profile in Profile::ALL {
        let (mut sender, mut receiver) = contexts(profile, 10);
        let mut packet = Vec::with_capacity(1_500);
        let mut exchange = |sequence_number| {
            rtp(7, sequence_number, &mut packet);
            sender.protect_rtp(&mut packet, 0).unwrap();
            receiver.unprotect_rtp(&mut packet).unwrap();
            packet.clear();
            packet.extend([0x80, 201, 0, 1, 0, 0, 0, 7, 1, 2, 3, 4]);
            sender.protect_rtcp(&mut packet, 0).unwrap();
            receiver.unprotect_rtcp(&mut packet).unwrap();
        };
        assert!(
            allocations(|| exchange(0)) > 0,
            "the first packet of a stream makes a place for it"
        );
        for number in 1..100 {
            let allocations = allocations(|| exchange(number));
            assert_eq!(allocations, 0, "{profile}, packet {number}");
        }
    }
}

#[test]
fn a_stream_takes_few_bytes() {
    const STREAMS: u32 = 1 << 14;
    let (mut sender, mut receiver) = contexts(Profile::AeadAes128Gcm, STREAMS as usize);
    let mut packet = Vec::with_capacity(1_500);
    let (sending, ()) = count(|| {
        for ssrc in 0..STREAMS {
            rtp(ssrc, 1, &mut packet);
            sender.protect_rtp(&mut packet, 0).unwrap();
        }
    });
    let (receiving, ()) = count(|| {
        for ssrc in 0..STREAMS {
            rtp(ssrc, 2, &mut packet);
            sender.protect_rtp(&mut packet, 0).unwrap();
            receiver.unprotect_rtp(&mut packet).unwrap();
        }
    });
    // 128 bytes are a window of 1,024 bits; the table is at worst half empty.
    for (what, count) in [("is sent", sending), ("is received", receiving)] {
        let bytes = count.bytes / STREAMS as isize;
        assert!(
            (128..=220).contains(&bytes),
            "{bytes} bytes for a stream that {what}"
        );
    }
}

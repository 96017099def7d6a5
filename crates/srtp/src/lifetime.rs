//! The ends of a key's life, which no test could reach by sending packets.

use crate::index::INDEX_LIMIT;
use crate::keys::SessionKeys;
use crate::{
    MasterKey, Profile, ProtectError, Receiver, ReceiverConfig, Sender, SenderConfig,
    UnprotectError,
};

fn key() -> MasterKey {
    MasterKey::new(Profile::AeadAes128Gcm, &[1; 16], &[2; 12]).unwrap()
}

fn old_keys(left: u64) -> SessionKeys {
    let mut keys = SessionKeys::new(&*gannet_crypto::default_provider(), &key(), &[]).unwrap();
    keys.age(left);
    keys
}

fn contexts() -> (Sender, Receiver) {
    let crypto = gannet_crypto::default_provider();
    (
        Sender::new(&*crypto, &key(), SenderConfig::default()).unwrap(),
        Receiver::new(&*crypto, &key(), ReceiverConfig::default()).unwrap(),
    )
}

fn rtp(sequence_number: u16) -> Vec<u8> {
    let [high, low] = sequence_number.to_be_bytes();
    vec![0x80, 96, high, low, 0, 0, 0, 1, 0, 0, 0, 7, 1, 2, 3]
}

fn rtcp() -> Vec<u8> {
    vec![0x80, 201, 0, 1, 0, 0, 0, 7]
}

#[test]
fn a_sender_stops_after_2_to_the_48_rtp_packets_and_2_to_the_31_rtcp_packets() {
    let (mut sender, _) = contexts();
    sender.replace_keys(old_keys(2));
    for sequence_number in 0..2 {
        sender.protect_rtp(&mut rtp(sequence_number), 0).unwrap();
        sender.protect_rtcp(&mut rtcp(), 0).unwrap();
    }
    let mut packet = rtp(2);
    let refused = sender.protect_rtp(&mut packet, 0);
    assert_eq!(refused, Err(ProtectError::KeyExpired));
    assert_eq!(packet, rtp(2), "unchanged");
    let mut packet = rtcp();
    let refused = sender.protect_rtcp(&mut packet, 0);
    assert_eq!(refused, Err(ProtectError::KeyExpired));
    assert_eq!(packet, rtcp(), "unchanged");
}

#[test]
fn a_receiver_stops_there_too() {
    let (mut sender, mut receiver) = contexts();
    receiver.replace_keys(old_keys(1));
    for (sequence_number, expected) in [(0, Ok(15)), (1, Err(UnprotectError::KeyExpired))] {
        let mut packet = rtp(sequence_number);
        sender.protect_rtp(&mut packet, 0).unwrap();
        assert_eq!(receiver.unprotect_rtp(&mut packet), expected);
    }
    for expected in [Ok(8), Err(UnprotectError::KeyExpired)] {
        let mut packet = rtcp();
        sender.protect_rtcp(&mut packet, 0).unwrap();
        assert_eq!(receiver.unprotect_rtcp(&mut packet), expected);
    }
}

#[test]
fn an_index_never_wraps() {
    let (mut sender, mut receiver) = contexts();
    sender.set_highest(7, INDEX_LIMIT - 2);
    receiver.set_highest(7, INDEX_LIMIT - 2);
    let mut packet = rtp(0xffff);
    sender.protect_rtp(&mut packet, 0).unwrap();
    assert_eq!(receiver.unprotect_rtp(&mut packet), Ok(15));
    let refused = sender.protect_rtp(&mut rtp(0), 0);
    assert_eq!(refused, Err(ProtectError::KeyExpired));
    let refused = receiver.unprotect_rtp(&mut [&rtp(0)[..], &[0; 16]].concat());
    assert_eq!(refused, Err(UnprotectError::KeyExpired));

    sender.set_next_rtcp(7, (1 << 31) - 1);
    let mut packet = rtcp();
    sender.protect_rtcp(&mut packet, 0).unwrap();
    assert_eq!(packet[packet.len() - 4..], [0xff; 4]);
    assert_eq!(receiver.unprotect_rtcp(&mut packet), Ok(8));
    let refused = sender.protect_rtcp(&mut rtcp(), 0);
    assert_eq!(refused, Err(ProtectError::KeyExpired));
}

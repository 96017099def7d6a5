//! Packets that must not get through, and must not change anything: forged, cut, replayed, from the
//! wrong time.

#![cfg(feature = "aws-lc-rs")]

use gannet_srtp::{
    AddKeyError, Cryptex, MalformedPacket, MasterKey, Profile, ProtectError, Receiver,
    ReceiverConfig, Sender, SenderConfig, UnprotectError,
};

fn key(profile: Profile, byte: u8) -> MasterKey {
    let key = vec![byte; profile.key_len()];
    MasterKey::new(profile, &key, &vec![byte; profile.salt_len()]).unwrap()
}

fn sender(profile: Profile) -> Sender {
    sender_with(profile, SenderConfig::default())
}

fn sender_with(profile: Profile, config: SenderConfig) -> Sender {
    Sender::new(
        &*gannet_crypto::default_provider(),
        &key(profile, 7),
        config,
    )
    .unwrap()
}

fn receiver(profile: Profile) -> Receiver {
    receiver_with(profile, ReceiverConfig::default())
}

fn receiver_with(profile: Profile, config: ReceiverConfig) -> Receiver {
    Receiver::new(
        &*gannet_crypto::default_provider(),
        &key(profile, 7),
        config,
    )
    .unwrap()
}

/// A packet with a CSRC, a header extension, and a payload of eight bytes.
fn rtp(ssrc: u32, sequence_number: u16) -> Vec<u8> {
    let mut packet = vec![0x91, 96];
    packet.extend(sequence_number.to_be_bytes());
    packet.extend([0, 0, 0, 1]);
    packet.extend(ssrc.to_be_bytes());
    packet.extend([0, 0, 0, 99]);
    packet.extend([0xbe, 0xde, 0, 1, 0x10, 0xaa, 0, 0]);
    packet.extend(b"payload!");
    packet
}

fn rtcp(ssrc: u32) -> Vec<u8> {
    let mut packet = vec![0x80, 201, 0, 3];
    packet.extend(ssrc.to_be_bytes());
    packet.extend(b"feedback");
    packet
}

fn protected_rtp(sender: &mut Sender, ssrc: u32, sequence_number: u16) -> Vec<u8> {
    let mut packet = rtp(ssrc, sequence_number);
    sender.protect_rtp(&mut packet, 0).unwrap();
    packet
}

fn protected_rtcp(sender: &mut Sender, ssrc: u32) -> Vec<u8> {
    let mut packet = rtcp(ssrc);
    sender.protect_rtcp(&mut packet, 0).unwrap();
    packet
}

#[test]
fn no_bit_can_be_flipped() {
    for profile in Profile::ALL {
        let mut receiver = receiver(profile);
        let mut sender = sender(profile);
        let packet = protected_rtp(&mut sender, 1, 1);
        let control = protected_rtcp(&mut sender, 1);
        for bit in 0..packet.len() * 8 {
            let mut forged = packet.clone();
            forged[bit / 8] ^= 0x80 >> (bit % 8);
            assert!(
                receiver.unprotect_rtp(&mut forged).is_err(),
                "{profile}, {bit}"
            );
        }
        for bit in 0..control.len() * 8 {
            let mut forged = control.clone();
            forged[bit / 8] ^= 0x80 >> (bit % 8);
            assert!(
                receiver.unprotect_rtcp(&mut forged).is_err(),
                "{profile}, {bit}"
            );
        }
        assert_eq!(receiver.stream_count(), 0, "forgeries leave nothing behind");
        assert!(receiver.unprotect_rtp(&mut packet.clone()).is_ok());
        assert!(receiver.unprotect_rtcp(&mut control.clone()).is_ok());
    }
}

#[test]
fn a_packet_can_not_be_cut_or_made_longer() {
    for profile in Profile::ALL {
        let mut receiver = receiver(profile);
        let mut sender = sender(profile);
        let packet = protected_rtp(&mut sender, 1, 1);
        let control = protected_rtcp(&mut sender, 1);
        for len in 0..packet.len() {
            assert!(receiver.unprotect_rtp(&mut packet[..len].to_vec()).is_err());
            assert!(
                receiver
                    .unprotect_rtp(&mut packet[len + 1..].to_vec())
                    .is_err()
            );
        }
        for len in 0..control.len() {
            assert!(
                receiver
                    .unprotect_rtcp(&mut control[..len].to_vec())
                    .is_err()
            );
            assert!(
                receiver
                    .unprotect_rtcp(&mut control[len + 1..].to_vec())
                    .is_err()
            );
        }
        for more in 1..20 {
            let longer = |packet: &[u8]| [packet, &vec![0; more]].concat();
            assert!(receiver.unprotect_rtp(&mut longer(&packet)).is_err());
            assert!(receiver.unprotect_rtcp(&mut longer(&control)).is_err());
        }
    }
}

#[test]
fn a_tag_of_zeros_is_no_tag() {
    for profile in Profile::ALL {
        let mut receiver = receiver(profile);
        let mut sender = sender(profile);
        let mut packet = protected_rtp(&mut sender, 1, 1);
        let tag_start = packet.len() - profile.rtp_tag_len();
        packet[tag_start..].fill(0);
        let refused = receiver.unprotect_rtp(&mut packet);
        assert_eq!(refused, Err(UnprotectError::NotAuthentic));
        let mut plain = [&rtp(1, 1)[..], &vec![0; profile.rtp_tag_len()]].concat();
        assert_eq!(
            receiver.unprotect_rtp(&mut plain),
            Err(UnprotectError::NotAuthentic)
        );
        let trailer = [0x80, 0, 0, 0];
        let tag = vec![0; profile.rtcp_tag_len()];
        for mut plain in [
            [&rtcp(1)[..], &trailer, &tag].concat(),
            [&rtcp(1)[..], &tag, &trailer].concat(),
        ] {
            assert!(receiver.unprotect_rtcp(&mut plain).is_err());
        }
    }
}

#[test]
fn another_key_or_profile_opens_nothing() {
    for profile in Profile::ALL {
        let packet = protected_rtp(&mut sender(profile), 1, 1);
        let control = protected_rtcp(&mut sender(profile), 1);
        for other in Profile::ALL {
            let crypto = gannet_crypto::default_provider();
            let wrong = key(other, if other == profile { 8 } else { 7 });
            let mut receiver = Receiver::new(&*crypto, &wrong, Default::default()).unwrap();
            // The two profiles of AES-128 with SHA-1 share keys, and RTCP is the same in both.
            let same_rtcp = profile != other
                && [profile, other].iter().all(|profile| {
                    [Profile::Aes128CmHmacSha1_80, Profile::Aes128CmHmacSha1_32].contains(profile)
                });
            assert!(receiver.unprotect_rtp(&mut packet.clone()).is_err());
            assert_eq!(
                receiver.unprotect_rtcp(&mut control.clone()).is_ok(),
                same_rtcp
            );
        }
    }
}

#[test]
fn replays_are_refused_and_reordering_is_not() {
    for profile in Profile::ALL {
        let config = ReceiverConfig {
            replay_window: 64,
            ..ReceiverConfig::default()
        };
        let mut receiver = receiver_with(profile, config);
        let mut sender = sender(profile);
        let packets: Vec<_> = (0..200).map(|n| protected_rtp(&mut sender, 1, n)).collect();
        for packet in packets[100..164].iter().rev() {
            assert!(receiver.unprotect_rtp(&mut packet.clone()).is_ok());
            let again = receiver.unprotect_rtp(&mut packet.clone());
            assert_eq!(again, Err(UnprotectError::Replayed));
        }
        let early = receiver.unprotect_rtp(&mut packets[99].clone());
        assert_eq!(early, Err(UnprotectError::TooOld));
        assert!(receiver.unprotect_rtp(&mut packets[199].clone()).is_ok());
        let again = receiver.unprotect_rtp(&mut packets[163].clone());
        assert_eq!(again, Err(UnprotectError::Replayed));
    }
}

#[test]
fn rtcp_replays_are_refused() {
    for profile in Profile::ALL {
        let mut receiver = receiver(profile);
        let mut sender = sender(profile);
        let packets: Vec<_> = (0..300).map(|_| protected_rtcp(&mut sender, 1)).collect();
        for packet in packets.iter().skip(1).step_by(2) {
            assert!(receiver.unprotect_rtcp(&mut packet.clone()).is_ok());
            let again = receiver.unprotect_rtcp(&mut packet.clone());
            assert_eq!(again, Err(UnprotectError::Replayed));
        }
        assert!(receiver.unprotect_rtcp(&mut packets[298].clone()).is_ok());
        let early = receiver.unprotect_rtcp(&mut packets[2].clone());
        assert_eq!(early, Err(UnprotectError::TooOld));
    }
}

/// Forged packets whose sequence numbers pretend that the counter rolled over, before and after each
/// true one: the counter stays right.
#[test]
fn forgeries_do_not_move_the_roll_over_counter() {
    for profile in Profile::ALL {
        let mut receiver = receiver(profile);
        let mut sender = sender(profile);
        for step in 0..30_u32 {
            let sequence_number = (step * 9_000) as u16;
            for lie in [0, 0x3fff, 0x7fff, 0x8000, 0x8001, 0xc000, 0xffff_u16] {
                let mut forged = rtp(1, sequence_number.wrapping_add(lie));
                forged.extend([0x55; 16]);
                assert!(receiver.unprotect_rtp(&mut forged).is_err());
            }
            let mut packet = protected_rtp(&mut sender, 1, sequence_number);
            assert!(
                receiver.unprotect_rtp(&mut packet).is_ok(),
                "{profile}, {step}"
            );
        }
    }
}

#[test]
fn an_old_packet_is_not_new_after_the_counter_rolled_over() {
    for profile in Profile::ALL {
        let mut receiver = receiver(profile);
        let mut sender = sender(profile);
        let first = protected_rtp(&mut sender, 1, 10);
        assert!(receiver.unprotect_rtp(&mut first.clone()).is_ok());
        for sequence_number in [20_000, 40_000, 60_000, 9] {
            let mut packet = protected_rtp(&mut sender, 1, sequence_number);
            assert!(receiver.unprotect_rtp(&mut packet).is_ok());
        }
        // Its sequence number now stands for another index.
        let replayed = receiver.unprotect_rtp(&mut first.clone());
        assert_eq!(replayed, Err(UnprotectError::NotAuthentic));
    }
}

#[test]
fn a_sender_uses_no_keystream_twice() {
    for profile in Profile::ALL {
        let mut sender = sender(profile);
        let mut packet = rtp(1, 5);
        sender.protect_rtp(&mut packet, 0).unwrap();
        let mut again = rtp(1, 5);
        let expected = ProtectError::AlreadySent {
            ssrc: 1,
            sequence_number: 5,
        };
        assert_eq!(sender.protect_rtp(&mut again, 0), Err(expected));
        assert_eq!(again, rtp(1, 5), "unchanged");
        sender.protect_rtp(&mut rtp(1, 3), 0).unwrap();
        sender.protect_rtp(&mut rtp(1, 2_000), 0).unwrap();
        let expected = ProtectError::TooOld {
            ssrc: 1,
            sequence_number: 4,
        };
        assert_eq!(sender.protect_rtp(&mut rtp(1, 4), 0), Err(expected));
        sender.protect_rtp(&mut rtp(2, 5), 0).unwrap();
    }
}

#[test]
fn retransmission_on_request_gives_the_same_bytes() {
    for profile in Profile::ALL {
        let config = SenderConfig {
            allow_retransmission: true,
            ..SenderConfig::default()
        };
        let mut sender = sender_with(profile, config);
        let first = protected_rtp(&mut sender, 1, 0xfffe);
        for sequence_number in [0xffff, 0, 2_000] {
            protected_rtp(&mut sender, 1, sequence_number);
        }
        assert_eq!(protected_rtp(&mut sender, 1, 0xfffe), first);
    }
}

#[test]
fn tables_are_bounded() {
    let profile = Profile::AeadAes128Gcm;
    let mut sender = sender(profile);
    let config = ReceiverConfig {
        max_streams: 10,
        ..ReceiverConfig::default()
    };
    let mut receiver = receiver_with(profile, config);
    for ssrc in 0..1_000 {
        let accepted = receiver.unprotect_rtp(&mut protected_rtp(&mut sender, ssrc, 1));
        let accepted_rtcp = receiver.unprotect_rtcp(&mut protected_rtcp(&mut sender, ssrc));
        if ssrc < 10 {
            assert!(accepted.is_ok() && accepted_rtcp.is_ok());
        } else {
            assert_eq!(accepted, Err(UnprotectError::TooManyStreams));
            assert_eq!(accepted_rtcp, Err(UnprotectError::TooManyStreams));
        }
    }
    assert_eq!(receiver.stream_count(), 20);
    receiver.remove_stream(3);
    assert_eq!(receiver.stream_count(), 18);
    let mut packet = protected_rtp(&mut sender, 999, 2);
    assert!(receiver.unprotect_rtp(&mut packet).is_ok());

    let config = SenderConfig {
        max_streams: 2,
        ..SenderConfig::default()
    };
    let mut sender = sender_with(profile, config);
    for ssrc in 0..2 {
        protected_rtp(&mut sender, ssrc, 1);
        protected_rtcp(&mut sender, ssrc);
    }
    let refused = sender.protect_rtp(&mut rtp(2, 1), 0);
    assert_eq!(refused, Err(ProtectError::TooManyStreams));
    let refused = sender.protect_rtcp(&mut rtcp(2), 0);
    assert_eq!(refused, Err(ProtectError::TooManyStreams));
    sender.remove_stream(0);
    assert_eq!(sender.stream_count(), 2);
    sender.protect_rtp(&mut rtp(2, 1), 0).unwrap();
}

#[test]
fn what_is_no_packet_is_refused() {
    let mut sender = sender(Profile::AeadAes128Gcm);
    let mut receiver = receiver(Profile::AeadAes128Gcm);
    for mut packet in [
        vec![],
        vec![0x80],
        vec![0x80; 11],
        vec![0x9f; 20],
        vec![0; 40],
    ] {
        assert!(matches!(
            sender.protect_rtp(&mut packet, 0),
            Err(ProtectError::Malformed(_))
        ));
        assert!(receiver.unprotect_rtp(&mut packet).is_err());
    }
    for mut packet in [vec![], vec![0x80; 7], vec![0x40; 40]] {
        assert!(matches!(
            sender.protect_rtcp(&mut packet, 0),
            Err(ProtectError::Malformed(_))
        ));
        assert!(receiver.unprotect_rtcp(&mut packet).is_err());
    }
    for mark in [0xc0, 0xc2] {
        let mut packet = rtp(1, 1);
        packet[16..18].copy_from_slice(&[mark, 0xde]);
        let refused = sender.protect_rtp(&mut packet, 0);
        assert_eq!(refused, Err(ProtectError::MarkedAsEncrypted));
    }
    let beyond = sender.protect_rtp(&mut rtp(1, 1), 100);
    assert_eq!(beyond, Err(MalformedPacket::Truncated("start").into()));
    assert_eq!(sender.stream_count(), 0);
}

/// A header extension that would reach into the tag, or over the end.
#[test]
fn a_header_extension_does_not_reach_into_the_tag() {
    for profile in Profile::ALL {
        let mut receiver = receiver(profile);
        for words in 0..=20 {
            let mut packet = rtp(1, 1);
            packet[19] = words;
            packet.extend(vec![0; profile.rtp_tag_len()]);
            assert!(receiver.unprotect_rtp(&mut packet).is_err());
        }
    }
}

#[test]
fn unencrypted_rtcp_must_be_allowed() {
    for profile in Profile::ALL {
        let config = SenderConfig {
            encrypt_rtcp: false,
            ..SenderConfig::default()
        };
        let mut sender = sender_with(profile, config);
        let packet = protected_rtcp(&mut sender, 1);
        assert_eq!(packet[..16], rtcp(1));
        let refused = receiver(profile).unprotect_rtcp(&mut packet.clone());
        assert_eq!(refused, Err(UnprotectError::NotEncrypted));
        let config = ReceiverConfig {
            accept_unencrypted_rtcp: true,
            ..ReceiverConfig::default()
        };
        let mut receiver = receiver_with(profile, config);
        for bit in 0..packet.len() * 8 {
            let mut forged = packet.clone();
            forged[bit / 8] ^= 1 << (bit % 8);
            assert!(
                receiver.unprotect_rtcp(&mut forged).is_err(),
                "{profile}, {bit}"
            );
        }
        let mut opened = packet.clone();
        assert_eq!(receiver.unprotect_rtcp(&mut opened), Ok(16));
        assert_eq!(opened[..16], rtcp(1));
    }
}

#[test]
fn cryptex_when_it_is_required_or_refused() {
    for profile in Profile::ALL {
        let require = ReceiverConfig {
            cryptex: Cryptex::Require,
            ..ReceiverConfig::default()
        };
        let mut receiver = receiver_with(profile, require);
        let mut plain = sender(profile);
        let refused = receiver.unprotect_rtp(&mut protected_rtp(&mut plain, 1, 1));
        assert_eq!(refused, Err(UnprotectError::Cryptex("in the clear")));
        // A packet that has nothing to hide is fine.
        let mut bare = vec![0x80, 96, 0, 2, 0, 0, 0, 1, 0, 0, 0, 1, 42];
        plain.protect_rtp(&mut bare, 0).unwrap();
        assert_eq!(receiver.unprotect_rtp(&mut bare), Ok(13));

        let config = SenderConfig {
            cryptex: true,
            ..SenderConfig::default()
        };
        let packet = protected_rtp(&mut sender_with(profile, config), 1, 3);
        for bit in 0..packet.len() * 8 {
            let mut forged = packet.clone();
            forged[bit / 8] ^= 1 << (bit % 8);
            assert!(
                receiver.unprotect_rtp(&mut forged).is_err(),
                "{profile}, {bit}"
            );
        }
        assert!(receiver.unprotect_rtp(&mut packet.clone()).is_ok());
    }
}

#[test]
fn master_key_identifiers_choose_the_key() {
    for profile in Profile::ALL {
        let crypto = gannet_crypto::default_provider();
        let mut old = sender_with(
            profile,
            SenderConfig {
                mki: vec![0, 1],
                ..SenderConfig::default()
            },
        );
        let mki = SenderConfig {
            mki: vec![0, 2],
            ..SenderConfig::default()
        };
        let mut new = Sender::new(&*crypto, &key(profile, 9), mki).unwrap();
        let mut receiver = receiver_with(
            profile,
            ReceiverConfig {
                mki: vec![0, 1],
                ..ReceiverConfig::default()
            },
        );
        let unknown = receiver.unprotect_rtp(&mut protected_rtp(&mut new, 1, 1));
        assert_eq!(unknown, Err(UnprotectError::UnknownKey));
        receiver
            .add_key(&*crypto, &[0, 2], &key(profile, 9))
            .unwrap();
        for (sender, sequence_number) in [(&mut old, 2), (&mut new, 3)] {
            let mut packet = protected_rtp(sender, 1, sequence_number);
            assert_eq!(packet.len(), rtp(1, 1).len() + sender.rtp_overhead());
            assert_eq!(receiver.unprotect_rtp(&mut packet), Ok(rtp(1, 1).len()));
            let mut packet = protected_rtcp(sender, u32::from(sequence_number));
            assert_eq!(packet.len(), rtcp(1).len() + sender.rtcp_overhead());
            assert_eq!(receiver.unprotect_rtcp(&mut packet), Ok(rtcp(1).len()));
        }
    }
}

/// The indices go on when the key changes, and the old key can go when its packets have come.
#[test]
fn a_session_goes_on_with_another_key() {
    for profile in Profile::ALL {
        let crypto = gannet_crypto::default_provider();
        let config = SenderConfig {
            mki: vec![1],
            ..SenderConfig::default()
        };
        let mut sender = sender_with(profile, config);
        let config = ReceiverConfig {
            mki: vec![1],
            ..ReceiverConfig::default()
        };
        let mut receiver = receiver_with(profile, config);
        let mut late = Vec::new();
        for sequence_number in [0x7000, 0xe000, 0x1000] {
            let mut packet = protected_rtp(&mut sender, 1, sequence_number);
            assert!(receiver.unprotect_rtp(&mut packet).is_ok());
            late.push(protected_rtp(&mut sender, 1, sequence_number + 1));
        }
        let next = key(profile, 9);
        sender.change_key(&*crypto, &[2], &next).unwrap();
        receiver.add_key(&*crypto, &[2], &next).unwrap();
        // The roll-over counter is 1 by now.
        let again = sender.protect_rtp(&mut rtp(1, 0x1000), 0);
        assert!(matches!(again, Err(ProtectError::AlreadySent { .. })));
        let mut packet = protected_rtp(&mut sender, 1, 0x1005);
        assert!(receiver.unprotect_rtp(&mut packet).is_ok());
        assert!(receiver.unprotect_rtp(&mut late[2].clone()).is_ok());
        receiver.remove_key(&[1]);
        let unknown = receiver.unprotect_rtp(&mut late[2]);
        assert_eq!(unknown, Err(UnprotectError::UnknownKey));
        receiver.remove_key(&[2]);
        let mut packet = protected_rtp(&mut sender, 1, 0x1006);
        assert!(
            receiver.unprotect_rtp(&mut packet).is_ok(),
            "the last key stays"
        );

        let change = sender.change_key(&*crypto, &[2], &next);
        assert_eq!(change, Err(AddKeyError::IdentifierTaken));
        let change = sender.change_key(&*crypto, &[], &next);
        assert!(matches!(change, Err(AddKeyError::IdentifierLength { .. })));
    }
}

#[test]
fn keys_that_do_not_go_together() {
    let crypto = gannet_crypto::default_provider();
    let profile = Profile::AeadAes128Gcm;
    let config = ReceiverConfig {
        mki: vec![1],
        ..ReceiverConfig::default()
    };
    let mut receiver = receiver_with(profile, config);
    let right = key(profile, 9);
    let other = key(Profile::AeadAes256Gcm, 9);
    let mut add = |mki: &[u8], key| receiver.add_key(&*crypto, mki, key);
    assert_eq!(add(&[2], &other), Err(AddKeyError::OtherProfile));
    assert_eq!(add(&[1], &right), Err(AddKeyError::IdentifierTaken));
    for wrong in [&[][..], &[1, 2]] {
        assert!(matches!(
            add(wrong, &right),
            Err(AddKeyError::IdentifierLength { .. })
        ));
    }
    for mki in 2..=16 {
        assert_eq!(add(&[mki], &right), Ok(()));
    }
    assert_eq!(add(&[17], &right), Err(AddKeyError::TooManyKeys));
    let mut without = self::receiver(profile);
    assert!(without.add_key(&*crypto, &[], &right).is_err());
}

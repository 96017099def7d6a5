//! What is protected and opened again is what it was, whatever the network does in between.

#![cfg(feature = "aws-lc-rs")]

use gannet_srtp::{Cryptex, MasterKey, Profile, Receiver, ReceiverConfig, Sender, SenderConfig};
use proptest::prelude::*;

fn contexts(profile: Profile, cryptex: bool, mki: &[u8], window: usize) -> (Sender, Receiver) {
    let crypto = gannet_crypto::default_provider();
    let bytes: Vec<u8> = (0..46).collect();
    let key = MasterKey::new(
        profile,
        &bytes[..profile.key_len()],
        &bytes[32..32 + profile.salt_len()],
    )
    .unwrap();
    let sending = SenderConfig {
        mki: mki.to_vec(),
        cryptex,
        replay_window: window,
        ..SenderConfig::default()
    };
    let receiving = ReceiverConfig {
        mki: mki.to_vec(),
        cryptex: Cryptex::Accept,
        replay_window: window,
        ..ReceiverConfig::default()
    };
    (
        Sender::new(&*crypto, &key, sending).unwrap(),
        Receiver::new(&*crypto, &key, receiving).unwrap(),
    )
}

/// A header extension: none, one-byte, two-byte, or of nobody's making.
fn extension() -> impl Strategy<Value = Option<(u16, Vec<u8>)>> {
    let words = (0_usize..6).prop_map(|words| words * 4);
    let body = words.prop_flat_map(|len| proptest::collection::vec(any::<u8>(), len));
    let profile = prop_oneof![Just(0xbede), Just(0x1000), Just(0x1001), Just(0xabcd)];
    proptest::option::of((profile, body))
}

#[derive(Clone, Debug)]
struct Rtp {
    csrcs: Vec<u32>,
    extension: Option<(u16, Vec<u8>)>,
    payload: Vec<u8>,
}

fn rtp() -> impl Strategy<Value = Rtp> {
    (
        proptest::collection::vec(any::<u32>(), 0..=15),
        extension(),
        proptest::collection::vec(any::<u8>(), 0..200),
    )
        .prop_map(|(csrcs, extension, payload)| Rtp {
            csrcs,
            extension,
            payload,
        })
}

impl Rtp {
    fn bytes(&self, ssrc: u32, sequence_number: u16) -> Vec<u8> {
        let extended = u8::from(self.extension.is_some()) << 4;
        let mut packet = vec![0x80 | extended | self.csrcs.len() as u8, 96];
        packet.extend(sequence_number.to_be_bytes());
        packet.extend([1, 2, 3, 4]);
        packet.extend(ssrc.to_be_bytes());
        packet.extend(self.csrcs.iter().flat_map(|csrc| csrc.to_be_bytes()));
        if let Some((profile, body)) = &self.extension {
            packet.extend(profile.to_be_bytes());
            packet.extend(((body.len() / 4) as u16).to_be_bytes());
            packet.extend(body);
        }
        packet.extend(&self.payload);
        packet
    }

    /// What arrives when it is sent with cryptex: CSRCs alone get an empty header extension.
    fn with_cryptex(&self) -> Self {
        let mut other = self.clone();
        if !other.csrcs.is_empty() && other.extension.is_none() {
            other.extension = Some((0xbede, Vec::new()));
        }
        other
    }
}

fn profile() -> impl Strategy<Value = Profile> {
    proptest::sample::select(Profile::ALL.to_vec())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn rtp_comes_back(
        profile in profile(),
        cryptex in any::<bool>(),
        mki in proptest::collection::vec(any::<u8>(), 0..5),
        before in proptest::collection::vec(any::<u8>(), 0..40),
        packets in proptest::collection::vec((rtp(), any::<u32>(), 0_u16..0x8000), 1..8),
    ) {
        let (mut sender, mut receiver) = contexts(profile, cryptex, &mki, 64);
        let mut sent = std::collections::HashSet::new();
        for (packet, ssrc, sequence_number) in packets {
            if !sent.insert(ssrc) {
                continue;
            }
            let plain = packet.bytes(ssrc, sequence_number);
            let mut buffer = [before.clone(), plain.clone()].concat();
            sender.protect_rtp(&mut buffer, before.len()).unwrap();
            prop_assert_eq!(&buffer[..before.len()], &before[..]);
            let wire = &mut buffer[before.len()..];
            let marked = cryptex && (!packet.csrcs.is_empty() || packet.extension.is_some());
            let arrives = if cryptex { packet.with_cryptex() } else { packet.clone() };
            let expected = arrives.bytes(ssrc, sequence_number);
            prop_assert_eq!(wire.len(), expected.len() + sender.rtp_overhead());
            let ours = [Some(0xbede), Some(0x1000)];
            if marked && ours.contains(&arrives.extension.as_ref().map(|(profile, _)| *profile)) {
                let at = 12 + 4 * packet.csrcs.len();
                prop_assert!(wire[at + 1] == 0xde && [0xc0, 0xc2].contains(&wire[at]));
            }
            let len = receiver.unprotect_rtp(wire).unwrap();
            prop_assert_eq!(&wire[..len], &expected[..]);
        }
    }

    #[test]
    fn rtcp_comes_back(
        profile in profile(),
        mki in proptest::collection::vec(any::<u8>(), 0..5),
        bodies in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 4..100), 1..8),
        before in 0_usize..20,
    ) {
        let (mut sender, mut receiver) = contexts(profile, false, &mki, 64);
        for body in bodies {
            let plain = [&[0x81, 200, 0, 6], &body[..]].concat();
            let mut buffer = [vec![9; before], plain.clone()].concat();
            sender.protect_rtcp(&mut buffer, before).unwrap();
            prop_assert_eq!(buffer.len(), before + plain.len() + sender.rtcp_overhead());
            let len = receiver.unprotect_rtcp(&mut buffer[before..]).unwrap();
            prop_assert_eq!(&buffer[before..before + len], &plain[..]);
        }
    }

    /// A stream of packets, over a network that loses, reorders and repeats them: each that comes
    /// first, and not too late, is accepted; none is accepted twice.
    #[test]
    fn streams_survive_the_network(
        profile in profile(),
        first in 0_u16..0x8000,
        steps in proptest::collection::vec((1_u32..3_000, -60_i64..60, 0_u8..10), 1..300),
    ) {
        let (mut sender, mut receiver) = contexts(profile, false, &[], 1024);
        let mut arrivals = Vec::new();
        let mut index = u32::from(first);
        for (place, (gap, delay, fate)) in steps.into_iter().enumerate() {
            // Gaps are mostly one packet.
            index += if fate == 9 { gap } else { 1 };
            let mut packet = vec![0x80, 96, (index >> 8) as u8, index as u8];
            packet.extend([0, 0, 0, 1, 0, 0, 0, 7]);
            packet.extend(index.to_be_bytes());
            sender.protect_rtp(&mut packet, 0).unwrap();
            let place = place as i64;
            match fate {
                0 => {}
                1 => arrivals.extend([(place, index, packet.clone()), (place + delay, index, packet)]),
                2 => arrivals.push((place + delay, index, packet)),
                _ => arrivals.push((place, index, packet)),
            }
        }
        arrivals.sort_by_key(|(place, ..)| *place);
        let mut seen = std::collections::BTreeSet::new();
        for (_, index, mut packet) in arrivals {
            let highest = seen.last().copied().unwrap_or(index);
            // The very first packet decides the roll-over counter.
            if seen.is_empty() && index > 0xffff {
                break;
            }
            let too_old = index + 1024 <= highest;
            let accepted = receiver.unprotect_rtp(&mut packet);
            let expected = !too_old && !seen.contains(&index);
            prop_assert_eq!(accepted.is_ok(), expected, "{} {:?}", index, accepted);
            if accepted.is_ok() {
                prop_assert_eq!(&packet[12..16], &index.to_be_bytes());
                seen.insert(index);
            }
        }
    }

    #[test]
    fn noise_is_refused(
        profile in profile(),
        mki in proptest::collection::vec(any::<u8>(), 0..3),
        mut noise in proptest::collection::vec(any::<u8>(), 0..120),
    ) {
        let (_, mut receiver) = contexts(profile, false, &mki, 64);
        if let Some(first) = noise.first_mut() {
            *first = 0x80 | *first & 0x3f;
        }
        prop_assert!(receiver.unprotect_rtp(&mut noise.clone()).is_err());
        prop_assert!(receiver.unprotect_rtcp(&mut noise).is_err());
        prop_assert_eq!(receiver.stream_count(), 0);
    }
}

#[test]
fn contexts_can_be_sent_to_another_thread() {
    fn is_send_and_sync<T: Send + Sync>() {}
    is_send_and_sync::<Sender>();
    is_send_and_sync::<Receiver>();
}

//! Our packets and a peer's are the same bytes, over roll-overs and for RTCP.

use gannet_crypto::{AwsLcProvider, CryptoProvider, RingProvider, Rng};
use gannet_srtp::{MasterKey, Profile, Receiver, Sender};
use rtc_srtp::context::Context;
use rtc_srtp::protection_profile::ProtectionProfile;

fn pairs() -> [(Profile, ProtectionProfile); 5] {
    [
        (
            Profile::Aes128CmHmacSha1_80,
            ProtectionProfile::Aes128CmHmacSha1_80,
        ),
        (
            Profile::Aes128CmHmacSha1_32,
            ProtectionProfile::Aes128CmHmacSha1_32,
        ),
        (
            Profile::Aes256CmHmacSha1_80,
            ProtectionProfile::Aes256CmHmacSha1_80,
        ),
        (Profile::AeadAes128Gcm, ProtectionProfile::AeadAes128Gcm),
        (Profile::AeadAes256Gcm, ProtectionProfile::AeadAes256Gcm),
    ]
}

struct Both {
    sender: Sender,
    receiver: Receiver,
    their_sender: Context,
    their_receiver: Context,
}

fn contexts(profile: Profile, theirs: ProtectionProfile, provider: &dyn CryptoProvider) -> Both {
    let mut rng = Rng::insecure_from_u64(5);
    let (key, salt) = (rng.array::<32>(), rng.array::<14>());
    let (key, salt) = (&key[..profile.key_len()], &salt[..profile.salt_len()]);
    let crypto = rtc_crypto::default_provider().unwrap();
    let context = || Context::new(key, salt, theirs, None, None, crypto.crypto()).unwrap();
    let master = MasterKey::new(profile, key, salt).unwrap();
    Both {
        sender: Sender::new(provider, &master, Default::default()).unwrap(),
        receiver: Receiver::new(provider, &master, Default::default()).unwrap(),
        their_sender: context(),
        their_receiver: context(),
    }
}

/// A packet with CSRCs and a header extension now and then.
fn rtp(rng: &mut Rng, ssrc: u32, index: u32) -> Vec<u8> {
    let csrcs = rng.below(4) as usize;
    let extended = rng.below(2) as usize;
    let mut packet = vec![0x80 | (extended << 4 | csrcs) as u8, 96];
    packet.extend((index as u16).to_be_bytes());
    packet.extend(rng.array::<4>());
    packet.extend(ssrc.to_be_bytes());
    for _ in 0..csrcs {
        packet.extend(rng.array::<4>());
    }
    if extended == 1 {
        packet.extend([0xbe, 0xde, 0, 1, 0x10, 0x55, 0, 0]);
    }
    let mut payload = vec![0; 1 + rng.below(300) as usize];
    rng.fill(&mut payload);
    packet.extend(payload);
    packet
}

#[test]
fn rtp_and_rtcp_are_the_same_bytes() {
    let providers: [&dyn CryptoProvider; 2] = [&AwsLcProvider, &RingProvider];
    for provider in providers {
        for (profile, theirs) in pairs() {
            let mut both = contexts(profile, theirs, provider);
            let mut rng = Rng::insecure_from_u64(9);
            // Four streams, each over three roll-overs.
            for step in 0..40 {
                for ssrc in 1..5 {
                    let plain = rtp(&mut rng, ssrc, 300 * ssrc + step * 5_003);
                    rtp_both_ways(&mut both, &plain);
                }
            }
            for step in 0..100_u32 {
                let mut plain = vec![0x81, 200, 0, 6];
                plain.extend((step % 3).to_be_bytes());
                plain.extend(rng.array::<20>());
                rtcp_both_ways(&mut both, &plain);
            }
        }
    }
}

fn rtp_both_ways(both: &mut Both, plain: &[u8]) {
    let mut wire = plain.to_vec();
    both.sender.protect_rtp(&mut wire, 0).unwrap();
    let theirs = both.their_sender.encrypt_rtp(plain).unwrap();
    assert_eq!(wire, theirs[..]);
    let opened = both.their_receiver.decrypt_rtp(&wire).unwrap();
    assert_eq!(opened[..], *plain);
    let mut theirs = theirs.to_vec();
    let len = both.receiver.unprotect_rtp(&mut theirs).unwrap();
    assert_eq!(theirs[..len], *plain);
}

/// The peer counts RTCP packets from 1, so that the bytes differ.
fn rtcp_both_ways(both: &mut Both, plain: &[u8]) {
    let mut wire = plain.to_vec();
    both.sender.protect_rtcp(&mut wire, 0).unwrap();
    let opened = both.their_receiver.decrypt_rtcp(&wire).unwrap();
    assert_eq!(opened[..], *plain);
    let mut theirs = both.their_sender.encrypt_rtcp(plain).unwrap().to_vec();
    let len = both.receiver.unprotect_rtcp(&mut theirs).unwrap();
    assert_eq!(theirs[..len], *plain);
}

//! SRTP at 1,200 bytes, each stack with its replay protection on.
//!
//! Ours works in place on the packet it is given; the peers take a packet and return another one.

use std::time::Duration;

use gannet_crypto::{AeadAlgorithm, AwsLcProvider, BoringProvider, CryptoProvider, RingProvider};
use gannet_srtp::{MasterKey, Profile, Receiver, Sender};
use rtc_crypto::RTCCryptoProvider;

use crate::timed;

/// The profiles that are compared.
pub const PROFILES: [Profile; 3] = [
    Profile::AeadAes128Gcm,
    Profile::AeadAes256Gcm,
    Profile::Aes128CmHmacSha1_80,
];

/// The lengths that are compared, in bytes, and what they are. A cipher takes longer for a last block that is not whole.
pub const LENGTHS: [(usize, &str); 2] = [
    (1_200, "packets of 1,200 bytes, header and all"),
    (HEADER_LEN + 1_200, "payloads of 1,200 bytes"),
];

const HEADER_LEN: usize = 12;
const KEY: [u8; 32] = [0x42; 32];
const SALT: [u8; 14] = [0x17; 14];

/// One stack doing one thing.
pub struct Contestant {
    /// Which stack, on which library.
    pub name: String,
    /// What it does with a packet.
    pub work: &'static str,
    run: Box<dyn FnMut(u64) -> Duration>,
}

impl Contestant {
    fn new(name: &str, work: &'static str, run: impl FnMut(u64) -> Duration + 'static) -> Self {
        let (name, run) = (name.to_owned(), Box::new(run));
        Self { name, work, run }
    }

    /// The time that it takes for `count` packets.
    pub fn run(&mut self, count: u64) -> Duration {
        (self.run)(count)
    }
}

/// Everybody, with keys of their own, for one profile and packets of `len` bytes.
pub fn contestants(profile: Profile, len: usize) -> Vec<Contestant> {
    let mut all = Vec::new();
    let providers: [&dyn CryptoProvider; 3] = [&AwsLcProvider, &RingProvider, &BoringProvider];
    for provider in providers {
        all.extend(ours(provider, profile, len));
        all.extend(bare_cipher(provider, profile, len));
    }
    let on_aws_lc = rtc_crypto::providers::AwsLcRsProvider::new();
    all.extend(rtc_srtp("rtc-srtp on aws-lc-rs", &on_aws_lc, profile, len));
    let on_ring = rtc_crypto::providers::RingProvider::new();
    all.extend(rtc_srtp("rtc-srtp on ring", &on_ring, profile, len));
    all.extend(webrtc_srtp(profile, len));
    all
}

/// Packets with rising sequence numbers.
fn packets(len: usize) -> impl FnMut() -> Vec<u8> {
    let mut sequence_number = 0_u16;
    move || {
        let mut packet = Vec::with_capacity(len + 64);
        packet.resize(len, 0x5a);
        packet[..HEADER_LEN].copy_from_slice(&[0x80, 96, 0, 0, 0, 0, 0, 1, 0, 0, 0, 7]);
        packet[2..4].copy_from_slice(&sequence_number.to_be_bytes());
        sequence_number = sequence_number.wrapping_add(1);
        packet
    }
}

fn ours(provider: &dyn CryptoProvider, profile: Profile, len: usize) -> [Contestant; 2] {
    let key = MasterKey::new(
        profile,
        &KEY[..profile.key_len()],
        &SALT[..profile.salt_len()],
    );
    let key = key.unwrap();
    let name = format!("gannet on {}", provider.name());
    let sender = || Sender::new(provider, &key, Default::default()).unwrap();
    let (mut protecting, mut next) = (sender(), packets(len));
    let protect = move |count| {
        timed(count, &mut next, |packet| {
            protecting.protect_rtp(packet, 0).unwrap();
        })
    };
    let mut receiver = Receiver::new(provider, &key, Default::default()).unwrap();
    let (mut sender, mut next) = (sender(), packets(len));
    let mut protected = move || {
        let mut packet = next();
        sender.protect_rtp(&mut packet, 0).unwrap();
        packet
    };
    let unprotect = move |count| {
        timed(count, &mut protected, |packet| {
            receiver.unprotect_rtp(packet).unwrap();
        })
    };
    [
        Contestant::new(&name, "protect", protect),
        Contestant::new(&name, "unprotect", unprotect),
    ]
}

/// The cipher alone, with the RTP header as what it only authenticates: less is not possible.
fn bare_cipher(provider: &dyn CryptoProvider, profile: Profile, len: usize) -> Option<Contestant> {
    let algorithm = match profile {
        Profile::AeadAes128Gcm => AeadAlgorithm::Aes128Gcm,
        Profile::AeadAes256Gcm => AeadAlgorithm::Aes256Gcm,
        _ => return None,
    };
    let mut aead = provider
        .aead(algorithm, &KEY[..algorithm.key_len()])
        .unwrap();
    let mut next = packets(len);
    let seal = move |count| {
        timed(count, &mut next, |packet| {
            let (header, payload) = packet.split_at_mut(HEADER_LEN);
            let tag = aead.seal(&[7; 12], header, payload);
            packet.extend_from_slice(&tag);
        })
    };
    let name = format!("the cipher alone on {}", provider.name());
    Some(Contestant::new(&name, "protect", seal))
}

fn rtc_srtp(
    name: &str,
    provider: &dyn RTCCryptoProvider,
    profile: Profile,
    len: usize,
) -> [Contestant; 2] {
    use rtc_srtp::context::Context;
    use rtc_srtp::option::{srtcp_replay_protection, srtp_replay_protection};
    use rtc_srtp::protection_profile::ProtectionProfile;

    let theirs = match profile {
        Profile::AeadAes128Gcm => ProtectionProfile::AeadAes128Gcm,
        Profile::AeadAes256Gcm => ProtectionProfile::AeadAes256Gcm,
        _ => ProtectionProfile::Aes128CmHmacSha1_80,
    };
    let context = || {
        Context::new(
            &KEY[..profile.key_len()],
            &SALT[..profile.salt_len()],
            theirs,
            Some(srtp_replay_protection(1024)),
            Some(srtcp_replay_protection(1024)),
            provider.crypto(),
        )
        .unwrap()
    };
    let (mut sender, mut next) = (context(), packets(len));
    let protect = move |count| {
        timed(count, &mut next, |packet| {
            sender.encrypt_rtp(packet).unwrap();
        })
    };
    let (mut sender, mut receiver, mut next) = (context(), context(), packets(len));
    let mut protected = move || sender.encrypt_rtp(&next()).unwrap();
    let unprotect = move |count| {
        timed(count, &mut protected, |packet| {
            receiver.decrypt_rtp(packet).unwrap();
        })
    };
    [
        Contestant::new(name, "protect", protect),
        Contestant::new(name, "unprotect", unprotect),
    ]
}

fn webrtc_srtp(profile: Profile, len: usize) -> [Contestant; 2] {
    use webrtc_srtp::context::Context;
    use webrtc_srtp::option::{srtcp_replay_protection, srtp_replay_protection};
    use webrtc_srtp::protection_profile::ProtectionProfile;

    let theirs = match profile {
        Profile::AeadAes128Gcm => ProtectionProfile::AeadAes128Gcm,
        Profile::AeadAes256Gcm => ProtectionProfile::AeadAes256Gcm,
        _ => ProtectionProfile::Aes128CmHmacSha1_80,
    };
    let context = || {
        Context::new(
            &KEY[..profile.key_len()],
            &SALT[..profile.salt_len()],
            theirs,
            Some(srtp_replay_protection(1024)),
            Some(srtcp_replay_protection(1024)),
        )
        .unwrap()
    };
    let (mut sender, mut next) = (context(), packets(len));
    let protect = move |count| {
        timed(count, &mut next, |packet| {
            sender.encrypt_rtp(packet).unwrap();
        })
    };
    let (mut sender, mut receiver, mut next) = (context(), context(), packets(len));
    let mut protected = move || sender.encrypt_rtp(&next()).unwrap();
    let unprotect = move |count| {
        timed(count, &mut protected, |packet| {
            receiver.decrypt_rtp(packet).unwrap();
        })
    };
    [
        Contestant::new("webrtc-srtp", "protect", protect),
        Contestant::new("webrtc-srtp", "unprotect", unprotect),
    ]
}

//! SRTP at 1,200 bytes of RTP packet, ours beside peers', each with its replay protection on.
//!
//! Ours works in place on the packet it is given; the peers take a packet and return another one.

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use gannet_bench::timed;
use gannet_crypto::{AeadAlgorithm, AwsLcProvider, CryptoProvider, RingProvider};
use gannet_srtp::{MasterKey, Profile, Receiver, Sender};

const LEN: usize = 1_200;
const KEY: [u8; 32] = [0x42; 32];
const SALT: [u8; 14] = [0x17; 14];
const PROFILES: [Profile; 3] = [
    Profile::AeadAes128Gcm,
    Profile::AeadAes256Gcm,
    Profile::Aes128CmHmacSha1_80,
];

/// Packets with rising sequence numbers.
fn packets() -> impl FnMut() -> Vec<u8> {
    let mut sequence_number = 0_u16;
    move || {
        let mut packet = Vec::with_capacity(LEN + 64);
        packet.resize(LEN, 0x5a);
        packet[..12].copy_from_slice(&[0x80, 96, 0, 0, 0, 0, 0, 1, 0, 0, 0, 7]);
        packet[2..4].copy_from_slice(&sequence_number.to_be_bytes());
        sequence_number = sequence_number.wrapping_add(1);
        packet
    }
}

fn ours(group: &mut BenchmarkGroup<'_, WallTime>, provider: &dyn CryptoProvider, profile: Profile) {
    let key = MasterKey::new(
        profile,
        &KEY[..profile.key_len()],
        &SALT[..profile.salt_len()],
    );
    let key = key.unwrap();
    let name = format!("gannet on {}", provider.name());
    let mut sender = Sender::new(provider, &key, Default::default()).unwrap();
    let mut next = packets();
    group.bench_function(format!("{name}, protect"), |b| {
        b.iter_custom(|n| {
            timed(n, &mut next, |packet| {
                sender.protect_rtp(packet, 0).unwrap();
            })
        });
    });
    let mut sender = Sender::new(provider, &key, Default::default()).unwrap();
    let mut receiver = Receiver::new(provider, &key, Default::default()).unwrap();
    let mut next = packets();
    let mut protected = move || {
        let mut packet = next();
        sender.protect_rtp(&mut packet, 0).unwrap();
        packet
    };
    group.bench_function(format!("{name}, unprotect"), |b| {
        b.iter_custom(|n| {
            timed(n, &mut protected, |packet| {
                receiver.unprotect_rtp(packet).unwrap();
            })
        });
    });
}

/// The cipher alone, with the RTP header as what it only authenticates: less is not possible.
fn bare_cipher(group: &mut BenchmarkGroup<'_, WallTime>, profile: Profile) {
    let algorithm = match profile {
        Profile::AeadAes128Gcm => AeadAlgorithm::Aes128Gcm,
        Profile::AeadAes256Gcm => AeadAlgorithm::Aes256Gcm,
        _ => return,
    };
    for provider in [&AwsLcProvider as &dyn CryptoProvider, &RingProvider] {
        let aead = provider
            .aead(algorithm, &KEY[..algorithm.key_len()])
            .unwrap();
        let mut next = packets();
        group.bench_function(format!("the cipher alone on {}", provider.name()), |b| {
            b.iter_custom(|n| {
                timed(n, &mut next, |packet| {
                    let (header, payload) = packet.split_at_mut(12);
                    let tag = aead.seal(&[7; 12], header, payload);
                    packet.extend_from_slice(&tag);
                })
            });
        });
    }
}

fn rtc_srtp(group: &mut BenchmarkGroup<'_, WallTime>, profile: Profile) {
    use rtc_srtp::context::Context;
    use rtc_srtp::option::{srtcp_replay_protection, srtp_replay_protection};
    use rtc_srtp::protection_profile::ProtectionProfile;

    let theirs = match profile {
        Profile::AeadAes128Gcm => ProtectionProfile::AeadAes128Gcm,
        Profile::AeadAes256Gcm => ProtectionProfile::AeadAes256Gcm,
        _ => ProtectionProfile::Aes128CmHmacSha1_80,
    };
    let crypto = rtc_crypto::default_provider().unwrap();
    let context = || {
        Context::new(
            &KEY[..profile.key_len()],
            &SALT[..profile.salt_len()],
            theirs,
            Some(srtp_replay_protection(1024)),
            Some(srtcp_replay_protection(1024)),
            crypto.crypto(),
        )
        .unwrap()
    };
    let mut sender = context();
    let mut next = packets();
    group.bench_function("rtc-srtp on aws-lc-rs, protect", |b| {
        b.iter_custom(|n| {
            timed(n, &mut next, |packet| {
                sender.encrypt_rtp(packet).unwrap();
            })
        });
    });
    let (mut sender, mut receiver) = (context(), context());
    let mut next = packets();
    let mut protected = move || sender.encrypt_rtp(&next()).unwrap();
    group.bench_function("rtc-srtp on aws-lc-rs, unprotect", |b| {
        b.iter_custom(|n| {
            timed(n, &mut protected, |packet| {
                receiver.decrypt_rtp(packet).unwrap();
            })
        });
    });
}

fn webrtc_srtp(group: &mut BenchmarkGroup<'_, WallTime>, profile: Profile) {
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
    let mut sender = context();
    let mut next = packets();
    group.bench_function("webrtc-srtp, protect", |b| {
        b.iter_custom(|n| {
            timed(n, &mut next, |packet| {
                sender.encrypt_rtp(packet).unwrap();
            })
        });
    });
    let (mut sender, mut receiver) = (context(), context());
    let mut next = packets();
    let mut protected = move || sender.encrypt_rtp(&next()).unwrap();
    group.bench_function("webrtc-srtp, unprotect", |b| {
        b.iter_custom(|n| {
            timed(n, &mut protected, |packet| {
                receiver.decrypt_rtp(packet).unwrap();
            })
        });
    });
}

fn srtp(c: &mut Criterion) {
    for profile in PROFILES {
        let mut group = c.benchmark_group(format!("srtp/{profile}"));
        group.throughput(Throughput::Elements(1));
        ours(&mut group, &AwsLcProvider, profile);
        ours(&mut group, &RingProvider, profile);
        bare_cipher(&mut group, profile);
        rtc_srtp(&mut group, profile);
        webrtc_srtp(&mut group, profile);
        group.finish();
    }
}

criterion_group!(benches, srtp);
criterion_main!(benches);

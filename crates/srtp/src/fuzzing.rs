//! What the fuzz targets run.

use gannet_crypto::default_provider;

use crate::{Cryptex, MasterKey, Profile, Receiver, ReceiverConfig, Sender, SenderConfig};

struct Contexts {
    sender: Sender,
    receiver: Receiver,
}

/// Contexts that the first byte chooses.
fn contexts(choice: u8) -> Option<Contexts> {
    let crypto = default_provider();
    let profile = Profile::ALL[usize::from(choice) % Profile::ALL.len()];
    let (key, salt) = (vec![1; profile.key_len()], vec![2; profile.salt_len()]);
    let key = MasterKey::new(profile, &key, &salt).ok()?;
    let mki = vec![0x4d; usize::from(choice >> 7)];
    let sending = SenderConfig {
        mki: mki.clone(),
        cryptex: choice & 0x40 != 0,
        replay_window: 64,
        ..SenderConfig::default()
    };
    let receiving = ReceiverConfig {
        mki,
        cryptex: if choice & 0x20 != 0 {
            Cryptex::Require
        } else {
            Cryptex::Accept
        },
        replay_window: 64,
        max_streams: 4,
        accept_unencrypted_rtcp: choice & 0x10 != 0,
    };
    Some(Contexts {
        sender: Sender::new(&*crypto, &key, sending).ok()?,
        receiver: Receiver::new(&*crypto, &key, receiving).ok()?,
    })
}

/// Bytes as packets, each with two bytes of length before it: as they are, and protected first.
///
/// # Panics
///
/// When what was protected does not come back.
pub fn unprotect_rtp(data: &[u8]) {
    run(data, |contexts, packet| {
        let _ = contexts.receiver.unprotect_rtp(&mut packet.to_vec());
        let mut wire = packet.to_vec();
        if contexts.sender.protect_rtp(&mut wire, 0).is_ok() {
            let grown = wire.len() - packet.len();
            assert!(grown >= contexts.sender.rtp_overhead());
            if let Ok(len) = contexts.receiver.unprotect_rtp(&mut wire) {
                assert_eq!(wire[2..12], packet[2..12]);
                assert!(wire[..len].ends_with(&packet[12 + 4 * usize::from(packet[0] & 15)..]));
            }
        }
    });
}

/// The same with RTCP.
///
/// # Panics
///
/// When what was protected does not come back.
pub fn unprotect_rtcp(data: &[u8]) {
    run(data, |contexts, packet| {
        let _ = contexts.receiver.unprotect_rtcp(&mut packet.to_vec());
        let mut wire = packet.to_vec();
        if contexts.sender.protect_rtcp(&mut wire, 0).is_ok()
            && let Ok(len) = contexts.receiver.unprotect_rtcp(&mut wire)
        {
            assert_eq!(&wire[..len], packet);
        }
    });
}

fn run(data: &[u8], mut step: impl FnMut(&mut Contexts, &[u8])) {
    let Some((choice, mut rest)) = data.split_first() else {
        return;
    };
    let Some(mut contexts) = contexts(*choice) else {
        return;
    };
    while let Some((len, after)) = rest.split_first_chunk() {
        let len = usize::from(u16::from_be_bytes(*len)) % 2_048;
        let (packet, after) = after.split_at(len.min(after.len()));
        step(&mut contexts, packet);
        rest = after;
    }
    assert!(contexts.receiver.stream_count() <= 8);
}

//! The vectors of RFC 7714, sections 16 and 17, which give session keys and not master keys.

use gannet_crypto::AeadAlgorithm;

use crate::keys::SessionKeys;
use crate::testing::hex;
use crate::{MasterKey, Profile, Receiver, ReceiverConfig, Sender, SenderConfig};

const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
/// "Quid pro quo".
const SALT: &str = "517569642070726f2071756f";

/// "Gallia est omnis divisa in partes tres".
const RTP: &str = "8040f17b8041f8d35501a0b247616c6c696120657374206f6d6e697320646976 \
     69736120696e207061727465732074726573";
const RTCP: &str = "81c8000d4d6172734e5450314e545032525450200000042a0000e9304c756e61 \
     deadbeefdeadbeefdeadbeefdeadbeefdeadbeef";
const RTCP_INDEX: u64 = 0x5d4;

fn session_keys(profile: Profile) -> SessionKeys {
    let crypto = gannet_crypto::default_provider();
    let algorithm = match profile {
        Profile::AeadAes128Gcm => AeadAlgorithm::Aes128Gcm,
        _ => AeadAlgorithm::Aes256Gcm,
    };
    let aead = || {
        crypto
            .aead(algorithm, &hex(KEY)[..profile.key_len()])
            .unwrap()
    };
    SessionKeys::of_gcm(aead(), aead(), &hex(SALT))
}

fn contexts(profile: Profile, encrypt_rtcp: bool) -> (Sender, Receiver) {
    let crypto = gannet_crypto::default_provider();
    let unused = MasterKey::new(profile, &vec![0; profile.key_len()], &[0; 12]).unwrap();
    let sending = SenderConfig {
        encrypt_rtcp,
        ..SenderConfig::default()
    };
    let receiving = ReceiverConfig {
        accept_unencrypted_rtcp: !encrypt_rtcp,
        ..ReceiverConfig::default()
    };
    let mut sender = Sender::new(&*crypto, &unused, sending).unwrap();
    sender.replace_keys(session_keys(profile));
    let mut receiver = Receiver::new(&*crypto, &unused, receiving).unwrap();
    receiver.replace_keys(session_keys(profile));
    (sender, receiver)
}

/// Sections 16.1.1, 16.1.2, 16.2.1 and 16.2.2.
#[test]
fn rtp_encryption_and_decryption() {
    for (profile, expected) in [
        (
            Profile::AeadAes128Gcm,
            "8040f17b8041f8d35501a0b2f24de3a3fb34de6cacba861c9d7e4bcabe633bd5 \
             0d294e6f42a5f47a51c7d19b36de3adf8833899d7f27beb16a9152cf765ee439 \
             0cce",
        ),
        (
            Profile::AeadAes256Gcm,
            "8040f17b8041f8d35501a0b232b1de78a822fe12ef9f78fa332e33aab1801238 \
             9a58e2f3b50b2a0276ffae0f1ba63799b87b7aa3db36dfffd6b0f9bb7878d7a7 \
             6c13",
        ),
    ] {
        let (mut sender, mut receiver) = contexts(profile, true);
        let mut packet = hex(RTP);
        sender.protect_rtp(&mut packet, 0).unwrap();
        assert_eq!(packet, hex(expected));
        let len = receiver.unprotect_rtp(&mut packet).unwrap();
        assert_eq!(packet[..len], hex(RTP));
    }
}

fn rtcp_both_ways(profile: Profile, encrypt: bool, expected: &str) {
    let (mut sender, mut receiver) = contexts(profile, encrypt);
    for _ in 0..RTCP_INDEX {
        sender.protect_rtcp(&mut hex(RTCP), 0).unwrap();
    }
    let mut packet = hex(RTCP);
    sender.protect_rtcp(&mut packet, 0).unwrap();
    assert_eq!(packet, hex(expected));
    let len = receiver.unprotect_rtcp(&mut packet).unwrap();
    assert_eq!(packet[..len], hex(RTCP));
}

/// Section 17.1, and 17.2 with the longer key.
#[test]
fn rtcp_encryption_and_decryption() {
    rtcp_both_ways(
        Profile::AeadAes128Gcm,
        true,
        "81c8000d4d61727363e94885dcdab67ca727d7662f6b7e997ff5c0f76c06f32d \
         c676a5f1730d6fda4ce09b4686303ded0bb9275bc84aa45896cf4d2fc5abf872 \
         45d9eade800005d4",
    );
    rtcp_both_ways(
        Profile::AeadAes256Gcm,
        true,
        "81c8000d4d617273d50ae4d1f5ce5d304ba297e47d470c282c3ece5dbffe0a50 \
         a2eaa5c1110555be8415f658c61de0476f1b6fad1d1eb30c4446839f57ff6f6c \
         b26ac3be800005d4",
    );
}

/// Section 17.3, and 17.4 with the longer key.
#[test]
fn rtcp_tagging_alone() {
    rtcp_both_ways(
        Profile::AeadAes128Gcm,
        false,
        "81c8000d4d6172734e5450314e545032525450200000042a0000e9304c756e61 \
         deadbeefdeadbeefdeadbeefdeadbeefdeadbeef841dd9683dd78ec92ae58790 \
         125f62b3000005d4",
    );
    rtcp_both_ways(
        Profile::AeadAes256Gcm,
        false,
        "81c8000d4d6172734e5450314e545032525450200000042a0000e9304c756e61 \
         deadbeefdeadbeefdeadbeefdeadbeefdeadbeef91db4afbfeee5a978fab4393 \
         ed2615fe000005d4",
    );
}

//! Published vectors that go through the public interface: libsrtp's and RFC 9335's.

#![cfg(feature = "aws-lc-rs")]

use gannet_srtp::{
    Cryptex, MasterKey, Profile, Receiver, ReceiverConfig, Sender, SenderConfig, UnprotectError,
};

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text
        .chars()
        .filter_map(|c| c.to_digit(16).map(|digit| digit as u8))
        .collect();
    digits
        .chunks(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect()
}

fn contexts(key: &MasterKey, cryptex: bool) -> (Sender, Receiver) {
    let crypto = gannet_crypto::default_provider();
    let sending = SenderConfig {
        cryptex,
        ..SenderConfig::default()
    };
    let receiving = ReceiverConfig {
        cryptex: if cryptex {
            Cryptex::Require
        } else {
            Cryptex::Refuse
        },
        ..ReceiverConfig::default()
    };
    (
        Sender::new(&*crypto, key, sending).unwrap(),
        Receiver::new(&*crypto, key, receiving).unwrap(),
    )
}

const CM_KEY: &str = "e1f97a0d3e018be0d64fa32c06de4139";
const CM_SALT: &str = "0ec675ad498afeebb6960b3aabe6";
const GCM_KEY: &str = "000102030405060708090a0b0c0d0e0f";
const GCM_SALT: &str = "a0a1a2a3a4a5a6a7a8a9aaab";
const RTP: &str = "800f1234decafbadcafebabeabababababababababababababababab";
const RTCP: &str = "81c8000bcafebabeabababababababababababababababab";

/// libsrtp's test driver (test/srtp_driver.c), for three profiles.
#[test]
fn libsrtp_rtp() {
    for (profile, key, salt, expected) in [
        (
            Profile::Aes128CmHmacSha1_80,
            CM_KEY,
            CM_SALT,
            "800f1234decafbadcafebabe4e55dc4ce79978d88ca4d215949d2402 b78d6acc99ea179b8dbb",
        ),
        (
            Profile::Aes256CmHmacSha1_80,
            "f0f04914b513f2763a1b1fa130f10e2998f6f6e43e4309d1e622a0e332b9f1b6",
            "3b04803de51ee7c96423ab5b78d2",
            "800f1234decafbadcafebabef1d9de17ff251ff1aa007774b0b4b40d a08d9d9a5b3a55d8873b",
        ),
        (
            Profile::AeadAes128Gcm,
            GCM_KEY,
            GCM_SALT,
            "800f1234decafbadcafebabec5002ede04cfdd2eb91159e0880aa06e \
             d2976826f796b201df3131a127e8a392",
        ),
    ] {
        let key = MasterKey::new(profile, &hex(key), &hex(salt)).unwrap();
        let (mut sender, mut receiver) = contexts(&key, false);
        let mut packet = hex(RTP);
        sender.protect_rtp(&mut packet, 0).unwrap();
        assert_eq!(packet, hex(expected), "{profile}");
        assert_eq!(packet.len(), hex(RTP).len() + sender.rtp_overhead());
        let len = receiver.unprotect_rtp(&mut packet).unwrap();
        assert_eq!(packet[..len], hex(RTP), "{profile}");
    }
}

/// libsrtp's test driver; its first packet has index 1.
#[test]
fn libsrtp_rtcp() {
    for (profile, key, salt, expected) in [
        (
            Profile::Aes128CmHmacSha1_80,
            CM_KEY,
            CM_SALT,
            "81c8000bcafebabe7128035be487b9bdbef89041f977a5a8 80000001 993e08cd54d6c1230798",
        ),
        (
            Profile::AeadAes128Gcm,
            GCM_KEY,
            GCM_SALT,
            "81c8000bcafebabec98b8b5df0392a55852b6c21ac8e7025 c52c6fbea2b3b446ea31123ba88ce61e \
             80000001",
        ),
    ] {
        let key = MasterKey::new(profile, &hex(key), &hex(salt)).unwrap();
        let (mut sender, mut receiver) = contexts(&key, false);
        sender.protect_rtcp(&mut hex(RTCP), 0).unwrap();
        let mut packet = hex(RTCP);
        sender.protect_rtcp(&mut packet, 0).unwrap();
        assert_eq!(packet, hex(expected), "{profile}");
        assert_eq!(packet.len(), hex(RTCP).len() + sender.rtcp_overhead());
        let len = receiver.unprotect_rtcp(&mut packet).unwrap();
        assert_eq!(packet[..len], hex(RTCP), "{profile}");
    }
}

/// RFC 9335, appendix A.
#[test]
fn cryptex() {
    let counter_mode = (Profile::Aes128CmHmacSha1_80, CM_KEY, CM_SALT, COUNTER_MODE);
    let gcm = (Profile::AeadAes128Gcm, GCM_KEY, GCM_SALT, GCM);
    for (profile, key, salt, vectors) in [counter_mode, gcm] {
        let key = MasterKey::new(profile, &hex(key), &hex(salt)).unwrap();
        for (title, plain, protected) in vectors {
            let (mut sender, mut receiver) = contexts(&key, true);
            let mut packet = hex(plain);
            sender.protect_rtp(&mut packet, 0).unwrap();
            assert_eq!(packet, hex(protected), "{profile}, {title}");
            let len = receiver.unprotect_rtp(&mut packet).unwrap();
            assert_eq!(packet[..len], hex(plain), "{profile}, {title}");

            let (_, mut other) = contexts(&key, false);
            let refused = other.unprotect_rtp(&mut hex(protected));
            assert_eq!(refused, Err(UnprotectError::Cryptex("encrypted")));
        }
    }
}

const COUNTER_MODE: [(&str, &str, &str); 6] = [
    (
        "1-byte header extension",
        "900f1235decafbadcafebabebede000151000200abababababababababababab \
         abababab",
        "900f1235decafbadcafebabec0de0001eb92365251c3e036f8de27e9c27ee3e0 \
         b4651d9fbc4218a70244522f34a5",
    ),
    (
        "2-byte header extension",
        "900f1236decafbadcafebabe1000000105020002abababababababababababab \
         abababab",
        "900f1236decafbadcafebabec2de00014ed9cc4e6a712b3096c5ca77339d4204 \
         ce0d77396cab69585fbce38194a5",
    ),
    (
        "1-byte header extension and CSRC fields",
        "920f1238decafbadcafebabe0001e2400000b26ebede000151000200abababab \
         abababababababababababab",
        "920f1238decafbadcafebabe8bb6e12b5cff16ddc0de000192838c8c09e58393 \
         e1de3a9a74734d6745671338c3acf11da2df8423bee0",
    ),
    (
        "2-byte header extension and CSRC fields",
        "920f1239decafbadcafebabe0001e2400000b26e1000000105020002abababab \
         abababababababababababab",
        "920f1239decafbadcafebabef70e513eb90b9b25c2de0001bbed4848faa64466 \
         5f3d7f34125914e9f4d0ae923c6f479b95a0f7b53133",
    ),
    (
        "empty 1-byte header extension and CSRC fields",
        "920f123adecafbadcafebabe0001e2400000b26ebede0000abababababababab \
         abababababababab",
        "920f123adecafbadcafebabe7130b6abfe2ab0e3c0de0000e3d9f64b25c9e74c \
         b4cf8e43fb92e3781c2c0ceab6b3a499a14c",
    ),
    (
        "empty 2-byte header extension and CSRC fields",
        "920f123bdecafbadcafebabe0001e2400000b26e10000000abababababababab \
         abababababababab",
        "920f123bdecafbadcafebabecbf24c124330e1c8c2de0000599dd45bc9d687b6 \
         03e8b59d771fd38e88b170e0cd31e125eabe",
    ),
];

const GCM: [(&str, &str, &str); 6] = [
    (
        "1-byte header extension",
        "900f1235decafbadcafebabebede000151000200abababababababababababab \
         abababab",
        "900f1235decafbadcafebabec0de000139972dc9572c4d99e8fc355de743fb2e \
         94f9d8ff54e72f4193bbc5c74ffab0fa9fa0fbeb",
    ),
    (
        "2-byte header extension",
        "900f1236decafbadcafebabe1000000105020002abababababababababababab \
         abababab",
        "900f1236decafbadcafebabec2de0001bb75a4c545cd1f413bdb7daa2b1e3263 \
         de313667c963249081b35a65f5cb6c88b394235f",
    ),
    (
        "1-byte header extension and CSRC fields",
        "920f1238decafbadcafebabe0001e2400000b26ebede000151000200abababab \
         abababababababababababab",
        "920f1238decafbadcafebabe63bbccc4a7f695c4c0de00018ad7c71fac70a80c \
         92866b4c6ba98546ef913586e95ffaaffe956885bb0647a8bc094ac8",
    ),
    (
        "2-byte header extension and CSRC fields",
        "920f1239decafbadcafebabe0001e2400000b26e1000000105020002abababab \
         abababababababababababab",
        "920f1239decafbadcafebabe3680524f8d312b00c2de0001c78d120038422bc1 \
         11a7187a18246f980c059cc6bc9df8b626394eca344e4b05d80fea83",
    ),
    (
        "empty 1-byte header extension and CSRC fields",
        "920f123adecafbadcafebabe0001e2400000b26ebede0000abababababababab \
         abababababababab",
        "920f123adecafbadcafebabe15b6bb4337906fffc0de0000b7b964537a2b03ab \
         7ba5389ce93317126b5d974df30c6884dcb651c5e120c1da",
    ),
    (
        "empty 2-byte header extension and CSRC fields",
        "920f123bdecafbadcafebabe0001e2400000b26e10000000abababababababab \
         abababababababab",
        "920f123bdecafbadcafebabedcb38c9e48bf95f4c2de000061ee432cf9203170 \
         76613258d3ce4236c06ac429681ad08413512dc98b5207d8",
    ),
];

//! The vectors of RFC 5769 and RFC 8489, appendix B, and whole messages.

use gannet_crypto::CryptoProvider;
use proptest::prelude::*;

use crate::*;

fn provider() -> std::sync::Arc<dyn CryptoProvider> {
    gannet_crypto::default_provider()
}

fn bytes(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

const SHORT_TERM_PASSWORD: &str = "VOkJxbRl1RmTxUk/WvJxBt";
const MATRIX: &str = "マトリックス";

/// RFC 5769, section 2.1.
fn sample_request() -> Vec<u8> {
    bytes(&[
        b"\x00\x01\x00\x58\x21\x12\xa4\x42\xb7\xe7\xa7\x01\xbc\x34\xd6\x86\xfa\x87\xdf\xae",
        b"\x80\x22\x00\x10STUN test client",
        b"\x00\x24\x00\x04\x6e\x00\x01\xff",
        b"\x80\x29\x00\x08\x93\x2f\xf9\xb1\x51\x26\x3b\x36",
        b"\x00\x06\x00\x09\x65\x76\x74\x6a\x3a\x68\x36\x76\x59\x20\x20\x20",
        b"\x00\x08\x00\x14\x9a\xea\xa7\x0c\xbf\xd8\xcb\x56\x78\x1e\xf2\xb5\xb2\xd3\xf2\x49",
        b"\xc1\xb5\x71\xa2\x80\x28\x00\x04\xe5\x7a\x3b\xcf",
    ])
}

/// RFC 5769, section 2.2.
fn sample_ipv4_response() -> Vec<u8> {
    bytes(&[
        b"\x01\x01\x00\x3c\x21\x12\xa4\x42\xb7\xe7\xa7\x01\xbc\x34\xd6\x86\xfa\x87\xdf\xae",
        b"\x80\x22\x00\x0b\x74\x65\x73\x74\x20\x76\x65\x63\x74\x6f\x72\x20",
        b"\x00\x20\x00\x08\x00\x01\xa1\x47\xe1\x12\xa6\x43",
        b"\x00\x08\x00\x14\x2b\x91\xf5\x99\xfd\x9e\x90\xc3\x8c\x74\x89\xf9\x2a\xf9\xba\x53",
        b"\xf0\x6b\xe7\xd7\x80\x28\x00\x04\xc0\x7d\x4c\x96",
    ])
}

/// RFC 5769, section 2.3.
fn sample_ipv6_response() -> Vec<u8> {
    bytes(&[
        b"\x01\x01\x00\x48\x21\x12\xa4\x42\xb7\xe7\xa7\x01\xbc\x34\xd6\x86\xfa\x87\xdf\xae",
        b"\x80\x22\x00\x0b\x74\x65\x73\x74\x20\x76\x65\x63\x74\x6f\x72\x20",
        b"\x00\x20\x00\x14\x00\x02\xa1\x47\x01\x13\xa9\xfa\xa5\xd3\xf1\x79\xbc\x25\xf4\xb5",
        b"\xbe\xd2\xb9\xd9",
        b"\x00\x08\x00\x14\xa3\x82\x95\x4e\x4b\xe6\x7b\xf1\x17\x84\xc9\x7c\x82\x92\xc2\x75",
        b"\xbf\xe3\xed\x41\x80\x28\x00\x04\xc8\xfb\x0b\x4c",
    ])
}

/// RFC 5769, section 2.4.
fn sample_long_term_request() -> Vec<u8> {
    bytes(&[
        b"\x00\x01\x00\x60\x21\x12\xa4\x42\x78\xad\x34\x33\xc6\xad\x72\xc0\x29\xda\x41\x2e",
        b"\x00\x06\x00\x12\xe3\x83\x9e\xe3\x83\x88\xe3\x83\xaa\xe3\x83\x83\xe3\x82\xaf\xe3\x82\xb9",
        b"\x00\x00\x00\x15\x00\x1cf//499k954d6OL34oL9FSTvy64sA",
        b"\x00\x14\x00\x0bexample.org\x00",
        b"\x00\x08\x00\x14\xf6\x70\x24\x65\x6d\xd6\x4a\x3e\x02\xb8\xe0\x71\x2e\x85\xc9\xa2",
        b"\x8c\xa8\x96\x66",
    ])
}

/// RFC 8489, appendix B.1. The length field there says 0x9c, which is 20 bytes more than the
/// attributes that are printed.
const SHA256_USER_HASH: [u8; 32] =
    *b"\x4a\x3c\xf3\x8f\xef\x69\x92\xbd\xa9\x52\xc6\x78\x04\x17\xda\x0f\
       \x24\x81\x94\x15\x56\x9e\x60\xb2\x05\xc4\x6e\x41\x40\x7f\x17\x04";

#[test]
fn rfc5769_request() {
    let packet = sample_request();
    let message = Message::parse(&packet).unwrap();
    assert_eq!(message.class(), Class::Request);
    assert_eq!(message.method(), Method::BINDING);
    assert_eq!(
        message.decoded().collect::<Vec<_>>(),
        [
            Attribute::Software("STUN test client"),
            Attribute::Priority(0x6e00_01ff),
            Attribute::IceControlled(0x932f_f9b1_5126_3b36),
            Attribute::Username("evtj:h6vY"),
        ]
    );
    assert!(message.has_fingerprint());
    let key = IntegrityKey::short_term(&provider(), SHORT_TERM_PASSWORD);
    assert_eq!(message.verify(&key), Ok(IntegrityAlgorithm::Sha1));
    let wrong = IntegrityKey::short_term(&provider(), "VOkJxbRl1RmTxUk/WvJxBu");
    assert_eq!(message.verify(&wrong), Err(IntegrityError::Mismatch));
    assert_eq!(
        message.to_string(),
        "Binding request b7e7a701bc34d686fa87dfae (SOFTWARE, PRIORITY, ICE-CONTROLLED, USERNAME)"
    );
}

#[test]
fn rfc5769_responses() {
    let key = IntegrityKey::short_term(&provider(), SHORT_TERM_PASSWORD);
    let cases = [
        (sample_ipv4_response(), "192.0.2.1:32853"),
        (
            sample_ipv6_response(),
            "[2001:db8:1234:5678:11:2233:4455:6677]:32853",
        ),
    ];
    for (packet, address) in cases {
        let message = Message::parse(&packet).unwrap();
        assert_eq!(message.class(), Class::Success);
        assert_eq!(message.mapped_address(), address.parse().ok());
        assert!(message.verify(&key).is_ok());
    }
}

#[test]
fn rfc5769_long_term_request_is_read_and_written() {
    let packet = sample_long_term_request();
    let message = Message::parse(&packet).unwrap();
    assert_eq!(message.username(), Some(MATRIX));
    assert_eq!(message.realm(), Some("example.org"));
    assert_eq!(message.nonce(), Some("f//499k954d6OL34oL9FSTvy64sA"));
    let key = IntegrityKey::long_term(
        &provider(),
        MATRIX,
        "example.org",
        "TheMatrIX",
        PasswordAlgorithm::Md5,
    )
    .unwrap();
    assert!(message.verify(&key).is_ok());

    let mut written = Vec::new();
    let id = message.transaction_id();
    let mut writer = MessageWriter::new(&mut written, Class::Request, Method::BINDING, id);
    for attribute in message.decoded() {
        writer.attribute(&attribute);
    }
    assert_eq!(writer.finish(Seal::sha1(&key)), Ok(packet.len()));
    assert_eq!(written, packet);
}

#[test]
fn rfc8489_user_hash() {
    let hash = user_hash(&*provider(), MATRIX, "example.org");
    assert_eq!(hash, SHA256_USER_HASH);
}

#[test]
fn rfc8489_long_term_key() {
    // Section 9.2.2: the MD5 of "user:realm:pass".
    let provider = provider();
    let expected = 0x8493_fbc5_3ba5_82fb_4c04_4c45_6bdc_40eb_u128.to_be_bytes();
    let from_parts =
        IntegrityKey::long_term(&provider, "user", "realm", "pass", PasswordAlgorithm::Md5);
    let key = from_parts.unwrap();
    let packet = sealed(&key, Seal::sha1);
    let raw = IntegrityKey::new(&provider, &expected, IntegrityAlgorithm::Sha1);
    assert!(Message::parse(&packet).unwrap().verify(&raw).is_ok());
}

fn sealed<'k>(key: &'k IntegrityKey, seal: impl Fn(&'k IntegrityKey) -> Seal<'k>) -> Vec<u8> {
    let mut packet = Vec::new();
    let id = TransactionId([3; 12]);
    let mut writer = MessageWriter::new(&mut packet, Class::Request, Method::BINDING, id);
    writer.attribute(&Attribute::Username("evtj:h6vY"));
    writer.finish(seal(key)).unwrap();
    packet
}

#[test]
fn every_changed_byte_is_noticed() {
    let key = IntegrityKey::short_term(&provider(), "password");
    for seal in [Seal::sha1(&key), Seal::sha256(&key), Seal::both(&key)] {
        let packet = sealed(&key, |_| seal.with_fingerprint());
        assert!(Message::parse(&packet).unwrap().verify(&key).is_ok());
        for at in 0..packet.len() {
            let mut changed = packet.clone();
            changed[at] ^= 1;
            // Without its type, the FINGERPRINT is only another attribute.
            let has_fingerprint = Message::parse(&changed).map(|m| m.has_fingerprint());
            assert_ne!(has_fingerprint, Ok(true), "byte {at}");
        }
    }
    // The same without a fingerprint: only the integrity notices.
    for seal in [Seal::sha1(&key), Seal::sha256(&key)] {
        let packet = sealed(&key, |_| seal);
        for at in 0..packet.len() {
            let mut changed = packet.clone();
            changed[at] ^= 1;
            let verified = Message::parse(&changed).map(|message| message.verify(&key).is_ok());
            assert_ne!(verified, Ok(true), "byte {at}");
        }
    }
}

#[test]
fn both_integrities_verify_alone() {
    let key = IntegrityKey::short_term(&provider(), "password");
    let packet = sealed(&key, |key| Seal::both(key).with_fingerprint());
    let message = Message::parse(&packet).unwrap();
    assert_eq!(message.verify(&key), Ok(IntegrityAlgorithm::Sha256));
    assert_eq!(message.verify_with(&key, IntegrityAlgorithm::Sha1), Ok(()));
    assert_eq!(message.attributes().count(), 1);
}

#[test]
fn attributes_behind_the_integrity_do_not_count() {
    let key = IntegrityKey::short_term(&provider(), "password");
    let mut packet = sealed(&key, Seal::sha1);
    // USE-CANDIDATE, added by somebody on the path.
    packet.extend_from_slice(&[0, 0x25, 0, 0]);
    let len = (packet.len() - HEADER_LEN) as u16;
    packet[2..4].copy_from_slice(&len.to_be_bytes());
    let message = Message::parse(&packet).unwrap();
    assert!(message.verify(&key).is_ok());
    assert_eq!(message.find(AttributeType::USE_CANDIDATE), None);
}

#[test]
fn a_truncated_sha256_is_refused() {
    let key = IntegrityKey::short_term(&provider(), "password");
    let mut packet = sealed(&key, Seal::sha256);
    packet.truncate(packet.len() - 16);
    let at = packet.len() - 18;
    packet[at..at + 2].copy_from_slice(&16_u16.to_be_bytes());
    let len = (packet.len() - HEADER_LEN) as u16;
    packet[2..4].copy_from_slice(&len.to_be_bytes());
    let message = Message::parse(&packet).unwrap();
    assert_eq!(message.verify(&key), Err(IntegrityError::Mismatch));
}

#[test]
fn messages_without_integrity_say_so() {
    let key = IntegrityKey::short_term(&provider(), "password");
    let packet = sealed(&key, |_| Seal::FINGERPRINT);
    let message = Message::parse(&packet).unwrap();
    assert!(!message.has_integrity());
    assert_eq!(message.verify(&key), Err(IntegrityError::Absent));
}

#[test]
fn what_is_not_stun_says_why() {
    let good = sample_request();
    let refused = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut packet = good.clone();
        change(&mut packet);
        assert!(!is_stun(&packet) || packet.len() == good.len());
        Message::parse(&packet).unwrap_err().to_string()
    };
    assert!(refused(&|p| p[0] = 0x80).contains("not STUN"));
    assert!(refused(&|p| p[4] = 0).contains("cookie is 0x0012a442"));
    assert!(refused(&|p| p.truncate(60)).contains("says 88 bytes of attributes, 40 are there"));
    assert!(refused(&|p| p.truncate(19)).contains("transaction ID at byte 8 is truncated"));
    assert!(refused(&|p| p[107] ^= 1).contains("FINGERPRINT"));
    assert!(refused(&|p| p[23] = 0xff).contains("attribute"));
}

#[test]
fn a_method_above_0x0ff_is_read_but_not_taken_for_stun_on_a_shared_socket() {
    let mut packet = Vec::new();
    let method = Method::new(0x100).unwrap();
    MessageWriter::new(&mut packet, Class::Request, method, TransactionId([0; 12]))
        .finish(Seal::NONE)
        .unwrap();
    assert_eq!(Message::parse(&packet).unwrap().method(), method);
    assert!(!is_stun(&packet));
}

#[test]
fn unknown_attributes_are_listed() {
    let mut packet = Vec::new();
    let id = TransactionId([0; 12]);
    let mut writer = MessageWriter::new(&mut packet, Class::Request, Method::BINDING, id);
    for number in [0x7001, 0xf001, 0x0024, 0x7002] {
        writer.attribute(&Attribute::Other(RawAttribute {
            attribute_type: AttributeType(number),
            value: &[0; 4],
        }));
    }
    writer.finish(Seal::NONE).unwrap();
    let message = Message::parse(&packet).unwrap();
    let unknown: Vec<_> = message
        .unknown_required(&[AttributeType::PRIORITY])
        .collect();
    assert_eq!(unknown, [AttributeType(0x7001), AttributeType(0x7002)]);

    let mut response = Vec::new();
    let mut writer = MessageWriter::new(&mut response, Class::Error, Method::BINDING, id);
    writer.attribute(&Attribute::ErrorCode(ErrorCode::new(
        code::UNKNOWN_ATTRIBUTE,
    )));
    writer.unknown_attributes(unknown.iter().copied());
    writer.finish(Seal::NONE).unwrap();
    let message = Message::parse(&response).unwrap();
    assert_eq!(
        message.error_code().unwrap().to_string(),
        "420 Unknown Attribute"
    );
    match message.find_decoded(AttributeType::UNKNOWN_ATTRIBUTES) {
        Some(Attribute::UnknownAttributes(list)) => assert!(list.iter().eq(unknown)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_message_that_is_too_long_leaves_the_buffer_as_it_was() {
    let mut buffer = b"before".to_vec();
    let id = TransactionId([0; 12]);
    let mut writer = MessageWriter::new(&mut buffer, Class::Request, Method::BINDING, id);
    writer.attribute(&Attribute::Username(&"x".repeat(509)));
    assert!(writer.finish(Seal::NONE).is_err());
    assert_eq!(buffer, b"before");

    let data = vec![0; 40_000];
    let mut writer = MessageWriter::new(&mut buffer, Class::Indication, Method::SEND, id);
    writer.attribute(&Attribute::Data(&data));
    writer.attribute(&Attribute::Data(&data));
    assert!(writer.finish(Seal::NONE).is_err());
    assert_eq!(buffer, b"before");
}

proptest! {
    #[test]
    fn any_bytes_are_parsed_or_refused(bytes: Vec<u8>) {
        let _ = Message::parse(&bytes);
    }

    #[test]
    fn any_attributes_are_parsed_or_refused(body in prop::collection::vec(any::<u8>(), 0..80)) {
        let mut packet = b"\x00\x01\x00\x00\x21\x12\xa4\x42AAAAAAAAAAAA".to_vec();
        packet.extend_from_slice(&body);
        packet.truncate(HEADER_LEN + body.len() / 4 * 4);
        packet[3] = (packet.len() - HEADER_LEN) as u8;
        if let Ok(message) = Message::parse(&packet) {
            prop_assert!(is_stun(&packet));
            let _ = message.decoded().count();
        }
    }
}

//! Parsing and verifying a message, and writing one into a buffer with room, allocates nothing.
#![cfg(feature = "aws-lc-rs")]

use gannet_alloc_count::allocations;
use gannet_crypto::default_provider;
use gannet_stun::{
    Attribute, AttributeType, ChannelData, ChannelNumber, Class, IntegrityKey, Message,
    MessageWriter, Method, Seal, TransactionId,
};

#[test]
fn a_connectivity_check_and_its_answer() {
    let key = IntegrityKey::short_term(&default_provider(), "VOkJxbRl1RmTxUk/WvJxBt");
    let mut buffer = Vec::with_capacity(1500);
    // The schedule for SHA-256 is made when the first message needs it.
    for (seal, schedules) in [
        (Seal::sha1(&key), false),
        (Seal::sha256(&key), true),
        (Seal::both(&key), false),
    ] {
        let mut exchange = || {
            let id = TransactionId([7; 12]);
            let mut writer = MessageWriter::new(&mut buffer, Class::Request, Method::BINDING, id);
            writer
                .attribute(&Attribute::Username("evtj:h6vY"))
                .attribute(&Attribute::Priority(0x6e00_01ff))
                .attribute(&Attribute::IceControlling(0x932f_f9b1_5126_3b36))
                .attribute(&Attribute::UseCandidate);
            writer.finish(seal.with_fingerprint()).unwrap();
            let message = Message::parse(&buffer).unwrap();
            message.verify(&key).unwrap();
            assert_eq!(message.username(), Some("evtj:h6vY"));
            assert_eq!(message.decoded().count(), 4);
            assert!(message.find(AttributeType::USE_CANDIDATE).is_some());
            buffer.clear();

            let address = "192.0.2.1:32853".parse().unwrap();
            let mut writer = MessageWriter::new(&mut buffer, Class::Success, Method::BINDING, id);
            writer.attribute(&Attribute::XorMappedAddress(address));
            writer.finish(seal.with_fingerprint()).unwrap();
            let message = Message::parse(&buffer).unwrap();
            message.verify(&key).unwrap();
            assert_eq!(message.mapped_address(), Some(address));
            buffer.clear();
        };
        assert_eq!(allocations(&mut exchange) > 0, schedules);
        assert_eq!(allocations(exchange), 0);
    }
}

#[test]
fn channel_data() {
    let mut buffer = Vec::with_capacity(1500);
    let channel = ChannelNumber::new(0x4001).unwrap();
    let count = allocations(|| {
        let data = &[7; 1000];
        ChannelData { channel, data }
            .write(&mut buffer, true)
            .unwrap();
        assert_eq!(ChannelData::parse(&buffer).unwrap().data, data);
    });
    assert_eq!(count, 0);
}

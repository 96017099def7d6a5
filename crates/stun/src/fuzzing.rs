//! Bodies of the fuzz targets.

use crate::stream::Deframer;
use crate::{Attribute, Class, Message, MessageWriter, Seal};
use crate::{ChannelData, attribute::RawAttribute};

/// Any bytes are parsed or refused; what was parsed is read whole, written again, and reads the same.
pub fn message(bytes: &[u8]) {
    let _ = ChannelData::parse(bytes);
    let Ok(message) = Message::parse(bytes) else {
        return;
    };
    // Methods above 0x0ff parse, but RFC 7983 leaves their first byte to other protocols.
    assert_eq!(
        crate::is_stun(bytes),
        bytes.first().is_some_and(|first| *first < 4)
    );
    let _ = (
        message.username(),
        message.error_code(),
        message.mapped_address(),
    );
    let _ = (message.realm(), message.nonce(), message.to_string());
    let class: Class = message.class();

    let mut copy = Vec::new();
    let id = message.transaction_id();
    let mut writer = MessageWriter::new(&mut copy, class, message.method(), id);
    for raw in message.attributes() {
        writer.attribute(&Attribute::Other(raw));
    }
    let sealed = writer.finish(if message.has_fingerprint() {
        Seal::FINGERPRINT
    } else {
        Seal::NONE
    });
    let Ok(_) = sealed else { return };
    let again = Message::parse(&copy).expect("what the writer wrote is well formed");
    assert!(again.attributes().eq(message.attributes()));
    assert_eq!(again.has_fingerprint(), message.has_fingerprint());
    for (a, b) in message.decoded().zip(again.decoded()) {
        assert_eq!(a, b);
        re_encode(&a, &again);
    }
}

/// A decoded attribute, written and read again, is the same.
fn re_encode(attribute: &Attribute<'_>, message: &Message<'_>) {
    let id = message.transaction_id();
    let mut bytes = Vec::new();
    let mut writer = MessageWriter::new(&mut bytes, Class::Request, message.method(), id);
    writer.attribute(attribute);
    if writer.finish(Seal::NONE).is_err() {
        return;
    }
    let again = Message::parse(&bytes).expect("what the writer wrote is well formed");
    let raw: Option<RawAttribute<'_>> = again.attributes().next();
    let decoded = raw.map(|raw| Attribute::decode(raw, &id));
    assert_eq!(decoded, Some(Ok(*attribute)));
}

/// A stream cut into pieces never makes the deframer panic or lose step with itself.
pub fn stream(bytes: &[u8]) {
    let Some((&cut, bytes)) = bytes.split_first() else {
        return;
    };
    let mut whole = Deframer::new();
    whole.push(bytes);
    let mut pieces = Deframer::new();
    let mut from_pieces = Vec::new();
    'pieces: for piece in bytes.chunks(usize::from(cut).max(1)) {
        pieces.push(piece);
        loop {
            match pieces.next_message() {
                Ok(Some(message)) => from_pieces.push(message.to_vec()),
                Ok(None) => break,
                Err(_) => break 'pieces,
            }
        }
    }
    let mut from_whole = Vec::new();
    while let Ok(Some(message)) = whole.next_message() {
        from_whole.push(message.to_vec());
    }
    assert_eq!(from_pieces, from_whole);
}

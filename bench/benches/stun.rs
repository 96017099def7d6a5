//! A connectivity check of ICE (USERNAME, PRIORITY, ICE-CONTROLLING, MESSAGE-INTEGRITY, FINGERPRINT),
//! parsed and verified, and written, ours beside peers'. `is` is given the HMAC
//! of aws-lc-rs, and once its own (RustCrypto, as ours).
//!
//! The key schedule of ours is done once for a credential. The peers do it for each message, so ours stands
//! there that way too.

use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use gannet_bench::repeated;
use gannet_crypto::{AwsLcProvider, CryptoProvider};
use gannet_stun::{
    Attribute, Class, IntegrityKey, Message, MessageWriter, Method, Seal, TransactionId,
};
use is::stun::{StunMessage, TransId};
use is::{DefaultSha1HmacProvider, Sha1HmacProvider};

const USERNAME: &str = "evtj:h6vY";
const PASSWORD: &str = "VOkJxbRl1RmTxUk/WvJxBt";
const PRIORITY: u32 = 0x6e00_01ff;
const TIE_BREAKER: u64 = 0x932f_f9b1_5126_3b36;

fn write_ours(key: &IntegrityKey, buffer: &mut Vec<u8>) {
    buffer.clear();
    let id = TransactionId([7; 12]);
    let mut writer = MessageWriter::new(buffer, Class::Request, Method::BINDING, id);
    writer
        .attribute(&Attribute::Username(USERNAME))
        .attribute(&Attribute::Priority(PRIORITY))
        .attribute(&Attribute::IceControlling(TIE_BREAKER));
    writer.finish(Seal::sha1(key).with_fingerprint()).unwrap();
}

/// One read of the attributes, as an agent does it.
fn read_ours(key: &IntegrityKey, packet: &[u8]) -> u64 {
    let message = Message::parse(packet).unwrap();
    message.verify(key).unwrap();
    let mut sum = 0;
    for attribute in message.decoded() {
        sum += match attribute {
            Attribute::Username(name) => name.len() as u64,
            Attribute::Priority(priority) => priority.into(),
            Attribute::IceControlling(tie_breaker) => tie_breaker >> 8,
            _ => 0,
        };
    }
    sum
}

fn hmac(key: &[u8], parts: &[&[u8]]) -> [u8; 20] {
    use aws_lc_rs::hmac::{Context, HMAC_SHA1_FOR_LEGACY_USE_ONLY, Key};
    let mut context = Context::with_key(&Key::new(HMAC_SHA1_FOR_LEGACY_USE_ONLY, key));
    parts.iter().for_each(|part| context.update(part));
    context.sign().as_ref().try_into().unwrap()
}

fn read_is(packet: &[u8], hmac: impl Fn(&[u8], &[&[u8]]) -> [u8; 20]) -> u64 {
    let message = StunMessage::parse(packet).unwrap();
    assert!(message.verify(PASSWORD.as_bytes(), hmac));
    message.username().unwrap().len() as u64
        + u64::from(message.prio().unwrap())
        + (message.ice_controlling().unwrap() >> 8)
}

fn write_is(buffer: &mut [u8], id: TransId, hmac: impl Fn(&[u8], &[&[u8]]) -> [u8; 20]) -> usize {
    StunMessage::binding_request(USERNAME, id, true, TIE_BREAKER, PRIORITY, false)
        .to_bytes(Some(PASSWORD.as_bytes()), buffer, hmac)
        .unwrap()
}

fn write_rtc(crypto: &dyn rtc_crypto::RTCCrypto) -> rtc_stun::message::Message {
    use rtc_stun::attributes::{ATTR_ICE_CONTROLLING, ATTR_PRIORITY, ATTR_USERNAME};
    use rtc_stun::fingerprint::FINGERPRINT;
    use rtc_stun::integrity::MessageIntegrity;
    use rtc_stun::message::{BINDING_REQUEST, Message, Setter, TransactionId};

    let mut message = Message::new();
    message
        .build(&[Box::new(BINDING_REQUEST), Box::new(TransactionId([7; 12]))])
        .unwrap();
    message.add(ATTR_USERNAME, USERNAME.as_bytes());
    message.add(ATTR_PRIORITY, &PRIORITY.to_be_bytes());
    message.add(ATTR_ICE_CONTROLLING, &TIE_BREAKER.to_be_bytes());
    MessageIntegrity::new_short_term_integrity_with_provider(PASSWORD.to_owned(), crypto)
        .add_to(&mut message)
        .unwrap();
    FINGERPRINT.add_to(&mut message).unwrap();
    message
}

fn read_rtc(packet: &[u8], crypto: &dyn rtc_crypto::RTCCrypto) -> u64 {
    use rtc_stun::attributes::{ATTR_ICE_CONTROLLING, ATTR_PRIORITY, ATTR_USERNAME};
    use rtc_stun::fingerprint::FINGERPRINT;
    use rtc_stun::integrity::MessageIntegrity;

    let mut message = rtc_stun::message::Message::new();
    message.unmarshal_binary(packet).unwrap();
    MessageIntegrity::check(&mut message, PASSWORD.as_bytes(), crypto).unwrap();
    FINGERPRINT.check(&message).unwrap();
    let read = |attribute| message.get(attribute).unwrap().len() as u64;
    read(ATTR_USERNAME) + read(ATTR_PRIORITY) + read(ATTR_ICE_CONTROLLING)
}

fn stun(c: &mut Criterion) {
    let provider: Arc<dyn CryptoProvider> = Arc::new(AwsLcProvider);
    let key = IntegrityKey::short_term(&provider, PASSWORD);
    let rtc = rtc_crypto::default_provider().unwrap();
    let id = TransId::new();
    let mut packet = Vec::with_capacity(200);
    write_ours(&key, &mut packet);
    assert_eq!(
        read_ours(&key, &packet),
        read_is(&packet, hmac),
        "they read the same"
    );

    let mut group = c.benchmark_group("stun/parse and verify");
    group.bench_function("gannet", |b| {
        b.iter_custom(|n| repeated(n, || read_ours(&key, &packet)));
    });
    group.bench_function("gannet, a key schedule each time", |b| {
        b.iter_custom(|n| {
            repeated(n, || {
                read_ours(&IntegrityKey::short_term(&provider, PASSWORD), &packet)
            })
        });
    });
    group.bench_function("is, HMAC of aws-lc-rs", |b| {
        b.iter_custom(|n| repeated(n, || read_is(&packet, hmac)));
    });
    group.bench_function("is, HMAC of its own", |b| {
        let hmac = |key: &[u8], parts: &[&[u8]]| DefaultSha1HmacProvider.sha1_hmac(key, parts);
        b.iter_custom(|n| repeated(n, || read_is(&packet, hmac)));
    });
    group.bench_function("rtc-stun", |b| {
        b.iter_custom(|n| repeated(n, || read_rtc(&packet, rtc.crypto())));
    });
    group.finish();

    let mut group = c.benchmark_group("stun/write");
    let mut buffer = Vec::with_capacity(200);
    group.bench_function("gannet", |b| {
        b.iter_custom(|n| repeated(n, || write_ours(&key, &mut buffer)));
    });
    group.bench_function("gannet, a key schedule each time", |b| {
        b.iter_custom(|n| {
            repeated(n, || {
                write_ours(&IntegrityKey::short_term(&provider, PASSWORD), &mut buffer);
            })
        });
    });
    let mut room = [0; 200];
    group.bench_function("is, HMAC of aws-lc-rs", |b| {
        b.iter_custom(|n| repeated(n, || write_is(&mut room, id, hmac)));
    });
    group.bench_function("is, HMAC of its own", |b| {
        let hmac = |key: &[u8], parts: &[&[u8]]| DefaultSha1HmacProvider.sha1_hmac(key, parts);
        b.iter_custom(|n| repeated(n, || write_is(&mut room, id, hmac)));
    });
    group.bench_function("rtc-stun", |b| {
        b.iter_custom(|n| repeated(n, || write_rtc(rtc.crypto())));
    });
    group.finish();
}

criterion_group!(benches, stun);
criterion_main!(benches);

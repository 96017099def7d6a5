//! The record layer, both directions of it.

use gannet_crypto::{CryptoProvider, default_provider};
use proptest::prelude::*;

use super::open::split_inner;
use super::*;
use crate::config::Version;
use crate::key_schedule::keys12;
use crate::suite::CipherSuite;

const EPOCHS: [(Version, u64); 2] = [(Version::Dtls12, 1), (Version::Dtls13, 3)];

/// A sender and a receiver with the same keys.
fn layers(suite: CipherSuite, cid: &[u8]) -> (RecordLayer, RecordLayer, u64) {
    let provider = default_provider();
    let protections = protections(&*provider, suite);
    let (mut sender, mut receiver) = (RecordLayer::new(), RecordLayer::new());
    let epoch = EPOCHS
        .iter()
        .find(|(version, _)| *version == suite.version())
        .unwrap()
        .1;
    let [a, b] = protections;
    sender.add_write(epoch, a);
    receiver.add_read(epoch, b);
    sender.set_connection_ids(Vec::new(), cid.to_vec());
    receiver.set_connection_ids(cid.to_vec(), Vec::new());
    (sender, receiver, epoch)
}

fn protections(provider: &dyn CryptoProvider, suite: CipherSuite) -> [Protection; 2] {
    [(); 2].map(|()| match suite.version() {
        Version::Dtls12 => {
            Protection::Dtls12(keys12(provider, suite, &[1; 48], &[2; 64]).unwrap().0)
        }
        Version::Dtls13 => Protection::Dtls13(Keys13::new(provider, suite, &[3; 32]).unwrap()),
    })
}

fn seal(sender: &mut RecordLayer, epoch: u64, data: &[u8]) -> Vec<u8> {
    let mut record = Vec::new();
    let put = |buf: &mut Vec<u8>| buf.extend_from_slice(data);
    sender
        .seal(epoch, ContentType::ApplicationData, &mut record, put)
        .unwrap();
    record
}

fn open(receiver: &mut RecordLayer, record: &[u8]) -> Result<Vec<u8>, Refusal> {
    let mut record = record.to_vec();
    let header = Header::parse(&record, receiver.local_cid_len())
        .ok()
        .flatten();
    let opened = receiver.open(&header.ok_or(Refusal::Malformed)?, &mut record)?;
    assert_eq!(opened.kind, ContentType::ApplicationData);
    Ok(opened.payload.to_vec())
}

#[test]
fn every_suite_seals_and_opens_with_and_without_connection_ids() {
    for suite in CipherSuite::ALL {
        for cid in [&[][..], &[9; 5], &[7; 32]] {
            let (mut sender, mut receiver, epoch) = layers(suite, cid);
            for len in [1, 2, 100, MAX_PLAINTEXT] {
                let data = vec![len as u8; len];
                let record = seal(&mut sender, epoch, &data);
                assert_eq!(record.len(), len + sender.overhead(epoch), "{suite:?}");
                assert_eq!(open(&mut receiver, &record), Ok(data), "{suite:?}");
                assert_eq!(open(&mut receiver, &record), Err(Refusal::Replayed));
            }
        }
    }
}

#[test]
fn every_flipped_bit_is_noticed() {
    for suite in CipherSuite::ALL {
        let (mut sender, mut receiver, epoch) = layers(suite, &[1, 2]);
        let record = seal(&mut sender, epoch, b"data");
        for bit in 0..record.len() * 8 {
            let mut forged = record.clone();
            forged[bit / 8] ^= 1 << (bit % 8);
            // The version of the outer header means nothing in DTLS 1.3, and is fixed in 1.2.
            let is_version = suite.version() == Version::Dtls12 && (8..24).contains(&bit);
            let opened = open(&mut receiver, &forged);
            assert!(opened.is_err() || is_version, "{suite:?}, bit {bit}");
            receiver.read.last_mut().unwrap().window = ReplayWindow::default();
        }
        assert_eq!(open(&mut receiver, &record), Ok(b"data".to_vec()));
    }
}

#[test]
fn a_write_that_appends_nothing_leaves_no_trace() {
    let (mut sender, _, epoch) = layers(CipherSuite::Aes128GcmSha256, &[]);
    let mut buf = b"before".to_vec();
    let sealed = sender.seal(epoch, ContentType::ApplicationData, &mut buf, |_| 7);
    assert_eq!(sealed, Ok((7, None)));
    assert_eq!(buf, b"before");
    assert_eq!(sender.sealed_in_epoch(), 0);
}

#[test]
fn too_long_a_plaintext_is_refused_and_leaves_no_trace() {
    let (mut sender, _, epoch) = layers(CipherSuite::EcdheEcdsaAes128GcmSha256, &[]);
    sender.set_max_plaintext(100);
    let mut buf = b"before".to_vec();
    let put = |buf: &mut Vec<u8>| buf.extend_from_slice(&[0; 101]);
    let sealed = sender.seal(epoch, ContentType::ApplicationData, &mut buf, put);
    assert_eq!(sealed, Err(SealRefusal::TooLong { len: 101, max: 100 }));
    assert_eq!(buf, b"before");
}

// DTLS 1.2 has 2^48 record numbers, and no way to get new keys.
#[test]
fn record_numbers_never_wrap() {
    for (suite, last) in [
        (CipherSuite::EcdheEcdsaAes128GcmSha256, MAX_SEQUENCE_48),
        (CipherSuite::Aes128GcmSha256, MAX_GCM_RECORDS),
    ] {
        let (mut sender, mut receiver, epoch) = layers(suite, &[]);
        sender.skip_to(last);
        receiver.read.last_mut().unwrap().window.mark(last - 1);
        let record = seal(&mut sender, epoch, b"the last one");
        assert_eq!(open(&mut receiver, &record), Ok(b"the last one".to_vec()));
        let sealed = sender.seal(
            epoch,
            ContentType::ApplicationData,
            &mut Vec::new(),
            |buf| {
                buf.push(0);
            },
        );
        assert_eq!(sealed, Err(SealRefusal::Exhausted));
    }
}

#[test]
fn the_forgery_limit_is_2_to_the_36() {
    let (mut sender, mut receiver, epoch) = layers(CipherSuite::Aes128GcmSha256, &[]);
    let mut record = seal(&mut sender, epoch, b"data");
    *record.last_mut().unwrap() ^= 1;
    receiver.pretend_forgeries((1 << 36) - 2);
    assert_eq!(open(&mut receiver, &record), Err(Refusal::Unauthentic));
    assert!(!receiver.is_forgery_limit_reached());
    assert_eq!(open(&mut receiver, &record), Err(Refusal::Unauthentic));
    assert!(receiver.is_forgery_limit_reached());
}

// RFC 9147, section 4: whatever form the header has, the record is the same. Ours is the longest, so
// the shorter forms are made by hand.
#[test]
fn short_unified_headers_are_read() {
    let provider = default_provider();
    let suite = CipherSuite::Aes128GcmSha256;
    for (first, seq_len, has_length) in [(0x23, 1, false), (0x27, 1, true), (0x2b, 2, false)] {
        let [Protection::Dtls13(mut keys), protection] = protections(&*provider, suite) else {
            unreachable!()
        };
        let mut receiver = RecordLayer::new();
        receiver.add_read(3, protection);
        let mut body = b"hello\x17\0\0\0".to_vec();
        let mut header = vec![first];
        header.extend(&[0, 5][2 - seq_len..]);
        if has_length {
            header.extend([0, body.len() as u8 + 16]);
        }
        let nonce = keys.nonce(5);
        let tag = keys.aead.seal(&nonce, &header, &mut body);
        body.extend(tag);
        let mask = keys.mask.mask(body.first_chunk().unwrap());
        for i in 0..seq_len {
            header[1 + i] ^= mask[i];
        }
        let record = [header, body].concat();
        assert_eq!(open(&mut receiver, &record), Ok(b"hello".to_vec()));
    }
}

#[test]
fn a_record_with_nothing_but_padding_is_malformed() {
    assert_eq!(split_inner(&[0; 20]), Err(Refusal::Malformed));
    assert_eq!(split_inner(&[]), Err(Refusal::Malformed));
    assert_eq!(
        split_inner(&[5, 20, 0]),
        Err(Refusal::Malformed),
        "ChangeCipherSpec"
    );
    assert_eq!(split_inner(&[5, 21, 0]), Ok((ContentType::Alert, &[5][..])));
}

#[test]
fn old_epochs_are_read_until_there_are_too_many() {
    let provider = default_provider();
    let suite = CipherSuite::Aes128GcmSha256;
    let (mut sender, mut receiver, _) = layers(suite, &[]);
    let old = seal(&mut sender, 3, b"epoch 3");
    for epoch in 4..=8 {
        let secret = [epoch as u8; 32];
        let [a, b] =
            [(); 2].map(|()| Protection::Dtls13(Keys13::new(&*provider, suite, &secret).unwrap()));
        sender.add_write(epoch, a);
        receiver.add_read(epoch, b);
        let new = seal(&mut sender, epoch, b"new");
        assert_eq!(open(&mut receiver, &new), Ok(b"new".to_vec()));
        if epoch == 6 {
            assert_eq!(open(&mut receiver, &old), Ok(b"epoch 3".to_vec()));
        }
        assert!(receiver.read.len() <= MAX_EPOCHS && sender.write.len() <= MAX_EPOCHS);
    }
    let header = Header::parse(&old, 0).unwrap().unwrap();
    // Its two bits mean epoch 7 now.
    assert!(receiver.has_keys_for(&header));
    assert!(open(&mut receiver, &old).is_err());
}

proptest! {
    #[test]
    fn any_order_is_read_once(order in prop::collection::vec(0_usize..40, 1..120)) {
        let (mut sender, mut receiver, epoch) = layers(CipherSuite::Aes128GcmSha256, &[]);
        let records: Vec<_> = (0..40).map(|i| seal(&mut sender, epoch, &[i])).collect();
        let mut came = [false; 40];
        for i in order {
            let expected = if came[i] { Err(Refusal::Replayed) } else { Ok(vec![i as u8]) };
            prop_assert_eq!(open(&mut receiver, &records[i]), expected);
            came[i] = true;
        }
    }

    #[test]
    fn bytes_are_never_opened(first in 20_u8..64, bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        let (_, mut receiver, _) = layers(CipherSuite::Aes128GcmSha256, &[]);
        let bytes = [&[first][..], &bytes].concat();
        let mut copy = bytes.clone();
        if let Ok(Some(header)) = Header::parse(&bytes, 0) {
            let opened = receiver.open(&header, &mut copy);
            prop_assert!(opened.is_err() || opened.is_ok_and(|opened| opened.number.epoch == 0));
        }
    }
}

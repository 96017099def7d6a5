//! Bodies of the fuzz targets.

use std::collections::HashMap;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use gannet_crypto::default_provider;
use gannet_wire::Reader;

use crate::attribute::RawAttribute;
use crate::stream::Deframer;
use crate::{
    Attribute, ChannelData, Class, IntegrityAlgorithm, IntegrityKey, Message, MessageWriter,
    Reliability, Seal, SecurityFeatures, StartError, TransactionConfig, TransactionId,
    Transactions,
};

/// Any bytes are parsed or refused; what was parsed is read whole, written again, and reads the same.
pub fn message(bytes: &[u8]) {
    channel_data(bytes);
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
    let _ = (message.realm(), message.to_string());
    if let Some(features) = message.nonce().and_then(SecurityFeatures::of_nonce) {
        assert_eq!(
            SecurityFeatures::of_nonce(&features.cookie()),
            Some(features)
        );
    }
    let _ = message.verify(key());
    sealed_copy(&message);
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

fn channel_data(bytes: &[u8]) {
    let Ok(parsed) = ChannelData::parse(bytes) else {
        return;
    };
    let mut written = Vec::new();
    let sent = parsed.write(&mut written, true);
    assert!(sent.is_ok());
    assert_eq!(ChannelData::parse(&written), Ok(parsed));
}

/// The password of RFC 5769's samples, which are the seeds.
fn key() -> &'static IntegrityKey {
    static KEY: OnceLock<IntegrityKey> = OnceLock::new();
    KEY.get_or_init(|| IntegrityKey::short_term(&default_provider(), "VOkJxbRl1RmTxUk/WvJxBt"))
}

/// The same attributes under both integrities verify, and do no more after one bit has changed.
fn sealed_copy(message: &Message<'_>) {
    let mut copy = Vec::new();
    let id = message.transaction_id();
    let mut writer = MessageWriter::new(&mut copy, message.class(), message.method(), id);
    for raw in message.attributes() {
        writer.attribute(&Attribute::Other(raw));
    }
    if writer.finish(Seal::both(key())).is_err() {
        return;
    }
    let sealed = Message::parse(&copy).expect("what the writer wrote is well formed");
    for algorithm in [IntegrityAlgorithm::Sha1, IntegrityAlgorithm::Sha256] {
        assert_eq!(sealed.verify_with(key(), algorithm), Ok(()));
    }
    assert_eq!(sealed.verify(key()), Ok(IntegrityAlgorithm::Sha256));
    let last = copy.len() - 1;
    copy[last] ^= 1;
    let changed = Message::parse(&copy).expect("only a value has changed");
    assert!(changed.verify(key()).is_err());
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

/// Commands for a client's table, over time: it never holds more than it may, sends no request more often
/// than RFC 8489 says, and lets none live longer.
pub fn transactions(bytes: &[u8]) {
    #[expect(clippy::disallowed_methods, reason = "only distances from it are used")]
    let start = Instant::now();
    let mut run = Run {
        table: Transactions::new(TransactionConfig {
            max_transactions: 8,
            ..TransactionConfig::default()
        }),
        started: HashMap::new(),
        now: start,
    };
    let mut reader = Reader::new(bytes);
    while let (Ok(command), Ok(id), Ok(time)) =
        (reader.u8("command"), reader.u8("id"), reader.u16("time"))
    {
        run.command(command, TransactionId([id & 15; 12]), time);
    }
    while let Some(next) = run.table.poll_timeout() {
        run.now = run.now.max(next);
        assert!(run.drain() > 0, "a wake-up has a reason");
    }
    assert!(run.table.is_empty() && run.started.is_empty());
}

struct Run {
    table: Transactions<Reliability>,
    /// When each began, its first timeout, and how often its request was sent.
    started: HashMap<TransactionId, (Instant, Duration, u32)>,
    now: Instant,
}

impl Run {
    fn command(&mut self, command: u8, id: TransactionId, time: u16) {
        match command & 7 {
            0 | 1 => {
                let reliability = match command & 8 {
                    0 => Reliability::Unreliable,
                    _ => Reliability::Reliable,
                };
                let rto = Duration::from_millis(u64::from(time) + 1);
                let request = vec![command; 3];
                let known = self.started.contains_key(&id);
                let begun = self
                    .table
                    .start(self.now, id, request, reliability, rto, reliability);
                match begun {
                    Ok(()) => {
                        assert!(!known);
                        self.started.insert(id, (self.now, rto, 0));
                    }
                    Err(StartError::TooMany(_)) => assert_eq!(self.started.len(), 8),
                    Err(StartError::Duplicate(_)) => assert!(known),
                }
            }
            2 => {
                let completed = self.table.complete(self.now, &id);
                let known = self.started.remove(&id);
                assert_eq!(completed.is_some(), known.is_some());
                if let (Some(completed), Some((_, _, sent))) = (completed, known) {
                    assert_eq!(completed.requests_sent, sent);
                    assert_eq!(completed.rtt.is_some(), sent == 1);
                }
            }
            3 => {
                let known = self.started.remove(&id).is_some();
                assert_eq!(self.table.cancel(&id).is_some(), known);
            }
            4 => self.table.stop_retransmitting(self.now, &id),
            _ => self.now += Duration::from_millis(time.into()),
        }
        self.drain();
        assert_eq!(self.table.len(), self.started.len());
        assert_eq!(self.table.poll_timeout().is_none(), self.table.is_empty());
        assert!(self.table.poll_timeout().is_none_or(|next| next > self.now));
    }

    /// How much there was to do.
    fn drain(&mut self) -> usize {
        let mut done = 0;
        let mut buffer = Vec::new();
        while let Some(sent) = self.table.poll_transmit(self.now, &mut buffer) {
            let (_, _, count) = self.started.get_mut(&sent.id).expect("it was started");
            *count += 1;
            assert_eq!(sent.attempt, *count);
            assert!(
                *count
                    <= if *sent.tag == Reliability::Reliable {
                        1
                    } else {
                        7
                    }
            );
            done += 1;
        }
        assert_eq!(buffer.len(), 3 * done);
        while let Some(expired) = self.table.poll_expired(self.now) {
            let (began, rto, _) = self.started.remove(&expired.id).expect("it was started");
            assert!(self.now - began >= (16 * rto).min(Duration::from_millis(39_500)));
            done += 1;
        }
        done
    }
}

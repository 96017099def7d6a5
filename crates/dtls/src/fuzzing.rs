//! The bodies of the fuzz targets. One run allocates little, reads no clock and no random source, so a
//! finding can be repeated.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use gannet_crypto::{CryptoProvider, Rng, default_provider};

use crate::message::{
    Ack, Certificate12, Certificate13, CertificateRequest12, CertificateRequest13,
    CertificateVerify, ClientHello, ClientKeyExchange, EncryptedExtensions, Fragment,
    HelloVerifyRequest, KeyUpdate, NewConnectionId, RequestConnectionId, ServerHello,
    ServerKeyExchange,
};
use crate::record::{ContentType, Header};
use crate::x509::PublicKey;
use crate::{Certificate, Config, Connection, Role, Version, Versions};

struct Setting {
    provider: Arc<dyn CryptoProvider>,
    certificate: Certificate,
    start: Instant,
}

fn setting() -> &'static Setting {
    static SETTING: OnceLock<Setting> = OnceLock::new();
    #[allow(
        clippy::disallowed_methods,
        reason = "any instant does; it is never compared with another"
    )]
    SETTING.get_or_init(|| {
        let provider = default_provider();
        let certificate =
            Certificate::generate(&*provider).expect("a certificate can be generated");
        Setting {
            provider,
            certificate,
            start: Instant::now(),
        }
    })
}

/// The lowest bits of `flags` choose versions, cookies, connection IDs, and late fingerprints.
fn connection(role: Role, flags: u8) -> Connection {
    let Setting {
        provider,
        certificate,
        start,
    } = setting();
    let mut config = Config::new(role, certificate.clone());
    config = match flags & 3 {
        0 => config.versions(Versions::Only(Version::Dtls12)),
        1 => config.versions(Versions::Only(Version::Dtls13)),
        _ => config,
    };
    if flags & 4 != 0 && role == Role::Server {
        config = config.cookies(gannet_crypto::Secret::copied(&[5; 32]));
    }
    if flags & 8 != 0 {
        config = config.connection_id(*b"cid");
    }
    if flags & 16 == 0 {
        config = config.remote_fingerprints(certificate.fingerprints(&**provider));
    }
    if flags & 32 != 0 {
        config = config.mtu(300);
    }
    // The cheapest group: what is fuzzed is not the arithmetic.
    config = config.groups([gannet_crypto::NamedGroup::X25519]);
    let rng = Rng::insecure_from_u64(7);
    Connection::new(Arc::new(config), provider.clone(), rng, *start)
        .expect("the configuration is complete")
}

/// Cuts the input into datagrams: two bytes of length before each.
fn datagrams(mut data: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    std::iter::from_fn(move || {
        let (len, rest) = data.split_first_chunk::<2>()?;
        let len = usize::from(u16::from_be_bytes(*len)).min(rest.len());
        let (datagram, rest) = rest.split_at(len);
        data = rest;
        Some(datagram.to_vec())
    })
}

fn settle(connection: &mut Connection, now: Instant) -> Vec<Vec<u8>> {
    let mut out = Vec::new();
    for _ in 0..100 {
        let mut buf = Vec::new();
        if connection.poll_transmit(now, &mut buf).is_none() {
            break;
        }
        assert!(!buf.is_empty());
        out.push(buf);
    }
    assert!(out.len() < 100, "it must come to an end");
    while connection.poll_event().is_some() {}
    out
}

fn feed(role: Role, data: &[u8]) {
    let Some((flags, data)) = data.split_first() else {
        return;
    };
    let mut connection = connection(role, *flags);
    let mut now = setting().start;
    settle(&mut connection, now);
    for mut datagram in datagrams(data).take(40) {
        connection.handle_packet(now, &mut datagram, |_| {
            panic!("nobody could have sent data")
        });
        settle(&mut connection, now);
        now += Duration::from_millis(150);
        connection.handle_timeout(now);
    }
    assert!(!connection.is_connected());
}

/// Bytes to a server that has heard nothing yet.
pub fn server_bytes(data: &[u8]) {
    feed(Role::Server, data);
}

/// Bytes to a client that has sent its ClientHello.
pub fn client_bytes(data: &[u8]) {
    feed(Role::Client, data);
}

/// Bytes to every parser. What is read can be written, and is read again as the same.
pub fn messages(data: &[u8]) {
    let Some((kind, body)) = data.split_first() else {
        return;
    };
    macro_rules! round_trip {
        ($type:ident) => {
            if let Ok(message) = $type::parse(body) {
                let mut bytes = Vec::new();
                if message.write(&mut bytes).is_ok() {
                    assert_eq!($type::parse(&bytes).expect("it was written"), message);
                }
            }
        };
    }
    match kind % 19 {
        0 => {
            if let Ok(mut hello) = ClientHello::parse(body) {
                hello.legacy_version = 0xfefd;
                let mut bytes = Vec::new();
                if hello.write(&mut bytes).is_ok() {
                    assert_eq!(ClientHello::parse(&bytes).expect("it was written"), hello);
                }
            }
        }
        1 => {
            ServerHello::parse(body).ok();
        }
        2 => round_trip!(EncryptedExtensions),
        3 => round_trip!(Certificate12),
        4 => round_trip!(Certificate13),
        5 => round_trip!(CertificateRequest12),
        6 => round_trip!(CertificateRequest13),
        7 => round_trip!(CertificateVerify),
        8 => round_trip!(ServerKeyExchange),
        9 => round_trip!(ClientKeyExchange),
        10 => round_trip!(HelloVerifyRequest),
        11 => {
            KeyUpdate::parse(body).ok();
        }
        12 => {
            if let Ok(ack) = Ack::parse(body) {
                let mut bytes = Vec::new();
                Ack::write(&ack.numbers().collect::<Vec<_>>(), &mut bytes);
                assert_eq!(bytes, body);
            }
        }
        13 => {
            Fragment::parse(&mut gannet_wire::Reader::new(body)).ok();
        }
        14 => {
            PublicKey::of_certificate(body).ok();
        }
        15 => {
            if let Ok(Some(header)) = Header::parse(body, 3) {
                assert!(header.record_len() <= body.len());
            }
        }
        16 => round_trip!(NewConnectionId),
        17 => {
            RequestConnectionId::parse(body).ok();
        }
        _ => {
            if let Ok(text) = std::str::from_utf8(body)
                && let Ok(fingerprint) = text.parse::<crate::Fingerprint>()
            {
                let again: crate::Fingerprint =
                    fingerprint.to_string().parse().expect("it was written");
                assert_eq!(again, fingerprint);
            }
        }
    }
}

/// A peer with the right keys that says anything: after some steps of an honest handshake, the last of
/// which may be cut short behind any record, plaintext is sealed in some epoch, and delivered. So are
/// bytes that nobody sealed.
pub fn authentic(data: &[u8]) {
    let Some(([flags, steps, victim], data)) = data.split_first_chunk::<3>() else {
        return;
    };
    let mut now = setting().start;
    let (mut client, mut server) = (
        connection(Role::Client, flags & !4),
        connection(Role::Server, flags & !4),
    );
    let (steps, cut) = (steps % 8, usize::from(steps / 8));
    for step in 0..steps {
        let (from, to) = if step % 2 == 0 {
            (&mut client, &mut server)
        } else {
            (&mut server, &mut client)
        };
        let records = settle(from, now).into_iter().flat_map(split_records);
        let count = if step + 1 == steps && cut > 0 {
            cut
        } else {
            usize::MAX
        };
        for mut record in records.take(count) {
            to.handle_packet(now, &mut record, |_| {});
        }
    }
    let (from, to) = if victim % 2 == 0 {
        (&mut client, &mut server)
    } else {
        (&mut server, &mut client)
    };
    for plaintext in datagrams(data).take(20) {
        let Some(([epoch, kind], plaintext)) = plaintext.split_first_chunk::<2>() else {
            continue;
        };
        if epoch & 0x80 != 0 {
            now += Duration::from_millis(150);
            to.handle_timeout(now);
        }
        if epoch & 0x40 != 0 {
            to.handle_packet(now, &mut plaintext.to_vec(), |_| {});
            settle(to, now);
            continue;
        }
        let kind = ContentType::from_code(20 + kind % 7).unwrap_or(ContentType::Handshake);
        let mut record = Vec::new();
        let put = |buf: &mut Vec<u8>| buf.extend_from_slice(plaintext);
        if from
            .core
            .records
            .seal(u64::from(epoch & 0x3f) % 6, kind, &mut record, put)
            .is_ok()
        {
            to.handle_packet(now, &mut record, |_| {});
            settle(to, now);
        }
    }
}

/// The records of a datagram of ours.
fn split_records(datagram: Vec<u8>) -> Vec<Vec<u8>> {
    let (mut records, mut rest) = (Vec::new(), &datagram[..]);
    while !rest.is_empty() {
        let header = Header::parse(rest, 3).ok().flatten();
        let len = header.map_or(rest.len(), |header| header.record_len());
        let (record, behind) = rest.split_at(len.min(rest.len()));
        records.push(record.to_vec());
        rest = behind;
    }
    records
}

/// Two honest ends over a network that does what the bytes say, and is a good one in the end: unless a
/// datagram was changed, both connect.
pub fn network(data: &[u8]) {
    let Some((flags, data)) = data.split_first() else {
        return;
    };
    let mut now = setting().start;
    let mut ends = [
        connection(Role::Client, flags & !20),
        connection(Role::Server, flags & !20),
    ];
    let mut wire: Vec<(usize, Vec<u8>)> = Vec::new();
    for byte in data.iter().take(300) {
        for (i, end) in ends.iter_mut().enumerate() {
            let sent = settle(end, now);
            wire.extend(sent.into_iter().map(|datagram| (1 - i, datagram)));
        }
        wire.truncate(64);
        let at = usize::from(byte >> 3) % wire.len().max(1);
        match (byte & 7, wire.len()) {
            (_, 0) | (0, _) => now += Duration::from_millis(40),
            (1, _) => drop(wire.remove(at)),
            (2, _) => {
                let (to, mut datagram) = wire[at].clone();
                ends[to].handle_packet(now, &mut datagram, |_| {});
            }
            _ => {
                let (to, mut datagram) = wire.remove(at);
                ends[to].handle_packet(now, &mut datagram, |_| {});
            }
        }
        ends.iter_mut().for_each(|end| end.handle_timeout(now));
    }
    for _ in 0..200 {
        if ends.iter().all(Connection::is_connected) {
            return;
        }
        for (i, end) in ends.iter_mut().enumerate() {
            let sent = settle(end, now);
            wire.extend(sent.into_iter().map(|datagram| (1 - i, datagram)));
        }
        for (to, mut datagram) in wire.drain(..) {
            ends[to].handle_packet(now, &mut datagram, |_| {});
        }
        now += Duration::from_millis(100);
        ends.iter_mut().for_each(|end| end.handle_timeout(now));
    }
    let is_late = now > setting().start + Duration::from_secs(30);
    assert!(
        is_late || ends.iter().all(Connection::is_connected),
        "they must connect"
    );
}

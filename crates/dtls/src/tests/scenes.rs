//! Scenes between two honest ends.

use std::sync::{Arc, Mutex};

use gannet_crypto::{NamedGroup, Secret};

use super::*;
use crate::{CipherSuite, KeyLog, SealError, SrtpProfile};

fn export(connection: &Connection) -> Result<[u8; 60], crate::ExportError> {
    let mut out = [0; 60];
    connection.export_keying_material(b"EXTRACTOR-dtls_srtp", None, &mut out)?;
    Ok(out)
}

#[test]
fn both_export_the_same_keys() {
    for version in BOTH {
        let wire = Wire::connected(version);
        let keys = export(&wire.client).unwrap();
        assert_eq!(keys, export(&wire.server).unwrap());
        assert_ne!(keys, [0; 60]);
        let mut other = [0; 60];
        wire.client
            .export_keying_material(b"EXTRACTOR-dtls_srtp", Some(b"x"), &mut other)
            .unwrap();
        assert_ne!(keys, other);
        let mut too_long = vec![0; 1 << 16];
        assert!(
            wire.client
                .export_keying_material(b"x", None, &mut too_long)
                .is_err()
        );
    }
}

// ORTC: a server may hear the ClientHello before it knows who should send it.
#[test]
fn nothing_is_let_through_before_the_fingerprints_are_known() {
    for version in BOTH {
        let [client, mut server] = configs(version);
        let fingerprints = server.remote_fingerprints.take().unwrap();
        let mut wire = Wire::new([client, server.clone()]);
        wire.run();
        assert!(wire.client.is_connected());
        assert!(!wire.server.is_connected());
        let data = seal(&mut wire.client, b"early");
        wire.give(Role::Server, &data);
        assert_eq!(wire.received[1], Vec::<Vec<u8>>::new());
        assert_eq!(export(&wire.server), Err(crate::ExportError::NotConnected));
        assert_eq!(
            wire.server.seal(&mut Vec::new(), |_| ()),
            Err(SealError::NotConnected)
        );
        assert_eq!(wire.server.srtp_profile(), None);
        assert_eq!(wire.server.poll_timeout(), None, "it can wait for ever");

        let now = wire.now;
        wire.server.set_remote_fingerprints(now, &fingerprints);
        assert!(wire.server.is_connected());
        wire.give(Role::Server, &[]);
        assert_eq!(wire.received[1], [b"early"]);
        assert_eq!(export(&wire.client), export(&wire.server));
    }
}

#[test]
fn late_fingerprints_that_do_not_match_end_it() {
    for version in BOTH {
        let [client, mut server] = configs(version);
        let mut fingerprints = server.remote_fingerprints.take().unwrap();
        fingerprints[0].value[0] ^= 1;
        let mut wire = Wire::new([client, server]);
        wire.run();
        let data = seal(&mut wire.client, b"early");
        wire.give(Role::Server, &data);
        let now = wire.now;
        wire.server.set_remote_fingerprints(now, &fingerprints);
        assert_eq!(
            wire.failure(Role::Server),
            Some(Failure::FingerprintMismatch)
        );
        wire.run();
        assert!(matches!(
            wire.failure(Role::Client),
            Some(Failure::PeerAlert(_))
        ));
        assert_eq!(wire.received[1], Vec::<Vec<u8>>::new());
    }
}

#[test]
fn every_suite_group_and_version_connects() {
    use NamedGroup as G;
    for suite in CipherSuite::ALL {
        if suite.is_rsa() {
            continue; // The OpenSSL tests have RSA certificates.
        }
        for group in [G::X25519MlKem768, G::X25519, G::P256, G::P384] {
            if suite.version() == Version::Dtls12 && group == G::X25519MlKem768 {
                continue;
            }
            let configs = configs(suite.version()).map(|c| c.suites([suite]).groups([group]));
            let mut wire = Wire::new(configs);
            wire.run();
            assert!(
                wire.client.is_connected() && wire.server.is_connected(),
                "{suite:?} {group:?}"
            );
            let data = seal(&mut wire.client, b"data");
            assert_eq!(data.len(), 4 + wire.client.max_overhead());
            wire.give(Role::Server, &data);
            assert_eq!(wire.received[1], [b"data"]);
        }
    }
}

#[test]
fn every_kind_of_certificate_connects() {
    use crate::KeyAlgorithm as K;
    let provider = provider();
    for version in BOTH {
        for algorithm in [K::EcdsaP256, K::EcdsaP384, K::Ed25519, K::Rsa2048] {
            let certificate = Certificate::generate_with(&*provider, algorithm).unwrap();
            let fingerprints = certificate.fingerprints(&*provider);
            let config = |role| {
                Config::new(role, certificate.clone())
                    .remote_fingerprints(fingerprints.clone())
                    .versions(Versions::Only(version))
            };
            let mut wire = Wire::new([config(Role::Client), config(Role::Server)]);
            wire.run();
            assert!(
                wire.client.is_connected() && wire.server.is_connected(),
                "{algorithm:?}"
            );
        }
    }
}

// The client sends a share of its first group; the server has only another one.
#[test]
fn a_hello_retry_request_gets_another_share() {
    let [client, server] = configs(Version::Dtls13);
    let client = client.groups([NamedGroup::X25519, NamedGroup::P384]);
    let mut wire = Wire::new([client, server.groups([NamedGroup::P384])]);
    wire.run();
    let connected = |event: &Event| {
        matches!(
            event,
            Event::Connected {
                group: NamedGroup::P384,
                ..
            }
        )
    };
    assert!(
        wire.events
            .iter()
            .all(|events| events.iter().any(connected)),
        "{:?}",
        wire.events
    );
}

#[test]
fn cookies_cost_a_round_trip_and_no_state() {
    for version in BOTH {
        let [client, server] = configs(version);
        let server = server.cookies(Secret::copied(&[7; 32]));
        let mut wire = Wire::new([client, server.clone()]);
        wire.server.bind_cookies_to(b"192.0.2.1:5000");
        for hello in wire.take(Role::Client) {
            wire.give(Role::Server, &hello);
        }
        let asked = wire.take(Role::Server);
        assert_eq!(asked.len(), 1);
        // Another server with the same secret knows the cookie.
        let rng = Rng::insecure_from_u64(9);
        wire.server = Connection::new(Arc::new(server), provider(), rng, wire.now).unwrap();
        wire.server.bind_cookies_to(b"192.0.2.1:5000");
        wire.give(Role::Client, &asked[0]);
        wire.run();
        assert!(
            wire.client.is_connected() && wire.server.is_connected(),
            "{version:?} {:?}",
            wire.events
        );
    }
}

#[test]
fn alpn_srtp_and_connection_ids_are_negotiated() {
    for version in BOTH {
        let [client, server] = configs(version);
        let client = client
            .alpn([b"c-webrtc".to_vec(), b"webrtc".to_vec()])
            .srtp_profiles([
                SrtpProfile::AES128_CM_HMAC_SHA1_80,
                SrtpProfile::AEAD_AES_256_GCM,
            ])
            .connection_id(*b"to client")
            .record_size_limit(500);
        let server = server
            .alpn([b"webrtc".to_vec()])
            .srtp_profiles([
                SrtpProfile::AEAD_AES_256_GCM,
                SrtpProfile::AES128_CM_HMAC_SHA1_80,
            ])
            .connection_id([]);
        let mut wire = Wire::new([client, server]);
        wire.run();
        for connection in [&wire.client, &wire.server] {
            assert_eq!(connection.alpn(), Some(&b"webrtc"[..]));
            assert_eq!(
                connection.srtp_profile(),
                Some(SrtpProfile::AEAD_AES_256_GCM)
            );
        }
        let data = seal(&mut wire.server, b"data");
        assert_eq!(data.len(), 4 + wire.server.max_overhead());
        let has_cid = |datagram: &[u8]| datagram.windows(9).any(|bytes| bytes == b"to client");
        assert!(has_cid(&data));
        wire.give(Role::Client, &data);
        assert_eq!(wire.received[0], [b"data"]);
        let back = seal(&mut wire.client, b"back");
        assert!(!has_cid(&back));
        wire.give(Role::Server, &back);
        assert_eq!(wire.received[1], [b"back"]);
        let sealed = wire
            .server
            .seal(&mut Vec::new(), |buf| buf.extend_from_slice(&[0; 501]));
        let max = if version == Version::Dtls13 { 499 } else { 500 };
        assert_eq!(sealed, Err(SealError::TooLong { len: 501, max }));
    }
}

fn with_cids(version: Version, ids: [Option<&[u8]>; 2]) -> Wire {
    let [client, server] = configs(version);
    let set = |config: Config, id: Option<&[u8]>| match id {
        Some(id) => config.connection_id(id),
        None => config,
    };
    let mut wire = Wire::new([set(client, ids[0]), set(server, ids[1])]);
    wire.run();
    assert!(wire.client.is_connected() && wire.server.is_connected());
    wire
}

// RFC 9147, section 9: the client asks for IDs, gets them, and uses one; then the server makes it change.
#[test]
fn connection_ids_are_requested_issued_and_used() {
    let mut wire = with_cids(Version::Dtls13, [Some(b"c1"), Some(b"s1")]);
    let now = wire.now;
    assert!(!wire.client.use_next_connection_id());
    wire.client.request_connection_ids(now, 2).unwrap();
    let again = wire.client.request_connection_ids(now, 2);
    assert_eq!(again, Err(ConnectionIdError::Outstanding));
    wire.run();
    let asked = Event::ConnectionIdsRequested { count: 2 };
    assert_eq!(wire.events[1].last(), Some(&asked));

    wire.server
        .issue_connection_ids(now, &[b"s2", b"s3"], false)
        .unwrap();
    let again = wire.server.issue_connection_ids(now, &[b"s4"], false);
    assert_eq!(again, Err(ConnectionIdError::Outstanding));
    wire.run();
    for (next, id) in [(false, b"s1"), (true, b"s2"), (true, b"s3"), (false, b"s3")] {
        assert!(!next || wire.client.use_next_connection_id());
        let data = seal(&mut wire.client, b"data");
        assert_eq!(&data[1..3], id);
        wire.give(Role::Server, &data);
        assert_eq!(wire.received[1].pop().unwrap(), b"data");
    }

    wire.server
        .issue_connection_ids(now, &[b"s4"], true)
        .unwrap();
    wire.run();
    let data = seal(&mut wire.client, b"data");
    assert_eq!(&data[1..3], b"s4");
    wire.give(Role::Server, &data);
    assert_eq!(wire.received[1].len(), 1);
}

#[test]
fn connection_ids_are_bounded_and_checked() {
    let mut wire = with_cids(Version::Dtls13, [Some(b""), Some(b"s0")]);
    let now = wire.now;
    let wrong = wire.server.issue_connection_ids(now, &[b"long"], false);
    assert_eq!(
        wrong,
        Err(ConnectionIdError::Length {
            len: 4,
            expected: 2
        })
    );
    // The client's own direction has none.
    let none = wire.client.issue_connection_ids(now, &[b""], false);
    assert_eq!(none, Err(ConnectionIdError::NotNegotiated));
    assert!(wire.server.request_connection_ids(now, 1).is_err());

    let ids: Vec<[u8; 2]> = (1..=20).map(|i| [b's', i]).collect();
    let ids: Vec<&[u8]> = ids.iter().map(|id| &id[..]).collect();
    wire.server.issue_connection_ids(now, &ids, false).unwrap();
    wire.run();
    let used = std::iter::from_fn(|| wire.client.use_next_connection_id().then_some(()));
    assert_eq!(used.count(), 8);

    let mut wire = with_cids(Version::Dtls12, [Some(b"c1"), Some(b"s1")]);
    let none = wire.server.issue_connection_ids(now, &[b"s2"], false);
    assert_eq!(none, Err(ConnectionIdError::NotNegotiated));
}

#[test]
fn nothing_in_common_says_so() {
    type Change = fn([Config; 2]) -> [Config; 2];
    let cases: [(&str, Change); 4] = [
        ("cipher suite", |[c, s]| {
            [
                c.suites([
                    CipherSuite::Aes128GcmSha256,
                    CipherSuite::EcdheEcdsaAes128GcmSha256,
                ]),
                s.suites([
                    CipherSuite::Aes256GcmSha384,
                    CipherSuite::EcdheEcdsaAes256GcmSha384,
                ]),
            ]
        }),
        ("key exchange group", |[c, s]| {
            [c.groups([NamedGroup::X25519]), s.groups([NamedGroup::P384])]
        }),
        ("application protocol", |[c, s]| {
            [c.alpn([b"a".to_vec()]), s.alpn([b"b".to_vec()])]
        }),
        ("SRTP profile", |[c, s]| {
            [
                c,
                s.srtp_profiles([SrtpProfile::AEAD_AES_128_GCM])
                    .require_srtp(true),
            ]
        }),
    ];
    for version in BOTH {
        for (what, change) in cases {
            let mut wire = Wire::new(change(configs(version)));
            wire.run();
            let failure = wire.failure(Role::Server).unwrap().to_string();
            assert_eq!(failure, format!("no {what} in common with the peer"));
            assert!(matches!(
                wire.failure(Role::Client),
                Some(Failure::PeerAlert(_))
            ));
        }
    }
    let [client, _] = configs(Version::Dtls12);
    let [_, server] = configs(Version::Dtls13);
    let mut wire = Wire::new([client, server]);
    wire.run();
    let error = crate::HandshakeError::ProtocolVersion;
    assert_eq!(wire.failure(Role::Server), Some(Failure::Handshake(error)));
}

#[test]
fn closing_is_heard_and_final() {
    for version in BOTH {
        let mut wire = Wire::connected(version);
        wire.client.close();
        assert_eq!(
            wire.client.seal(&mut Vec::new(), |_| ()),
            Err(SealError::Closed)
        );
        wire.run();
        assert_eq!(wire.events[1].last(), Some(&Event::Closed));
        assert_eq!(
            wire.server.seal(&mut Vec::new(), |_| ()),
            Err(SealError::Closed)
        );
        assert_eq!(
            (wire.client.poll_timeout(), wire.server.poll_timeout()),
            (None, None)
        );
        wire.client.close();
        assert!(wire.take(Role::Client).is_empty());
    }
}

#[test]
fn keys_are_updated_on_both_sides() {
    let mut wire = Wire::connected(Version::Dtls13);
    for round in 1..=6 {
        let old = seal(&mut wire.client, b"old");
        let now = wire.now;
        wire.client.update_keys(now);
        wire.run();
        assert_eq!(wire.client.core.records.write_epoch(), 3 + round);
        assert_eq!(wire.server.core.records.write_epoch(), 3 + round);
        // What was under way still arrives.
        wire.give(Role::Server, &old);
        assert_eq!(wire.received[1].pop().unwrap(), b"old");
        for (from, to) in [(Role::Client, Role::Server), (Role::Server, Role::Client)] {
            let data = seal(wire.side(from), b"new");
            wire.give(to, &data);
            assert_eq!(wire.received[to as usize].pop().unwrap(), b"new");
        }
        assert!(wire.client.poll_timeout().is_none() && wire.server.poll_timeout().is_none());
    }
}

#[test]
fn keys_are_updated_before_they_are_worn_out() {
    let mut wire = Wire::connected(Version::Dtls13);
    wire.client
        .core
        .records
        .skip_to(crate::record::REKEY_AFTER - 1);
    let data = seal(&mut wire.client, b"data");
    assert!(!data.is_empty());
    // The server's window is far behind, so the number is not found: only the sender is looked at.
    assert_eq!(wire.take(Role::Client).len(), 1);
    assert!(wire.client.poll_timeout().is_some());
}

// The record that wears the keys out may be another than data: here an ACK.
#[test]
fn keys_are_updated_whatever_wears_them_out() {
    let mut wire = Wire::connected(Version::Dtls13);
    wire.client
        .core
        .records
        .skip_to(crate::record::REKEY_AFTER - 1);
    wire.client.core.acks.is_due = true;
    assert_eq!(wire.take(Role::Client).len(), 1);
    seal(&mut wire.client, b"data");
    assert_eq!(wire.take(Role::Client).len(), 1);
    assert!(wire.client.poll_timeout().is_some());
}

#[derive(Debug, Default)]
struct Lines(Mutex<Vec<String>>);

impl KeyLog for Lines {
    fn log(&self, line: &str) {
        self.0.lock().unwrap().push(line.to_owned());
    }
}

#[test]
fn secrets_are_logged_on_request() {
    for (version, first) in [
        (Version::Dtls12, "CLIENT_RANDOM"),
        (Version::Dtls13, "CLIENT_HANDSHAKE_TRAFFIC_SECRET"),
    ] {
        let logs: [Arc<Lines>; 2] = Default::default();
        let [client, server] = configs(version);
        let configs = [
            client.key_log(logs[0].clone()),
            server.key_log(logs[1].clone()),
        ];
        Wire::new(configs).run();
        let lines = logs[0].0.lock().unwrap();
        assert_eq!(*lines, *logs[1].0.lock().unwrap());
        assert!(lines[0].starts_with(first));
        let fields: Vec<_> = lines[0].split(' ').map(str::len).collect();
        assert_eq!(fields[1], 64);
        assert_eq!(fields[2], if version == Version::Dtls12 { 96 } else { 64 });
    }
}

#[test]
fn connections_go_to_other_threads_and_print_no_secret() {
    fn is_send<T: Send>(_: &T) {}
    let wire = Wire::connected(Version::Dtls13);
    is_send(&wire.client);
    let printed = format!("{:?}", wire.client);
    let secret: &[u8] = &wire.client.core.traffic.as_ref().unwrap().send;
    let as_list = format!("{:?}", &secret[..8]);
    assert!(
        !printed.contains(as_list.trim_matches(['[', ']'])),
        "{printed}"
    );
    assert!(size_of::<Event>() <= 64, "{}", size_of::<Event>());
}

//! The negative suite: each test is a line in `docs/security.md`.

use gannet_crypto::{HashAlgorithm, NamedGroup, Secret};

use super::*;
use crate::handshake::{APPLICATION_EPOCH, EPOCH_12};
use crate::message::{
    Fragment, HandshakeType, KeyShare, ServerExtensions, ServerHello, ServerKeyShare,
};
use crate::record::ContentType;
use crate::{Fingerprint, HandshakeError};

/// A plaintext record.
fn plaintext(kind: u8, sequence: u8, body: &[u8]) -> Vec<u8> {
    let mut record = vec![kind, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, sequence];
    record.extend((body.len() as u16).to_be_bytes());
    record.extend(body);
    record
}

/// A whole handshake message in a plaintext record.
fn handshake(kind: HandshakeType, seq: u16, body: &[u8]) -> Vec<u8> {
    let mut message = Vec::new();
    Fragment {
        kind,
        length: body.len() as u32,
        seq,
        offset: 0,
        body,
    }
    .write(&mut message);
    plaintext(22, 9, &message)
}

fn assert_no_data_no_keys(wire: &mut Wire, role: Role) {
    let side = wire.side(role);
    assert!(!side.is_connected());
    assert!(side.seal(&mut Vec::new(), |_| ()).is_err());
    assert!(
        side.export_keying_material(b"label", None, &mut [0; 8])
            .is_err()
    );
    assert_eq!(wire.received[role as usize], Vec::<Vec<u8>>::new());
}

#[test]
fn a_wrong_fingerprint_fails_on_either_side() {
    for version in BOTH {
        for liar in 0..2 {
            let mut configs = configs(version);
            configs[1 - liar].remote_fingerprints.as_mut().unwrap()[2].value[5] ^= 0x80;
            let mut wire = Wire::new(configs);
            wire.run();
            let victim = [Role::Server, Role::Client][liar];
            assert_eq!(wire.failure(victim), Some(Failure::FingerprintMismatch));
            assert_no_data_no_keys(&mut wire, victim);
        }
    }
}

#[test]
fn a_fingerprint_of_a_weak_algorithm_vouches_for_nothing() {
    for version in BOTH {
        let [client, server] = configs(version);
        let der = server.certificate.der();
        let weak = Fingerprint::of(&*provider(), HashAlgorithm::Sha1, der);
        let mut wire = Wire::new([client.remote_fingerprints([weak]), server.clone()]);
        wire.run();
        assert_eq!(
            wire.failure(Role::Client),
            Some(Failure::FingerprintMismatch)
        );
        assert_no_data_no_keys(&mut wire, Role::Client);
    }
}

#[test]
fn a_peer_without_a_certificate_is_refused() {
    for version in BOTH {
        let [mut client, server] = configs(version);
        client.certificate = client.certificate.without_chain();
        let mut wire = Wire::new([client, server]);
        wire.run();
        let failure = Failure::Handshake(HandshakeError::NoCertificate);
        assert_eq!(wire.failure(Role::Server), Some(failure));
        assert_no_data_no_keys(&mut wire, Role::Server);
    }
}

#[test]
fn a_certificate_that_the_peer_does_not_own_is_refused() {
    for version in BOTH {
        for thief in 0..2 {
            let mut configs = configs(version);
            // The right certificate, so the fingerprint matches; but the key is another one.
            let own = Certificate::generate(&*provider()).unwrap();
            configs[thief].certificate = own.with_chain_of(&configs[thief].certificate);
            let mut wire = Wire::new(configs);
            wire.run();
            let victim = [Role::Server, Role::Client][thief];
            let failure = wire.failure(victim).unwrap();
            assert!(
                matches!(failure, Failure::Handshake(HandshakeError::Verify(_))),
                "{failure}"
            );
            assert_no_data_no_keys(&mut wire, victim);
        }
    }
}

// Somebody on the path takes 1.3 out of the ClientHello.
#[test]
fn a_downgrade_is_noticed_by_its_sentinel() {
    let [client, server] = configs(Version::Dtls13).map(|config| config.versions(Versions::Both));
    let mut wire = Wire::new([client, server]);
    wire.run_with(|to, datagram| {
        let offered = [0xfe, 0xfc, 0xfe, 0xfd];
        if to == Role::Server
            && let Some(at) = datagram.windows(4).position(|bytes| bytes == offered)
        {
            datagram[at + 1] = 0xfd;
        }
    });
    let failure = wire.failure(Role::Client).unwrap().to_string();
    assert!(
        failure.contains("somebody made it choose an older version"),
        "{failure}"
    );
    assert_no_data_no_keys(&mut wire, Role::Client);
    assert_no_data_no_keys(&mut wire, Role::Server);
}

// Any other change to the hellos is noticed by the Finished at the latest.
#[test]
fn a_changed_hello_is_noticed() {
    for version in BOTH {
        let mut wire = Wire::new(configs(version));
        let mut changed = false;
        wire.run_with(|to, datagram| {
            if to == Role::Server && !changed {
                changed = true;
                datagram[13 + 12 + 2] ^= 1; // the client's random
            }
        });
        assert!(changed);
        assert_no_data_no_keys(&mut wire, Role::Server);
        assert_no_data_no_keys(&mut wire, Role::Client);
    }
}

#[test]
fn nobody_renegotiates() {
    let mut wire = Wire::connected(Version::Dtls12);
    // A HelloRequest and a ClientHello, forged in plaintext and genuine from the peer itself, with a
    // number that was used before and with the next one.
    for (kind, seq) in [
        (HandshakeType::HelloRequest, 0),
        (HandshakeType::HelloRequest, wire.client.held.inbox.next()),
        (HandshakeType::ClientHello, 0),
        (HandshakeType::ClientHello, wire.server.held.inbox.next()),
    ] {
        for epoch in [0, EPOCH_12] {
            let mut record = Vec::new();
            let fragment = Fragment {
                kind,
                length: 0,
                seq,
                offset: 0,
                body: &[],
            };
            let records = &mut wire.server.core.records;
            let put = |buf: &mut Vec<u8>| fragment.write(buf);
            records
                .seal(epoch, ContentType::Handshake, &mut record, put)
                .unwrap();
            wire.give(Role::Client, &record);
        }
    }
    assert_eq!(wire.failure(Role::Client), None);
    assert!(wire.client.is_connected());
    assert!(wire.take(Role::Client).is_empty());
}

#[test]
fn forged_plaintext_changes_nothing_once_connected() {
    for version in BOTH {
        let mut wire = Wire::connected(version);
        for role in [Role::Client, Role::Server] {
            let next = wire.side(role).held.inbox.next();
            for record in [
                plaintext(21, 7, &[2, 40]),
                plaintext(21, 8, &[1, 0]),
                plaintext(20, 9, &[1]),
                plaintext(23, 10, b"forged data"),
                plaintext(26, 11, &[0, 0]),
                plaintext(22, 12, b"junk"),
                handshake(HandshakeType::Finished, next, &[0; 12]),
                handshake(HandshakeType::KeyUpdate, next, &[1]),
                b"\x2fjunk that looks like a unified header".to_vec(),
                b"junk".to_vec(),
            ] {
                wire.give(role, &record);
            }
            assert_eq!(wire.failure(role), None);
            assert!(wire.side(role).is_connected());
        }
        assert_eq!(wire.received, [Vec::<Vec<u8>>::new(), Vec::new()]);
        let data = seal(&mut wire.client, b"data");
        wire.give(Role::Server, &data);
        assert_eq!(wire.received[1], [b"data"]);
    }
}

#[test]
fn a_replayed_record_is_delivered_once() {
    for version in BOTH {
        let mut wire = Wire::connected(version);
        let data = seal(&mut wire.client, b"once");
        for _ in 0..3 {
            wire.give(Role::Server, &data);
        }
        assert_eq!(wire.received[1], [b"once"]);
        assert_eq!(wire.server.stats().replayed, 2);
    }
}

#[test]
fn data_in_the_plaintext_epoch_is_never_delivered() {
    for version in BOTH {
        let mut wire = Wire::new(configs(version));
        wire.give(Role::Server, &plaintext(23, 1, b"forged data"));
        wire.run();
        assert!(wire.server.is_connected());
        assert_eq!(wire.received[1], Vec::<Vec<u8>>::new());
    }
}

// Half-open connections hold little, whatever comes.
#[test]
fn held_records_and_fragments_are_bounded() {
    let mut wire = Wire::new(configs(Version::Dtls13));
    for i in 0..2000_u32 {
        let mut unified = vec![0x2e, i as u8, (i >> 8) as u8, 4, 0];
        unified.extend([i as u8; 1024]);
        wire.give(Role::Client, &unified);
        let mut fragment = Vec::new();
        let seq = (i % 20) as u16;
        let body = [0; 100];
        Fragment {
            kind: HandshakeType::ServerHello,
            length: 30_000,
            seq,
            offset: i % 9000,
            body: &body,
        }
        .write(&mut fragment);
        wire.give(Role::Client, &plaintext(22, i as u8, &fragment));
    }
    let stats = wire.client.stats();
    assert!(
        stats.undecryptable > 1900 && stats.fragments_refused > 1500,
        "{stats:?}"
    );
    assert!(!wire.client.is_connected());
}

#[test]
fn a_cookie_for_another_address_or_secret_is_refused() {
    for version in BOTH {
        for (secret, address) in [([8; 32], &b"here"[..]), ([7; 32], b"there")] {
            let [client, server] = configs(version);
            let server_with = |secret: [u8; 32], address: &[u8]| {
                let config = server.clone().cookies(Secret::copied(&secret));
                let rng = Rng::insecure_from_u64(5);
                let now = gannet_netsim::start();
                let mut server = Connection::new(Arc::new(config), provider(), rng, now).unwrap();
                server.bind_cookies_to(address);
                server
            };
            let mut wire = Wire::new([client, server.clone()]);
            wire.server = server_with([7; 32], b"here");
            for hello in wire.take(Role::Client) {
                wire.give(Role::Server, &hello);
            }
            let asked = wire.take(Role::Server);
            wire.give(Role::Client, &asked[0]);
            wire.server = server_with(secret, address);
            for hello in wire.take(Role::Client) {
                wire.give(Role::Server, &hello);
            }
            // DTLS 1.2 asks again, with the right cookie; 1.3 must give up (RFC 9147, section 5.1).
            match version {
                Version::Dtls12 => {
                    let answer = wire.take(Role::Server);
                    assert_eq!(answer[0][13], HandshakeType::HelloVerifyRequest.code());
                }
                Version::Dtls13 => {
                    let failure = wire.failure(Role::Server).unwrap().to_string();
                    assert_eq!(failure, "the cookie is not one of ours");
                }
            }
            assert_no_data_no_keys(&mut wire, Role::Server);
        }
    }
}

/// What the client makes of a ServerHello.
fn answer_with(random: [u8; 32], suite: u16, extensions: ServerExtensions<'_>) -> Option<Failure> {
    let [client, server] = configs(Version::Dtls13);
    let groups = [NamedGroup::X25519, NamedGroup::P256];
    let mut wire = Wire::new([client.groups(groups), server]);
    wire.take(Role::Client);
    let hello = ServerHello {
        legacy_version: 0xfefd,
        random,
        session_id: &[],
        cipher_suite: suite,
        compression_method: 0,
        extensions,
    };
    let mut body = Vec::new();
    hello.write(&mut body).unwrap();
    wire.give(
        Role::Client,
        &handshake(HandshakeType::ServerHello, 0, &body),
    );
    assert_no_data_no_keys(&mut wire, Role::Client);
    wire.failure(Role::Client)
}

fn share(group: u16, exchange: &[u8]) -> ServerExtensions<'_> {
    ServerExtensions {
        selected_version: Some(0xfefc),
        key_share: Some(ServerKeyShare::Share(KeyShare { group, exchange })),
        ..ServerExtensions::default()
    }
}

#[test]
fn server_hellos_that_do_not_fit_the_offer_are_refused() {
    let retry = |group| ServerExtensions {
        selected_version: Some(0xfefc),
        key_share: Some(ServerKeyShare::Group(group)),
        ..ServerExtensions::default()
    };
    let with = |change: fn(&mut ServerExtensions<'_>)| {
        let mut extensions = share(0x1d, &[9; 32]);
        change(&mut extensions);
        extensions
    };
    let (hello, again) = ([1; 32], ServerHello::RETRY_RANDOM);
    let refused: [(&str, [u8; 32], u16, ServerExtensions<'_>); 13] = [
        (
            "a group that was not offered",
            hello,
            0x1301,
            share(0x18, &[9; 97]),
        ),
        (
            "a group without a share",
            hello,
            0x1301,
            share(0x17, &[4; 65]),
        ),
        (
            "a share that is too short",
            hello,
            0x1301,
            share(0x1d, &[9; 31]),
        ),
        ("a share of order 1", hello, 0x1301, share(0x1d, &[0; 32])),
        (
            "a suite that was not offered",
            hello,
            0xc02b,
            share(0x1d, &[9; 32]),
        ),
        (
            "a suite that nobody knows",
            hello,
            0x1399,
            share(0x1d, &[9; 32]),
        ),
        (
            "a version that was not offered",
            hello,
            0x1301,
            with(|e| e.selected_version = None),
        ),
        ("no key share", hello, 0x1301, with(|e| e.key_share = None)),
        (
            "an extension of 1.2",
            hello,
            0x1301,
            with(|e| e.extended_master_secret = true),
        ),
        (
            "use_srtp, unasked",
            hello,
            0x1301,
            with(|e| e.srtp_profile = Some(7)),
        ),
        (
            "a retry for a group that has a share",
            again,
            0x1301,
            retry(0x1d),
        ),
        (
            "a retry for a group that was not offered",
            again,
            0x1301,
            retry(0x18),
        ),
        ("a retry for nothing", again, 0x1301, {
            ServerExtensions {
                selected_version: Some(0xfefc),
                ..ServerExtensions::default()
            }
        }),
    ];
    for (what, random, suite, extensions) in refused {
        let failure = answer_with(random, suite, extensions);
        assert!(
            matches!(failure, Some(Failure::Handshake(_))),
            "{what}: {failure:?}"
        );
    }
    assert_eq!(answer_with(hello, 0x1301, share(0x1d, &[9; 32])), None);
    assert_eq!(answer_with(again, 0x1301, retry(0x17)), None);
}

#[test]
fn junk_behind_a_message_is_refused() {
    let mut wire = Wire::connected(Version::Dtls13);
    let mut record = Vec::new();
    let seq = wire.client.held.inbox.next();
    let body = [0, 0];
    let fragment = Fragment {
        kind: HandshakeType::KeyUpdate,
        length: 2,
        seq,
        offset: 0,
        body: &body,
    };
    let put = |buf: &mut Vec<u8>| fragment.write(buf);
    let records = &mut wire.server.core.records;
    records
        .seal(APPLICATION_EPOCH, ContentType::Handshake, &mut record, put)
        .unwrap();
    wire.give(Role::Client, &record);
    assert!(matches!(
        wire.failure(Role::Client),
        Some(Failure::Handshake(HandshakeError::Malformed {
            message: "KeyUpdate",
            ..
        }))
    ));
}

#[test]
fn a_message_in_the_wrong_epoch_is_refused() {
    // The rest of the server's flight, but in plaintext: nothing of it counts.
    let mut wire = Wire::new(configs(Version::Dtls13));
    for datagram in wire.take(Role::Client) {
        wire.give(Role::Server, &datagram);
    }
    let first = wire.take(Role::Server).remove(0);
    wire.give(Role::Client, &first);
    let next = wire.client.held.inbox.next();
    let refused = wire.client.stats().fragments_refused;
    wire.give(
        Role::Client,
        &handshake(HandshakeType::EncryptedExtensions, next, &[0, 0]),
    );
    assert_eq!(wire.client.stats().fragments_refused, refused + 1);
    assert_eq!(wire.failure(Role::Client), None);
}

#[test]
fn a_changed_bit_in_any_datagram_after_the_hellos_changes_nothing() {
    for version in BOTH {
        let mut wire = Wire::connected(version);
        let data = seal(&mut wire.client, b"data");
        for bit in 0..data.len() * 8 {
            let mut forged = data.clone();
            forged[bit / 8] ^= 1 << (bit % 8);
            wire.give(Role::Server, &forged);
        }
        let is_version_bit = version == Version::Dtls12;
        wire.give(Role::Server, &data);
        // DTLS 1.2's outer version is not authenticated, so its copies are the record itself.
        assert_eq!(wire.received[1], [b"data"], "{is_version_bit}");
        assert!(wire.server.is_connected());
    }
}

// Two records overtake the ServerHello, and the first of them ends the connection.
#[test]
fn records_that_were_held_end_it_once() {
    let mut wire = Wire::new(configs(Version::Dtls13));
    for datagram in wire.take(Role::Client) {
        wire.give(Role::Server, &datagram);
    }
    let flight = wire.take(Role::Server);
    for _ in 0..2 {
        let mut alert = Vec::new();
        let write = |buf: &mut Vec<u8>| buf.extend_from_slice(&[2, 80]);
        let records = &mut wire.server.core.records;
        records
            .seal(2, ContentType::Alert, &mut alert, write)
            .unwrap();
        wire.give(Role::Client, &alert);
    }
    for datagram in flight {
        wire.give(Role::Client, &datagram);
    }
    assert_eq!(
        wire.failure(Role::Client),
        Some(Failure::PeerAlert(crate::AlertDescription::InternalError))
    );
}

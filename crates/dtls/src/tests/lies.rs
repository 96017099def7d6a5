//! The negative suite, second part: peers that lie, and changed handshake messages.

use gannet_crypto::{NamedGroup, Secret};
use gannet_wire::Reader;

use super::*;
use crate::message::{ClientHello, Fragment, HandshakeType};
use crate::{Fingerprint, HandshakeError};

/// Hands the body of a message in plaintext to `change`, wherever it is in a datagram. It must be whole,
/// and keeps its length.
fn change_message(datagram: &mut [u8], kind: HandshakeType, change: impl Fn(&mut [u8])) {
    let mut at = 0;
    while let Some(header) = datagram.get(at..at + 13) {
        let len = usize::from(u16::from_be_bytes([header[11], header[12]]));
        let is_plain = header[0] == 22 && header[3..5] == [0, 0];
        let record = &mut datagram[at + 13..at + 13 + len];
        if is_plain && record[0] == kind.code() {
            change(&mut record[12..]);
        }
        at += 13 + len;
    }
}

/// What the receiver of a changed message says to it, in DTLS 1.2 where nothing is encrypted before the
/// Finished.
fn failure_in_12(to: Role, kind: HandshakeType, change: impl Fn(&mut [u8])) -> Option<Failure> {
    let configs = configs(Version::Dtls12).map(|config| config.groups([NamedGroup::X25519]));
    let mut wire = Wire::new(configs);
    wire.run_with(|receiver, datagram| {
        if receiver == to {
            change_message(datagram, kind, &change);
        }
    });
    assert!(!wire.client.is_connected() && !wire.server.is_connected());
    assert!(
        wire.side(to)
            .export_keying_material(b"label", None, &mut [0; 8])
            .is_err()
    );
    wire.failure(to)
}

fn is_illegal(failure: Option<&Failure>) -> bool {
    matches!(
        failure,
        Some(Failure::Handshake(HandshakeError::IllegalParameter(_)))
    )
}

/// RSA and ECDSA with SHA-1, RSA with MD5, RSA-PSS and Ed25519 with a key that is neither.
const WRONG_SCHEMES: [u16; 5] = [0x0201, 0x0203, 0x0101, 0x0804, 0x0807];

#[test]
fn weak_signatures_and_those_of_other_keys_are_refused() {
    for scheme in WRONG_SCHEMES.map(u16::to_be_bytes) {
        let failure = failure_in_12(Role::Server, HandshakeType::CertificateVerify, |body| {
            body[..2].copy_from_slice(&scheme);
        });
        assert!(is_illegal(failure.as_ref()), "{scheme:?}: {failure:?}");
        // Behind the curve, its name, and 32 bytes of share with their length.
        let failure = failure_in_12(Role::Client, HandshakeType::ServerKeyExchange, |body| {
            body[4 + 32..][..2].copy_from_slice(&scheme);
        });
        assert!(is_illegal(failure.as_ref()), "{scheme:?}: {failure:?}");
    }
}

#[test]
fn a_hash_of_another_curve_is_for_1_2_only() {
    use crate::registry::scheme_in_12;
    use crate::x509::KeyKind;
    use gannet_crypto::SignatureScheme as S;
    assert_eq!(
        scheme_in_12(S::EcdsaP256Sha256, KeyKind::EcdsaP384),
        S::EcdsaP384Sha256
    );
    assert_eq!(
        scheme_in_12(S::EcdsaP384Sha384, KeyKind::EcdsaP256),
        S::EcdsaP256Sha384
    );
    assert_eq!(
        scheme_in_12(S::EcdsaP384Sha384, KeyKind::Rsa),
        S::EcdsaP384Sha384
    );
    for version in BOTH {
        let wire = Wire::connected(version);
        let verified = wire
            .server
            .core
            .verify(0x0503, b"message", b"signature", "it");
        // In 1.3 the scheme is not the key's; in 1.2 it is only the signature that is wrong.
        assert_eq!(
            matches!(verified, Err(HandshakeError::IllegalParameter(_))),
            version == Version::Dtls13
        );
        assert!(verified.is_err());
    }
}

#[test]
fn key_exchanges_that_do_not_fit_are_refused_in_1_2() {
    type Change = fn(&mut [u8]);
    let changes: [(&str, Role, Change); 6] = [
        ("an explicit curve", Role::Client, |body| body[0] = 1),
        ("a curve that was not offered", Role::Client, |body| {
            body[2] = 0x18
        }),
        ("a curve that nobody knows", Role::Client, |body| {
            body[1] = 0x77
        }),
        ("another share than was signed", Role::Client, |body| {
            body[9] ^= 1
        }),
        ("a share of order 1", Role::Server, |body| body[1..].fill(0)),
        ("a length that does not fit", Role::Server, |body| {
            body[0] = 31
        }),
    ];
    for (what, to, change) in changes {
        let kind = match to {
            Role::Client => HandshakeType::ServerKeyExchange,
            Role::Server => HandshakeType::ClientKeyExchange,
        };
        let failure = failure_in_12(to, kind, change);
        assert!(
            matches!(failure, Some(Failure::Handshake(_))),
            "{what}: {failure:?}"
        );
    }
}

/// A ClientHello as the client sends it, in one piece, with its number.
fn client_hello(wire: &mut Wire) -> (u16, Vec<u8>) {
    let datagrams = wire.take(Role::Client);
    let mut body = Vec::new();
    let mut seq = 0;
    for datagram in &datagrams {
        let fragment = Fragment::parse(&mut Reader::new(&datagram[13..])).unwrap();
        assert_eq!(fragment.kind, HandshakeType::ClientHello);
        body.extend_from_slice(fragment.body);
        seq = fragment.seq;
    }
    (seq, body)
}

/// Gives the server a ClientHello.
fn give_hello(wire: &mut Wire, seq: u16, hello: &ClientHello<'_>) {
    let mut body = Vec::new();
    hello.write(&mut body).unwrap();
    let mut record = vec![22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, seq as u8];
    record.extend(((body.len() + 12) as u16).to_be_bytes());
    let length = body.len() as u32;
    let fragment = Fragment {
        kind: HandshakeType::ClientHello,
        length,
        seq,
        offset: 0,
        body: &body,
    };
    fragment.write(&mut record);
    wire.give(Role::Server, &record);
}

/// What a server says to a ClientHello that was changed.
fn failure_of_hello(version: Version, change: fn(&mut ClientHello<'_>)) -> Option<Failure> {
    let mut wire = Wire::new(
        configs(version).map(|config| config.groups([NamedGroup::X25519, NamedGroup::P256])),
    );
    let (seq, body) = client_hello(&mut wire);
    let mut hello = ClientHello::parse(&body).unwrap();
    change(&mut hello);
    give_hello(&mut wire, seq, &hello);
    wire.failure(Role::Server)
}

#[test]
fn client_hellos_that_we_can_not_serve_are_refused() {
    use Version::{Dtls12, Dtls13};
    type Change = fn(&mut ClientHello<'_>);
    let changes: [(&str, Version, Change); 12] = [
        ("only CBC, 3DES and RC4", Dtls12, |h| {
            h.cipher_suites = vec![0xc009, 0xc008, 0xc007]
        }),
        ("only RSA suites", Dtls12, |h| {
            h.cipher_suites = vec![0xc02f]
        }),
        ("only compression", Dtls12, |h| h.compression_methods = &[1]),
        ("no extended master secret", Dtls12, |h| {
            h.extensions.extended_master_secret = false
        }),
        ("a renegotiation", Dtls12, |h| {
            h.extensions.renegotiation_info = Some(&[7; 12])
        }),
        ("no group in common", Dtls12, |h| {
            h.extensions.supported_groups = vec![0x18]
        }),
        ("only SHA-1 signatures", Dtls12, |h| {
            h.extensions.signature_algorithms = vec![0x0203]
        }),
        ("compression", Dtls13, |h| h.compression_methods = &[0, 1]),
        ("only SHA-1 signatures", Dtls13, |h| {
            h.extensions.signature_algorithms = vec![0x0203]
        }),
        ("no key share", Dtls13, |h| h.extensions.key_shares = None),
        ("a share of a group that is not offered", Dtls13, |h| {
            h.extensions.supported_groups = vec![0x17];
        }),
        ("a share that is too short", Dtls13, |h| {
            let shares = h.extensions.key_shares.as_mut().unwrap();
            shares[0].exchange = &shares[0].exchange[1..];
        }),
    ];
    for (what, version, change) in changes {
        let failure = failure_of_hello(version, change);
        assert!(
            matches!(failure, Some(Failure::Handshake(_))),
            "{what}: {failure:?}"
        );
    }
    for version in BOTH {
        assert_eq!(failure_of_hello(version, |_| ()), None);
    }
}

// The server asks for another share; the second hello comes with what it wants.
#[test]
fn a_second_hello_must_have_the_share_that_was_asked_for() {
    let [client, server] = configs(Version::Dtls13);
    let client = client.groups([NamedGroup::X25519, NamedGroup::P256]);
    let mut wire = Wire::new([client, server.groups([NamedGroup::P256])]);
    let (seq, first) = client_hello(&mut wire);
    give_hello(&mut wire, seq, &ClientHello::parse(&first).unwrap());
    for datagram in wire.take(Role::Server) {
        wire.give(Role::Client, &datagram);
    }
    let (seq, second) = client_hello(&mut wire);
    let mut hello = ClientHello::parse(&second).unwrap();
    hello.extensions.key_shares = ClientHello::parse(&first).unwrap().extensions.key_shares;
    give_hello(&mut wire, seq, &hello);
    let failure = wire.failure(Role::Server);
    assert!(is_illegal(failure.as_ref()), "{failure:?}");
}

// A bit of the cookie, or its end, is changed; no state was kept that could be confused.
#[test]
fn forged_cookies_are_refused() {
    for version in BOTH {
        let [client, server] = configs(version);
        let configs = [client, server.cookies(Secret::copied(&[7; 32]))];
        let mut wire = Wire::new(configs.clone());
        let (seq, first) = client_hello(&mut wire);
        give_hello(&mut wire, seq, &ClientHello::parse(&first).unwrap());
        for datagram in wire.take(Role::Server) {
            wire.give(Role::Client, &datagram);
        }
        let (seq, second) = client_hello(&mut wire);
        let honest = ClientHello::parse(&second).unwrap();
        let cookie = match version {
            Version::Dtls12 => honest.legacy_cookie,
            Version::Dtls13 => honest.extensions.cookie.unwrap(),
        };
        let bits = (0..cookie.len() * 8).map(|bit| {
            let mut forged = cookie.to_vec();
            forged[bit / 8] ^= 1 << (bit % 8);
            forged
        });
        let ends = (0..cookie.len()).map(|len| cookie[..len].to_vec());
        for forged in bits.chain(ends) {
            let mut hello = honest.clone();
            match version {
                Version::Dtls12 => hello.legacy_cookie = &forged,
                Version::Dtls13 => hello.extensions.cookie = Some(&forged),
            }
            let mut fresh = Wire::new(configs.clone());
            give_hello(&mut fresh, seq, &hello);
            // DTLS 1.2 asks again, in a message without more; 1.3 gives up.
            let answer = fresh.take(Role::Server);
            match version {
                Version::Dtls12 => {
                    assert_eq!(answer[0][13], HandshakeType::HelloVerifyRequest.code())
                }
                Version::Dtls13 => assert!(is_illegal(fresh.failure(Role::Server).as_ref())),
            }
        }
        let mut fresh = Wire::new(configs);
        give_hello(&mut fresh, seq, &honest);
        assert_eq!(fresh.failure(Role::Server), None);
        assert_eq!(
            fresh.take(Role::Server)[0][13],
            HandshakeType::ServerHello.code()
        );
    }
}

#[test]
fn a_fingerprint_under_another_algorithms_name_vouches_for_nothing() {
    for version in BOTH {
        let [client, server] = configs(version);
        let all = server.certificate.fingerprints(&*provider());
        let named = |algorithm: &str, value: &[u8]| Fingerprint {
            algorithm: algorithm.to_owned(),
            value: value.to_vec(),
        };
        let (sha256, sha384, sha512) = (&all[0].value, &all[1].value, &all[2].value);
        for wrong in [
            named("sha-384", sha256),
            named("sha-256", &sha384[..32]),
            named("sha-384", &sha512[..48]),
            named("sha-256", &sha256[..31]),
            named("sha-256", &[]),
            named("md5", &sha256[..16]),
        ] {
            // Beside a right one, too: each that counts must match.
            let lists = match wrong.algorithm.as_str() {
                "md5" => vec![vec![wrong]],
                _ => vec![vec![wrong.clone()], vec![all[2].clone(), wrong]],
            };
            for list in lists {
                let client = client.clone().remote_fingerprints(list);
                let mut wire = Wire::new([client, server.clone()]);
                wire.run();
                assert_eq!(
                    wire.failure(Role::Client),
                    Some(Failure::FingerprintMismatch)
                );
                assert!(!wire.client.is_connected());
            }
        }
    }
}

// RFC 9147, section 9: a violation ends the connection with unexpected_message.
#[test]
fn messages_about_connection_ids_that_were_not_negotiated_are_refused() {
    for (kind, body) in [
        (HandshakeType::NewConnectionId, &[0, 3, 2, 1, 2, 0][..]),
        (HandshakeType::RequestConnectionId, &[1]),
    ] {
        let mut wire = Wire::connected(Version::Dtls13);
        let epoch = wire.server.core.records.write_epoch();
        wire.server.core.outbox.begin(true);
        wire.server.core.outbox.push(epoch, kind, body.to_vec());
        for datagram in wire.take(Role::Server) {
            wire.give(Role::Client, &datagram);
        }
        let failure = wire.failure(Role::Client);
        assert!(
            matches!(
                failure,
                Some(Failure::Handshake(HandshakeError::UnexpectedMessage { .. }))
            ),
            "{failure:?}"
        );
    }
}

#[test]
fn a_server_without_a_certificate_is_refused() {
    let [client, mut server] = configs(Version::Dtls13);
    server.certificate = server.certificate.without_chain();
    let mut wire = Wire::new([client, server]);
    wire.run();
    let failure = Failure::Handshake(HandshakeError::NoCertificate);
    assert_eq!(wire.failure(Role::Client), Some(failure));
    assert!(!wire.client.is_connected());
    // DTLS 1.2: the list, and its first certificate, are empty.
    for len in [3, 6] {
        let failure = failure_in_12(Role::Client, HandshakeType::Certificate, |body| {
            body[len - 3..len].fill(0);
        });
        assert!(
            matches!(failure, Some(Failure::Handshake(_))),
            "{failure:?}"
        );
    }
}

//! BoringSSL as the peer: DTLS 1.3 as Chromium speaks it, and 1.2, in both roles.

#![cfg(feature = "boring")]

mod support;

use std::io::{Read, Write};
use std::net::UdpSocket;
use std::thread::JoinHandle;

use boring::pkey::{PKey, Private};
use boring::ssl::{Ssl, SslContext, SslMethod, SslStreamBuilder, SslVerifyMode, SslVersion};
use boring::x509::X509;
use gannet_crypto::NamedGroup;
use gannet_dtls::{Certificate, Config, Event, Role, SrtpProfile, Version, Versions};
use support::{Endpoint, provider};

#[derive(Debug)]
struct Datagrams(UdpSocket);

impl Read for Datagrams {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        self.0.recv(buf)
    }
}

impl Write for Datagrams {
    fn write(&mut self, buf: &[u8]) -> std::io::Result<usize> {
        self.0.send(buf)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn context(certificate: &Certificate, max: SslVersion, groups: &str) -> SslContext {
    let (_, key) = certificate.to_pem();
    let key: PKey<Private> = PKey::private_key_from_pem(&key).unwrap();
    let mut builder = SslContext::builder(SslMethod::dtls()).unwrap();
    builder.set_max_proto_version(Some(max)).unwrap();
    builder
        .set_certificate(&X509::from_der(certificate.der()).unwrap())
        .unwrap();
    builder.set_private_key(&key).unwrap();
    builder.set_curves_list(groups).unwrap();
    let verify = SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT;
    builder.set_verify_callback(verify, |_, _| true);
    builder
        .set_tlsext_use_srtp("SRTP_AEAD_AES_128_GCM:SRTP_AES128_CM_SHA1_80")
        .unwrap();
    builder.build()
}

/// What BoringSSL exports after it echoed one record.
fn echo(context: SslContext, socket: UdpSocket, role: Role) -> JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let builder = SslStreamBuilder::new(Ssl::new(&context).unwrap(), Datagrams(socket));
        let stream = match role {
            Role::Client => builder.connect(),
            Role::Server => builder.accept(),
        };
        let mut stream = stream.map_err(|error| format!("{error:?}")).unwrap();
        let mut buf = [0; 2000];
        for _ in 0..2 {
            let len = stream.read(&mut buf).unwrap();
            stream.write_all(&buf[..len]).unwrap();
        }
        let mut keys = vec![0; 60];
        stream
            .ssl()
            .export_keying_material(&mut keys, "EXTRACTOR-dtls_srtp", None)
            .unwrap();
        keys
    })
}

fn run(role: Role, ours: Versions, theirs: SslVersion, groups: &str, mtu: usize) -> Event {
    let provider = provider();
    let [own, peer] = [(); 2].map(|()| Certificate::generate(&*provider).unwrap());
    let [a, b] = [(); 2].map(|()| UdpSocket::bind("127.0.0.1:0").unwrap());
    a.connect(b.local_addr().unwrap()).unwrap();
    b.connect(a.local_addr().unwrap()).unwrap();
    b.set_read_timeout(Some(std::time::Duration::from_secs(5)))
        .unwrap();
    let their_role = if role == Role::Client {
        Role::Server
    } else {
        Role::Client
    };
    let thread = echo(context(&peer, theirs, groups), b, their_role);
    let config = Config::new(role, own)
        .remote_fingerprints(peer.fingerprints(&*provider))
        .versions(ours)
        .mtu(mtu)
        .srtp_profiles([
            SrtpProfile::AES128_CM_HMAC_SHA1_80,
            SrtpProfile::AEAD_AES_128_GCM,
        ]);
    let mut endpoint = Endpoint::new(config, a);
    endpoint.run_until(|endpoint| endpoint.connection.is_connected());
    endpoint.send(b"hello");
    endpoint.run_until(|endpoint| endpoint.received == b"hello");
    // No flight is left that waits for an ACK.
    assert_eq!(endpoint.connection.poll_timeout(), None);
    // New keys in both directions. BoringSSL changes its own at once; ours wait for its ACK, which it
    // sends when its user lets its timer run out, and this user reads without looking at the clock.
    endpoint.connection.update_keys(std::time::Instant::now());
    for _ in 0..4 {
        endpoint.step();
    }
    endpoint.send(b" again");
    endpoint.run_until(|endpoint| endpoint.received == b"hello again");
    let mut keys = vec![0; 60];
    endpoint
        .connection
        .export_keying_material(b"EXTRACTOR-dtls_srtp", None, &mut keys)
        .unwrap();
    assert_eq!(keys, thread.join().unwrap());
    endpoint.events[0].clone()
}

fn connected(event: &Event) -> (Version, NamedGroup) {
    match event {
        Event::Connected {
            version,
            group,
            srtp_profile: Some(_),
            ..
        } => (*version, *group),
        _ => panic!("{event:?}"),
    }
}

const ROLES: [Role; 2] = [Role::Client, Role::Server];

#[test]
fn dtls_1_3_with_every_group() {
    for role in ROLES {
        for (name, group) in [
            ("X25519MLKEM768", NamedGroup::X25519MlKem768),
            ("X25519", NamedGroup::X25519),
            ("P-256", NamedGroup::P256),
            ("P-384", NamedGroup::P384),
        ] {
            let event = run(role, Versions::Both, SslVersion::DTLS1_3, name, 1200);
            assert_eq!(connected(&event), (Version::Dtls13, group), "{role:?}");
        }
    }
}

#[test]
fn small_datagrams() {
    for role in ROLES {
        let groups = "X25519MLKEM768:X25519";
        let event = run(role, Versions::Both, SslVersion::DTLS1_3, groups, 300);
        assert_eq!(connected(&event).0, Version::Dtls13);
    }
}

#[test]
fn either_side_falls_back_to_1_2() {
    let only12 = Versions::Only(Version::Dtls12);
    for role in ROLES {
        for (ours, theirs) in [
            (Versions::Both, SslVersion::DTLS1_2),
            (only12, SslVersion::DTLS1_3),
            (only12, SslVersion::DTLS1_2),
        ] {
            let event = run(role, ours, theirs, "X25519:P-256", 1200);
            assert_eq!(connected(&event).0, Version::Dtls12, "{role:?}");
        }
    }
}

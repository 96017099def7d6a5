//! OpenSSL's command line as the peer: DTLS 1.2, both roles, mutual certificates, every suite, RSA.

mod support;

use std::io::{Read, Write};
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use gannet_crypto::NamedGroup;
use gannet_dtls::{
    Certificate, CipherSuite, Config, Event, Fingerprint, Role, SrtpProfile, Version,
};
use support::{Endpoint, folder, load, openssl, provider};

/// OpenSSL running; killed when dropped.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// A certificate and its key, as files, and loaded.
struct Identity {
    certificate: PathBuf,
    key: PathBuf,
    loaded: Certificate,
}

fn identity(folder: &Path, name: &str, algorithm: &[&str]) -> Identity {
    let certificate = folder.join(format!("{name}.crt"));
    let key = folder.join(format!("{name}.key"));
    let (crt, key_path) = (certificate.to_str().unwrap(), key.to_str().unwrap());
    let mut arguments = vec!["req", "-x509", "-nodes", "-subj", "/CN=test", "-days", "30"];
    arguments.extend(["-newkey"].iter().chain(algorithm));
    arguments.extend(["-keyout", key_path, "-out", crt]);
    openssl(&arguments);
    let loaded = load(&certificate, &key);
    Identity {
        certificate,
        key,
        loaded,
    }
}

const P256: &[&str] = &["ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
const P384: &[&str] = &["ec", "-pkeyopt", "ec_paramgen_curve:P-384"];
const ED25519: &[&str] = &["ed25519"];
const RSA: &[&str] = &["rsa:2048"];

fn fingerprints(certificate: &Certificate) -> Vec<Fingerprint> {
    certificate.fingerprints(&*provider())
}

const ALL_GROUPS: &[NamedGroup] = &[
    NamedGroup::X25519MlKem768,
    NamedGroup::X25519,
    NamedGroup::P256,
    NamedGroup::P384,
];

fn config(groups: &[NamedGroup], role: Role, own: &Identity, peer: &Identity) -> Config {
    Config::new(role, own.loaded.clone())
        .remote_fingerprints(fingerprints(&peer.loaded))
        .groups(groups)
        .srtp_profiles([
            SrtpProfile::AES128_CM_HMAC_SHA1_80,
            SrtpProfile::AEAD_AES_128_GCM,
        ])
}

fn spawn(peer: &Identity, arguments: &[&str]) -> Process {
    let mut command = Command::new("openssl");
    command.args(arguments);
    command
        .arg("-cert")
        .arg(&peer.certificate)
        .arg("-key")
        .arg(&peer.key);
    command.args(["-dtls1_2", "-quiet", "-mtu", "1200"]);
    command.args(["-use_srtp", "SRTP_AEAD_AES_128_GCM:SRTP_AES128_CM_SHA1_80"]);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    Process(command.spawn().unwrap())
}

fn free_port() -> u16 {
    UdpSocket::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

/// Sends a line each way and says goodbye.
fn exchange(endpoint: &mut Endpoint, process: &mut Process) {
    endpoint.run_until(|endpoint| endpoint.connection.is_connected());
    endpoint.send(b"from gannet\n");
    process
        .0
        .stdin
        .as_mut()
        .unwrap()
        .write_all(b"from openssl\n")
        .unwrap();
    endpoint.run_until(|endpoint| endpoint.received == b"from openssl\n");
    assert_eq!(read_line(process), "from gannet");
    endpoint.connection.close();
    endpoint.step();
}

/// The next line that OpenSSL prints, within five seconds.
fn read_line(process: &mut Process) -> String {
    let mut stdout = process.0.stdout.take().unwrap();
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut byte = [0];
        while stdout.read_exact(&mut byte).is_ok() && sender.send(byte[0]).is_ok() {}
    });
    let next = || receiver.recv_timeout(Duration::from_secs(5)).ok();
    std::iter::from_fn(next)
        .take_while(|byte| *byte != b'\n')
        .map(char::from)
        .collect()
}

fn suite_of(endpoint: &Endpoint) -> CipherSuite {
    match endpoint.events[..] {
        [
            Event::Connected {
                version: Version::Dtls12,
                suite,
                srtp_profile,
                ..
            },
            ..,
        ] => {
            assert!(srtp_profile.is_some());
            suite
        }
        ref events => panic!("{events:?}"),
    }
}

fn as_client(
    groups: &[NamedGroup],
    own: &Identity,
    peer: &Identity,
    arguments: &[&str],
) -> CipherSuite {
    let port = free_port().to_string();
    let mut all = vec!["s_server", "-accept", &port, "-Verify", "1"];
    all.extend(arguments);
    let mut process = spawn(peer, &all);
    std::thread::sleep(Duration::from_millis(200));
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(format!("127.0.0.1:{port}")).unwrap();
    let mut endpoint = Endpoint::new(config(groups, Role::Client, own, peer), socket);
    exchange(&mut endpoint, &mut process);
    suite_of(&endpoint)
}

fn as_server(
    groups: &[NamedGroup],
    own: &Identity,
    peer: &Identity,
    arguments: &[&str],
) -> CipherSuite {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap().to_string();
    let mut all = vec!["s_client", "-connect", &address];
    all.extend(arguments);
    let mut process = spawn(peer, &all);
    let mut endpoint = Endpoint::new(config(groups, Role::Server, own, peer), socket);
    exchange(&mut endpoint, &mut process);
    suite_of(&endpoint)
}

#[test]
fn every_suite_and_certificate_in_both_roles() {
    let folder = folder("openssl");
    let own = identity(&folder, "own", P256);
    let (ecdsa, p384, rsa) = (
        identity(&folder, "ecdsa", P256),
        identity(&folder, "p384", P384),
        identity(&folder, "rsa", RSA),
    );
    for (suite, name, peer) in [
        (
            CipherSuite::EcdheEcdsaAes128GcmSha256,
            "ECDHE-ECDSA-AES128-GCM-SHA256",
            &ecdsa,
        ),
        (
            CipherSuite::EcdheEcdsaAes256GcmSha384,
            "ECDHE-ECDSA-AES256-GCM-SHA384",
            &p384,
        ),
        (
            CipherSuite::EcdheEcdsaChaCha20Poly1305Sha256,
            "ECDHE-ECDSA-CHACHA20-POLY1305",
            &ecdsa,
        ),
        (
            CipherSuite::EcdheRsaAes128GcmSha256,
            "ECDHE-RSA-AES128-GCM-SHA256",
            &rsa,
        ),
        (
            CipherSuite::EcdheRsaAes256GcmSha384,
            "ECDHE-RSA-AES256-GCM-SHA384",
            &rsa,
        ),
        (
            CipherSuite::EcdheRsaChaCha20Poly1305Sha256,
            "ECDHE-RSA-CHACHA20-POLY1305",
            &rsa,
        ),
    ] {
        println!("{name}, {}", peer.certificate.display());
        let arguments = ["-cipher", name];
        assert_eq!(as_client(ALL_GROUPS, &own, peer, &arguments), suite);
        // The server's certificate decides: as one, we need the peer's kind of key.
        assert_eq!(as_server(ALL_GROUPS, peer, &own, &arguments), suite);
    }
}

#[test]
fn every_group_in_both_roles() {
    let folder = folder("openssl-groups");
    let (own, peer) = (
        identity(&folder, "own", P256),
        identity(&folder, "peer", P256),
    );
    let groups = ["-groups", "X25519:P-256:P-384"];
    for group in [NamedGroup::P256, NamedGroup::P384, NamedGroup::X25519] {
        // OpenSSL wants the certificate's curve to be among the client's groups, so P-256 is always there.
        as_client(&[group, NamedGroup::P256], &own, &peer, &groups);
        as_server(&[group], &own, &peer, &groups);
    }
}

/// With P-384, OpenSSL signs with SHA-256 if it may, and with SHA-384 on P-256 if it must: in DTLS 1.2 a
/// hash function is not bound to a curve.
#[test]
fn ecdsa_with_the_other_curves_hash() {
    let folder = folder("openssl-hashes");
    let own = identity(&folder, "own", P256);
    for (algorithm, hash) in [(P384, "ECDSA+SHA256"), (P256, "ECDSA+SHA384")] {
        let peer = identity(&folder, "peer", algorithm);
        // Its own list is what it signs with, too; so what we sign with has to be in the one for clients.
        let both = "ECDSA+SHA256:ECDSA+SHA384";
        as_client(
            ALL_GROUPS,
            &own,
            &peer,
            &["-sigalgs", hash, "-client_sigalgs", both],
        );
        as_server(
            ALL_GROUPS,
            &own,
            &peer,
            &["-sigalgs", both, "-client_sigalgs", hash],
        );
    }
}

/// As a DTLS server, OpenSSL 3.0 has no suite for an Ed25519 certificate; it verifies them, and signs with one
/// as a client.
#[test]
fn ed25519_on_either_side() {
    let folder = folder("openssl-ed25519");
    let (p256, ed25519) = (
        identity(&folder, "p256", P256),
        identity(&folder, "ed25519", ED25519),
    );
    as_server(ALL_GROUPS, &ed25519, &p256, &[]);
    as_server(ALL_GROUPS, &p256, &ed25519, &[]);
    as_client(ALL_GROUPS, &ed25519, &p256, &[]);
}

//! rtc-dtls as the peer, in memory: DTLS 1.2, both roles, with the kinds of certificates that it has.

mod support;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gannet_crypto::{HashAlgorithm, Rng};
use gannet_dtls::{
    Certificate, Config, Connection, Fingerprint, KeyAlgorithm, Role, SrtpProfile, Version,
    Versions,
};
use rtc_dtls::config::{ClientAuthType, ConfigBuilder, ExtendedMasterSecretType, HandshakeConfig};
use rtc_dtls::endpoint::{Endpoint, EndpointEvent};
use rtc_dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use rtc_shared::TransportProtocol;
use support::provider;

/// rtc-dtls with its certificate, and what it told.
struct Theirs {
    endpoint: Endpoint,
    fingerprint: Fingerprint,
    is_connected: bool,
    data: Vec<u8>,
}

fn ours() -> SocketAddr {
    ([127, 0, 0, 1], 1).into()
}

fn certificate(algorithm: &'static rcgen::SignatureAlgorithm) -> rtc_dtls::crypto::Certificate {
    let crypto = rtc_crypto::default_provider().unwrap();
    rtc_dtls::crypto::Certificate::generate_self_signed_with_alg(
        ["peer".to_owned()],
        algorithm,
        crypto.crypto(),
    )
    .unwrap()
}

fn config(certificate: rtc_dtls::crypto::Certificate, is_client: bool) -> HandshakeConfig {
    ConfigBuilder::default()
        .with_crypto_provider(rtc_crypto::default_provider().unwrap())
        .with_certificates(vec![certificate])
        .with_srtp_protection_profiles(vec![
            SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm,
            SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80,
        ])
        .with_client_auth(ClientAuthType::RequireAnyClientCert)
        .with_extended_master_secret(ExtendedMasterSecretType::Require)
        .with_insecure_skip_verify(true)
        .build(is_client, Some(ours()))
        .unwrap()
}

impl Theirs {
    fn new(algorithm: &'static rcgen::SignatureAlgorithm, is_client: bool, now: Instant) -> Self {
        let certificate = certificate(algorithm);
        let der = certificate.certificate[0].to_vec();
        let config = Arc::new(config(certificate, is_client));
        let address = ([127, 0, 0, 1], 2).into();
        let server_config = (!is_client).then(|| config.clone());
        let mut endpoint = Endpoint::new(address, TransportProtocol::UDP, server_config);
        if is_client {
            endpoint.connect(now, ours(), config, None).unwrap();
        }
        Self {
            endpoint,
            fingerprint: Fingerprint::of(&*provider(), HashAlgorithm::Sha256, &der),
            is_connected: false,
            data: Vec::new(),
        }
    }

    fn read(&mut self, now: Instant, datagram: &[u8]) {
        for event in self
            .endpoint
            .read(now, ours(), None, datagram.into())
            .unwrap()
        {
            match event {
                EndpointEvent::HandshakeComplete => self.is_connected = true,
                EndpointEvent::ApplicationData(data) => self.data.extend_from_slice(&data),
                _ => {}
            }
        }
    }

    fn keys(&self) -> Vec<u8> {
        let state = self.endpoint.get_connection_state(ours()).unwrap();
        let keys = state.export_keying_material("EXTRACTOR-dtls_srtp", &[], 56);
        keys.unwrap().as_ref().to_vec()
    }
}

/// Carries datagrams both ways until neither has one.
fn settle(gannet: &mut Connection, theirs: &mut Theirs, now: Instant, received: &mut Vec<u8>) {
    loop {
        let mut any = false;
        let mut buf = Vec::new();
        while gannet.poll_transmit(now, &mut buf).is_some() {
            theirs.read(now, &buf);
            buf.clear();
            any = true;
        }
        while let Some(mut transmit) = theirs.endpoint.poll_transmit() {
            let datagram = &mut transmit.message;
            gannet.handle_packet(now, datagram, |data| received.extend_from_slice(data));
            any = true;
        }
        if !any {
            return;
        }
    }
}

fn run(role: Role, own: KeyAlgorithm, algorithm: &'static rcgen::SignatureAlgorithm) {
    let (provider, mut now) = (provider(), Instant::now());
    let mut theirs = Theirs::new(algorithm, role == Role::Server, now);
    let own = Certificate::generate_with(&*provider, own).unwrap();
    let config = Config::new(role, own)
        .remote_fingerprints([theirs.fingerprint.clone()])
        .versions(Versions::Both)
        .srtp_profiles([SrtpProfile::AEAD_AES_128_GCM]);
    let rng = Rng::from_seed(provider.random_seed());
    let mut gannet = Connection::new(Arc::new(config), provider, rng, now).unwrap();
    let mut received = Vec::new();
    for _ in 0..50 {
        settle(&mut gannet, &mut theirs, now, &mut received);
        now += Duration::from_millis(100);
        gannet.handle_timeout(now);
        theirs.endpoint.handle_timeout(ours(), now).ok();
    }
    let names = (gannet.poll_event(), theirs.is_connected);
    assert!(gannet.is_connected() && theirs.is_connected, "{names:?}");
    assert_eq!(gannet.version(), Some(Version::Dtls12));
    assert_eq!(gannet.srtp_profile(), Some(SrtpProfile::AEAD_AES_128_GCM));

    let mut buf = Vec::new();
    let put = |buf: &mut Vec<u8>| buf.extend_from_slice(b"from gannet");
    gannet.seal(&mut buf, put).unwrap();
    theirs.read(now, &buf);
    theirs
        .endpoint
        .write(now, ours(), b"from rtc-dtls")
        .unwrap();
    settle(&mut gannet, &mut theirs, now, &mut received);
    assert_eq!(
        (&*theirs.data, &*received),
        (&b"from gannet"[..], &b"from rtc-dtls"[..])
    );
    let mut keys = [0; 56];
    gannet
        .export_keying_material(b"EXTRACTOR-dtls_srtp", None, &mut keys)
        .unwrap();
    assert_eq!(theirs.keys(), keys);
}

#[test]
fn both_roles_with_p256() {
    for role in [Role::Client, Role::Server] {
        run(
            role,
            KeyAlgorithm::EcdsaP256,
            &rcgen::PKCS_ECDSA_P256_SHA256,
        );
    }
}

#[test]
fn our_p384_certificate_in_both_roles() {
    for role in [Role::Client, Role::Server] {
        run(
            role,
            KeyAlgorithm::EcdsaP384,
            &rcgen::PKCS_ECDSA_P256_SHA256,
        );
    }
}

#[test]
fn ed25519_on_either_side() {
    for role in [Role::Client, Role::Server] {
        run(role, KeyAlgorithm::Ed25519, &rcgen::PKCS_ECDSA_P256_SHA256);
    }
    // As a server, it has no suite for an Ed25519 certificate.
    run(Role::Server, KeyAlgorithm::EcdsaP256, &rcgen::PKCS_ED25519);
}

#[test]
fn their_rsa_certificate_in_both_roles() {
    for role in [Role::Client, Role::Server] {
        run(role, KeyAlgorithm::EcdsaP256, &rcgen::PKCS_RSA_SHA256);
    }
}

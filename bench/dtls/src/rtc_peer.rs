//! rtc-dtls, with aws-lc-rs under it as ours. It always asks for a cookie, and it chooses the group.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use rtc_crypto::default_provider;
use rtc_dtls::cipher_suite::CipherSuiteId;
use rtc_dtls::config::{ClientAuthType, ConfigBuilder, ExtendedMasterSecretType, HandshakeConfig};
use rtc_dtls::crypto::Certificate;
use rtc_dtls::endpoint::{Endpoint, EndpointEvent};
use rtc_dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use rtc_shared::TransportProtocol;

use crate::{Handshake, Traffic};

pub fn handshake() -> Handshake {
    let addresses: [SocketAddr; 2] = [([127, 0, 0, 1], 1).into(), ([127, 0, 0, 1], 2).into()];
    let [client, server] = [true, false].map(|is_client| Arc::new(config(is_client)));
    Box::new(move || {
        let now = Instant::now();
        let new = |i: usize, server: Option<&Arc<HandshakeConfig>>| {
            Endpoint::new(addresses[i], TransportProtocol::UDP, server.cloned())
        };
        let (mut a, mut b) = (new(0, None), new(1, Some(&server)));
        a.connect(now, addresses[1], client.clone(), None).unwrap();
        let (mut traffic, mut done) = (Traffic::default(), [false; 2]);
        while !(done[0] && done[1]) {
            done[1] |= deliver(&mut a, &mut b, addresses[0], now, &mut traffic);
            done[0] |= deliver(&mut b, &mut a, addresses[1], now, &mut traffic);
        }
        export(&a, addresses[1]);
        export(&b, addresses[0]);
        traffic
    })
}

fn config(is_client: bool) -> HandshakeConfig {
    let provider = default_provider().unwrap();
    let certificate =
        Certificate::generate_self_signed(["localhost".to_owned()], provider.crypto()).unwrap();
    ConfigBuilder::default()
        .with_crypto_provider(provider)
        .with_certificates(vec![certificate])
        .with_cipher_suites(vec![CipherSuiteId::Tls_Ecdhe_Ecdsa_With_Aes_128_Gcm_Sha256])
        .with_srtp_protection_profiles(vec![SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm])
        .with_client_auth(ClientAuthType::RequireAnyClientCert)
        .with_extended_master_secret(ExtendedMasterSecretType::Require)
        .with_insecure_skip_verify(true)
        .build(is_client, Some(([127, 0, 0, 1], 2).into()))
        .unwrap()
}

/// Hands on what `from` has to say; returns whether `to` has finished with it.
fn deliver(
    from: &mut Endpoint,
    to: &mut Endpoint,
    address: SocketAddr,
    now: Instant,
    traffic: &mut Traffic,
) -> bool {
    let mut done = false;
    while let Some(transmit) = from.poll_transmit() {
        traffic.count(&transmit.message);
        let events = to.read(now, address, None, transmit.message).unwrap();
        done |= events
            .iter()
            .any(|event| matches!(event, EndpointEvent::HandshakeComplete));
    }
    done
}

fn export(endpoint: &Endpoint, peer: SocketAddr) {
    let state = endpoint.get_connection_state(peer).unwrap();
    let keys = state
        .export_keying_material("EXTRACTOR-dtls_srtp", &[], 56)
        .unwrap();
    std::hint::black_box(keys);
}

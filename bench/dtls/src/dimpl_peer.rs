//! dimpl, with aws-lc-rs under it as ours.

use std::sync::Arc;
use std::time::Instant;

use dimpl::certificate::generate_self_signed_certificate;
use dimpl::{Config, Dtls, NamedGroup, Output};
use gannet_dtls::Version;

use crate::{Handshake, Traffic};

pub fn handshake(version: Version, is_x25519: bool) -> Handshake {
    let certificates = [(); 2].map(|()| generate_self_signed_certificate().unwrap());
    let mut builder = Config::builder()
        .mtu(1200)
        .use_server_cookie(false)
        .dtls12_cipher_suites(&[dimpl::crypto::Dtls12CipherSuite::ECDHE_ECDSA_AES128_GCM_SHA256])
        .dtls13_cipher_suites(&[dimpl::crypto::Dtls13CipherSuite::AES_128_GCM_SHA256]);
    if is_x25519 {
        builder = builder.kx_groups(&[NamedGroup::X25519]);
    }
    let config = Arc::new(builder.build().unwrap());
    let mut buf = vec![0; 2048];
    Box::new(move || {
        let now = Instant::now();
        let new = |certificate: &dimpl::DtlsCertificate| match version {
            Version::Dtls12 => Dtls::new_12(config.clone(), certificate.clone(), now),
            Version::Dtls13 => Dtls::new_13(config.clone(), certificate.clone(), now),
        };
        let mut ends = [new(&certificates[0]), new(&certificates[1])];
        ends[0].set_active(true);
        for end in &mut ends {
            end.handle_timeout(now).unwrap();
        }
        let (mut traffic, mut keys) = (Traffic::default(), [false; 2]);
        while !(keys[0] && keys[1]) {
            let [a, b] = &mut ends;
            keys[0] |= deliver(a, b, &mut buf, &mut traffic);
            keys[1] |= deliver(b, a, &mut buf, &mut traffic);
        }
        traffic
    })
}

/// Hands on what `from` has to say; returns whether its keys were among it.
fn deliver(from: &mut Dtls, to: &mut Dtls, buf: &mut [u8], traffic: &mut Traffic) -> bool {
    let mut has_keys = false;
    loop {
        match from.poll_output(buf) {
            Output::Packet(packet) => {
                traffic.count(packet);
                to.handle_packet(packet).unwrap();
            }
            Output::KeyingMaterial(..) => has_keys = true,
            Output::Timeout(_) => return has_keys,
            _ => {}
        }
    }
}

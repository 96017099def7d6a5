//! dimpl as the peer, in memory: both versions, both roles.

mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use dimpl::{Dtls, DtlsCertificate, Output};
use gannet_crypto::Rng;
use gannet_dtls::{Certificate, Config, Connection, Role, SrtpProfile, Version, Versions};
use support::provider;

/// Everything that dimpl says until it waits.
#[derive(Default)]
struct Said {
    packets: Vec<Vec<u8>>,
    data: Vec<u8>,
    keys: Option<Vec<u8>>,
    is_connected: bool,
}

fn drain(dtls: &mut Dtls, said: &mut Said) {
    let mut buf = vec![0; 4096];
    loop {
        match dtls.poll_output(&mut buf) {
            Output::Packet(packet) => said.packets.push(packet.to_vec()),
            Output::Connected => said.is_connected = true,
            Output::ApplicationData(data) => said.data.extend_from_slice(data),
            Output::KeyingMaterial(keys, _) => said.keys = Some(keys.to_vec()),
            Output::Timeout(_) => return,
            _ => {}
        }
    }
}

fn run(role: Role, ours: Versions, theirs: Version) {
    let provider = provider();
    let now = Instant::now();
    let own = Certificate::generate(&*provider).unwrap();
    let generated = dimpl::certificate::generate_self_signed_certificate().unwrap();
    let peer = gannet_dtls::Fingerprint::of(
        &*provider,
        gannet_crypto::HashAlgorithm::Sha256,
        &generated.certificate,
    );
    let config = Config::new(role, own)
        .remote_fingerprints([peer])
        .versions(ours)
        .srtp_profiles([SrtpProfile::AEAD_AES_128_GCM]);
    let rng = Rng::from_seed(provider.random_seed());
    let mut connection = Connection::new(Arc::new(config), provider, rng, now).unwrap();
    let mut dtls = new_dimpl(theirs, generated, now);
    dtls.set_active(role == Role::Server);
    dtls.handle_timeout(now).unwrap();
    let (mut said, mut received) = (Said::default(), Vec::new());
    let mut clock = now;
    for round in 0..60 {
        clock += Duration::from_millis(20);
        drain(&mut dtls, &mut said);
        for mut packet in std::mem::take(&mut said.packets) {
            connection.handle_packet(clock, &mut packet, |data| received.extend_from_slice(data));
        }
        let mut buf = Vec::new();
        while connection.poll_transmit(clock, &mut buf).is_some() {
            dtls.handle_packet(&buf).unwrap();
            drain(&mut dtls, &mut said);
            buf.clear();
        }
        connection.handle_timeout(clock);
        dtls.handle_timeout(clock).unwrap();
        if connection.is_connected() && said.is_connected && round > 20 && said.data.is_empty() {
            connection
                .seal(&mut buf, |buf| buf.extend_from_slice(b"from gannet"))
                .unwrap();
            dtls.handle_packet(&buf).unwrap();
            dtls.send_application_data(b"from dimpl").unwrap();
        }
    }
    assert_eq!(said.data, b"from gannet", "{:?}", connection.poll_event());
    assert_eq!(received, b"from dimpl");
    let mut keys = vec![0; said.keys.as_ref().unwrap().len()];
    connection
        .export_keying_material(b"EXTRACTOR-dtls_srtp", None, &mut keys)
        .unwrap();
    assert_eq!(Some(keys), said.keys);
    assert_eq!(connection.version(), Some(theirs));
}

fn new_dimpl(version: Version, certificate: DtlsCertificate, now: Instant) -> Dtls {
    let config = Arc::new(dimpl::Config::default());
    match version {
        Version::Dtls12 => Dtls::new_12(config, certificate, now),
        Version::Dtls13 => Dtls::new_13(config, certificate, now),
    }
}

#[test]
fn both_versions_in_both_roles() {
    for theirs in [Version::Dtls12, Version::Dtls13] {
        for role in [Role::Client, Role::Server] {
            run(role, Versions::Both, theirs);
            run(role, Versions::Only(theirs), theirs);
        }
    }
}

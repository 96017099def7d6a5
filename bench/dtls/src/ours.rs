//! Ours.

use std::sync::Arc;
use std::time::Instant;

use gannet_crypto::{CryptoProvider, NamedGroup, Rng, default_provider};
use gannet_dtls::{
    Certificate, CipherSuite, Config, Connection, Role, SrtpProfile, Version, Versions,
};

use crate::{Handshake, Traffic};

pub fn handshake(version: Version, groups: &[NamedGroup]) -> Handshake {
    let provider = default_provider();
    let [a, b] = [(); 2].map(|()| Certificate::generate(&*provider).unwrap());
    let client = Arc::new(config(&*provider, Role::Client, [&a, &b], version, groups));
    let server = Arc::new(config(&*provider, Role::Server, [&b, &a], version, groups));
    let mut rng = Rng::from_seed(provider.random_seed());
    Box::new(move || {
        let now = Instant::now();
        let mut new = |config: &Arc<Config>| {
            Connection::new(config.clone(), provider.clone(), rng.fork(), now).unwrap()
        };
        let (mut client, mut server) = (new(&client), new(&server));
        let traffic = connect(&mut client, &mut server, now);
        export(&client);
        export(&server);
        traffic
    })
}

fn config(
    provider: &dyn CryptoProvider,
    role: Role,
    [own, peer]: [&Certificate; 2],
    version: Version,
    groups: &[NamedGroup],
) -> Config {
    let config = Config::new(role, own.clone())
        .versions(Versions::Only(version))
        .suites([
            CipherSuite::Aes128GcmSha256,
            CipherSuite::EcdheEcdsaAes128GcmSha256,
        ])
        .srtp_profiles([SrtpProfile::AEAD_AES_128_GCM])
        .remote_fingerprints(&peer.fingerprints(provider)[..1]);
    if groups.is_empty() {
        return config;
    }
    config.groups(groups)
}

fn connect(client: &mut Connection, server: &mut Connection, now: Instant) -> Traffic {
    let mut traffic = Traffic::default();
    let mut datagram = Vec::with_capacity(1500);
    while !(client.is_connected() && server.is_connected()) {
        deliver(client, server, now, &mut traffic, &mut datagram);
        deliver(server, client, now, &mut traffic, &mut datagram);
    }
    traffic
}

fn deliver(
    from: &mut Connection,
    to: &mut Connection,
    now: Instant,
    traffic: &mut Traffic,
    datagram: &mut Vec<u8>,
) {
    while from.poll_transmit(now, datagram).is_some() {
        traffic.count(datagram);
        to.handle_packet(now, datagram, |_| {});
        datagram.clear();
    }
}

fn export(connection: &Connection) {
    let mut keys = [0; 56];
    connection
        .export_keying_material(b"EXTRACTOR-dtls_srtp", None, &mut keys)
        .unwrap();
    std::hint::black_box(keys);
}

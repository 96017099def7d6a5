//! How many handshakes and records a second of one core is enough for; both ends count.
//!
//! `cargo run --release -p gannet-dtls --example speed`

#![allow(clippy::disallowed_methods, reason = "it measures time")]
#![allow(clippy::print_stdout, reason = "it prints what it measured")]

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gannet_crypto::{CryptoProvider, NamedGroup, Rng, default_provider};
use gannet_dtls::{Certificate, Config, Connection, Role, Version, Versions};

fn main() -> Result<(), Box<dyn Error>> {
    let provider = default_provider();
    let certificate = Certificate::generate(&*provider)?;
    for (version, group) in [
        (Version::Dtls12, NamedGroup::X25519),
        (Version::Dtls13, NamedGroup::X25519),
        (Version::Dtls13, NamedGroup::X25519MlKem768),
    ] {
        let configs = [Role::Client, Role::Server].map(|role| {
            let config = Config::new(role, certificate.clone())
                .versions(Versions::Only(version))
                .groups([group])
                .remote_fingerprints(certificate.fingerprints(&*provider));
            Arc::new(config)
        });
        let (start, mut count) = (Instant::now(), 0_u32);
        while start.elapsed() < Duration::from_secs(2) {
            handshake(&provider, &configs)?;
            count += 1;
        }
        let rate = f64::from(count) / start.elapsed().as_secs_f64();
        println!("{version:?} {group:?}: {rate:.0} handshakes/s");
        let (mut client, mut server) = handshake(&provider, &configs)?;
        println!(
            "{version:?}: {:.0} records of 1,200 bytes/s",
            records(&mut client, &mut server)?
        );
    }
    Ok(())
}

fn handshake(
    provider: &Arc<dyn CryptoProvider>,
    configs: &[Arc<Config>; 2],
) -> Result<(Connection, Connection), Box<dyn Error>> {
    let now = Instant::now();
    let new = |config: &Arc<Config>| {
        let rng = Rng::from_seed(provider.random_seed());
        Connection::new(config.clone(), provider.clone(), rng, now)
    };
    let (mut client, mut server) = (new(&configs[0])?, new(&configs[1])?);
    let mut buf = Vec::with_capacity(1500);
    for _ in 0..4 {
        while client.poll_transmit(now, &mut buf).is_some() {
            server.handle_packet(now, &mut buf, |_| {});
            buf.clear();
        }
        while server.poll_transmit(now, &mut buf).is_some() {
            client.handle_packet(now, &mut buf, |_| {});
            buf.clear();
        }
    }
    if !(client.is_connected() && server.is_connected()) {
        return Err("the handshake did not end".into());
    }
    Ok((client, server))
}

fn records(client: &mut Connection, server: &mut Connection) -> Result<f64, Box<dyn Error>> {
    const COUNT: u32 = 400_000;
    let (start, data) = (Instant::now(), [7; 1200]);
    let (mut buf, mut received) = (Vec::with_capacity(1500), 0);
    for _ in 0..COUNT {
        buf.clear();
        client.seal(&mut buf, |buf| buf.extend_from_slice(&data))?;
        server.handle_packet(start, &mut buf, |data| received += data.len());
    }
    assert_eq!(received, 1200 * COUNT as usize);
    Ok(f64::from(COUNT) / start.elapsed().as_secs_f64())
}

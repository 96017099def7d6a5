//! An agent on real sockets, signalled over the standard streams.
//!
//! `drive (controlling|controlled) ADDRESS [relay-only] [SERVER...]`, where a server is `stun:HOST:PORT`,
//! `turn:HOST:PORT`, `turn-tcp:HOST:PORT` or `turns:HOST:PORT`; the environment has `TURN_USER` and
//! `TURN_PASSWORD`, and in `TURN_CA` a file with the certificate that TLS trusts, as DER.
//!
//! It prints `parameters UFRAG PASSWORD`, `candidate:...`, `end`, `state STATE`, `selected TYPE TYPE`, and
//! reads the first three from its peer. On `send N` it sends N datagrams, one after the other until each has
//! come back, and prints `echoed N in M tries`. What begins with 0x80 goes back with 0x81 in its place.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a driver owns the clock and the standard streams"
)]

use std::io::BufRead;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use gannet_ice::{
    Config, Event, IceGatheringState, IceParameters, IceServer, Role, ServerAddress,
    TransportPolicy, TurnTransport,
};
use gannet_ice_peers::driver::{Driver, Input, Output};
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};

type Error = Box<dyn std::error::Error>;

fn main() -> Result<(), Error> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let [role, address, rest @ ..] = &words[..] else {
        return Err(
            "usage: drive (controlling|controlled) ADDRESS [relay-only] [SERVER...]".into(),
        );
    };
    let mut config = Config::new(match *role {
        "controlling" => Role::Controlling,
        _ => Role::Controlled,
    });
    for word in rest {
        match *word {
            "relay-only" => config.policy = TransportPolicy::Relay,
            server => config.servers.push(parse_server(server)?),
        }
    }
    let mut driver = Driver::new(config, address.parse()?, tls()?)?;
    read_lines(driver.sender());
    let parameters = driver.agent.local_parameters();
    println!(
        "parameters {} {}",
        parameters.username_fragment, parameters.password
    );
    while !driver.has_failed() {
        match driver.next(Duration::from_secs(1)) {
            Output::Event(event) => tell(&event),
            Output::Data(data) => answer(&mut driver, &data),
            Output::Line(line) if line == "quit" => break,
            Output::Line(line) => obey(&mut driver, &line)?,
            Output::Idle => {}
        }
    }
    driver.close();
    Ok(())
}

fn parse_server(text: &str) -> Result<IceServer, Error> {
    let (kind, address) = text.split_once(':').ok_or("a server is KIND:HOST:PORT")?;
    let address: ServerAddress = ServerAddress::Ip(address.parse::<SocketAddr>()?);
    let transport = match kind {
        "stun" => return Ok(IceServer::Stun { address }),
        "turn" => TurnTransport::Udp,
        "turn-tcp" => TurnTransport::Tcp,
        "turns" => TurnTransport::Tls,
        _ => return Err(format!("{kind} is no kind of server").into()),
    };
    Ok(IceServer::Turn {
        address,
        transport,
        username: std::env::var("TURN_USER")?,
        password: std::env::var("TURN_PASSWORD")?,
    })
}

/// TLS that trusts one certificate, if one is named.
fn tls() -> Result<Option<Arc<ClientConfig>>, Error> {
    let Ok(path) = std::env::var("TURN_CA") else {
        return Ok(None);
    };
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(std::fs::read(path)?))?;
    let config = ClientConfig::builder().with_root_certificates(roots);
    Ok(Some(Arc::new(config.with_no_client_auth())))
}

fn read_lines(sender: Sender<Input>) {
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            let _ = sender.send(Input::Line(line));
        }
        let _ = sender.send(Input::Line("quit".to_owned()));
    });
}

fn tell(event: &Event) {
    match event {
        Event::LocalCandidate(candidate) => println!("{candidate}"),
        Event::GatheringStateChange(IceGatheringState::Complete) => println!("end"),
        Event::StateChange(state) => println!("state {state:?}"),
        Event::SelectedPairChange(pair) => println!(
            "selected {:?} {:?}",
            pair.local.candidate_type, pair.remote.candidate_type
        ),
        other => println!("# {other:?}"),
    }
}

fn answer(driver: &mut Driver, data: &[u8]) {
    if let [0x80, rest @ ..] = data {
        driver.send(&[&[0x81], rest].concat());
    }
}

/// A line of the peer's, or of the test's.
fn obey(driver: &mut Driver, line: &str) -> Result<(), Error> {
    let now = Instant::now();
    match line.split_ascii_whitespace().collect::<Vec<_>>()[..] {
        ["parameters", ufrag, password] => driver.agent.set_remote_parameters(
            now,
            IceParameters {
                username_fragment: ufrag.to_owned(),
                password: password.to_owned(),
                ice_lite: false,
            },
        )?,
        ["end"] => driver.agent.set_end_of_candidates(now),
        ["send", count] => send(driver, count.parse()?),
        _ => match line.parse() {
            // Candidates that can not be used are of no concern.
            Ok(candidate) => drop(driver.agent.add_remote_candidate(now, candidate)),
            Err(error) => println!("# {error}"),
        },
    }
    Ok(())
}

fn send(driver: &mut Driver, count: u32) {
    let mut tries = 0;
    for number in 0..count {
        let text = number.to_be_bytes().repeat(250);
        let (question, expected) = ([&[0x80], &text[..]].concat(), [&[0x81], &text[..]].concat());
        'again: loop {
            tries += 1;
            driver.send(&question);
            let end = Instant::now() + Duration::from_millis(500);
            while Instant::now() < end && !driver.has_failed() {
                match driver.next(Duration::from_millis(50)) {
                    Output::Data(data) if data == expected => break 'again,
                    Output::Data(data) => answer(driver, &data),
                    Output::Event(event) => tell(&event),
                    Output::Line(line) => println!("# not now: {line}"),
                    Output::Idle => {}
                }
            }
            if driver.has_failed() || tries > 10 * count {
                println!("lost after {number} of {count}");
                return;
            }
        }
    }
    println!("echoed {count} in {tries} tries");
}

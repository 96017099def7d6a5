//! An agent on real sockets, signalled over stdin and stdout: a whole driver in one file.
//!
//! `drive (controlling|controlled) ADDRESS [stun SERVER | turn-udp SERVER USER PASSWORD | turn-tcp ...]`
//!
//! It prints its own credentials and candidates and reads the peer's, a line each, in the form
//! `parameters UFRAG PASSWORD`, `candidate:...`, `end`. What the peer sends over the path that is found
//! goes back to it.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a driver owns the clock, the threads and the standard streams"
)]

use std::io::{BufRead, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use gannet_crypto::{Rng, default_provider};
use gannet_ice::*;

/// What the threads that wait for input tell the one that owns the agent.
enum Input {
    Line(String),
    Packet(SocketAddr, SocketAddr, Protocol, Vec<u8>),
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let [role, address, server @ ..] = &words[..] else {
        return Err("usage: drive (controlling|controlled) ADDRESS [SERVER ...]".into());
    };
    let mut config = Config::new(match *role {
        "controlling" => Role::Controlling,
        _ => Role::Controlled,
    });
    config.servers.extend(parse_server(server)?);
    if !config.servers.is_empty() && server[0] != "stun" {
        config.policy = TransportPolicy::Relay;
    }
    let provider = default_provider();
    let rng = Rng::from_seed(provider.random_seed());
    let mut agent = IceAgent::new(config, provider, rng);

    let socket = UdpSocket::bind(SocketAddr::new(address.parse()?, 0))?;
    let local = socket.local_addr()?;
    let (sender, inputs) = channel();
    read_lines(sender.clone());
    read_socket(socket.try_clone()?, local, sender.clone());

    let parameters = agent.local_parameters();
    println!(
        "parameters {} {}",
        parameters.username_fragment, parameters.password
    );
    agent.add_local_host(Instant::now(), local);
    agent.set_end_of_local_hosts(Instant::now());
    run(&mut agent, &socket, &sender, &inputs)
}

fn parse_server(words: &[&str]) -> Result<Option<IceServer>, Box<dyn std::error::Error>> {
    Ok(match words {
        ["stun", server] => Some(IceServer::Stun {
            address: ServerAddress::Ip(server.parse()?),
        }),
        [kind @ ("turn-udp" | "turn-tcp"), server, username, password] => Some(IceServer::Turn {
            address: ServerAddress::Ip(server.parse()?),
            transport: match *kind {
                "turn-udp" => TurnTransport::Udp,
                _ => TurnTransport::Tcp,
            },
            username: (*username).to_owned(),
            password: (*password).to_owned(),
        }),
        _ => None,
    })
}

fn run(
    agent: &mut IceAgent,
    socket: &UdpSocket,
    sender: &Sender<Input>,
    inputs: &Receiver<Input>,
) -> Result<(), Box<dyn std::error::Error>> {
    let mut stream: Option<TcpStream> = None;
    let mut packet = Vec::new();
    while agent.state() != IceTransportState::Failed {
        let now = Instant::now();
        agent.handle_timeout(now);
        while let Some(event) = agent.poll_event() {
            handle_event(agent, &event, &mut stream, sender);
        }
        packet.clear();
        while let Some(transmit) = agent.poll_transmit(now, &mut packet) {
            send(socket, stream.as_mut(), transmit, &packet);
            packet.clear();
        }
        let wait = match agent.poll_timeout() {
            Some(at) => at.saturating_duration_since(now),
            None => Duration::from_secs(1),
        };
        match inputs.recv_timeout(wait) {
            Ok(Input::Line(line)) => signalled(agent, &line)?,
            Ok(Input::Packet(local, remote, protocol, bytes)) => {
                let now = Instant::now();
                let incoming = agent.handle_packet(now, local, remote, protocol, &bytes);
                if let Incoming::Data(range) = incoming {
                    let mut echo = bytes[range].to_vec();
                    if let Some(transmit) = agent.transmit_data(now, &mut echo, 0) {
                        send(socket, stream.as_mut(), transmit, &echo);
                    }
                }
            }
            Err(_) => {}
        }
    }
    Ok(())
}

/// A line of the peer's.
fn signalled(agent: &mut IceAgent, line: &str) -> Result<(), Box<dyn std::error::Error>> {
    let now = Instant::now();
    match line.split_ascii_whitespace().collect::<Vec<_>>()[..] {
        ["parameters", ufrag, password] => agent.set_remote_parameters(
            now,
            IceParameters {
                username_fragment: ufrag.to_owned(),
                password: password.to_owned(),
                ice_lite: false,
            },
        )?,
        ["end"] => agent.set_end_of_candidates(now),
        _ => match line.parse() {
            // Candidates that can not be used are of no concern.
            Ok(candidate) => drop(agent.add_remote_candidate(now, candidate)),
            Err(error) => println!("# {error}"),
        },
    }
    Ok(())
}

fn handle_event(
    agent: &mut IceAgent,
    event: &Event,
    stream: &mut Option<TcpStream>,
    sender: &Sender<Input>,
) {
    match event {
        Event::LocalCandidate(candidate) => println!("{candidate}"),
        Event::GatheringStateChange(IceGatheringState::Complete) => println!("end"),
        Event::Request(Request::ConnectServer { id, addresses, .. }) => {
            let address = &addresses[0];
            match TcpStream::connect(address) {
                Ok(connected) => {
                    if let (Ok(local), Ok(clone)) = (connected.local_addr(), connected.try_clone())
                    {
                        read_stream(clone, local, *address, sender.clone());
                        agent.handle_server_connected(Instant::now(), *id, local, *address);
                    }
                    *stream = Some(connected);
                }
                Err(_) => agent.handle_server_disconnected(Instant::now(), *id),
            }
        }
        other => println!("# {other:?}"),
    }
}

fn send(socket: &UdpSocket, stream: Option<&mut TcpStream>, transmit: Transmit, packet: &[u8]) {
    // What can not be sent is lost, as on any network.
    match (transmit.protocol, stream) {
        (Protocol::TurnTcp, Some(stream)) => drop(stream.write_all(packet)),
        _ => drop(socket.send_to(packet, transmit.remote)),
    }
}

fn read_lines(sender: Sender<Input>) {
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            let _ = sender.send(Input::Line(line));
        }
        std::process::exit(0);
    });
}

fn read_socket(socket: UdpSocket, local: SocketAddr, sender: Sender<Input>) {
    std::thread::spawn(move || {
        let mut room = [0; 2048];
        while let Ok((len, remote)) = socket.recv_from(&mut room) {
            let packet = room[..len].to_vec();
            let _ = sender.send(Input::Packet(local, remote, Protocol::Udp, packet));
        }
    });
}

fn read_stream(
    mut stream: TcpStream,
    local: SocketAddr,
    server: SocketAddr,
    sender: Sender<Input>,
) {
    std::thread::spawn(move || {
        let mut deframer = gannet_stun::stream::Deframer::new();
        let mut room = [0; 2048];
        while let Ok(len @ 1..) = stream.read(&mut room) {
            deframer.push(&room[..len]);
            while let Ok(Some(packet)) = deframer.next_message() {
                let packet = packet.to_vec();
                let _ = sender.send(Input::Packet(local, server, Protocol::TurnTcp, packet));
            }
        }
    });
}

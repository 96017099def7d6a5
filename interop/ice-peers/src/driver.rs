//! The driver: it owns the sockets and the clock, and does what the agent asks for.

use std::collections::HashMap;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use gannet_crypto::{Rng, default_provider};
use gannet_ice::{
    Config, ConnectionId, Event, IceAgent, IceTransportState, Incoming, Protocol, Request, Transmit,
};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;

use crate::stream::{FromStream, Stream};

/// What the threads that wait tell the one that owns the agent.
#[derive(Debug)]
pub enum Input {
    /// A line of the signalling's.
    Line(String),
    Packet(SocketAddr, SocketAddr, Protocol, Vec<u8>),
    StreamClosed(ConnectionId),
}

/// What the caller should hear.
#[derive(Debug)]
pub enum Output {
    Event(Box<Event>),
    Data(Vec<u8>),
    Line(String),
    /// Nothing happened for a while.
    Idle,
}

/// An agent with its sockets.
#[derive(Debug)]
pub struct Driver {
    pub agent: IceAgent,
    socket: UdpSocket,
    streams: HashMap<SocketAddr, (ConnectionId, Stream)>,
    tls: Option<Arc<ClientConfig>>,
    sender: Sender<Input>,
    inputs: Receiver<Input>,
    packet: Vec<u8>,
}

impl Driver {
    /// Opens a socket on this address and begins to gather.
    pub fn new(
        config: Config,
        address: std::net::IpAddr,
        tls: Option<Arc<ClientConfig>>,
    ) -> std::io::Result<Self> {
        let provider = default_provider();
        let rng = Rng::from_seed(provider.random_seed());
        let mut agent = IceAgent::new(config, provider, rng);
        let socket = UdpSocket::bind(SocketAddr::new(address, 0))?;
        let local = socket.local_addr()?;
        let (sender, inputs) = channel();
        let (reader, packets) = (socket.try_clone()?, sender.clone());
        std::thread::spawn(move || {
            let mut room = [0; 2048];
            // An ICMP error is of no concern: who sent it need not be on the path.
            loop {
                if let Ok((len, remote)) = reader.recv_from(&mut room) {
                    let packet = room[..len].to_vec();
                    let input = Input::Packet(local, remote, Protocol::Udp, packet);
                    if packets.send(input).is_err() {
                        return;
                    }
                }
            }
        });
        agent.add_local_host(Instant::now(), local);
        agent.set_end_of_local_hosts(Instant::now());
        Ok(Self {
            agent,
            socket,
            streams: HashMap::new(),
            tls,
            sender,
            inputs,
            packet: Vec::with_capacity(2048),
        })
    }

    /// Where threads of the caller's may put lines.
    #[must_use]
    pub fn sender(&self) -> Sender<Input> {
        self.sender.clone()
    }

    /// Does what is due, waits for at most `patience`, and says what happened.
    pub fn next(&mut self, patience: Duration) -> Output {
        let end = Instant::now() + patience;
        loop {
            let now = Instant::now();
            self.agent.handle_timeout(now);
            self.transmit(now);
            if let Some(event) = self.agent.poll_event() {
                match event {
                    Event::Request(request) => self.fulfil(request),
                    event => return Output::Event(Box::new(event)),
                }
                continue;
            }
            let wake = self.agent.poll_timeout().map_or(end, |at| at.min(end));
            match self
                .inputs
                .recv_timeout(wake.saturating_duration_since(now))
            {
                Ok(Input::Line(line)) => return Output::Line(line),
                Ok(Input::Packet(local, remote, protocol, packet)) => {
                    if let Some(data) = self.take(local, remote, protocol, &packet) {
                        return Output::Data(data);
                    }
                }
                Ok(Input::StreamClosed(id)) => {
                    self.agent.handle_server_disconnected(Instant::now(), id);
                }
                Err(_) if Instant::now() >= end => return Output::Idle,
                Err(_) => {}
            }
        }
    }

    fn take(
        &mut self,
        local: SocketAddr,
        remote: SocketAddr,
        protocol: Protocol,
        packet: &[u8],
    ) -> Option<Vec<u8>> {
        let now = Instant::now();
        match self
            .agent
            .handle_packet(now, local, remote, protocol, packet)
        {
            Incoming::Data(range) => Some(packet[range].to_vec()),
            Incoming::Consumed | Incoming::Dropped => None,
        }
    }

    /// Sends data to the peer. Gives false if there is no path.
    pub fn send(&mut self, data: &[u8]) -> bool {
        let mut packet = data.to_vec();
        let transmit = self.agent.transmit_data(Instant::now(), &mut packet, 0);
        let sent = transmit.is_some();
        if let Some(transmit) = transmit {
            self.put(transmit, &packet);
        }
        sent
    }

    /// Gives everything back.
    pub fn close(&mut self) {
        self.agent.close();
        self.transmit(Instant::now());
        // Streams send in their own time.
        std::thread::sleep(Duration::from_millis(50));
    }

    fn transmit(&mut self, now: Instant) {
        let mut packet = std::mem::take(&mut self.packet);
        loop {
            packet.clear();
            let Some(transmit) = self.agent.poll_transmit(now, &mut packet) else {
                break;
            };
            self.put(transmit, &packet);
        }
        self.packet = packet;
    }

    fn put(&self, transmit: Transmit, packet: &[u8]) {
        match transmit.protocol {
            // What can not be sent is lost, as on any network.
            Protocol::Udp => drop(self.socket.send_to(packet, transmit.remote)),
            _ => {
                if let Some((_, stream)) = self.streams.get(&transmit.local) {
                    stream.send(packet);
                }
            }
        }
    }

    fn fulfil(&mut self, request: Request) {
        let now = Instant::now();
        match request {
            Request::ConnectServer {
                id,
                addresses,
                name,
                tls,
            } => match self.connect(id, &addresses, name, tls) {
                Ok(stream) => {
                    let (local, remote) = (stream.local, stream.remote);
                    self.streams.insert(local, (id, stream));
                    self.agent.handle_server_connected(now, id, local, remote);
                }
                Err(error) => {
                    println!("# {addresses:?}: {error}");
                    self.agent.handle_server_disconnected(now, id);
                }
            },
            Request::DisconnectServer { id } => self.streams.retain(|_, (of, _)| *of != id),
            Request::ResolveName { id, .. } => self.agent.handle_resolved(now, id, &[]),
            Request::ConnectPeer { id, .. } => self.agent.handle_peer_refused(now, id),
            _ => {}
        }
    }

    fn connect(
        &self,
        id: ConnectionId,
        addresses: &[SocketAddr],
        name: Option<String>,
        tls: bool,
    ) -> std::io::Result<Stream> {
        let tls = match (tls, &self.tls, addresses) {
            (false, ..) => None,
            (true, Some(config), [first, ..]) => {
                let name = match name {
                    Some(name) => ServerName::try_from(name).map_err(std::io::Error::other)?,
                    None => ServerName::from(first.ip()),
                };
                Some((config.clone(), name))
            }
            _ => return Err(std::io::Error::other("no certificate authority is known")),
        };
        let sender = self.sender.clone();
        let protocol = match tls {
            Some(_) => Protocol::TurnTls,
            None => Protocol::TurnTcp,
        };
        // The thread may hear before it is known between which addresses.
        let between = Arc::new(std::sync::OnceLock::new());
        let known = between.clone();
        let stream = Stream::connect(addresses, tls, move |what| {
            let (local, remote) = *known.wait();
            let _ = sender.send(match what {
                FromStream::Message(message) => Input::Packet(local, remote, protocol, message),
                FromStream::Closed => Input::StreamClosed(id),
            });
        })?;
        let _ = between.set((stream.local, stream.remote));
        Ok(stream)
    }

    /// Whether it is over.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.agent.state() == IceTransportState::Failed
    }
}

//! Bodies of the fuzz targets.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use gannet_crypto::{Rng, default_provider};
use gannet_stun::{
    Attribute, ChannelNumber, Class, IntegrityKey, Message, MessageWriter, Method, Seal,
    TransactionId,
};
use gannet_turn::fuzzing::{Input, PASSWORD, USERNAME, extra, start};

use crate::*;

/// A request that waits for an answer.
#[derive(Clone, Copy)]
struct Asked {
    id: TransactionId,
    method: Method,
    transmit: Transmit,
}

/// An agent with its clock, and what the other side would know.
struct World {
    agent: IceAgent,
    now: Instant,
    remote: IceParameters,
    /// The requests that wait for an answer, latest last.
    asked: VecDeque<Asked>,
    /// What the driver was asked for.
    requests: VecDeque<Request>,
    seed: u64,
    steps: u32,
}

impl World {
    fn new(options: u8) -> Self {
        let role = match options & 1 {
            0 => Role::Controlling,
            _ => Role::Controlled,
        };
        let mut config = Config::new(role);
        config.lite = options & 2 != 0;
        if options & 4 != 0 {
            config.nomination = Nomination::Renomination;
        }
        config.hide_host_addresses = options & 8 != 0;
        config.tcp = options & 32 != 0;
        if options & 64 != 0 {
            config.policy = TransportPolicy::Relay;
        }
        config.free_unused_relays = options & 128 != 0;
        if options & 16 != 0 {
            config.servers = servers();
        }
        let rng = Rng::insecure_from_u64(u64::from(options));
        Self {
            agent: IceAgent::new(config, default_provider(), rng),
            now: start(),
            remote: parameters(1),
            asked: VecDeque::new(),
            requests: VecDeque::new(),
            seed: 1,
            steps: 0,
        }
    }

    fn ready(options: u8) -> Self {
        let mut world = Self::new(options);
        let (now, agent) = (world.now, &mut world.agent);
        agent.add_local_host(now, SocketAddr::from(([192, 0, 2, 1], 1000)));
        agent.set_end_of_local_hosts(now);
        let _ = agent.set_remote_parameters(now, world.remote.clone());
        let candidate = "1 1 udp 2130706431 192.0.2.2 1000 typ host".parse();
        if let Ok(candidate) = candidate {
            let _ = agent.add_remote_candidate(now, candidate);
        }
        world.settle();
        world
    }

    /// Takes what the agent wants, and checks what must always hold.
    fn settle(&mut self) {
        self.agent.handle_timeout(self.now);
        let mut buffer = Vec::new();
        for _ in 0..2000 {
            buffer.clear();
            let Some(transmit) = self.agent.poll_transmit(self.now, &mut buffer) else {
                break;
            };
            assert!(!buffer.is_empty());
            if let Ok(message) = Message::parse(&buffer)
                && message.class() == Class::Request
            {
                self.asked.push_back(Asked {
                    id: message.transaction_id(),
                    method: message.method(),
                    transmit,
                });
            }
            if self.asked.len() > 64 {
                self.asked.pop_front();
            }
        }
        assert_eq!(
            self.agent.poll_transmit(self.now, &mut Vec::new()),
            None,
            "it never ends"
        );
        while let Some(event) = self.agent.poll_event() {
            if let Event::Request(request) = event {
                self.requests.push_back(request);
            }
            if self.requests.len() > 32 {
                self.requests.pop_front();
            }
        }
        let timeout = self.agent.poll_timeout();
        assert!(
            timeout.is_none_or(|at| at > self.now),
            "a timer is due for ever"
        );
        self.steps += 1;
        // Statistics are copies, and most of the time went there.
        if self.steps.is_multiple_of(8) {
            self.check_invariants();
        }
    }

    /// What must hold after everything is sent and told.
    fn check_invariants(&self) {
        let limits = Limits::default();
        let pairs = self.agent.pair_stats();
        assert!(pairs.len() <= limits.pairs);
        assert!(pairs.iter().filter(|pair| pair.selected).count() <= 1);
        assert!(pairs.iter().filter(|pair| pair.nominated).count() <= 1);
        let remote = self.agent.remote_candidates().count();
        assert!(remote <= limits.remote_candidates + limits.peer_reflexive_candidates);
        let local = self.agent.local_candidate_stats();
        assert!(local.len() <= limits.local_candidates);
        assert!(self.agent.local_candidates().count() <= local.len());
        let selected = pairs.iter().any(|pair| pair.selected);
        assert_eq!(self.agent.selected_pair().is_some(), selected);
        match self.agent.state() {
            IceTransportState::Closed => assert_eq!(self.agent.poll_timeout(), None),
            IceTransportState::Completed => assert!(selected),
            IceTransportState::Failed => assert!(!selected),
            _ => {}
        }
    }

    fn packet(&mut self, local: SocketAddr, remote: SocketAddr, packet: &[u8]) {
        self.packet_by(Protocol::Udp, local, remote, packet);
    }

    fn packet_by(
        &mut self,
        protocol: Protocol,
        local: SocketAddr,
        remote: SocketAddr,
        packet: &[u8],
    ) {
        let incoming = self
            .agent
            .handle_packet(self.now, local, remote, protocol, packet);
        if let Incoming::Data(range) = incoming {
            assert!(packet.get(range).is_some());
        }
    }

    /// A check from the peer, authentic unless the fuzzer wants otherwise.
    fn check(&mut self, input: &mut Input<'_>) {
        let options = input.u8();
        let ours = self.agent.local_parameters().clone();
        let username = format!(
            "{}:{}",
            ours.username_fragment, self.remote.username_fragment
        );
        let mut bytes = Vec::new();
        let id = TransactionId([input.u8(); 12]);
        let mut writer = MessageWriter::new(&mut bytes, Class::Request, Method::BINDING, id);
        writer.attribute(&Attribute::Username(&username));
        writer.attribute(&Attribute::Priority(u32::from(input.u16()) << 15));
        match options & 3 {
            0 => writer.attribute(&Attribute::IceControlled(u64::from(input.u8()) << 56)),
            1 => writer.attribute(&Attribute::IceControlling(u64::from(input.u8()) << 56)),
            _ => &mut writer,
        };
        if options & 4 != 0 {
            writer.attribute(&Attribute::UseCandidate);
        }
        if options & 8 != 0 {
            writer.attribute(&Attribute::Nomination(u32::from(input.u8())));
        }
        extra(&mut writer, input, options & 32 != 0);
        let key = IntegrityKey::short_term(&default_provider(), &ours.password);
        let sealed = writer.finish(Seal::sha1(&key).with_fingerprint());
        if sealed.is_ok() {
            let (local, remote) = (SocketAddr::from(([192, 0, 2, 1], 1000)), input.address());
            self.packet(local, remote, &bytes);
        }
    }

    /// An answer to something that the agent has asked of the peer or of a server.
    fn answer(&mut self, input: &mut Input<'_>) {
        let options = input.u8();
        if self.asked.is_empty() {
            return;
        }
        let at = usize::from(input.u8()) % self.asked.len();
        let Asked {
            id,
            method,
            transmit,
        } = self.asked[at];
        let bytes = if method == Method::BINDING {
            self.answer_check(input, options, id, transmit)
        } else {
            Some(gannet_turn::fuzzing::answer(input, id, method))
        };
        let remote = if options & 8 == 0 {
            transmit.remote
        } else {
            input.address()
        };
        if let Some(bytes) = bytes {
            self.packet_by(transmit.protocol, transmit.local, remote, &bytes);
        }
    }

    fn answer_check(
        &self,
        input: &mut Input<'_>,
        options: u8,
        id: TransactionId,
        transmit: Transmit,
    ) -> Option<Vec<u8>> {
        let class = match options & 1 {
            0 => Class::Success,
            _ => Class::Error,
        };
        let mut bytes = Vec::new();
        let mut writer = MessageWriter::new(&mut bytes, class, Method::BINDING, id);
        if options & 2 == 0 {
            let mapped = if options & 4 == 0 {
                transmit.local
            } else {
                input.address()
            };
            writer.attribute(&Attribute::XorMappedAddress(mapped));
        }
        if class == Class::Error {
            let code = [487, 403, 400, 500][usize::from(options >> 6)];
            writer.attribute(&Attribute::ErrorCode(gannet_stun::ErrorCode::new(code)));
        }
        extra(&mut writer, input, options & 32 != 0);
        let key = IntegrityKey::short_term(&default_provider(), &self.remote.password);
        let sealed = writer.finish(Seal::sha1(&key).with_fingerprint());
        sealed.is_ok().then_some(bytes)
    }

    /// The driver does what it was asked for, or fails to.
    fn fulfil(&mut self, input: &mut Input<'_>) {
        let Some(request) = self.requests.pop_front() else {
            return;
        };
        let (now, works) = (self.now, input.u8() & 3 != 0);
        match request {
            Request::ConnectServer { id, addresses, .. } if works => {
                let local = input.address();
                self.agent
                    .handle_server_connected(now, id, local, addresses[0]);
                if input.u8() & 15 == 0 {
                    self.agent.handle_server_disconnected(now, id);
                }
            }
            Request::ConnectServer { id, .. } => self.agent.handle_server_disconnected(now, id),
            Request::ConnectPeer { id, local, .. } if works => {
                let local = local.unwrap_or_else(|| input.address());
                self.agent.handle_peer_connected(now, id, local);
            }
            Request::ConnectPeer { id, .. } => self.agent.handle_peer_refused(now, id),
            Request::ResolveName { id, .. } => {
                let addresses: Vec<_> = (0..input.u8() & 3).map(|_| input.address().ip()).collect();
                self.agent.handle_resolved(now, id, &addresses);
            }
            Request::PublishName { .. } | Request::DisconnectServer { .. } => {}
        }
    }

    /// A relay brings something.
    fn relayed(&mut self, input: &mut Input<'_>) {
        let channel = ChannelNumber::MIN.number() + u16::from(input.u8() & 15);
        let channel = (input.u8() & 1 == 0).then_some(channel);
        let packet = gannet_turn::fuzzing::relayed(input, channel);
        let (local, remote) = (input.address(), TURN_SERVER.into());
        self.packet(local, remote, &packet);
    }
}

const TURN_SERVER: ([u8; 4], u16) = ([198, 51, 100, 2], 3478);

fn servers() -> Vec<IceServer> {
    let stun = ServerAddress::Ip(SocketAddr::from(([198, 51, 100, 1], 3478)));
    let turn = |address, transport| IceServer::Turn {
        address,
        transport,
        username: USERNAME.to_owned(),
        password: PASSWORD.to_owned(),
    };
    let name = ServerAddress::Name("turn.example.org".to_owned(), 3478);
    vec![
        IceServer::Stun { address: stun },
        turn(ServerAddress::Ip(TURN_SERVER.into()), TurnTransport::Udp),
        turn(ServerAddress::Ip(TURN_SERVER.into()), TurnTransport::Tls),
        turn(name, TurnTransport::Tcp),
    ]
}

fn parameters(n: u64) -> IceParameters {
    IceParameters {
        username_fragment: format!("peer{n}"),
        password: format!("{n:024}"),
        ice_lite: false,
    }
}

/// Packets into an agent that is set up: any bytes, and authentic checks and answers.
pub fn packets(bytes: &[u8]) {
    let mut input = Input(bytes);
    let mut world = World::ready(input.u8() & !16);
    while !input.0.is_empty() {
        match input.u8() % 4 {
            0 => {
                let (local, remote) = (input.address(), input.address());
                world.packet(local, remote, input.bytes());
            }
            1 => world.check(&mut input),
            2 => world.answer(&mut input),
            _ => world.now += Duration::from_millis(u64::from(input.u16())),
        }
        world.settle();
    }
    world.check_invariants();
}

/// Whatever a driver, a user, a peer and time can do, in any order.
pub fn commands(bytes: &[u8]) {
    let mut input = Input(bytes);
    let mut world = World::new(input.u8());
    for _ in 0..400 {
        if input.0.is_empty() {
            break;
        }
        command(&mut world, &mut input);
        world.settle();
    }
    world.check_invariants();
}

fn add_candidate(world: &mut World, text: &str) {
    if let Ok(candidate) = text.parse() {
        let _ = world.agent.add_remote_candidate(world.now, candidate);
    }
}

fn command(world: &mut World, input: &mut Input<'_>) {
    let now = world.now;
    match input.u8() % 24 {
        0 => world.agent.add_local_host(now, input.address()),
        1 => world.agent.remove_local_address(now, input.address().ip()),
        2 => world.agent.set_end_of_local_hosts(now),
        3 => {
            if input.u8() & 7 == 0 {
                world.seed += 1;
            }
            world.remote = parameters(world.seed);
            world.remote.ice_lite = input.u8() & 7 == 0;
            let _ = world.agent.set_remote_parameters(now, world.remote.clone());
        }
        4 => {
            let (foundation, priority, address) = (input.u8(), input.u16(), input.address());
            let (ip, port) = (address.ip(), address.port());
            add_candidate(
                world,
                &format!("{foundation} 1 udp {priority} {ip} {port} typ host"),
            );
        }
        5 => add_candidate(
            world,
            &format!("1 1 udp 7 {}.local 1000 typ host", input.u8()),
        ),
        6 => {
            let id = ResolveId(u32::from(input.u8()));
            let addresses: Vec<_> = (0..input.u8() & 3).map(|_| input.address().ip()).collect();
            world.agent.handle_resolved(now, id, &addresses);
        }
        7 => world.agent.set_end_of_candidates(now),
        8 => {
            let fresh = world.agent.restart(now);
            assert_eq!(&fresh, world.agent.local_parameters());
        }
        9 => world.check(input),
        10 | 11 => world.answer(input),
        12 => world.now += Duration::from_millis(u64::from(input.u8())),
        13 => world.now += Duration::from_millis(u64::from(input.u16())),
        14 => {
            let (local, remote) = (input.address(), input.address());
            world.packet(local, remote, input.bytes());
        }
        16 | 17 => world.fulfil(input),
        18 => world.relayed(input),
        19 => tcp(world, input),
        20 => {
            let pacing = Duration::from_millis(u64::from(input.u16()));
            world.agent.set_remote_pacing(Some(pacing));
        }
        21 => world.now += Duration::from_secs(u64::from(input.u8())),
        22 => world.agent.set_role(match input.u8() & 1 {
            0 => Role::Controlling,
            _ => Role::Controlled,
        }),
        _ => {
            let mut buffer = vec![0x80; 20];
            let _ = world.agent.transmit_data(now, &mut buffer, 10);
            if input.u8() == 255 {
                world.agent.close();
            }
        }
    }
}

/// What comes with TCP candidates.
fn tcp(world: &mut World, input: &mut Input<'_>) {
    let now = world.now;
    match input.u8() % 5 {
        0 => world.agent.add_local_tcp_listener(now, input.address()),
        1 => world
            .agent
            .add_local_tcp_simultaneous_open(now, input.address()),
        2 => {
            let (local, remote) = (input.address(), input.address());
            world.agent.handle_peer_disconnected(now, local, remote);
        }
        3 => {
            let (local, remote) = (input.address(), input.address());
            world.packet_by(Protocol::Tcp, local, remote, input.bytes());
        }
        _ => {
            let address = input.address();
            let kind = ["passive", "active", "so"][usize::from(input.u8() % 3)];
            let (ip, port) = (address.ip(), address.port());
            let text = format!("1 1 tcp 9 {ip} {port} typ host tcptype {kind}");
            add_candidate(world, &text);
        }
    }
}

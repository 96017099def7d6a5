//! Bodies of the fuzz targets.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use gannet_crypto::{Rng, default_provider};
use gannet_stun::{
    Attribute, AttributeType, Class, IntegrityKey, Message, MessageWriter, Method, RawAttribute,
    Seal, TransactionId,
};

use crate::*;

/// Takes values from the fuzzer's bytes; zeros when there are no more.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn u8(&mut self) -> u8 {
        match self.0.split_first() {
            Some((first, rest)) => {
                self.0 = rest;
                *first
            }
            None => 0,
        }
    }

    fn u16(&mut self) -> u16 {
        u16::from_be_bytes([self.u8(), self.u8()])
    }

    fn bytes(&mut self) -> &'a [u8] {
        let len = usize::from(self.u8()).min(self.0.len());
        let (bytes, rest) = self.0.split_at(len);
        self.0 = rest;
        bytes
    }

    /// One of a few addresses, so that they meet again.
    fn address(&mut self) -> SocketAddr {
        let n = self.u8();
        let ip: IpAddr = match n & 0xc0 {
            0xc0 => std::net::Ipv6Addr::from(0x2001_0db8_u128 << 96 | u128::from(n & 0x3f)).into(),
            _ => [192, 0, 2, n & 0x3f].into(),
        };
        SocketAddr::new(ip, 1000 + u16::from(self.u8() & 3))
    }
}

/// An agent with its clock, and what the other side would know.
struct World {
    agent: IceAgent,
    now: Instant,
    remote: IceParameters,
    /// The IDs of requests that wait for an answer, latest last.
    asked: Vec<(TransactionId, Transmit)>,
    seed: u64,
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
        let server = SocketAddr::from(([198, 51, 100, 1], 3478));
        if options & 16 != 0 {
            config.servers.push(IceServer::Stun {
                address: ServerAddress::Ip(server),
            });
            config.servers.push(IceServer::Turn {
                address: ServerAddress::Name("turn.example.org".to_owned(), 3478),
                transport: TurnTransport::Udp,
                username: "user".to_owned(),
                password: "password".to_owned(),
            });
        }
        let rng = Rng::insecure_from_u64(u64::from(options));
        Self {
            agent: IceAgent::new(config, default_provider(), rng),
            now: start(),
            remote: parameters(1),
            asked: Vec::new(),
            seed: 1,
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
                self.asked.push((message.transaction_id(), transmit));
            }
            if self.asked.len() > 64 {
                self.asked.remove(0);
            }
        }
        assert_eq!(
            self.agent.poll_transmit(self.now, &mut Vec::new()),
            None,
            "it never ends"
        );
        while self.agent.poll_event().is_some() {}
        let timeout = self.agent.poll_timeout();
        assert!(
            timeout.is_none_or(|at| at > self.now),
            "a timer is due for ever"
        );

        let limits = Limits::default();
        let pairs = self.agent.pair_stats();
        assert!(pairs.len() <= limits.pairs);
        assert!(pairs.iter().filter(|pair| pair.selected).count() <= 1);
        assert!(pairs.iter().filter(|pair| pair.nominated).count() <= 1);
        let remote = self.agent.remote_candidates().count();
        assert!(remote <= limits.remote_candidates + limits.peer_reflexive_candidates);
        assert!(self.agent.local_candidates().count() <= limits.local_candidates);
    }

    fn packet(&mut self, local: SocketAddr, remote: SocketAddr, packet: &[u8]) {
        let incoming = self
            .agent
            .handle_packet(self.now, local, remote, Protocol::Udp, packet);
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
        extra(&mut writer, input, options);
        let key = IntegrityKey::short_term(&*default_provider(), &ours.password);
        let sealed = writer.finish(Seal::sha1(&key).with_fingerprint());
        if sealed.is_ok() {
            let (local, remote) = (SocketAddr::from(([192, 0, 2, 1], 1000)), input.address());
            self.packet(local, remote, &bytes);
        }
    }

    /// An answer to something that the agent has asked.
    fn answer(&mut self, input: &mut Input<'_>) {
        let options = input.u8();
        if self.asked.is_empty() {
            return;
        }
        let at = usize::from(input.u8()) % self.asked.len();
        let (id, transmit) = self.asked[at];
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
        extra(&mut writer, input, options);
        let key = IntegrityKey::short_term(&*default_provider(), &self.remote.password);
        let sealed = writer.finish(Seal::sha1(&key).with_fingerprint());
        if sealed.is_ok() {
            let remote = if options & 8 == 0 {
                transmit.remote
            } else {
                input.address()
            };
            self.packet(transmit.local, remote, &bytes);
        }
    }
}

/// An attribute of the fuzzer's own.
fn extra(writer: &mut MessageWriter<'_>, input: &mut Input<'_>, options: u8) {
    if options & 32 != 0 {
        writer.attribute(&Attribute::Other(RawAttribute {
            attribute_type: AttributeType(input.u16()),
            value: input.bytes(),
        }));
    }
}

fn parameters(n: u64) -> IceParameters {
    IceParameters {
        username_fragment: format!("peer{n}"),
        password: format!("{n:024}"),
        ice_lite: false,
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a fuzz target needs some instant"
)]
fn start() -> Instant {
    Instant::now() + Duration::from_secs(100_000)
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
}

fn command(world: &mut World, input: &mut Input<'_>) {
    let now = world.now;
    match input.u8() % 16 {
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
            let address = input.address();
            let text = format!(
                "{} 1 udp {} {} {} typ host",
                input.u8(),
                input.u16(),
                address.ip(),
                address.port()
            );
            if let Ok(candidate) = text.parse() {
                let _ = world.agent.add_remote_candidate(now, candidate);
            }
        }
        5 => {
            let text = format!("1 1 udp 7 {}.local 1000 typ host", input.u8());
            if let Ok(candidate) = text.parse() {
                let _ = world.agent.add_remote_candidate(now, candidate);
            }
        }
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
        _ => {
            let mut buffer = vec![0x80; 20];
            let _ = world.agent.transmit_data(now, &mut buffer, 10);
            if input.u8() == 255 {
                world.agent.close();
            }
        }
    }
}

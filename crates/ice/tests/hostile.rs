//! Peers that mean no good.

mod peers;

use std::net::SocketAddr;
use std::time::Instant;

use gannet_crypto::default_provider;
use gannet_ice::*;
use gannet_netsim::LinkConfig;
use gannet_stun::{
    Attribute, Class, IntegrityKey, Message, MessageWriter, Method, Seal, TransactionId,
};
use peers::*;

/// A check to `to`, as somebody with `password` would send it.
fn check(to: &IceParameters, from_ufrag: &str, password: &str, id: u32) -> Vec<u8> {
    check_with(to, from_ufrag, password, id, 0x7eff_ffff)
}

fn check_with(
    to: &IceParameters,
    from_ufrag: &str,
    password: &str,
    id: u32,
    priority: u32,
) -> Vec<u8> {
    let key = IntegrityKey::short_term(&default_provider(), password);
    let mut bytes = Vec::new();
    let mut transaction = [0; 12];
    transaction[..4].copy_from_slice(&id.to_be_bytes());
    let id = TransactionId(transaction);
    let mut writer = MessageWriter::new(&mut bytes, Class::Request, Method::BINDING, id);
    let username = format!("{}:{from_ufrag}", to.username_fragment);
    writer.attribute(&Attribute::Username(&username));
    writer.attribute(&Attribute::Priority(priority));
    writer.attribute(&Attribute::IceControlling(u64::MAX));
    writer.attribute(&Attribute::UseCandidate);
    writer.finish(Seal::sha1(&key).with_fingerprint()).unwrap();
    bytes
}

fn numbered(n: u32) -> SocketAddr {
    SocketAddr::from(([10, 0, (n >> 8) as u8, n as u8], 1024 + (n % 60_000) as u16))
}

/// Sends everything that the agent wants to send: how many packets, and how many bytes.
fn drain(agent: &mut IceAgent, now: Instant) -> usize {
    let mut buffer = Vec::new();
    let mut packets = 0;
    while agent.poll_transmit(now, &mut buffer).is_some() {
        buffer.clear();
        packets += 1;
    }
    packets
}

#[test]
fn ten_thousand_candidates_cost_a_bounded_table() {
    let mut world = World::simple(1);
    world.signal();
    let now = world.net.now();
    let agent = &mut world.net[world.a].agent;
    let mut template = agent.remote_candidates().next().unwrap().clone();
    let mut refused = 0;
    for n in 0..10_000 {
        template.address = CandidateAddress::Ip(numbered(n).ip());
        template.port = numbered(n).port();
        template.priority = n;
        refused += usize::from(agent.add_remote_candidate(now, template.clone()).is_err());
    }
    for n in 0..10_000 {
        template.address = CandidateAddress::Name(format!("{n}.local"));
        refused += usize::from(agent.add_remote_candidate(now, template.clone()).is_err());
    }
    let limits = Limits::default();
    assert_eq!(agent.remote_candidates().count(), limits.remote_candidates);
    assert!(agent.pair_stats().len() <= limits.pairs);
    assert_eq!(refused, 20_000 - (limits.remote_candidates - 1));
    assert!(agent.stats().over_limit >= refused as u64);
    // The real candidate came first and still wins.
    world.run_until_nominated();
}

#[test]
fn names_without_answers_are_bounded_too() {
    let mut world = World::simple(2);
    let now = world.net.now();
    let mut template = world.net[world.b].candidates[0].clone();
    let agent = &mut world.net[world.a].agent;
    for n in 0..10_000 {
        template.address = CandidateAddress::Name(format!("{n}.local"));
        let _ = agent.add_remote_candidate(now, template.clone());
    }
    let asked = std::iter::from_fn(|| agent.poll_event()).count();
    assert_eq!(asked, Limits::default().remote_candidates);
}

#[test]
fn authenticated_checks_from_ten_thousand_addresses() {
    let mut world = World::simple(3);
    world.signal();
    let now = world.net.now();
    let ours = world.net[world.b].agent.local_parameters().clone();
    let theirs = world.net[world.a]
        .agent
        .local_parameters()
        .username_fragment
        .clone();
    let agent = &mut world.net[world.b].agent;
    let mut answers = 0;
    for n in 0..10_000 {
        let packet = check(&ours, &theirs, &ours.password, n);
        let _ = agent.handle_packet(now, at(B), numbered(n), Protocol::Udp, &packet);
        if n % 100 == 0 {
            answers += drain(agent, now);
        }
    }
    answers += drain(agent, now);
    let limits = Limits::default();
    let peers = agent.remote_candidates().count();
    assert!(peers <= limits.peer_reflexive_candidates + 1, "{peers}");
    assert!(agent.pair_stats().len() <= limits.pairs);
    assert!(agent.stats().over_limit > 9_000);
    // Never more answers than questions, plus the agent's own paced checks.
    assert!(answers <= 10_000 + 100);
}

#[test]
fn what_is_not_authentic_changes_nothing() {
    let mut world = World::simple(4);
    world.signal();
    world.run_until_nominated();
    world.net.run_for(secs(1));
    let now = world.net.now();
    let b = world.b;
    let ours = world.net[b].agent.local_parameters().clone();
    let agent = &mut world.net[b].agent;
    let before = agent.pair_stats().len();
    let stranger: SocketAddr = "203.0.113.66:6666".parse().unwrap();

    let wrong_password = check(&ours, "abcd", "not the password, really", 1);
    let wrong_ufrag = IceParameters {
        username_fragment: "XXXX".to_owned(),
        ..ours.clone()
    };
    let wrong_ufrag = check(&wrong_ufrag, "abcd", &ours.password, 2);
    let mut changed = check(&ours, "abcd", &ours.password, 3);
    changed[30] ^= 1;
    for packet in [&wrong_password, &wrong_ufrag, &changed] {
        let incoming = agent.handle_packet(now, at(B), stranger, Protocol::Udp, packet);
        // Only what is authentic counts as taken: by that a driver learns the peer's addresses.
        assert_eq!(incoming, Incoming::Dropped);
    }
    // Without integrity, and without a user name.
    for with_name in [true, false] {
        let mut bare = Vec::new();
        let id = TransactionId([9; 12]);
        let mut writer = MessageWriter::new(&mut bare, Class::Request, Method::BINDING, id);
        let name = format!("{}:abcd", ours.username_fragment);
        if with_name {
            writer.attribute(&Attribute::Username(&name));
        }
        writer.finish(Seal::FINGERPRINT).unwrap();
        let incoming = agent.handle_packet(now, at(B), stranger, Protocol::Udp, &bare);
        assert_eq!(incoming, Incoming::Dropped);
    }
    assert_eq!(agent.stats().unauthenticated + agent.stats().malformed, 5);
    assert_eq!(drain(agent, now), 0, "nothing of this deserves an answer");
    assert_eq!(agent.pair_stats().len(), before);
    // Its data is not the peer's either.
    let incoming = agent.handle_packet(now, at(B), stranger, Protocol::Udp, b"\x80data");
    assert_eq!(incoming, Incoming::Dropped);
    assert_eq!(agent.stats().unexpected_data, 1);
    assert!(!agent.is_authenticated(stranger));
    assert!(agent.is_authenticated(at(A)));
}

#[test]
fn forged_answers_are_counted_and_dropped() {
    let mut world = World::simple(5);
    world.signal();
    let now = world.net.now();
    let a = world.a;
    let mut packet = Vec::new();
    let agent = &mut world.net[a].agent;
    agent.poll_transmit(now, &mut packet).unwrap();
    let id = Message::parse(&packet).unwrap().transaction_id();
    let forge = |class, seal: Seal<'_>, id| {
        let mut bytes = Vec::new();
        let mut writer = MessageWriter::new(&mut bytes, class, Method::BINDING, id);
        writer.attribute(&Attribute::XorMappedAddress(at(A)));
        writer.finish(seal).unwrap();
        bytes
    };
    let wrong = IntegrityKey::short_term(&default_provider(), "some other password");
    for class in [Class::Success, Class::Error] {
        for seal in [Seal::NONE, Seal::FINGERPRINT, Seal::sha1(&wrong)] {
            let packet = forge(class, seal, id);
            let _ = agent.handle_packet(now, at(A), at(B), Protocol::Udp, &packet);
        }
    }
    assert_eq!(agent.stats().unauthenticated, 6);
    let packet = forge(Class::Success, Seal::NONE, TransactionId([1; 12]));
    let _ = agent.handle_packet(now, at(A), at(B), Protocol::Udp, &packet);
    assert_eq!(agent.stats().unmatched_responses, 1);
    // The true answer still counts.
    assert_eq!(agent.pair_stats()[0].state, CandidatePairState::InProgress);
}

#[test]
fn the_name_in_a_check_finds_its_agent() {
    let world = World::simple(6);
    let ours = world.net[world.a].agent.local_parameters();
    let packet = check(ours, "abcd", "x", 1);
    assert_eq!(
        username_fragment_of(&packet),
        Some(&*ours.username_fragment)
    );
    for cut in 0..packet.len() {
        assert_eq!(username_fragment_of(&packet[..cut]), None);
    }
    let mut response = packet;
    response[0] = 1;
    assert_eq!(username_fragment_of(&response), None);
    assert_eq!(
        username_fragment_of(b"\x80\x60 not STUN at all, but RTP"),
        None
    );
}

#[test]
fn noise_of_all_kinds() {
    let mut world = World::new(
        7,
        Config::new(Role::Controlling),
        Config::new(Role::Controlled),
        &LinkConfig::new()
            .delay(ms(10))
            .corrupt(0.2)
            .duplicate(0.2)
            .reorder(0.2, ms(30)),
    );
    world.signal();
    world.run_until_nominated();
    world.net.run_for(secs(60));
    assert!(world.net[world.a].is_connected());
}

#[test]
fn everything_can_be_sent_to_a_task() {
    fn assert_send<T: Send + Sync + 'static>() {}
    assert_send::<IceAgent>();
    assert_send::<Event>();
    assert!(size_of::<Event>() <= 400, "{}", size_of::<Event>());
    assert!(size_of::<Transmit>() <= 72, "{}", size_of::<Transmit>());
}

/// Answers the check that `packet` is, as the peer with `password` would.
fn answer(packet: &[u8], seen: SocketAddr, password: &str, error: Option<u16>) -> Option<Vec<u8>> {
    let request = Message::parse(packet).ok()?;
    if request.class() != Class::Request {
        return None;
    }
    let class = if error.is_some() {
        Class::Error
    } else {
        Class::Success
    };
    let mut bytes = Vec::new();
    let id = request.transaction_id();
    let mut writer = MessageWriter::new(&mut bytes, class, Method::BINDING, id);
    match error {
        Some(code) => writer.attribute(&Attribute::ErrorCode(gannet_stun::ErrorCode::new(code))),
        None => writer.attribute(&Attribute::XorMappedAddress(seen)),
    };
    let key = IntegrityKey::short_term(&default_provider(), password);
    writer.finish(Seal::sha1(&key).with_fingerprint()).unwrap();
    Some(bytes)
}

/// A controlled agent whose peer is the test.
struct Controlled {
    agent: IceAgent,
    now: Instant,
    ids: u32,
}

impl Controlled {
    const PEER_PASSWORD: &str = "the peer's password is long";

    fn new() -> Self {
        let mut agent = Peer::new(Config::new(Role::Controlled), 50).agent;
        let now = gannet_netsim::start();
        agent.add_local_host(now, at(B));
        let parameters = IceParameters {
            username_fragment: "peer".to_owned(),
            password: Self::PEER_PASSWORD.replace(['\'', ' '], "+"),
            ice_lite: false,
        };
        agent.set_remote_parameters(now, parameters).unwrap();
        Self { agent, now, ids: 0 }
    }

    /// A nominating check from there; then all of the agent's checks are answered.
    fn nominate_from(&mut self, remote: SocketAddr, priority: u32) {
        let ours = self.agent.local_parameters().clone();
        self.ids += 1;
        let packet = check_with(&ours, "peer", &ours.password, self.ids, priority);
        let _ = self
            .agent
            .handle_packet(self.now, at(B), remote, Protocol::Udp, &packet);
        let mut buffer = Vec::new();
        while let Some(transmit) = self.agent.poll_transmit(self.now, &mut buffer) {
            let password = Self::PEER_PASSWORD.replace(['\'', ' '], "+");
            if let Some(bytes) = answer(&buffer, transmit.local, &password, None) {
                let (local, remote) = (transmit.local, transmit.remote);
                let _ = self
                    .agent
                    .handle_packet(self.now, local, remote, Protocol::Udp, &bytes);
            }
            buffer.clear();
        }
    }

    fn selected(&self) -> Option<SocketAddr> {
        self.agent.selected_pair()?.remote.socket_address()
    }
}

#[test]
fn a_peer_that_nominates_everything_means_the_best() {
    let mut controlled = Controlled::new();
    let (low, high) = (numbered(1), numbered(2));
    controlled.nominate_from(low, 1000);
    assert_eq!(controlled.selected(), Some(low));
    controlled.nominate_from(high, 2000);
    assert_eq!(controlled.selected(), Some(high));
    // Its retransmissions on the lower pair change nothing,
    controlled.nominate_from(low, 1000);
    assert_eq!(controlled.selected(), Some(high));
    // but if it has left the higher one, it is followed.
    controlled.now += secs(2);
    controlled.nominate_from(low, 1000);
    assert_eq!(controlled.selected(), Some(low));
}

#[test]
fn an_authentic_403_takes_consent_back() {
    let mut world = World::simple(30);
    world.signal();
    world.run_until_nominated();
    world.net.run_for(secs(1));
    let password = world.net[world.b].agent.local_parameters().password.clone();
    let agent = &mut world.net[world.a].agent;
    let mut packet = Vec::new();
    let now = loop {
        let now = agent.poll_timeout().unwrap();
        agent.handle_timeout(now);
        if agent.poll_transmit(now, &mut packet).is_some() {
            break now;
        }
    };
    let forbidden = answer(&packet, at(A), &password, Some(403)).unwrap();
    assert!(agent.transmit_data(now, &mut vec![0x80], 0).is_some());
    let _ = agent.handle_packet(now, at(A), at(B), Protocol::Udp, &forbidden);
    assert_eq!(agent.state(), IceTransportState::Failed);
    assert_eq!(agent.transmit_data(now, &mut vec![0x80], 0), None);
}

#[test]
fn renomination_is_followed_by_its_number() {
    let [mut a, b] = [Role::Controlling, Role::Controlled].map(Config::new);
    a.nomination = Nomination::Renomination;
    let mut world = World::new(31, a, b, &LinkConfig::new().delay(ms(10)));
    let seen = std::sync::Arc::new(std::sync::atomic::AtomicU32::new(0));
    let writer = seen.clone();
    world.net = world.net.intercept(move |datagram| {
        if let Ok(message) = Message::parse(&datagram.payload)
            && let Some(Attribute::Nomination(number)) =
                message.find_decoded(gannet_stun::AttributeType::NOMINATION)
        {
            writer.store(number, std::sync::atomic::Ordering::Relaxed);
        }
        gannet_netsim::Verdict::Pass
    });
    world.signal();
    world.run_until_nominated();
    assert_eq!(seen.load(std::sync::atomic::Ordering::Relaxed), 1);
    world.assert_data_flows();
}

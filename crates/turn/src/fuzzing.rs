//! Bodies of the fuzz targets, and what `gannet-ice`'s borrow of them.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use gannet_crypto::{Rng, default_provider};
use gannet_stun::{
    Attribute, AttributeType, ChannelData, ChannelNumber, Class, ErrorCode, IntegrityKey, Message,
    MessageWriter, Method, PasswordAlgorithm, PasswordAlgorithms, RawAttribute, Seal,
    SecurityFeatures, TransactionId,
};

use crate::*;

/// The user name of the client.
pub const USERNAME: &str = "user";
/// Its password.
pub const PASSWORD: &str = "password";
const REALM: &str = "realm";

/// Takes values from the fuzzer's bytes; zeros when there are no more.
#[derive(Debug)]
pub struct Input<'a>(pub &'a [u8]);

impl<'a> Input<'a> {
    /// The next byte.
    pub fn u8(&mut self) -> u8 {
        match self.0.split_first() {
            Some((first, rest)) => {
                self.0 = rest;
                *first
            }
            None => 0,
        }
    }

    /// The next two bytes.
    pub fn u16(&mut self) -> u16 {
        u16::from_be_bytes([self.u8(), self.u8()])
    }

    /// A length, and as many bytes.
    pub fn bytes(&mut self) -> &'a [u8] {
        let len = usize::from(self.u8()).min(self.0.len());
        let (bytes, rest) = self.0.split_at(len);
        self.0 = rest;
        bytes
    }

    /// One of a few addresses, so that they meet again.
    pub fn address(&mut self) -> SocketAddr {
        let n = self.u8();
        let ip: IpAddr = match n & 0xc0 {
            0xc0 => Ipv6Addr::from(0x2001_0db8_u128 << 96 | u128::from(n & 0x3f)).into(),
            _ => [192, 0, 2, n & 0x3f].into(),
        };
        SocketAddr::new(ip, 1000 + u16::from(self.u8() & 3))
    }
}

/// Some instant, far from the clock's start.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "a fuzz target needs some instant"
)]
pub fn start() -> Instant {
    Instant::now() + Duration::from_secs(100_000)
}

/// An attribute of the fuzzer's own, if it wants one.
pub fn extra(writer: &mut MessageWriter<'_>, input: &mut Input<'_>, wanted: bool) {
    if wanted {
        writer.attribute(&Attribute::Other(RawAttribute {
            attribute_type: AttributeType(input.u16()),
            value: input.bytes(),
        }));
    }
}

/// A server's answer to a request: a success, a challenge or a refusal, authentic or not.
#[must_use]
pub fn answer(input: &mut Input<'_>, id: TransactionId, method: Method) -> Vec<u8> {
    let options = input.u8();
    let modern = options & 8 != 0;
    let mut bytes = Vec::new();
    let kind = options & 7;
    let class = match kind {
        0..=2 | 7 => Class::Success,
        _ => Class::Error,
    };
    let mut writer = MessageWriter::new(&mut bytes, class, method, id);
    match kind {
        0..=2 | 7 => success(&mut writer, input, method),
        3 | 4 => challenge(
            &mut writer,
            input,
            [401, 438][usize::from(kind - 3)],
            modern,
        ),
        _ => {
            const CODES: [u16; 8] = [300, 403, 437, 440, 442, 486, 508, 500];
            let code = CODES[usize::from(input.u8() & 7)];
            writer.attribute(&Attribute::ErrorCode(ErrorCode::new(code)));
            if code == 300 {
                writer.attribute(&Attribute::AlternateServer(input.address()));
            }
        }
    }
    extra(&mut writer, input, options & 32 != 0);
    let algorithm = match modern {
        true => PasswordAlgorithm::Sha256,
        false => PasswordAlgorithm::Md5,
    };
    let provider = default_provider();
    let key = IntegrityKey::long_term(&provider, USERNAME, REALM, PASSWORD, algorithm);
    let seal = match (&key, kind) {
        (None, _) | (_, 3 | 4 | 7) => Seal::NONE,
        (Some(key), _) if modern => Seal::sha256(key),
        (Some(key), _) => Seal::sha1(key),
    };
    let _ = writer.finish(seal.with_fingerprint());
    bytes
}

fn success(writer: &mut MessageWriter<'_>, input: &mut Input<'_>, method: Method) {
    let options = input.u8();
    if method == Method::ALLOCATE || method == Method::BINDING {
        writer.attribute(&Attribute::XorMappedAddress(input.address()));
    }
    if method == Method::ALLOCATE {
        for _ in 0..options & 3 {
            writer.attribute(&Attribute::XorRelayedAddress(input.address()));
        }
    }
    if options & 4 != 0 {
        // From nothing to weeks.
        let seconds = u32::from(input.u16()) << (options >> 5);
        writer.attribute(&Attribute::Lifetime(seconds));
    }
}

fn challenge(writer: &mut MessageWriter<'_>, input: &mut Input<'_>, code: u16, modern: bool) {
    let features = SecurityFeatures {
        password_algorithms: modern,
        username_anonymity: modern,
    };
    let cookie = if modern {
        features.cookie()
    } else {
        String::new()
    };
    let nonce = format!("{cookie}{}", input.u8());
    writer.attribute(&Attribute::ErrorCode(ErrorCode::new(code)));
    writer.attribute(&Attribute::Realm(REALM));
    writer.attribute(&Attribute::Nonce(&nonce));
    if modern && let Ok(list) = PasswordAlgorithms::from_bytes(&[0, 2, 0, 0, 0, 1, 0, 0]) {
        writer.attribute(&Attribute::PasswordAlgorithms(list));
    }
}

/// What a server relays: ChannelData, or a Data indication.
#[must_use]
pub fn relayed(input: &mut Input<'_>, channel: Option<u16>) -> Vec<u8> {
    let mut bytes = Vec::new();
    match channel.and_then(ChannelNumber::new) {
        Some(channel) => {
            let data = input.bytes();
            let _ = ChannelData { channel, data }.write(&mut bytes, false);
        }
        None => {
            let id = TransactionId([input.u8(); 12]);
            let mut writer = MessageWriter::new(&mut bytes, Class::Indication, Method::DATA, id);
            writer.attribute(&Attribute::XorPeerAddress(input.address()));
            writer.attribute(&Attribute::Data(input.bytes()));
            let _ = writer.finish(Seal::NONE);
        }
    }
    bytes
}

/// A client with its clock, and the requests that wait for an answer, latest last.
struct World {
    client: Client,
    now: Instant,
    asked: VecDeque<(TransactionId, Method)>,
    failures: usize,
}

const MAX_PEERS: usize = 4;

impl World {
    fn new(options: u8) -> Self {
        let transport = [Transport::Udp, Transport::Tcp, Transport::Tls][usize::from(options % 3)];
        let server = SocketAddr::from(([198, 51, 100, 1], 3478));
        let mut config = Config::new(server, transport, USERNAME, PASSWORD);
        config.families = match options >> 6 {
            0 | 1 => AddressFamilies::Both,
            2 => AddressFamilies::V4,
            _ => AddressFamilies::V6,
        };
        config.max_peers = MAX_PEERS;
        let rng = Rng::insecure_from_u64(u64::from(options));
        Self {
            client: Client::new(config, default_provider(), rng),
            now: start(),
            asked: VecDeque::new(),
            failures: 0,
        }
    }

    /// Takes what the client wants, and checks what must always hold.
    fn settle(&mut self) {
        self.client.handle_timeout(self.now);
        let mut buffer = Vec::new();
        for _ in 0..100 {
            buffer.clear();
            if self.client.poll_transmit(self.now, &mut buffer).is_none() {
                break;
            }
            let message = Message::parse(&buffer);
            let message = message.expect("what it sends is well-formed");
            assert_eq!(message.class(), Class::Request);
            self.asked
                .push_back((message.transaction_id(), message.method()));
            if self.asked.len() > 32 {
                self.asked.pop_front();
            }
        }
        let more = self.client.poll_transmit(self.now, &mut buffer);
        assert_eq!(more, None, "it never ends");
        while let Some(event) = self.client.poll_event() {
            if let Event::Failed(_) = event {
                self.failures += 1;
                assert_eq!(self.client.state(), State::Closed);
            }
        }
        assert!(self.failures <= 1, "it fails once");
        let timeout = self.client.poll_timeout();
        assert!(
            timeout.is_none_or(|at| at > self.now),
            "a timer is due for ever"
        );
        assert!(self.client.peers.permissions.len() <= MAX_PEERS);
        assert!(self.client.peers.channels.len() <= MAX_PEERS);
        assert!(self.client.requests.len() <= 2 * MAX_PEERS + 4);
        let has_address = !self.client.relayed_addresses().is_empty();
        match self.client.state() {
            State::Allocated => assert!(has_address && timeout.is_some()),
            State::Closing => assert!(timeout.is_some()),
            State::New | State::Closed => assert!(!has_address && timeout.is_none()),
            State::Allocating => assert!(!has_address && timeout.is_some()),
        }
    }

    fn packet(&mut self, packet: &[u8]) {
        if let Incoming::Data { peer, data } = self.client.handle_packet(self.now, packet) {
            assert!(self.client.has_permission(peer.ip()));
            assert!(packet.get(data).is_some());
        }
    }

    fn command(&mut self, input: &mut Input<'_>) {
        let now = self.now;
        match input.u8() % 16 {
            0 => self.client.allocate(now),
            1 => drop(self.client.create_permission(now, input.address().ip())),
            2 => drop(self.client.bind_channel(now, input.address())),
            3 => self.client.remove_permission(input.address().ip()),
            4 => self.send(input),
            5 if input.u8() & 7 == 0 => self.client.close(now),
            6 if input.u8() & 7 == 0 => self.client.handle_disconnect(),
            7 => self.packet(input.bytes()),
            8 => {
                let packet = relayed(input, None);
                self.packet(&packet);
            }
            9 => {
                let number = ChannelNumber::MIN.number() + u16::from(input.u8() & 7);
                let packet = relayed(input, Some(number));
                self.packet(&packet);
            }
            10 => self.now += Duration::from_millis(u64::from(input.u8())),
            11 => self.now += Duration::from_millis(u64::from(input.u16())),
            12 => self.now += Duration::from_secs(u64::from(input.u8()) * 4),
            _ => self.answer(input),
        }
    }

    fn send(&mut self, input: &mut Input<'_>) {
        let (peer, data) = (input.address(), input.bytes());
        let mut buffer = vec![0xaa; 3];
        buffer.extend_from_slice(data);
        let server = self.client.wrap(peer, &mut buffer, 3);
        assert_eq!(buffer.get(..3), Some(&[0xaa; 3][..]));
        assert_eq!(server.is_some(), self.client.state() == State::Allocated);
        assert!(server.is_none() || buffer.len() >= 3 + 4 + data.len());
    }

    fn answer(&mut self, input: &mut Input<'_>) {
        let Some(last) = self.asked.len().checked_sub(1) else {
            return;
        };
        // Mostly the latest.
        let at = last - usize::from(input.u8() >> 5).min(last);
        let (id, method) = self.asked[at];
        let packet = answer(input, id, method);
        self.packet(&packet);
    }
}

/// Whatever a user, a server, peers and time can do, in any order.
pub fn client(bytes: &[u8]) {
    let mut input = Input(bytes);
    let mut world = World::new(input.u8());
    for _ in 0..400 {
        if input.0.is_empty() {
            break;
        }
        world.command(&mut input);
        world.settle();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The commands of the seed `allocated`: the seed is what it is called.
    #[test]
    fn the_seed_reaches_an_allocation_with_a_channel_and_data() {
        let seed = include_bytes!("../../../fuzz/seeds/turn_client/allocated");
        let mut input = Input(seed);
        let mut world = World::new(input.u8());
        let mut data = 0;
        while !input.0.is_empty() {
            world.command(&mut input);
            world.settle();
            if world.client.state() == State::Allocated && !world.client.peers.channels.is_empty() {
                data += 1;
            }
        }
        assert!(data > 0, "{:?}", world.client.state());
        client(seed);
    }
}

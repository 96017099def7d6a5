//! Bodies of the fuzz targets: scripts of commands over links and networks, and what must hold whatever
//! they are.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use crate::{
    Cable, Dependence, Direction, Endpoint, Host, Link, LinkConfig, LinkStats, Nat, Network,
    Router, start,
};

/// The words of a link's description, a zero byte, and commands for such a link.
pub fn link(data: &[u8]) {
    let words = data.split(|byte| *byte == 0).next().unwrap_or_default();
    let Ok(config) = std::str::from_utf8(words)
        .unwrap_or("?")
        .parse::<LinkConfig>()
    else {
        return;
    };
    let script = data.get(words.len() + 1..).unwrap_or_default();
    let trace = LinkRun::new(config.clone()).run(script);
    let again = LinkRun::new(config).run(script);
    assert_eq!(trace, again, "one seed is one run");
}

/// What arrived and when, and what the link says of it.
type Trace = (Vec<(Duration, Vec<u8>)>, LinkStats);

struct LinkRun {
    config: LinkConfig,
    link: Link,
    now: Instant,
    sent: Vec<Vec<u8>>,
    arrived: Vec<(Duration, Vec<u8>)>,
    copies: HashMap<u16, u32>,
    last_number: u16,
    /// Bytes that left the bottleneck, copies not counted.
    passed_bytes: u128,
}

impl LinkRun {
    fn new(config: LinkConfig) -> Self {
        Self {
            link: Link::new(config.clone(), 7),
            config,
            now: start(),
            sent: Vec::new(),
            arrived: Vec::new(),
            copies: HashMap::new(),
            last_number: 0,
            passed_bytes: 0,
        }
    }

    fn run(mut self, script: &[u8]) -> Trace {
        for command in script.chunks_exact(3).take(2_000) {
            let number = u16::from_be_bytes([command[1], command[2]]);
            match command[0] & 7 {
                0..=3 => self.send(usize::from(number) % 3_000),
                4 => self.wait(Duration::from_micros(u64::from(number))),
                5 => self.wait(Duration::from_millis(u64::from(number))),
                6 => self.jump(),
                _ => self.link.set_up(self.now, number & 1 == 0),
            }
            assert!(self.link.queued_bytes() <= self.config.queue);
        }
        while self.link.next_wakeup().is_some() {
            self.jump();
        }
        let stats = *self.link.stats();
        assert_eq!(
            stats.sent + stats.duplicated,
            stats.delivered + stats.dropped()
        );
        assert_eq!(stats.sent, self.sent.len() as u64);
        assert_eq!(stats.delivered, self.arrived.len() as u64);
        assert!(stats.queue_peak <= self.config.queue);
        (self.arrived, stats)
    }

    fn send(&mut self, len: usize) {
        let number = self.sent.len() as u16;
        let mut packet = vec![0x55; len + 2];
        packet[..2].copy_from_slice(&number.to_be_bytes());
        self.sent.push(packet.clone());
        self.link.send(self.now, packet);
    }

    fn wait(&mut self, time: Duration) {
        self.now += time;
        self.collect();
    }

    /// To the next wake-up, before which nothing comes out.
    fn jump(&mut self) {
        let Some(next) = self.link.next_wakeup() else {
            return;
        };
        if next > self.now + Duration::from_nanos(1) {
            assert_eq!(self.link.poll(next - Duration::from_nanos(1)), None);
        }
        self.now = self.now.max(next);
        self.collect();
    }

    fn collect(&mut self) {
        while let Some(packet) = self.link.poll(self.now) {
            self.check(&packet);
            self.arrived.push((self.now - start(), packet));
        }
    }

    fn check(&mut self, packet: &[u8]) {
        let number = u16::from_be_bytes([packet[0], packet[1]]);
        if self.config.corrupt > 0.0 {
            return;
        }
        assert_eq!(packet, self.sent[usize::from(number)]);
        let copies = self.copies.entry(number).or_default();
        *copies += 1;
        assert!(*copies <= 1 + u32::from(self.config.duplicate > 0.0));
        assert!(packet.len() <= self.config.mtu);
        if self.config.reorder == 0.0 {
            assert!(number >= self.last_number, "order is kept");
            self.last_number = number;
        }
        if *copies == 1 {
            self.passed_bytes += packet.len() as u128;
        }
        self.check_rate();
    }

    /// Each busy period may begin a nanosecond early, which is less than one for each datagram.
    fn check_rate(&self) {
        let Some(rate) = self.config.rate else {
            return;
        };
        let time = (self.now - start()).saturating_sub(self.config.delay);
        let most = u128::from(rate) * (time.as_nanos() + self.sent.len() as u128);
        assert!(
            self.passed_bytes * 8_000_000_000 <= most,
            "faster than the rate"
        );
    }
}

/// Hosts on both sides of a NAT, and commands for them.
pub fn network(data: &[u8]) {
    let trace = World::new(data).run(data);
    let again = World::new(data).run(data);
    assert_eq!(trace, again, "one seed is one run");
}

/// Sends what it is told to, and remembers what came.
#[derive(Debug, Default)]
struct Node {
    outbox: Vec<(SocketAddr, SocketAddr, Vec<u8>)>,
    /// By its own port: whom it has sent to.
    contacts: Vec<(SocketAddr, SocketAddr)>,
    received: Vec<(Duration, SocketAddr, SocketAddr, Vec<u8>)>,
    alarm: Option<Instant>,
    alarms: u32,
}

impl Endpoint for Node {
    fn handle_packet(&mut self, now: Instant, from: SocketAddr, to: SocketAddr, packet: &[u8]) {
        self.received
            .push((now - start(), from, to, packet.to_vec()));
    }

    fn handle_timeout(&mut self, now: Instant) {
        assert!(self.alarm.is_some_and(|alarm| alarm <= now));
        self.alarm = None;
        self.alarms += 1;
    }

    fn poll_transmit(
        &mut self,
        _now: Instant,
        buf: &mut Vec<u8>,
    ) -> Option<(SocketAddr, SocketAddr)> {
        let (from, to, bytes) = self.outbox.pop()?;
        self.contacts.push((from, to));
        buf.extend(bytes);
        Some((from, to))
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.alarm
    }
}

struct World {
    net: Network,
    hosts: [Host<Node>; 4],
    cables: Vec<Cable>,
    filtering: Dependence,
    alarms: u32,
}

const NAT: [u8; 4] = [203, 0, 113, 1];
const ADDRESSES: [[u8; 4]; 4] = [
    [10, 0, 0, 2],
    [10, 0, 0, 3],
    [192, 0, 2, 1],
    [198, 51, 100, 1],
];
const DEPENDENCES: [Dependence; 3] = [
    Dependence::EndpointIndependent,
    Dependence::AddressDependent,
    Dependence::AddressAndPortDependent,
];

fn link_config(choice: u8) -> LinkConfig {
    let ms = Duration::from_millis;
    match choice & 7 {
        0 => LinkConfig::new(),
        1 => LinkConfig::new().delay(ms(20)).jitter(ms(30)),
        2 => LinkConfig::new().loss(0.3),
        3 => LinkConfig::new().duplicate(0.3).delay(ms(1)),
        4 => LinkConfig::new().reorder(0.3, ms(15)),
        5 => LinkConfig::new().rate(100_000).queue(500),
        6 => LinkConfig::new().mtu(100),
        _ => LinkConfig::new().corrupt(0.5),
    }
}

impl World {
    /// Two hosts behind a NAT, and two outside of it at different routers.
    fn new(data: &[u8]) -> Self {
        let choice = |at: usize| data.get(at).copied().unwrap_or(0);
        let mapping = DEPENDENCES[usize::from(choice(0)) % 3];
        let filtering = DEPENDENCES[usize::from(choice(1)) % 3];
        let nat = Nat::new(NAT, mapping, filtering)
            .hairpinning(choice(1) & 0x80 != 0)
            .timeout(Duration::from_secs(30));
        let mut net = Network::new(u64::from(choice(2))).record();
        let routers: [Router; 2] = ["near", "far"].map(|name| net.router(name));
        let home = net.middlebox("home", nat);
        let hosts = ["a", "b", "c", "d"].map(|name| net.host(name, Node::default()));
        let mut cables = vec![
            net.connect(routers[0], routers[1], link_config(choice(3))),
            net.attach(home, routers[0], NAT, link_config(choice(4))),
        ];
        for (index, address) in ADDRESSES.into_iter().enumerate() {
            let router = [home, home, routers[0], routers[1]][index];
            let config = link_config(choice(5 + index));
            cables.push(net.attach(hosts[index], router, address, config));
        }
        Self {
            net,
            hosts,
            cables,
            filtering,
            alarms: 0,
        }
    }

    fn run(mut self, data: &[u8]) -> (Vec<u8>, String) {
        for command in data.get(9..).unwrap_or_default().chunks_exact(4).take(400) {
            self.command([command[0], command[1], command[2], command[3]]);
        }
        for cable in self.cables.clone() {
            self.net.set_up(cable, true);
        }
        self.net.run_until_idle();
        self.check();
        let pcap = self.net.pcap().map(|pcap| pcap.as_bytes().to_vec());
        let received = self
            .hosts
            .map(|host| format!("{:?}", self.net[host].received));
        (pcap.unwrap_or_default(), received.join("\n"))
    }

    fn command(&mut self, [what, who, to, len]: [u8; 4]) {
        let host = self.hosts[usize::from(who & 3)];
        let cable = self.cables[usize::from(to) % self.cables.len()];
        match what & 7 {
            0..=2 => self.send(who, to, len),
            3 => self.net.run_for(Duration::from_millis(u64::from(len))),
            4 => {
                self.net.step();
            }
            5 => self.net.set_up(cable, len & 1 == 0),
            6 => self.net.set_link(cable, link_config(len)),
            _ if self.net[host].alarm.is_none() => {
                self.net[host].alarm = Some(self.net.now() + Duration::from_millis(len.into()));
                self.alarms += 1;
            }
            _ => {}
        }
    }

    fn send(&mut self, who: u8, to: u8, len: u8) {
        let port = |bits: u8| 1_000 + u16::from(bits & 3);
        let own = IpAddr::from(ADDRESSES[usize::from(who & 3)]);
        let from = SocketAddr::new(own, port(who >> 2));
        let sender = self.hosts[usize::from(who & 3)];
        let to = match to & 7 {
            target @ 0..=3 => SocketAddr::new(ADDRESSES[usize::from(target)].into(), port(to >> 3)),
            4 => SocketAddr::new(NAT.into(), 40_000 + u16::from(to >> 3)),
            5 => SocketAddr::new(Ipv4Addr::new(8, 8, 8, 8).into(), 53),
            // Back to whoever wrote last.
            _ => match self.net[sender].received.last() {
                Some((_, from, ..)) => *from,
                None => return,
            },
        };
        let bytes = vec![len; usize::from(len)];
        self.net[sender].outbox.push((from, to, bytes));
    }

    fn check(&self) {
        let mut alarms = 0;
        for (index, host) in self.hosts.into_iter().enumerate() {
            let node = &self.net[host];
            alarms += node.alarms;
            for (_, from, to, _) in &node.received {
                assert_eq!(to.ip(), IpAddr::from(ADDRESSES[index]));
                if index < 2 {
                    self.check_filter(node, *from, *to);
                }
            }
        }
        assert_eq!(alarms, self.alarms, "each alarm rings once");
        for cable in &self.cables {
            for direction in [Direction::AToB, Direction::BToA] {
                let stats = self.net.link_stats(*cable, direction);
                let gone = stats.delivered + stats.dropped();
                assert_eq!(stats.sent + stats.duplicated, gone);
            }
        }
    }

    /// What came in from outside came from whom the NAT's filter lets in.
    fn check_filter(&self, node: &Node, from: SocketAddr, to: SocketAddr) {
        let inside = ADDRESSES[..2]
            .iter()
            .any(|ip| from.ip() == IpAddr::from(*ip));
        let mut contacts = node.contacts.iter().filter(|(own, _)| *own == to);
        assert!(
            inside
                || match self.filtering {
                    Dependence::EndpointIndependent => contacts.next().is_some(),
                    Dependence::AddressDependent =>
                        contacts.any(|(_, peer)| peer.ip() == from.ip()),
                    Dependence::AddressAndPortDependent => contacts.any(|(_, peer)| *peer == from),
                },
            "{from} got through to {to}"
        );
    }
}

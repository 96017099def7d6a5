//! Any number of endpoints with addresses, and routers between them.

mod run;

use std::any::Any;
use std::fmt;
use std::marker::PhantomData;
use std::net::IpAddr;
use std::ops::{Index, IndexMut};
use std::time::{Duration, Instant};

use crate::clock;
use crate::config::LinkConfig;
use crate::datagram::{Datagram, Middlebox};
use crate::endpoint::Endpoint;
use crate::link::{Link, LinkStats};
use crate::pair::{Direction, Verdict};
use crate::pcap::Pcap;
use crate::prng::Prng;
use crate::routes::{NodeKind, Topology};

/// A node of a network, as an end for a cable.
pub trait Node: Copy {
    /// Its place in the network's table.
    #[doc(hidden)]
    fn index(self) -> usize;
}

/// An endpoint in a [`Network`]: `network[host]` is the endpoint itself.
pub struct Host<E> {
    index: usize,
    endpoint: PhantomData<fn() -> E>,
}

impl<E> Clone for Host<E> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<E> Copy for Host<E> {}

impl<E> fmt::Debug for Host<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Host({})", self.index)
    }
}

impl<E> Node for Host<E> {
    fn index(self) -> usize {
        self.index
    }
}

/// A router in a [`Network`], or a box that forwards like one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Router {
    index: usize,
}

impl Node for Router {
    fn index(self) -> usize {
        self.index
    }
}

/// A link in both directions in a [`Network`]. [`Direction::AToB`] is from the node that was named
/// first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cable {
    index: usize,
}

/// Datagrams that a [`Network`] dropped outside of its links.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NetworkStats {
    /// Sent from an address that the node does not have (any more).
    pub foreign_source: u64,
    /// No way leads to their destination, or the address is gone since they were sent.
    pub no_route: u64,
    /// Crossed too many routers.
    pub expired: u64,
    /// Dropped by a middlebox.
    pub blocked: u64,
    /// Dropped by the interceptor.
    pub intercepted: u64,
}

type Interceptor = Box<dyn FnMut(&mut Datagram) -> Verdict + Send>;

/// Hosts, routers and the cables between them, in virtual time.
///
/// A scenario is a list of nodes and cables:
///
/// ```
/// # use std::{net::SocketAddr, time::{Duration, Instant}};
/// use gannet_netsim::{Endpoint, LinkConfig, Network};
/// # struct Echo(Vec<(SocketAddr, SocketAddr)>, u32);
/// # impl Endpoint for Echo {
/// #     fn handle_packet(&mut self, _: Instant, from: SocketAddr, to: SocketAddr, _: &[u8]) {
/// #         self.1 += 1;
/// #         if self.1 < 3 { self.0.push((to, from)); }
/// #     }
/// #     fn handle_timeout(&mut self, _: Instant) {}
/// #     fn poll_transmit(&mut self, _: Instant, buf: &mut Vec<u8>) -> Option<(SocketAddr, SocketAddr)> {
/// #         buf.push(7);
/// #         self.0.pop()
/// #     }
/// #     fn poll_timeout(&self) -> Option<Instant> { None }
/// # }
/// # let caller = Echo(vec![("192.0.2.1:9".parse()?, "198.51.100.1:9".parse()?)], 0);
/// # let callee = Echo(vec![], 0);
///
/// let wifi = LinkConfig::new().delay(Duration::from_millis(5)).jitter(Duration::from_millis(20));
/// let fibre = LinkConfig::new().delay(Duration::from_millis(2)).rate(100_000_000);
///
/// let mut net = Network::new(1);
/// let internet = net.router("the internet");
/// let alice = net.host("Alice", caller);
/// let bob = net.host("Bob", callee);
/// net.attach(alice, internet, [192, 0, 2, 1], wifi);
/// net.attach(bob, internet, [198, 51, 100, 1], fibre);
///
/// net.run_until(|net| net[alice].1 == 2);
/// assert!(net.elapsed() >= 4 * Duration::from_millis(5 + 2));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// - **Building**: [`host`](Self::host), [`router`](Self::router),
///   [`middlebox`](Self::middlebox) make nodes; [`attach`](Self::attach) gives a node an address at
///   the end of a new cable, and [`connect`](Self::connect) joins two routers. Routes are the
///   shortest ways, by hops.
/// - **Running**: as with [`Pair`](crate::Pair).
/// - **In between**: `network[host]` is an endpoint; [`cable_mut`](Self::cable_mut),
///   [`set_up`](Self::set_up), [`add_address`](Self::add_address) and
///   [`remove_address`](Self::remove_address) change the world under it.
pub struct Network {
    now: Instant,
    seeds: Prng,
    topology: Topology,
    nodes: Vec<NodeEntry>,
    /// Both directions of each cable: from its first end, and from its second.
    cables: Vec<[Link<Datagram>; 2]>,
    stats: NetworkStats,
    time_limit: Duration,
    step_limit: u64,
    interceptor: Option<Interceptor>,
    pcap: Option<Pcap>,
    buffer: Vec<u8>,
}

struct NodeEntry {
    name: String,
    role: Role,
}

enum Role {
    Host(Box<dyn Endpoint>),
    Router,
    Middlebox(Box<dyn Middlebox>),
}

/// Building.
impl Network {
    /// An empty network, at the time [`start`](crate::start).
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            now: clock::start(),
            seeds: Prng::new(seed),
            topology: Topology::default(),
            nodes: Vec::new(),
            cables: Vec::new(),
            stats: NetworkStats::default(),
            time_limit: Duration::from_secs(120),
            step_limit: 2_000_000,
            interceptor: None,
            pcap: None,
            buffer: Vec::with_capacity(2048),
        }
    }

    /// Adds an endpoint. It has no address before it is [attached](Self::attach).
    pub fn host<E: Endpoint>(&mut self, name: impl Into<String>, endpoint: E) -> Host<E> {
        Host {
            index: self.add(name.into(), NodeKind::Host, Role::Host(Box::new(endpoint))),
            endpoint: PhantomData,
        }
    }

    /// Adds a router: everything that is attached to it can reach everything else.
    pub fn router(&mut self, name: impl Into<String>) -> Router {
        Router {
            index: self.add(name.into(), NodeKind::Router, Role::Router),
        }
    }

    /// Adds a box between an inside and an outside. Its first cable goes outside
    /// ([`attach`](Self::attach) it, to give it the address that it shows there); what is attached
    /// or connected to it later is inside. No route leads through it but its own.
    pub fn middlebox(&mut self, name: impl Into<String>, middlebox: impl Middlebox) -> Router {
        let role = Role::Middlebox(Box::new(middlebox));
        Router {
            index: self.add(name.into(), NodeKind::Middlebox, role),
        }
    }

    /// Lays a cable from a node to a router, and gives the node an address on it. A node may be
    /// attached several times: what it sends from an address leaves by the cable of that address.
    pub fn attach(
        &mut self,
        node: impl Node,
        router: Router,
        address: impl Into<IpAddr>,
        config: LinkConfig,
    ) -> Cable {
        let cable = self.lay([node.index(), router.index], config);
        self.topology
            .add_address(address.into(), node.index(), cable.index);
        cable
    }

    /// Lays a cable between two routers.
    pub fn connect(&mut self, one: Router, other: Router, config: LinkConfig) -> Cable {
        self.lay([one.index, other.index], config)
    }

    /// How much virtual time one [`run_until`](Self::run_until) may take. 120 seconds if not given.
    #[must_use]
    pub const fn time_limit(mut self, limit: Duration) -> Self {
        self.time_limit = limit;
        self
    }

    /// How many [`step`](Self::step)s and datagrams one run may take before it panics, because then
    /// something goes round in circles. Two million if not given.
    #[must_use]
    pub const fn step_limit(mut self, limit: u64) -> Self {
        self.step_limit = limit;
        self
    }

    /// Shows every datagram to `interceptor` when its host sends it: it may change or drop it.
    #[must_use]
    pub fn intercept(
        mut self,
        interceptor: impl FnMut(&mut Datagram) -> Verdict + Send + 'static,
    ) -> Self {
        self.interceptor = Some(Box::new(interceptor));
        self
    }

    /// Keeps every datagram that a host sends, for [`pcap`](Self::pcap).
    #[must_use]
    pub fn record(mut self) -> Self {
        self.pcap = Some(Pcap::new());
        self
    }

    fn add(&mut self, name: String, kind: NodeKind, role: Role) -> usize {
        self.nodes.push(NodeEntry { name, role });
        self.topology.add_node(kind)
    }

    fn lay(&mut self, ends: [usize; 2], config: LinkConfig) -> Cable {
        let one_way = Link::new(config.clone(), self.seeds.next_u64());
        let other_way = Link::new(config, self.seeds.next_u64());
        self.cables.push([one_way, other_way]);
        Cable {
            index: self.topology.add_cable(ends),
        }
    }
}

/// Looking and changing.
impl Network {
    /// The present, in virtual time.
    #[must_use]
    pub const fn now(&self) -> Instant {
        self.now
    }

    /// How much virtual time has passed since [`start`](crate::start).
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.now - clock::start()
    }

    /// One direction of a cable.
    #[must_use]
    pub fn cable(&self, cable: Cable, direction: Direction) -> &Link<Datagram> {
        &self.cables[cable.index][direction as usize]
    }

    /// One direction of a cable, to change it or to put datagrams in.
    pub fn cable_mut(&mut self, cable: Cable, direction: Direction) -> &mut Link<Datagram> {
        &mut self.cables[cable.index][direction as usize]
    }

    /// Takes both directions of a cable down, or up again.
    pub fn set_up(&mut self, cable: Cable, up: bool) {
        for direction in &mut self.cables[cable.index] {
            direction.set_up(self.now, up);
        }
    }

    /// Changes both directions of a cable, from now on.
    pub fn set_link(&mut self, cable: Cable, config: LinkConfig) {
        for direction in &mut self.cables[cable.index] {
            direction.set_config(self.now, config.clone());
        }
    }

    /// Gives a node one more address on a cable that it has.
    ///
    /// # Panics
    /// If the cable does not end at the node.
    pub fn add_address(&mut self, node: impl Node, cable: Cable, address: impl Into<IpAddr>) {
        let ends = self.topology.ends(cable.index);
        assert!(
            ends.contains(&node.index()),
            "the cable does not end at this node"
        );
        self.topology
            .add_address(address.into(), node.index(), cable.index);
    }

    /// Takes an address away. What is under way to it will not arrive.
    ///
    /// # Panics
    /// If the node does not have it.
    pub fn remove_address(&mut self, node: impl Node, address: impl Into<IpAddr>) {
        let address = address.into();
        let removed = self.topology.remove_address(address, node.index());
        assert!(
            removed,
            "{} does not have the address {address}",
            self.name(node)
        );
    }

    /// The middlebox itself.
    ///
    /// # Panics
    /// If there is none of this type.
    pub fn middlebox_mut<M: Middlebox>(&mut self, router: Router) -> &mut M {
        let middlebox: Option<&mut M> = match &mut self.nodes[router.index].role {
            Role::Middlebox(middlebox) => (middlebox.as_mut() as &mut dyn Any).downcast_mut(),
            Role::Host(_) | Role::Router => None,
        };
        middlebox.expect("it is a middlebox of another type, or none")
    }

    /// The name that a node was given.
    #[must_use]
    pub fn name(&self, node: impl Node) -> &str {
        &self.nodes[node.index()].name
    }

    /// What one direction of a cable did so far.
    #[must_use]
    pub fn link_stats(&self, cable: Cable, direction: Direction) -> &LinkStats {
        self.cable(cable, direction).stats()
    }

    /// What was dropped outside of the cables.
    #[must_use]
    pub const fn stats(&self) -> &NetworkStats {
        &self.stats
    }

    /// Everything that hosts sent so far, if [`record`](Self::record) was asked for.
    #[must_use]
    pub const fn pcap(&self) -> Option<&Pcap> {
        self.pcap.as_ref()
    }

    fn report(&self) -> String {
        let mut report = format!("at {:?}; {:?}", self.elapsed(), self.stats);
        for node in &self.nodes {
            if let Role::Host(_) = node.role {
                let timeout = match node.poll_timeout() {
                    None => "none".to_owned(),
                    Some(at) if at > self.now => format!("in {:?}", at - self.now),
                    Some(at) => format!("due since {:?}", self.now - at),
                };
                report += &format!("\ntimeout of {}: {timeout}", node.name);
            }
        }
        for (index, directions) in self.cables.iter().enumerate() {
            let [one, other] = self.topology.ends(index).map(|node| &self.nodes[node].name);
            report += &format!("\n{one} to {other}: {:?}", directions[0].stats());
            report += &format!("\n{other} to {one}: {:?}", directions[1].stats());
        }
        report
    }
}

impl NodeEntry {
    fn poll_timeout(&self) -> Option<Instant> {
        match &self.role {
            Role::Host(endpoint) => endpoint.poll_timeout(),
            Role::Router | Role::Middlebox(_) => None,
        }
    }
}

impl<E: Endpoint> Index<Host<E>> for Network {
    type Output = E;

    /// The endpoint of a host of this network.
    fn index(&self, host: Host<E>) -> &E {
        let endpoint: Option<&E> = match &self.nodes[host.index].role {
            Role::Host(endpoint) => (endpoint.as_ref() as &dyn Any).downcast_ref(),
            Role::Router | Role::Middlebox(_) => None,
        };
        endpoint.expect("the host belongs to another network")
    }
}

impl<E: Endpoint> IndexMut<Host<E>> for Network {
    fn index_mut(&mut self, host: Host<E>) -> &mut E {
        let endpoint: Option<&mut E> = match &mut self.nodes[host.index].role {
            Role::Host(endpoint) => (endpoint.as_mut() as &mut dyn Any).downcast_mut(),
            Role::Router | Role::Middlebox(_) => None,
        };
        endpoint.expect("the host belongs to another network")
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Network {}", self.report())
    }
}

//! Which cable a datagram takes next.

use std::collections::{HashMap, HashSet, VecDeque};
use std::net::IpAddr;

/// What sits at the end of a cable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NodeKind {
    Host,
    Router,
    /// Its first cable goes outside; all others go inside.
    Middlebox,
}

/// Nodes and the cables between them. Indices are those of the network's own tables.
#[derive(Debug, Default)]
pub(crate) struct Topology {
    nodes: Vec<NodeKind>,
    cables: Vec<[usize; 2]>,
    /// Who has which address, on which cable. Private addresses may be there more than once.
    addresses: Vec<Address>,
    /// Routes found so far; emptied by every change.
    cache: HashMap<(usize, IpAddr), Option<usize>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Address {
    ip: IpAddr,
    node: usize,
    cable: usize,
}

impl Topology {
    pub(crate) fn add_node(&mut self, kind: NodeKind) -> usize {
        self.nodes.push(kind);
        self.nodes.len() - 1
    }

    pub(crate) fn add_cable(&mut self, ends: [usize; 2]) -> usize {
        self.cache.clear();
        self.cables.push(ends);
        self.cables.len() - 1
    }

    pub(crate) fn add_address(&mut self, ip: IpAddr, node: usize, cable: usize) {
        self.cache.clear();
        self.addresses.push(Address { ip, node, cable });
    }

    /// Whether there was such an address.
    pub(crate) fn remove_address(&mut self, ip: IpAddr, node: usize) -> bool {
        self.cache.clear();
        let before = self.addresses.len();
        self.addresses
            .retain(|address| (address.ip, address.node) != (ip, node));
        self.addresses.len() != before
    }

    /// The cable that a node's own address is on.
    pub(crate) fn cable_of(&self, node: usize, ip: IpAddr) -> Option<usize> {
        self.addresses
            .iter()
            .find(|address| (address.ip, address.node) == (ip, node))
            .map(|address| address.cable)
    }

    pub(crate) fn ends(&self, cable: usize) -> [usize; 2] {
        self.cables[cable]
    }

    pub(crate) fn kind(&self, node: usize) -> NodeKind {
        self.nodes[node]
    }

    /// Which way a cable is left by one that enters it at `node`: 0 is towards the second end.
    pub(crate) fn direction_from(&self, cable: usize, node: usize) -> usize {
        usize::from(self.cables[cable][0] != node)
    }

    /// The cable that goes outside, of a middlebox that has one yet.
    pub(crate) fn outside_of(&self, node: usize) -> Option<usize> {
        self.cables_at(node).next()
    }

    /// The cable on which `node` forwards to `ip`. A middlebox answers for its inside only.
    pub(crate) fn next_cable(&mut self, node: usize, ip: IpAddr) -> Option<usize> {
        if let Some(known) = self.cache.get(&(node, ip)) {
            return *known;
        }
        let owner = |at: usize, via: usize| {
            let mut addresses = self.addresses.iter();
            addresses.any(|address| address.ip == ip && address.node == at && address.cable == via)
        };
        // An address that nobody has on this side of the boxes lies outside: go to the nearest box.
        let exit = |at: usize, via: usize| {
            self.kind(at) == NodeKind::Middlebox && self.outside_of(at) != Some(via)
        };
        let found = self.search(node, owner).or_else(|| self.search(node, exit));
        self.cache.insert((node, ip), found);
        found
    }

    /// Breadth first, through plain routers only. Returns the first cable of the shortest way to a
    /// node for which `wanted` is true, given the cable by which it was reached.
    fn search(&self, from: usize, wanted: impl Fn(usize, usize) -> bool) -> Option<usize> {
        let mut seen = HashSet::from([from]);
        let mut queue: VecDeque<(usize, usize)> = VecDeque::new();
        let outside = match self.kind(from) {
            NodeKind::Middlebox => self.outside_of(from),
            NodeKind::Host | NodeKind::Router => None,
        };
        for cable in self.cables_at(from).filter(|cable| Some(*cable) != outside) {
            let next = self.other_end(cable, from);
            if wanted(next, cable) {
                return Some(cable);
            }
            queue.push_back((next, cable));
        }
        while let Some((node, first)) = queue.pop_front() {
            if self.kind(node) != NodeKind::Router || !seen.insert(node) {
                continue;
            }
            for cable in self.cables_at(node) {
                let next = self.other_end(cable, node);
                if !seen.contains(&next) && wanted(next, cable) {
                    return Some(first);
                }
                queue.push_back((next, first));
            }
        }
        None
    }

    fn cables_at(&self, node: usize) -> impl Iterator<Item = usize> + '_ {
        let ends = self.cables.iter().enumerate();
        ends.filter(move |(_, ends)| ends.contains(&node))
            .map(|(cable, _)| cable)
    }

    fn other_end(&self, cable: usize, node: usize) -> usize {
        let [first, second] = self.cables[cable];
        if first == node { second } else { first }
    }
}

//! Running a network: from wake-up to wake-up, from cable to cable.

use std::time::{Duration, Instant};

use super::{Network, NodeEntry, Role};
use crate::datagram::Datagram;
use crate::link::Link;
use crate::pair::{Budget, Step, Stuck, Verdict};

/// Running.
impl Network {
    /// Runs until `done` says so and returns how much virtual time it took. `done` is asked first
    /// of all, and after every step; it may poll events, and anything else.
    ///
    /// # Panics
    /// If it does not happen within the [`time_limit`](Self::time_limit), can never happen because
    /// everybody is idle, or takes more than [`step_limit`](Self::step_limit).
    #[track_caller]
    pub fn run_until(&mut self, done: impl FnMut(&mut Self) -> bool) -> Duration {
        match self.try_run_until(self.time_limit, done) {
            Ok(took) => took,
            Err(stuck) => panic!("{stuck}\n{}", self.report()),
        }
    }

    /// As [`run_until`](Self::run_until), but with a time limit of its own and without the panic
    /// for it.
    ///
    /// # Errors
    /// [`Stuck`], if `done` did not become true.
    ///
    /// # Panics
    /// After more steps than [`step_limit`](Self::step_limit).
    #[track_caller]
    pub fn try_run_until(
        &mut self,
        limit: Duration,
        mut done: impl FnMut(&mut Self) -> bool,
    ) -> Result<Duration, Stuck> {
        let begin = self.now;
        let mut budget = Budget::new(self.step_limit);
        loop {
            if done(self) {
                return Ok(self.now - begin);
            }
            match self.step_before(begin + limit, &mut budget) {
                Step::Done => {}
                Step::Idle => {
                    return Err(Stuck::Idle {
                        after: self.now - begin,
                    });
                }
                Step::TooLate => {
                    self.now = begin + limit;
                    return Err(Stuck::TimedOut { after: limit });
                }
            }
        }
    }

    /// Runs for exactly so long, in virtual time.
    ///
    /// # Panics
    /// After more steps than [`step_limit`](Self::step_limit).
    #[track_caller]
    pub fn run_for(&mut self, time: Duration) {
        let end = self.now + time;
        // Whether everybody went idle before does not matter here.
        let _ = self.try_run_until(time, |_| false);
        self.now = end;
    }

    /// Runs until nothing is under way and all endpoints wait for nothing.
    ///
    /// # Panics
    /// If that does not come within the [`time_limit`](Self::time_limit), or after more steps than
    /// [`step_limit`](Self::step_limit).
    #[track_caller]
    pub fn run_until_idle(&mut self) -> Duration {
        match self.try_run_until(self.time_limit, |_| false) {
            Ok(took) | Err(Stuck::Idle { after: took }) => took,
            Err(Stuck::TimedOut { after }) => {
                panic!("somebody was still busy after {after:?}\n{}", self.report())
            }
        }
    }

    /// Does the next thing: moves one datagram from the end of a cable, or lets the endpoints
    /// handle their timeouts, or jumps to the next wake-up. Before and after it, whatever the
    /// endpoints want to send is sent. `false` if nothing is left to do, ever.
    #[track_caller]
    pub fn step(&mut self) -> bool {
        let mut budget = Budget::new(self.step_limit);
        let far = self.now + Duration::from_secs(100 * 365 * 86_400);
        matches!(self.step_before(far, &mut budget), Step::Done)
    }

    #[track_caller]
    fn step_before(&mut self, end: Instant, budget: &mut Budget) -> Step {
        if !budget.spend(1, self.now) {
            panic!("{budget}\n{}", self.report());
        }
        self.flush(budget);
        if self.deliver() || self.fire_timeouts() {
            self.flush(budget);
            return Step::Done;
        }
        match self.next_wakeup() {
            None => Step::Idle,
            Some(next) if next > end => Step::TooLate,
            Some(next) => {
                self.now = self.now.max(next);
                Step::Done
            }
        }
    }

    /// Takes one datagram that has arrived from its cable.
    fn deliver(&mut self) -> bool {
        for index in 0..self.cables.len() {
            for direction in 0..2 {
                if let Some(datagram) = self.cables[index][direction].poll(self.now) {
                    let node = self.topology.ends(index)[1 - direction];
                    self.arrive(node, index, datagram);
                    return true;
                }
            }
        }
        false
    }

    fn arrive(&mut self, node: usize, cable: usize, mut datagram: Datagram) {
        datagram.time_to_live = datagram.time_to_live.saturating_sub(1);
        match &mut self.nodes[node].role {
            Role::Host(endpoint) => {
                if self.topology.cable_of(node, datagram.to.ip()) == Some(cable) {
                    endpoint.handle_packet(self.now, datagram.from, datagram.to, &datagram.payload);
                } else {
                    self.stats.no_route += 1;
                }
            }
            Role::Router | Role::Middlebox(_) if datagram.time_to_live == 0 => {
                self.stats.expired += 1;
            }
            Role::Router => self.forward(node, datagram),
            Role::Middlebox(_) if self.topology.outside_of(node) == Some(cable) => {
                self.cross_inwards(node, datagram);
            }
            Role::Middlebox(_) => self.leave_inside(node, datagram),
        }
    }

    fn forward(&mut self, node: usize, datagram: Datagram) {
        match self.topology.next_cable(node, datagram.to.ip()) {
            Some(cable) => self.put(node, cable, datagram),
            None => self.stats.no_route += 1,
        }
    }

    /// A middlebox got a datagram from its inside.
    fn leave_inside(&mut self, node: usize, mut datagram: Datagram) {
        if let Some(cable) = self.topology.next_cable(node, datagram.to.ip()) {
            self.put(node, cable, datagram);
            return;
        }
        let Role::Middlebox(middlebox) = &mut self.nodes[node].role else {
            return;
        };
        if middlebox.outbound(self.now, &mut datagram) == Verdict::Drop {
            self.stats.blocked += 1;
        } else if self.topology.cable_of(node, datagram.to.ip()).is_some() {
            self.cross_inwards(node, datagram);
        } else if let Some(outside) = self.topology.outside_of(node) {
            self.put(node, outside, datagram);
        }
    }

    /// A middlebox got a datagram for its outside address.
    fn cross_inwards(&mut self, node: usize, mut datagram: Datagram) {
        let Role::Middlebox(middlebox) = &mut self.nodes[node].role else {
            return;
        };
        if middlebox.inbound(self.now, &mut datagram) == Verdict::Drop {
            self.stats.blocked += 1;
        } else {
            self.forward(node, datagram);
        }
    }

    fn put(&mut self, node: usize, cable: usize, datagram: Datagram) {
        let direction = self.topology.direction_from(cable, node);
        self.cables[cable][direction].send(self.now, datagram);
    }

    fn fire_timeouts(&mut self) -> bool {
        let mut fired = false;
        for node in &mut self.nodes {
            if let Role::Host(endpoint) = &mut node.role
                && endpoint.poll_timeout().is_some_and(|at| at <= self.now)
            {
                endpoint.handle_timeout(self.now);
                fired = true;
            }
        }
        fired
    }

    fn next_wakeup(&self) -> Option<Instant> {
        let cables = self.cables.iter().flatten().map(Link::next_wakeup);
        let timeouts = self.nodes.iter().map(NodeEntry::poll_timeout);
        cables.chain(timeouts).flatten().min()
    }

    /// Sends what the endpoints have to send.
    #[track_caller]
    fn flush(&mut self, budget: &mut Budget) {
        for node in 0..self.nodes.len() {
            while self.transmit(node) {
                if !budget.spend(1, self.now) {
                    panic!("{budget}\n{}", self.report());
                }
            }
        }
    }

    fn transmit(&mut self, node: usize) -> bool {
        let Role::Host(endpoint) = &mut self.nodes[node].role else {
            return false;
        };
        self.buffer.clear();
        let Some((from, to)) = endpoint.poll_transmit(self.now, &mut self.buffer) else {
            return false;
        };
        let mut datagram = Datagram::new(from, to, self.buffer.clone());
        if let Some(interceptor) = &mut self.interceptor
            && interceptor(&mut datagram) == Verdict::Drop
        {
            self.stats.intercepted += 1;
            return true;
        }
        if let Some(pcap) = &mut self.pcap {
            pcap.datagram(self.now, datagram.from, datagram.to, &datagram.payload);
        }
        match self.topology.cable_of(node, datagram.from.ip()) {
            Some(cable) => self.put(node, cable, datagram),
            None => self.stats.foreign_source += 1,
        }
        true
    }
}

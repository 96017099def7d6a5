//! Outgoing datagrams, gathered so that one system call sends many.

use std::net::SocketAddr;

/// Where a datagram leaves and where it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Route {
    /// The local socket's address.
    pub(crate) local: SocketAddr,
    /// The peer's address.
    pub(crate) remote: SocketAddr,
}

/// The most bytes in a batch: the largest IP packet, which is what the kernel cuts it from.
const MAX_BYTES: usize = 60_000;

/// Datagrams of one size to one address; the last may be shorter.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    bytes: Vec<u8>,
    /// The bytes that belong to the batch; what lies behind is `rest`, or was just written.
    len: usize,
    segment: usize,
    count: usize,
    route: Option<Route>,
    /// The route of the datagram behind the batch that had no place in it.
    rest: Option<Route>,
    closed: bool,
}

impl Batch {
    /// The buffer that the next datagram is appended to, unless the batch is closed.
    pub(super) const fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Takes the datagram that was just appended into the batch, or closes the batch before it.
    pub(super) fn push(&mut self, route: Route, max_segments: usize) {
        if !self.has_place(route, max_segments) {
            self.rest = Some(route);
            self.closed = true;
            return;
        }
        if self.route.is_none() {
            (self.route, self.segment) = (Some(route), self.bytes.len());
        }
        self.count += 1;
        self.len = self.bytes.len();
    }

    fn has_place(&self, route: Route, max_segments: usize) -> bool {
        let size = self.bytes.len() - self.len;
        self.route.is_none_or(|current| current == route)
            && (self.count == 0 || size <= self.segment)
            && self.count < max_segments
            && self.len == self.segment * self.count
            && self.bytes.len() <= MAX_BYTES
    }

    /// Whether it holds nothing.
    pub(super) const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Nothing more comes: it is ready to be sent.
    pub(super) const fn close(&mut self) {
        self.closed = true;
    }

    /// Whether it is ready to be sent.
    pub(super) const fn is_closed(&self) -> bool {
        self.closed
    }

    /// What is to be sent: the route, the datagrams, and the size of each.
    pub(super) fn contents(&self) -> Option<(Route, &[u8], usize)> {
        Some((self.route?, &self.bytes[..self.len], self.segment))
    }

    /// The batch was sent: it starts anew, with the datagram that had no place if there is one.
    pub(super) fn advance(&mut self) {
        self.bytes.drain(..self.len);
        self.route = self.rest.take();
        self.len = self.bytes.len();
        self.segment = self.len;
        self.count = usize::from(self.route.is_some());
        self.closed = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(port: u16) -> Route {
        let local = SocketAddr::from(([10, 0, 0, 1], 9));
        Route {
            local,
            remote: SocketAddr::from(([10, 0, 0, 2], port)),
        }
    }

    fn append(batch: &mut Batch, size: usize, port: u16, max_segments: usize) {
        batch.buffer().extend(vec![7; size]);
        batch.push(route(port), max_segments);
    }

    #[test]
    fn equal_datagrams_to_one_address_are_one_batch_and_a_shorter_one_ends_it() {
        let mut batch = Batch::default();
        for size in [100, 100, 40] {
            append(&mut batch, size, 1, 64);
            assert!(!batch.is_closed());
        }
        append(&mut batch, 30, 1, 64);
        assert!(batch.is_closed());
        let (to, bytes, segment) = batch.contents().unwrap();
        assert_eq!((to, bytes.len(), segment), (route(1), 240, 100));
        batch.advance();
        assert!(!batch.is_closed());
        assert_eq!(batch.contents(), Some((route(1), &[7; 30][..], 30)));
        batch.close();
        batch.advance();
        assert!(batch.is_empty() && batch.contents().is_none() && !batch.is_closed());
    }

    #[test]
    fn other_addresses_longer_datagrams_and_full_batches_start_anew() {
        for (second, size, max) in [(2, 10, 64), (1, 11, 64), (1, 10, 1)] {
            let mut batch = Batch::default();
            append(&mut batch, 10, 1, max);
            append(&mut batch, size, second, max);
            assert!(batch.is_closed());
            batch.advance();
            assert_eq!(
                batch.contents(),
                Some((route(second), &vec![7; size][..], size))
            );
        }
    }

    #[test]
    fn a_batch_never_exceeds_an_ip_packet() {
        let mut batch = Batch::default();
        while !batch.is_closed() {
            append(&mut batch, 1200, 1, usize::MAX);
        }
        assert_eq!(batch.contents().unwrap().1.len(), MAX_BYTES / 1200 * 1200);
    }
}

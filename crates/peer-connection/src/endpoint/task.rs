//! The task of a shard: the only reader of its sockets, the only waiter for its timers.

use std::future::poll_fn;
use std::io::{self, IoSliceMut};
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;

use gannet_ortc::ice::username_fragment_of;
use quinn_udp::RecvMeta;

use super::Shared;
use super::arrival::Arrivals;
use super::batch::Route;
use super::demux::{Demux, Found};
use super::shard::{Request, Shard};
use super::socket::{RECEIVE_BUFFERS, Socket};
use super::timers::Timers;
use crate::connection::{Connection, Core};

/// The largest datagram that is received whole.
const MAX_DATAGRAM: usize = 2048;
/// How many batches of one socket are handled before the other sockets and the timers get their turn.
const BATCHES_PER_TURN: usize = 8;

/// Everything that only the task touches.
#[derive(Debug)]
pub(super) struct Task {
    shared: Arc<Shared>,
    /// Which of the shards it is.
    index: usize,
    demux: Demux,
    timers: Timers,
    /// Connections that wait for room in a socket.
    blocked: Vec<Arc<Connection>>,
    /// Connections that were given datagrams in this turn.
    touched: Vec<Arc<Connection>>,
    /// Connections whose timer has fired in this turn.
    due: Vec<Arc<Connection>>,
    buffers: Vec<u8>,
    buffer_size: usize,
    closing: bool,
}

impl Task {
    pub(super) fn new(shared: Arc<Shared>, index: usize) -> Self {
        let segments = shared.shards[index]
            .sockets()
            .iter()
            .map(Socket::max_received_segments)
            .max()
            .unwrap_or(1);
        let buffer_size = (segments * MAX_DATAGRAM)
            .min(usize::from(u16::MAX))
            .max(MAX_DATAGRAM);
        Self {
            shared,
            index,
            demux: Demux::default(),
            timers: Timers::default(),
            blocked: Vec::new(),
            touched: Vec::new(),
            due: Vec::new(),
            buffers: vec![0; buffer_size * RECEIVE_BUFFERS],
            buffer_size,
            closing: false,
        }
    }

    /// Runs until the endpoint's last handle is gone.
    pub(super) async fn run(mut self) {
        loop {
            self.wait().await;
            for request in self.shard().take_requests() {
                self.handle_request(request);
            }
            if self.closing {
                return;
            }
            self.send_blocked();
            for index in 0..self.shard().sockets().len() {
                self.receive(index);
            }
            self.fire_timers();
        }
    }

    fn shard(&self) -> &Shard {
        &self.shared.shards[self.index]
    }

    /// Waits until there is something to do.
    async fn wait(&self) {
        let sockets = self.shard().sockets();
        let readiness = poll_fn(|context| {
            let mut ready = sockets
                .iter()
                .any(|socket| socket.poll_readable(context).is_ready());
            if !self.blocked.is_empty() {
                ready |= sockets
                    .iter()
                    .any(|socket| socket.poll_writable(context).is_ready());
            }
            if ready {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        });
        let timer = async {
            match self.timers.next() {
                Some(at) => tokio::time::sleep_until(at.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = readiness => {}
            () = self.shard().wake.notified() => {}
            () = timer => {}
        }
    }

    fn handle_request(&mut self, request: Request) {
        match request {
            Request::Dedicate(connection) => self.demux.dedicate(connection),
            Request::Attend(connection) => self.attend(&connection, Instant::now()),
            Request::Release(connection) => self.release(&connection),
            Request::Remove(id) => {
                self.demux.remove(id);
                self.let_go(id);
            }
            Request::Close => self.closing = true,
        }
    }

    /// Lets go of a connection that has moved, unless it has come back.
    fn release(&mut self, connection: &Connection) {
        // Only this task can make it come back.
        let is_home = connection.lock().home.shard() == self.index;
        if !is_home {
            self.let_go(connection.id());
        }
    }

    /// Neither wakes a connection nor waits for room for it.
    fn let_go(&mut self, id: u64) {
        self.timers.remove(id);
        self.blocked.retain(|blocked| blocked.id() != id);
    }

    /// Sends what a connection has to say, tells its users what happened, and sees to it that its timer is heard.
    fn attend(&mut self, connection: &Arc<Connection>, now: Instant) {
        let mut core = connection.lock();
        core.home.attended_by(self.index);
        if core.home.shard() == self.index {
            self.look_after(connection, &mut core, now);
        } else {
            self.shared.flush(now, connection, &mut core);
        }
        let notices = core.take_notices();
        drop(core);
        notices.deliver(connection);
    }

    /// Does for a connection what only its home does: arms its timer, and waits for room in the socket.
    fn look_after(&mut self, connection: &Arc<Connection>, core: &mut Core, now: Instant) {
        let blocked = self.shard().flush(now, core);
        if core.timer_moved()
            && let Some(at) = core.arm_timer()
        {
            self.timers.set(at, connection);
        }
        let mut waiting = self.blocked.iter();
        if blocked
            && !core.home.has_left()
            && !waiting.any(|waiting| waiting.id() == connection.id())
        {
            self.blocked.push(Arc::clone(connection));
        }
    }

    fn send_blocked(&mut self) {
        for connection in std::mem::take(&mut self.blocked) {
            self.attend(&connection, Instant::now());
        }
    }

    /// Wakes the connections whose time has come. One that wants to be woken again at once waits for
    /// the next turn, so that the others and the sockets have theirs.
    fn fire_timers(&mut self) {
        let now = Instant::now();
        let mut due = std::mem::take(&mut self.due);
        while let Some(connection) = self.timers.pop_due(now) {
            due.push(connection);
        }
        for connection in due.drain(..) {
            {
                let mut core = connection.lock();
                if core.home.shard() != self.index {
                    // It has just moved, and is woken there.
                    continue;
                }
                core.home.disarm();
                core.handle_timeout(now);
            }
            self.attend(&connection, now);
        }
        self.due = due;
    }

    /// Receives from a socket until it is empty or others must have their turn.
    fn receive(&mut self, index: usize) {
        for _ in 0..BATCHES_PER_TURN {
            let mut buffers = std::mem::take(&mut self.buffers);
            let mut meta = [RecvMeta::default(); RECEIVE_BUFFERS];
            let received = {
                let mut chunks = buffers.chunks_exact_mut(self.buffer_size);
                let mut slices: [IoSliceMut<'_>; RECEIVE_BUFFERS] =
                    std::array::from_fn(|_| IoSliceMut::new(chunks.next().unwrap_or_default()));
                self.shard().sockets()[index].try_receive(&mut slices, &mut meta)
            };
            let count = match received {
                Ok(count) => count,
                Err(error) => {
                    self.buffers = buffers;
                    if error.kind() != io::ErrorKind::WouldBlock {
                        // An ICMP error for something that was sent before; nothing to receive.
                        tracing::trace!(%error, "receiving from a UDP socket");
                    }
                    break;
                }
            };
            let arrivals = Arrivals::of_now();
            let local = self.shard().sockets()[index].local();
            for (buffer, meta) in buffers
                .chunks_exact_mut(self.buffer_size)
                .zip(&meta[..count])
            {
                let route = Route {
                    local,
                    remote: meta.addr,
                };
                if let Some(datagrams) = buffer.get_mut(..meta.len) {
                    let arrived = arrivals.time(meta.timestamp);
                    self.deliver(arrived, route, datagrams, meta.stride.max(1));
                }
            }
            self.buffers = buffers;
            let mut touched = std::mem::take(&mut self.touched);
            for connection in touched.drain(..) {
                self.attend(&connection, arrivals.now);
            }
            self.touched = touched;
            if count < RECEIVE_BUFFERS {
                break;
            }
        }
    }

    /// Hands datagrams of one route to their connection.
    fn deliver(&mut self, arrived: Instant, route: Route, datagrams: &mut [u8], stride: usize) {
        let name = name_in_check(datagrams, stride);
        let Some(found) = self.demux.find(&self.shared.fragments, &route, name) else {
            return;
        };
        let Found { connection, lesson } = found;
        let mut authentic = false;
        let mut core = connection.lock();
        for datagram in datagrams.chunks_mut(stride) {
            authentic |= core.handle_packet(arrived, route, datagram);
        }
        let old_home = match authentic {
            true => core.home.heard_at(self.index),
            false => None,
        };
        drop(core);
        if let Some(old_home) = old_home {
            let release = Request::Release(Arc::clone(&connection));
            self.shared.shards[old_home].request(release);
        }
        if authentic && let Some(lesson) = lesson {
            self.demux.learn(route, lesson, &connection);
        }
        if !self
            .touched
            .iter()
            .any(|touched| touched.id() == connection.id())
        {
            self.touched.push(connection);
        }
    }
}

/// The username fragment that the first datagram names, if it is a connectivity check.
fn name_in_check(datagrams: &[u8], stride: usize) -> Option<&str> {
    let first = datagrams.chunks(stride).next()?;
    // STUN, of all that comes here (RFC 7983, section 7).
    if *first.first()? > 3 {
        return None;
    }
    username_fragment_of(first)
}

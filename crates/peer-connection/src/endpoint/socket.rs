//! One UDP socket, with batches both ways.

use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::task::{Context, Poll};

use quinn_udp::{RecvMeta, UdpSockRef, UdpSocketState};
use socket2::{Domain, Protocol, Type};
use tokio::io::Interest;

/// How many receive buffers one system call fills.
pub(super) const RECEIVE_BUFFERS: usize = 8;
/// The kernel's buffers, each way: room for 20 ms at 800 Mbit/s.
const KERNEL_BUFFER: usize = 2 << 20;

/// A socket that has its address, and belongs to no runtime yet.
#[derive(Debug)]
pub(super) struct BoundSocket {
    socket: socket2::Socket,
    state: UdpSocketState,
}

impl BoundSocket {
    /// Binds to `address`, which nobody else must have.
    pub(super) fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = open(address)?;
        Self::new(socket, address)
    }

    /// Binds another socket to the address of this one. The kernel spreads what comes to it over both, by the two addresses of
    /// each datagram.
    ///
    /// This one was bound without the option. With it, the system would let it have an address that another group of this
    /// user has already: by the configuration, or by its own choice of a port.
    pub(super) fn bind_beside(&self) -> io::Result<Self> {
        let address = self.socket.local_addr()?.as_socket();
        let address = address.ok_or(io::ErrorKind::AddrNotAvailable)?;
        share(&self.socket)?;
        let socket = open(address)?;
        share(&socket)?;
        Self::new(socket, address)
    }

    fn new(socket: socket2::Socket, address: SocketAddr) -> io::Result<Self> {
        socket.bind(&address.into())?;
        let state = UdpSocketState::new(UdpSockRef::from(&socket))?;
        // What the system does not grant is no error: its limits are the administrator's.
        let _ = state.set_send_buffer_size(UdpSockRef::from(&socket), KERNEL_BUFFER);
        let _ = state.set_recv_buffer_size(UdpSockRef::from(&socket), KERNEL_BUFFER);
        Ok(Self { socket, state })
    }
}

fn open(address: SocketAddr) -> io::Result<socket2::Socket> {
    let domain = Domain::for_address(address);
    let socket = socket2::Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// Lets other sockets of this user have the same address; `Unsupported` where there is no such thing.
fn share(socket: &socket2::Socket) -> io::Result<()> {
    cfg_select! {
        all(unix, not(any(target_os = "solaris", target_os = "illumos", target_os = "cygwin"))) => {
            socket.set_reuse_port(true)
        }
        _ => {
            let _ = socket;
            Err(io::ErrorKind::Unsupported.into())
        }
    }
}

/// A bound, non-blocking UDP socket.
#[derive(Debug)]
pub(super) struct Socket {
    io: tokio::net::UdpSocket,
    state: UdpSocketState,
    local: SocketAddr,
}

impl Socket {
    /// Makes a bound socket ready for use; must be called inside a tokio runtime.
    pub(super) fn new(bound: BoundSocket) -> io::Result<Self> {
        let io = tokio::net::UdpSocket::from_std(bound.socket.into())?;
        let local = io.local_addr()?;
        Ok(Self {
            io,
            state: bound.state,
            local,
        })
    }

    /// The address that it is bound to.
    pub(super) const fn local(&self) -> SocketAddr {
        self.local
    }

    /// How many datagrams of one size one system call sends to one address.
    pub(super) fn max_segments(&self) -> usize {
        self.state.max_gso_segments()
    }

    /// How many datagrams of one size may arrive in one buffer.
    pub(super) fn max_received_segments(&self) -> usize {
        self.state.gro_segments()
    }

    /// Sends one or more datagrams of `segment` bytes each (the last may be shorter) to `remote`.
    ///
    /// `WouldBlock` means that the kernel's buffer is full and nothing was sent; any other trouble is
    /// the network's, and the datagrams are lost as any datagram may be.
    pub(super) fn try_send(
        &self,
        remote: SocketAddr,
        datagrams: &[u8],
        segment: usize,
    ) -> io::Result<()> {
        let transmit = quinn_udp::Transmit {
            destination: remote,
            ecn: None,
            contents: datagrams,
            segment_size: (segment < datagrams.len()).then_some(segment),
            src_ip: None,
        };
        self.io.try_io(Interest::WRITABLE, || {
            self.state.try_send(UdpSockRef::from(&self.io), &transmit)
        })
    }

    /// Receives a batch into `buffers`; `meta` says what each holds.
    pub(super) fn try_receive(
        &self,
        buffers: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> io::Result<usize> {
        self.io.try_io(Interest::READABLE, || {
            self.state.recv(UdpSockRef::from(&self.io), buffers, meta)
        })
    }

    /// Ready when there may be something to receive.
    pub(super) fn poll_readable(&self, context: &mut Context<'_>) -> Poll<()> {
        self.io.poll_recv_ready(context).map(drop)
    }

    /// Ready when there may be room to send.
    pub(super) fn poll_writable(&self, context: &mut Context<'_>) -> Poll<()> {
        self.io.poll_send_ready(context).map(drop)
    }
}

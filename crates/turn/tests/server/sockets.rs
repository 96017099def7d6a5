//! The server on real sockets: one for clients, and one for each relayed address.
#![allow(
    clippy::disallowed_methods,
    reason = "what owns sockets owns the clock"
)]

use std::collections::HashMap;
use std::io::Result;
use std::net::{SocketAddr, UdpSocket};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use gannet_netsim::Endpoint;

use super::{Server, ServerConfig};

/// How soon a thread notices that its socket is no longer wanted.
const PATIENCE: Duration = Duration::from_millis(100);

/// A datagram: where from, where to, and what.
type Datagram = (SocketAddr, SocketAddr, Vec<u8>);

/// A server with its sockets. It works while [`Self::serve`] is called.
pub struct SocketServer {
    server: Server,
    sockets: HashMap<SocketAddr, Arc<UdpSocket>>,
    sender: Sender<Datagram>,
    inputs: Receiver<Datagram>,
}

impl SocketServer {
    /// Listens on this address, which is also the one that it relays from; port 0 is any.
    pub fn bind(address: SocketAddr, config: ServerConfig) -> Result<Self> {
        let socket = UdpSocket::bind(address)?;
        let address = socket.local_addr()?;
        let mut server = Server::new(address, config);
        let ip = address.ip();
        server.ports = Box::new(move || {
            let free = UdpSocket::bind((ip, 0)).and_then(|socket| socket.local_addr());
            free.map_or(0, |free| free.port())
        });
        let (sender, inputs) = channel();
        let mut new = Self {
            server,
            sockets: HashMap::new(),
            sender,
            inputs,
        };
        new.add(address, socket)?;
        Ok(new)
    }

    /// Where clients find it.
    pub fn address(&self) -> SocketAddr {
        self.server.address
    }

    fn add(&mut self, address: SocketAddr, socket: UdpSocket) -> Result<()> {
        socket.set_read_timeout(Some(PATIENCE))?;
        let socket = Arc::new(socket);
        let (reader, sender) = (Arc::downgrade(&socket), self.sender.clone());
        std::thread::spawn(move || read(&reader, address, &sender));
        self.sockets.insert(address, socket);
        Ok(())
    }

    /// Handles what comes within `patience`.
    pub fn serve(&mut self, patience: Duration) -> Result<()> {
        let Ok((from, to, packet)) = self.inputs.recv_timeout(patience) else {
            return Ok(());
        };
        let now = Instant::now();
        self.server.handle_packet(now, from, to, &packet);
        // Sockets follow the allocations.
        let wanted: Vec<_> = self.server.relayed_addresses().collect();
        let own = self.server.address;
        self.sockets
            .retain(|address, _| *address == own || wanted.contains(address));
        for address in wanted {
            if !self.sockets.contains_key(&address) {
                self.add(address, UdpSocket::bind(address)?)?;
            }
        }
        let mut packet = Vec::new();
        while let Some((from, to)) = self.server.poll_transmit(now, &mut packet) {
            if let Some(socket) = self.sockets.get(&from) {
                // What can not be sent is lost, as on any network.
                let _ = socket.send_to(&packet, to);
            }
            packet.clear();
        }
        Ok(())
    }
}

/// Reads until the socket or the server is gone.
fn read(socket: &Weak<UdpSocket>, to: SocketAddr, sender: &Sender<Datagram>) {
    let mut room = [0; 2048];
    while let Some(socket) = socket.upgrade() {
        if let Ok((len, from)) = socket.recv_from(&mut room)
            && sender.send((from, to, room[..len].to_vec())).is_err()
        {
            return;
        }
    }
}

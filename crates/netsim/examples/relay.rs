//! A bad link between real sockets: the simulator's link model, run on UDP and the real clock.
//!
//! ```text
//! relay --listen 127.0.0.1:5000 --to 127.0.0.1:6000 --delay 20ms --loss 2% [--down] [--rate 1M] ..
//! ```
//!
//! What arrives at `--listen` crosses the link "up" and goes on to `--to`, from a socket of its own
//! for each client, and what comes back there crosses the link "down". All clients share the two
//! links. Options apply to both links; after `--up` or `--down` to that one alone, after `--both`
//! to both again. Their names and values are those of `LinkConfig::set`; besides them there is
//! `--seed`. It says on its standard output which address it listens on, and runs until it is
//! killed.

use std::collections::HashMap;
use std::error::Error;
use std::io::{self, Write};
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use gannet_netsim::{Link, LinkConfig, Packet};

/// Clients beyond these are not served: each costs a socket and a thread.
const MAX_CLIENTS: usize = 256;
/// Datagrams that wait between the reading threads and the links; more wait in the sockets.
const CHANNEL: usize = 1024;

struct Options {
    listen: SocketAddr,
    to: SocketAddr,
    up: LinkConfig,
    down: LinkConfig,
    seed: u64,
}

impl Options {
    fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, Box<dyn Error>> {
        let (mut listen, mut to, mut seed) = (None, None, 1);
        let (mut up, mut down) = (LinkConfig::new(), LinkConfig::new());
        let mut which = [true, true];
        while let Some(word) = words.next() {
            let name = word
                .strip_prefix("--")
                .ok_or(format!("\"{word}\" is not an option"))?;
            match name {
                "up" => which = [true, false],
                "down" => which = [false, true],
                "both" => which = [true, true],
                _ => {
                    let value = words.next().ok_or(format!("--{name} needs a value"))?;
                    match name {
                        "listen" => listen = Some(value.parse()?),
                        "to" => to = Some(value.parse()?),
                        "seed" => seed = value.parse()?,
                        _ => {
                            let configs = [&mut up, &mut down].into_iter().zip(which);
                            for (config, _) in configs.filter(|(_, chosen)| *chosen) {
                                config.set(name, &value)?;
                            }
                        }
                    }
                }
            }
        }
        Ok(Self {
            listen: listen.ok_or("--listen is missing")?,
            to: to.ok_or("--to is missing")?,
            up,
            down,
            seed,
        })
    }
}

/// A datagram, and the client that it comes from or goes to.
#[derive(Clone)]
struct Carried {
    client: SocketAddr,
    payload: Vec<u8>,
}

impl Packet for Carried {
    fn bytes(&mut self) -> &mut [u8] {
        &mut self.payload
    }
    fn size(&self) -> usize {
        self.payload.len()
    }
}

enum Arrival {
    FromClient(Carried),
    FromServer(Carried),
}

struct Relay {
    listener: Arc<UdpSocket>,
    to: SocketAddr,
    up: Link<Carried>,
    down: Link<Carried>,
    clients: HashMap<SocketAddr, Arc<UdpSocket>>,
    arrivals: SyncSender<Arrival>,
}

impl Relay {
    fn run(&mut self, arrived: &Receiver<Arrival>) -> io::Result<()> {
        loop {
            let now = clock();
            self.deliver(now);
            let wakeups = [self.up.next_wakeup(), self.down.next_wakeup()];
            let wakeup = wakeups.into_iter().flatten().min();
            let wait = wakeup.map_or(Duration::MAX, |at| at.saturating_duration_since(now));
            match arrived.recv_timeout(wait) {
                Ok(Arrival::FromClient(datagram)) => {
                    if self.knows(datagram.client)? {
                        self.up.send(clock(), datagram);
                    }
                }
                Ok(Arrival::FromServer(datagram)) => self.down.send(clock(), datagram),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
        }
    }

    /// A datagram that a socket refuses is lost, as on any other link.
    fn deliver(&mut self, now: Instant) {
        while let Some(datagram) = self.up.poll(now) {
            if let Some(socket) = self.clients.get(&datagram.client) {
                let _ = socket.send(&datagram.payload);
            }
        }
        while let Some(datagram) = self.down.poll(now) {
            let _ = self.listener.send_to(&datagram.payload, datagram.client);
        }
    }

    /// Whether the client has a socket; a new one gets one, as long as there are not too many.
    fn knows(&mut self, client: SocketAddr) -> io::Result<bool> {
        if self.clients.contains_key(&client) {
            return Ok(true);
        }
        if self.clients.len() >= MAX_CLIENTS {
            return Ok(false);
        }
        let any: SocketAddr = if self.to.is_ipv4() {
            ([0, 0, 0, 0], 0).into()
        } else {
            ([0_u16; 8], 0).into()
        };
        let socket = Arc::new(UdpSocket::bind(any)?);
        socket.connect(self.to)?;
        self.clients.insert(client, Arc::clone(&socket));
        let arrivals = self.arrivals.clone();
        read(move |buffer| {
            let length = socket.recv(buffer)?;
            let payload = buffer[..length].to_vec();
            Ok(arrivals
                .send(Arrival::FromServer(Carried { client, payload }))
                .is_ok())
        });
        Ok(true)
    }
}

/// Reads on a thread of its own until `receive` says `false`. Errors are those that ICMP causes on
/// a socket: the next datagram may well arrive.
fn read(mut receive: impl FnMut(&mut [u8]) -> io::Result<bool> + Send + 'static) {
    #[allow(
        clippy::disallowed_methods,
        reason = "a program of its own, which waits for several sockets"
    )]
    std::thread::spawn(move || {
        let mut buffer = vec![0; usize::from(u16::MAX)];
        while receive(&mut buffer).unwrap_or(true) {}
    });
}

#[allow(
    clippy::disallowed_methods,
    reason = "a program of its own, on the real clock"
)]
fn clock() -> Instant {
    Instant::now()
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse(std::env::args().skip(1))?;
    let listener = Arc::new(UdpSocket::bind(options.listen)?);
    writeln!(io::stdout(), "listening on {}", listener.local_addr()?)?;
    let (arrivals, arrived) = sync_channel(CHANNEL);
    let (socket, sender) = (Arc::clone(&listener), arrivals.clone());
    read(move |buffer| {
        let (length, client) = socket.recv_from(buffer)?;
        let payload = buffer[..length].to_vec();
        Ok(sender
            .send(Arrival::FromClient(Carried { client, payload }))
            .is_ok())
    });
    let mut relay = Relay {
        listener,
        to: options.to,
        up: Link::new(options.up, options.seed),
        down: Link::new(options.down, options.seed.wrapping_add(1)),
        clients: HashMap::new(),
        arrivals,
    };
    relay.run(&arrived)?;
    Ok(())
}

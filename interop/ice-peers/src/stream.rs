//! TCP and TLS connections to TURN servers: a thread each.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::time::Duration;

use gannet_stun::stream::Deframer;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};

/// How long the thread waits for bytes before it looks for something to send.
const TURN: Duration = Duration::from_millis(2);

/// The caller's end of a connection. The thread ends when it is dropped.
#[derive(Debug)]
pub struct Stream {
    pub local: SocketAddr,
    pub remote: SocketAddr,
    outgoing: Sender<Vec<u8>>,
}

/// What came from a connection.
#[derive(Debug)]
pub enum FromStream {
    Message(Vec<u8>),
    Closed,
}

enum Wire {
    Plain(TcpStream),
    Tls(Box<ClientConnection>, TcpStream),
}

impl Stream {
    /// Connects to whichever address answers first, one after the other (RFC 8305 without the overlap), with
    /// TLS if there is a configuration for it; `name` is what the certificate must have.
    pub fn connect(
        addresses: &[SocketAddr],
        tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
        heard: impl Fn(FromStream) + Send + 'static,
    ) -> std::io::Result<Self> {
        let socket = TcpStream::connect(addresses)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(TURN))?;
        let (local, remote) = (socket.local_addr()?, socket.peer_addr()?);
        let mut wire = match tls {
            None => Wire::Plain(socket),
            Some((config, name)) => {
                let connection = ClientConnection::new(config, name);
                let mut connection = connection.map_err(std::io::Error::other)?;
                let mut socket = socket;
                socket.set_read_timeout(Some(Duration::from_secs(5)))?;
                while connection.is_handshaking() {
                    connection.complete_io(&mut socket)?;
                }
                socket.set_read_timeout(Some(TURN))?;
                Wire::Tls(Box::new(connection), socket)
            }
        };
        let (outgoing, queue) = channel();
        std::thread::spawn(move || {
            let _ = wire.run(&queue, &heard);
            heard(FromStream::Closed);
        });
        Ok(Self {
            local,
            remote,
            outgoing,
        })
    }

    /// Queues bytes.
    pub fn send(&self, bytes: &[u8]) {
        // A connection that is gone loses them.
        let _ = self.outgoing.send(bytes.to_vec());
    }
}

impl Wire {
    fn run(
        &mut self,
        queue: &Receiver<Vec<u8>>,
        heard: &impl Fn(FromStream),
    ) -> std::io::Result<()> {
        let mut deframer = Deframer::new();
        let mut room = vec![0; 16_384];
        loop {
            loop {
                match queue.try_recv() {
                    Ok(bytes) => self.write(&bytes)?,
                    Err(TryRecvError::Empty) => break,
                    Err(TryRecvError::Disconnected) => return Ok(()),
                }
            }
            let Some(len) = self.read(&mut room)? else {
                return Ok(());
            };
            deframer.push(&room[..len]);
            while let Some(message) = deframer.next_message().map_err(std::io::Error::other)? {
                heard(FromStream::Message(message.to_vec()));
            }
        }
    }

    fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        match self {
            Self::Plain(socket) => socket.write_all(bytes),
            Self::Tls(connection, socket) => {
                connection.writer().write_all(bytes)?;
                while connection.wants_write() {
                    connection.write_tls(socket)?;
                }
                Ok(())
            }
        }
    }

    /// How many bytes came within a turn; `None` at the end of the stream.
    fn read(&mut self, room: &mut [u8]) -> std::io::Result<Option<usize>> {
        let read = match self {
            Self::Plain(socket) => socket.read(room),
            Self::Tls(connection, socket) => {
                if connection.wants_read() {
                    match connection.read_tls(socket) {
                        Ok(0) => return Ok(None),
                        Ok(_) => {
                            let state = connection.process_new_packets();
                            state.map_err(std::io::Error::other)?;
                        }
                        Err(error) if is_timeout(&error) => {}
                        Err(error) => return Err(error),
                    }
                }
                connection.reader().read(room)
            }
        };
        match read {
            Ok(0) => Ok(None),
            Ok(len) => Ok(Some(len)),
            Err(error) if is_timeout(&error) => Ok(Some(0)),
            Err(error) => Err(error),
        }
    }
}

fn is_timeout(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

//! Names in `.local` (RFC 6762), as browsers use them to hide their addresses: asking the local network
//! for the address behind one, and answering for our own.

mod message;
mod resolver;
mod responder;

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;

#[cfg(feature = "fuzzing")]
pub(crate) use self::message::fuzz;
pub(crate) use self::resolver::resolve;
pub(crate) use self::responder::Responder;

/// Where messages go (RFC 6762, section 3).
const GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 251);
const PORT: u16 = 5353;
/// The longest message that is received whole.
const MAX_MESSAGE: usize = 1500;

/// A socket on the mDNS port, shared with whoever else listens there, in the group on each interface.
fn open(interfaces: &[IpAddr]) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_reuse_address(true)?;
    #[cfg(unix)]
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    let address = SocketAddr::from((Ipv4Addr::UNSPECIFIED, PORT));
    socket.bind(&address.into())?;
    for interface in interfaces {
        if let IpAddr::V4(interface) = interface {
            // An interface without multicast is no reason not to speak on the others.
            let _ = socket.join_multicast_v4(&GROUP, interface);
        }
    }
    UdpSocket::from_std(socket.into())
}

/// Sends `message` to the group on every interface.
async fn multicast(socket: &UdpSocket, message: &[u8], interfaces: &[IpAddr]) {
    for interface in interfaces {
        let IpAddr::V4(interface) = interface else {
            continue;
        };
        let selected = socket2::SockRef::from(socket).set_multicast_if_v4(interface);
        if selected.is_ok() {
            // What is not sent is not heard, and then the question comes again.
            let _ = socket.send_to(message, (GROUP, PORT)).await;
        }
    }
}

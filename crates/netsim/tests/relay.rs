//! The example `relay`, between real sockets.

use std::io::{BufRead, BufReader};
use std::net::UdpSocket;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts the relay that cargo has built beside this test, and returns the address that it listens
/// on.
fn relay(to: &UdpSocket, words: &str) -> (Running, String) {
    let test = std::env::current_exe().expect("a test has a file");
    let profile = test
        .ancestors()
        .nth(2)
        .expect("target/<profile>/deps/<test>");
    let mut child = Command::new(profile.join("examples").join("relay"))
        .args(["--listen", "127.0.0.1:0", "--to"])
        .arg(to.local_addr().expect("it is bound").to_string())
        .args(words.split_whitespace())
        .stdout(Stdio::piped())
        .spawn()
        .expect("cargo test builds the examples");
    let mut line = String::new();
    let output = child.stdout.take().expect("it is piped");
    BufReader::new(output)
        .read_line(&mut line)
        .expect("it says where it listens");
    let address = line
        .trim()
        .strip_prefix("listening on ")
        .expect("its only line")
        .to_owned();
    (Running(child), address)
}

fn socket() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("loopback is there");
    socket
        .set_read_timeout(Some(Duration::from_secs(5)))
        .expect("not zero");
    socket
}

#[test]
fn two_clients_talk_to_a_server_through_it() {
    let (server, one, other) = (socket(), socket(), socket());
    let (_running, address) = relay(&server, "--delay 5ms --up --mtu 100");
    let mut buffer = [0; 2000];
    for (client, name) in [(&one, b"one"), (&other, b"two")] {
        client.send_to(name, &address).expect("loopback sends");
        let (length, from) = server.recv_from(&mut buffer).expect("it arrives");
        assert_eq!(&buffer[..length], name);
        // The way down has no MTU.
        server
            .send_to(&[name.as_slice(), &[7; 500]].concat(), from)
            .expect("loopback sends");
    }
    for (client, name) in [(&other, b"two"), (&one, b"one")] {
        assert_eq!(client.recv(&mut buffer).expect("it arrives"), 503);
        assert_eq!(&buffer[..3], name);
    }
    one.send_to(&[0; 101], &address).expect("loopback sends");
    one.send_to(b"small", &address).expect("loopback sends");
    assert_eq!(
        server.recv(&mut buffer).expect("it arrives"),
        5,
        "the long one was dropped"
    );
}

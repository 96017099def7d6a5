//! The tests' TURN server behind TCP and TLS: what comes in a stream goes on to it in datagrams, and back.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use gannet::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use gannet::rustls::{ClientConfig, RootCertStore, ServerConfig};
use gannet_stun::stream::Deframer;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};
use tokio_rustls::TlsAcceptor;

use crate::turn_server::sockets::SocketServer;

/// A TURN server over UDP, on a thread of its own for as long as the tests run.
pub(crate) fn serve_udp() -> SocketAddr {
    let address = (Ipv4Addr::LOCALHOST, 0).into();
    let mut server = SocketServer::bind(address, Default::default()).unwrap();
    let address = server.address();
    std::thread::spawn(move || while server.serve(Duration::from_secs(1)).is_ok() {});
    address
}

/// The same over TCP, or over TLS with an acceptor.
pub(crate) async fn serve_stream(tls: Option<TlsAcceptor>) -> SocketAddr {
    let server = serve_udp();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let tls = tls.clone();
            stream.set_nodelay(true).unwrap();
            tokio::spawn(async move {
                match tls {
                    None => pass_on(stream, server).await,
                    Some(tls) => {
                        // A client that does not trust it hangs up.
                        if let Ok(stream) = tls.accept(stream).await {
                            pass_on(stream, server).await;
                        }
                    }
                }
            });
        }
    });
    address
}

async fn pass_on(stream: impl AsyncRead + AsyncWrite, server: SocketAddr) {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    socket.connect(server).await.unwrap();
    let (mut reader, mut writer) = tokio::io::split(stream);
    let there = async {
        let mut deframer = Deframer::new();
        let mut buffer = [0; 4096];
        while let Ok(len) = reader.read(&mut buffer).await {
            if len == 0 {
                return;
            }
            deframer.push(&buffer[..len]);
            while let Some(message) = deframer.next_message().expect("messages") {
                let _ = socket.send(message).await;
            }
        }
    };
    let back = async {
        let mut buffer = [0; 4096];
        while let Ok(len) = socket.recv(&mut buffer).await {
            // In a stream, ChannelData is padded (RFC 8656, section 12.5).
            let padded = len.next_multiple_of(4);
            buffer[len..padded].fill(0);
            if writer.write_all(&buffer[..padded]).await.is_err() || writer.flush().await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = there => {}
        () = back => {}
    }
}

/// A server's and a client's side of TLS for 127.0.0.1; the client trusts nobody else.
pub(crate) fn tls() -> (TlsAcceptor, Arc<ClientConfig>) {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let certificate: CertificateDer<'static> = made.cert.der().clone();
    let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let provider = Arc::new(gannet::rustls::crypto::aws_lc_rs::default_provider());
    let server = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(certificate).unwrap();
    let client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    (TlsAcceptor::from(Arc::new(server)), Arc::new(client))
}

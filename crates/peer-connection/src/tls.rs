//! TLS to TURN servers: rustls with the system's certificates, or as the user configures it.

use std::io;

use tokio::net::TcpStream;

#[cfg(feature = "turn-tls")]
pub(crate) use enabled::{Tls, TlsStream};

#[cfg(not(feature = "turn-tls"))]
pub(crate) use disabled::{Tls, TlsStream};

#[cfg(feature = "turn-tls")]
mod enabled {
    use std::sync::{Arc, OnceLock};

    use tokio_rustls::TlsConnector;
    use tokio_rustls::rustls::pki_types::ServerName;
    use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};

    use super::{TcpStream, io};

    pub(crate) type TlsStream = tokio_rustls::client::TlsStream<TcpStream>;

    /// Who is trusted, and how.
    #[derive(Clone, Debug, Default)]
    pub(crate) struct Tls {
        /// The user's choice; `None` trusts whom the system trusts.
        pub(crate) config: Option<Arc<ClientConfig>>,
    }

    impl Tls {
        /// The TLS handshake with the server `name`, a DNS name or an address.
        pub(crate) async fn connect(&self, name: &str, stream: TcpStream) -> io::Result<TlsStream> {
            let config = match &self.config {
                Some(config) => Arc::clone(config),
                None => system_config().await?,
            };
            let name = ServerName::try_from(name.to_owned())
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
            TlsConnector::from(config).connect(name, stream).await
        }
    }

    /// The system's certificates are read once, by a thread that may wait for files.
    async fn system_config() -> io::Result<Arc<ClientConfig>> {
        static CONFIG: OnceLock<Arc<ClientConfig>> = OnceLock::new();
        if let Some(config) = CONFIG.get() {
            return Ok(Arc::clone(config));
        }
        let made = tokio::task::spawn_blocking(make_system_config).await;
        let config = made.map_err(io::Error::other)??;
        Ok(Arc::clone(CONFIG.get_or_init(|| config)))
    }

    fn make_system_config() -> io::Result<Arc<ClientConfig>> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let provider = Arc::new(crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Arc::new(config))
    }
}

#[cfg(not(feature = "turn-tls"))]
mod disabled {
    use super::{TcpStream, io};

    /// There is no TLS in this build, so nothing has its type.
    pub(crate) type TlsStream = TcpStream;

    /// TLS that is not built in: every server refuses.
    #[derive(Clone, Debug, Default)]
    pub(crate) struct Tls;

    impl Tls {
        pub(crate) async fn connect(&self, _: &str, _: TcpStream) -> io::Result<TlsStream> {
            Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "TLS is not built in: the feature turn-tls is off",
            ))
        }
    }
}

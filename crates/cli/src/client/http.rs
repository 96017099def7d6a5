//! HTTP, as much as a session needs: one request, one answer, and the stream is closed.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderName, HeaderValue, USER_AGENT};
use hyper::rt::{Read, Write};
use hyper::{HeaderMap, Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use thiserror::Error;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::Url;

/// How long a request may take, from the first packet to the last.
const PATIENCE: Duration = Duration::from_secs(15);
/// The longest answer that is read, in bytes.
const MAX_BODY: usize = 256 * 1024;

/// Why a request got no answer.
#[derive(Debug, Error)]
pub(crate) enum HttpError {
    #[error("the token has letters that no header can have")]
    Token,
    #[error("the certificates in '{}' can not be read", path.display())]
    Roots {
        path: PathBuf,
        #[source]
        source: pem::Error,
    },
    #[error("'{}' has no certificates", path.display())]
    NoRoots { path: PathBuf },
    #[error("TLS can not be set up")]
    Tls(#[from] rustls::Error),
    #[error("{url} can not be reached")]
    Connect {
        url: Url,
        #[source]
        source: io::Error,
    },
    #[error("{url} does not answer as HTTP has it")]
    Http {
        url: Url,
        #[source]
        source: hyper::Error,
    },
    #[error("the answer of {url} can not be read")]
    Body {
        url: Url,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("the answer of {url} has more than {MAX_BODY} bytes")]
    TooLarge { url: Url },
    #[error("{url} does not answer within {} s", PATIENCE.as_secs())]
    Late { url: Url },
}

/// An answer.
#[derive(Debug)]
pub(super) struct Response {
    pub(super) status: StatusCode,
    headers: HeaderMap,
    pub(super) body: String,
}

impl Response {
    /// A header, if it is text.
    pub(super) fn header(&self, name: HeaderName) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// Whom we trust, and how they know us.
#[derive(Debug)]
pub(super) struct Http {
    tls: Arc<ClientConfig>,
    /// The header `Authorization`.
    authorization: Option<HeaderValue>,
}

impl Http {
    /// With the certificates of the system, and those in a file.
    pub(super) fn new(token: Option<&str>, roots: Option<&Path>) -> Result<Self, HttpError> {
        let authorization = token.map(|token| {
            let mut header = HeaderValue::from_str(&format!("Bearer {token}"))?;
            header.set_sensitive(true);
            Ok::<_, hyper::header::InvalidHeaderValue>(header)
        });
        Ok(Self {
            tls: Arc::new(tls(roots)?),
            authorization: authorization.transpose().map_err(|_| HttpError::Token)?,
        })
    }

    /// Sends a request, with a body of a type or without.
    pub(super) async fn request(
        &self,
        method: Method,
        url: &Url,
        content: Option<(&'static str, String)>,
    ) -> Result<Response, HttpError> {
        let answered = tokio::time::timeout(PATIENCE, self.ask(method, url, content));
        let late = |_| HttpError::Late { url: url.clone() };
        answered.await.map_err(late)?
    }

    async fn ask(
        &self,
        method: Method,
        url: &Url,
        content: Option<(&'static str, String)>,
    ) -> Result<Response, HttpError> {
        let request = self.make(method, url, content);
        let connect = |source| HttpError::Connect {
            url: url.clone(),
            source,
        };
        let (host, port) = url.host_and_port();
        let stream = TcpStream::connect((host, port)).await.map_err(connect)?;
        if !url.is_secure() {
            return exchange(url, TokioIo::new(stream), request).await;
        }
        let name = ServerName::try_from(host.to_owned());
        let name = name.map_err(|error| connect(io::Error::other(error)))?;
        let connector = TlsConnector::from(Arc::clone(&self.tls));
        let stream = connector.connect(name, stream).await.map_err(connect)?;
        exchange(url, TokioIo::new(stream), request).await
    }

    fn make(
        &self,
        method: Method,
        url: &Url,
        content: Option<(&'static str, String)>,
    ) -> Request<Full<Bytes>> {
        let (kind, body) = content.unzip();
        let mut request = Request::new(Full::new(Bytes::from(body.unwrap_or_default())));
        *request.method_mut() = method;
        // They were parsed as parts of a URL.
        if let Ok(target) = url.target().parse() {
            *request.uri_mut() = target;
        }
        let headers = request.headers_mut();
        if let Ok(host) = HeaderValue::from_str(url.authority().as_str()) {
            headers.insert(HOST, host);
        }
        let agent = concat!("gannet/", env!("CARGO_PKG_VERSION"));
        headers.insert(USER_AGENT, HeaderValue::from_static(agent));
        if let Some(kind) = kind {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        }
        if let Some(authorization) = &self.authorization {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
        request
    }
}

/// Sends a request over a stream, and reads the answer.
async fn exchange(
    url: &Url,
    stream: impl Read + Write + Unpin + Send + 'static,
    request: Request<Full<Bytes>>,
) -> Result<Response, HttpError> {
    let http = |source| HttpError::Http {
        url: url.clone(),
        source,
    };
    let (mut sender, connection) = hyper::client::conn::http1::handshake(stream)
        .await
        .map_err(http)?;
    // It ends with the sender and the answer.
    let driver = tokio::spawn(connection);
    let answer = sender.send_request(request).await.map_err(http);
    let response = match answer {
        Ok(answer) => read(url, answer).await,
        Err(error) => Err(error),
    };
    driver.abort();
    response
}

async fn read(url: &Url, answer: hyper::Response<Incoming>) -> Result<Response, HttpError> {
    let (head, body) = answer.into_parts();
    let url = || url.clone();
    let body = match Limited::new(body, MAX_BODY).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => {
            return Err(HttpError::TooLarge { url: url() });
        }
        Err(source) => return Err(HttpError::Body { url: url(), source }),
    };
    Ok(Response {
        status: head.status,
        headers: head.headers,
        body: String::from_utf8_lossy(&body).into_owned(),
    })
}

fn tls(roots: Option<&Path>) -> Result<ClientConfig, HttpError> {
    let mut trusted = RootCertStore::empty();
    trusted.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(path) = roots {
        let failed = |source| HttpError::Roots {
            path: path.to_owned(),
            source,
        };
        let system = trusted.len();
        for certificate in CertificateDer::pem_file_iter(path).map_err(failed)? {
            trusted.add(certificate.map_err(failed)?)?;
        }
        if trusted.len() == system {
            let path = path.to_owned();
            return Err(HttpError::NoRoots { path });
        }
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(trusted)
        .with_no_client_auth())
}

/// Whether a server is on this machine.
pub(super) async fn is_local(url: &Url) -> Result<bool, HttpError> {
    let found = tokio::net::lookup_host(url.host_and_port()).await;
    let mut found = found.map_err(|source| HttpError::Connect {
        url: url.clone(),
        source,
    })?;
    Ok(found.any(|address: SocketAddr| address.ip().is_loopback()))
}

//! The other end of broadcasts: a session with a WHIP or a WHEP endpoint (draft-ietf-wish-whip-16, now RFC 9725). The two differ only in
//! who sends.

mod http;
mod url;

use std::path::PathBuf;
use std::time::Duration;

use gannet::ortc::parameters::RtpCapabilities;
use gannet::{
    Configuration, Event, NegotiationError, NewConnectionError, PeerConnection,
    PeerConnectionState, SessionDescription,
};
use gannet_sdp::attribute::AttributeName;
use gannet_sdp::{ParseError, SessionDescription as Sdp};
use hyper::{Method, StatusCode, header};
use thiserror::Error;

use self::http::{Http, HttpError, Response};
pub(crate) use self::url::Url;
use self::url::UrlError;

/// How long gathering may take before the offer goes out with the candidates that are there.
const GATHERING: Duration = Duration::from_secs(5);
/// How long the connection may take once the offer was answered.
const CONNECT: Duration = Duration::from_secs(30);
/// How often an offer is passed on to another server.
const MAX_REDIRECTIONS: usize = 5;
/// How much of a server's reason is shown, in characters.
const MAX_REASON: usize = 200;

/// What both commands are told about the server.
#[derive(Debug, clap::Args)]
pub(crate) struct ServerOptions {
    /// Show this token to the server (Authorization: Bearer TOKEN), and to those that it passes us on to.
    #[arg(
        long,
        value_name = "TOKEN",
        env = "GANNET_TOKEN",
        hide_env_values = true
    )]
    token: Option<String>,
    /// Trust the certificates in this file (PEM) besides those that the system trusts.
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
}

/// Why there is no session, or no longer.
#[derive(Debug, Error)]
pub(crate) enum ClientError {
    #[error(transparent)]
    Http(#[from] HttpError),
    #[error("{url} answers {status}{reason}")]
    Refused {
        url: Url,
        status: StatusCode,
        /// With what comes before it.
        reason: String,
    },
    #[error("{url} passes us on without end")]
    TooManyRedirections { url: Url },
    #[error("{url} passes us on to no place that can be used")]
    Redirection {
        url: Url,
        #[source]
        source: UrlError,
    },
    #[error("{url} answers without the Location of a session, or with one that can not be used")]
    Location { url: Url },
    #[error("{url} answers with '{found}' where a session description should be")]
    Type { url: Url, found: String },
    #[error("there is no connection to be offered")]
    Connection(#[from] NewConnectionError),
    #[error("no offer can be made")]
    Offer(#[source] NegotiationError),
    #[error("our own offer can not be read")]
    Unreadable(#[from] ParseError),
    #[error("the answer of {url} can not be used")]
    Answer {
        url: Url,
        #[source]
        source: NegotiationError,
    },
    #[error("the server answered, but it can not be reached for media")]
    NotConnected,
    #[error("the server has ended the session")]
    Ended,
}

/// A connection for this server. One that is on this machine is reached over loopback.
pub(crate) async fn connection(
    url: &Url,
    capabilities: RtpCapabilities,
) -> Result<PeerConnection, ClientError> {
    let mut configuration = Configuration::default();
    configuration.sockets.loopback = http::is_local(url).await?;
    configuration.capabilities = capabilities;
    Ok(PeerConnection::new(configuration)?)
}

/// A session with an endpoint.
#[derive(Debug)]
pub(crate) struct Session {
    connection: PeerConnection,
    http: Http,
    url: Url,
}

impl Session {
    /// Offers what the connection has, and takes the answer. All candidates are in the offer: none come later.
    pub(crate) async fn open(
        connection: PeerConnection,
        endpoint: Url,
        options: &ServerOptions,
    ) -> Result<Self, ClientError> {
        let http = Http::new(options.token.as_deref(), options.ca_file.as_deref())?;
        let offer = offer(&connection).await?;
        let (endpoint, response) = post(&http, endpoint, &offer).await?;
        let location = response.header(header::LOCATION);
        let location = location.and_then(|location| endpoint.join(location).ok());
        let Some(url) = location else {
            return Err(ClientError::Location { url: endpoint });
        };
        let session = Self {
            connection,
            http,
            url,
        };
        match session.take_answer(endpoint, response).await {
            Ok(()) => Ok(session),
            Err(error) => {
                session.end().await;
                Err(error)
            }
        }
    }

    async fn take_answer(&self, endpoint: Url, response: Response) -> Result<(), ClientError> {
        let kind = response.header(header::CONTENT_TYPE).unwrap_or_default();
        let essence = kind.split(';').next().unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case("application/sdp") {
            return Err(ClientError::Type {
                url: endpoint,
                found: readable(kind),
            });
        }
        let answer = SessionDescription::answer(response.body);
        let taken = self.connection.set_remote_description(answer).await;
        taken.map_err(|source| ClientError::Answer {
            url: endpoint,
            source,
        })
    }

    /// Waits until media can flow.
    pub(crate) async fn connected(&self) -> Result<(), ClientError> {
        let connected = self.until(Some(PeerConnectionState::Connected));
        match tokio::time::timeout(CONNECT, connected).await {
            Ok(true) => Ok(()),
            Ok(false) | Err(_) => Err(ClientError::NotConnected),
        }
    }

    /// Waits until the server is gone.
    pub(crate) async fn ended(&self) -> ClientError {
        self.until(None).await;
        ClientError::Ended
    }

    /// Waits for a state; whether it came before the end.
    async fn until(&self, wanted: Option<PeerConnectionState>) -> bool {
        use PeerConnectionState::{Closed, Failed};
        while let Some(event) = self.connection.next_event().await {
            match event {
                Event::ConnectionStateChange(state) if Some(state) == wanted => return true,
                Event::ConnectionStateChange(Failed | Closed) => return false,
                _ => {}
            }
        }
        false
    }

    /// The connection.
    pub(crate) const fn connection(&self) -> &PeerConnection {
        &self.connection
    }

    /// Says goodbye: by `DELETE`, and to the connection.
    pub(crate) async fn end(self) {
        match self.http.request(Method::DELETE, &self.url, None).await {
            Ok(response) if response.status.is_success() => {}
            Ok(response) => {
                tracing::info!(status = %response.status, "the session was gone already")
            }
            Err(error) => tracing::warn!(%error, "the server does not hear our goodbye"),
        }
        self.connection.close();
    }
}

/// Makes the offer. RTCP shares the port of RTP, which an offer has to say (RFC 8858, section 3).
async fn offer(connection: &PeerConnection) -> Result<String, ClientError> {
    let offer = connection.create_offer().await;
    let offer = offer.map_err(ClientError::Offer)?;
    let set = connection.set_local_description(offer).await;
    set.map_err(ClientError::Offer)?;
    let complete = connection.gathering_complete();
    if tokio::time::timeout(GATHERING, complete).await.is_err() {
        tracing::info!("candidates are still being gathered; the offer has those that are there");
    }
    let local = connection.local_description();
    let mut offer = Sdp::parse(&local.map(|local| local.sdp).unwrap_or_default())?;
    for media in &mut offer.media {
        media.push_flag(AttributeName::RtcpMuxOnly);
    }
    Ok(offer.to_string())
}

/// Posts the offer where the endpoint is, or where it passes us on to.
async fn post(http: &Http, mut url: Url, offer: &str) -> Result<(Url, Response), ClientError> {
    for _ in 0..=MAX_REDIRECTIONS {
        let content = Some(("application/sdp", offer.to_owned()));
        let response = http.request(Method::POST, &url, content).await?;
        match response.status {
            StatusCode::CREATED => return Ok((url, response)),
            // The others might turn a POST into a GET.
            StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT => {
                let location = response.header(header::LOCATION).unwrap_or_default();
                let next = url.join(location);
                url = next.map_err(|source| ClientError::Redirection { url, source })?;
            }
            status => {
                return Err(ClientError::Refused {
                    url,
                    status,
                    reason: reason(&response),
                });
            }
        }
    }
    Err(ClientError::TooManyRedirections { url })
}

/// What a server says about a refusal (RFC 9457), with a colon before it.
fn reason(response: &Response) -> String {
    let problem = serde_json::from_str::<serde_json::Value>(&response.body);
    let detail = problem.ok().and_then(|problem| {
        let detail = problem.get("detail").or_else(|| problem.get("title"));
        detail.and_then(|detail| detail.as_str().map(readable))
    });
    detail.map_or_else(String::new, |detail| format!(": {detail}"))
}

/// A text of somebody else's that can be shown on a terminal.
fn readable(text: &str) -> String {
    let shown = text.chars().filter(|letter| !letter.is_control());
    shown.take(MAX_REASON).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_says_can_be_shown() {
        assert_eq!(readable("all \u{1b}[31mred\r\n"), "all [31mred");
        assert_eq!(readable(&"ä".repeat(1000)), "ä".repeat(MAX_REASON));
    }
}

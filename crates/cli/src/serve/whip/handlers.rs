//! The HTTP face of broadcasts.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, ETAG, LINK, LOCATION};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};

use super::Desk;
use super::broadcasts::{Name, Opened};
use super::fragment::Fragment;
use super::headers::{self, FRAGMENT, SDP};
use super::refusal::Refusal;
use super::session::{Patched, Role};

/// The longest body that is read, in bytes; a browser's offer with all its codecs has about 10,000.
const MAX_BODY: usize = 256 * 1024;
/// How long a body may take to come.
const BODY: Duration = Duration::from_secs(10);

const ENDPOINT_METHODS: &str = "OPTIONS, GET, HEAD, POST";
const SESSION_METHODS: &str = "OPTIONS, GET, HEAD, PATCH, DELETE";

const ACCEPT_POST: HeaderName = HeaderName::from_static("accept-post");
const ACCEPT_PATCH: HeaderName = HeaderName::from_static("accept-patch");

/// `POST` to an endpoint: an offer, which is answered.
pub(super) async fn open(
    State(desk): State<Desk>,
    role: Role,
    Path(name): Path<String>,
    request: Request,
) -> Result<Response, Refusal> {
    desk.authorize(role, request.headers())?;
    let name = Name::new(&name).ok_or(Refusal::Name)?;
    let offer = body(request, SDP).await?;
    let opened = desk.broadcasts.open(role, &name, offer).await?;
    tracing::info!(%name, ?role, "a session was opened");
    Ok(desk.created(role, &name, opened))
}

/// `GET` of an endpoint: it has nothing to show.
pub(super) async fn nothing(Path(name): Path<String>) -> Result<Response, Refusal> {
    Name::new(&name).ok_or(Refusal::Name)?;
    Ok((StatusCode::NO_CONTENT, [(CACHE_CONTROL, "no-store")]).into_response())
}

/// `OPTIONS` of an endpoint.
pub(super) async fn endpoint_options() -> impl IntoResponse {
    [(ALLOW, ENDPOINT_METHODS), (ACCEPT_POST, SDP)]
}

/// Another method on an endpoint.
pub(super) async fn no_endpoint_method() -> Refusal {
    let allowed = ENDPOINT_METHODS;
    Refusal::Method { allowed }
}

/// `PATCH` of a session: candidates, or other credentials, with which ICE restarts.
pub(super) async fn patch(
    State(desk): State<Desk>,
    role: Role,
    Path((name, id)): Path<(String, String)>,
    request: Request,
) -> Result<Response, Refusal> {
    desk.authorize(role, request.headers())?;
    let name = Name::new(&name).ok_or(Refusal::NoSession)?;
    let session = desk.broadcasts.session(role, &name, &id);
    let session = session.ok_or(Refusal::NoSession)?;
    let generation = headers::generation(request.headers()).ok_or(Refusal::NoIfMatch)?;
    let fragment = Fragment::parse(&body(request, FRAGMENT).await?)?;
    Ok(match session.patch(&generation, &fragment).await? {
        Patched::Added => StatusCode::NO_CONTENT.into_response(),
        Patched::Restarted { tag, fragment } => {
            let headers = [
                (CONTENT_TYPE, FRAGMENT.to_owned()),
                (ETAG, entity_tag(&tag)),
            ];
            (headers, fragment).into_response()
        }
    })
}

/// `DELETE` of a session: it ends.
pub(super) async fn end(
    State(desk): State<Desk>,
    role: Role,
    Path((name, id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<StatusCode, Refusal> {
    desk.authorize(role, &headers)?;
    let name = Name::new(&name).ok_or(Refusal::NoSession)?;
    if !desk.broadcasts.end(role, &name, &id) {
        return Err(Refusal::NoSession);
    }
    tracing::info!(%name, ?role, "a session was ended by its client");
    Ok(StatusCode::OK)
}

/// `GET` of a session: it has nothing to show.
pub(super) async fn look(
    State(desk): State<Desk>,
    role: Role,
    Path((name, id)): Path<(String, String)>,
) -> Result<Response, Refusal> {
    let name = Name::new(&name).ok_or(Refusal::NoSession)?;
    let session = desk.broadcasts.session(role, &name, &id);
    session.ok_or(Refusal::NoSession)?;
    Ok((StatusCode::NO_CONTENT, [(CACHE_CONTROL, "no-store")]).into_response())
}

/// `OPTIONS` of a session.
pub(super) async fn session_options() -> impl IntoResponse {
    [(ALLOW, SESSION_METHODS), (ACCEPT_PATCH, FRAGMENT)]
}

/// Another method on a session.
pub(super) async fn no_session_method() -> Refusal {
    let allowed = SESSION_METHODS;
    Refusal::Method { allowed }
}

impl Desk {
    /// Publishers need the token, if there is one.
    fn authorize(&self, role: Role, headers: &HeaderMap) -> Result<(), Refusal> {
        let needed = self.token.as_ref().filter(|_| role == Role::Publisher);
        match needed {
            Some(token) if !token.is_in(headers) => Err(Refusal::Unauthorized),
            _ => Ok(()),
        }
    }

    fn created(&self, role: Role, name: &Name, opened: Opened) -> Response {
        let protocol = match role {
            Role::Publisher => "whip",
            Role::Viewer => "whep",
        };
        let Opened { id, answer, tag } = opened;
        let headers = [
            (CONTENT_TYPE, SDP.to_owned()),
            (LOCATION, format!("/{protocol}/{name}/{id}")),
            (ETAG, entity_tag(&tag)),
            (ACCEPT_PATCH, FRAGMENT.to_owned()),
        ];
        let mut response = (StatusCode::CREATED, headers, answer).into_response();
        for server in &*self.ice_servers {
            response.headers_mut().append(LINK, server.value());
        }
        response
    }
}

fn entity_tag(tag: &str) -> String {
    format!("\"{tag}\"")
}

/// The body of a request, which is of this type.
async fn body(request: Request, expected: &'static str) -> Result<String, Refusal> {
    if !headers::is_of_type(request.headers(), expected) {
        return Err(Refusal::Type { expected });
    }
    let limit = MAX_BODY;
    let length = request.headers().get(axum::http::header::CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|length| length > limit as u64) {
        return Err(Refusal::TooLarge { limit });
    }
    let reading = read(request.into_body(), limit);
    let bytes = tokio::time::timeout(BODY, reading).await;
    let bytes = bytes.map_err(|_| Refusal::Body)??;
    String::from_utf8(bytes).map_err(|_| Refusal::NotUtf8)
}

async fn read(body: Body, limit: usize) -> Result<Vec<u8>, Refusal> {
    use http_body_util::{BodyExt, LengthLimitError, Limited};
    match Limited::new(body, limit).collect().await {
        Ok(bytes) => Ok(bytes.to_bytes().into()),
        Err(error) if error.is::<LengthLimitError>() => Err(Refusal::TooLarge { limit }),
        Err(_) => Err(Refusal::Body),
    }
}

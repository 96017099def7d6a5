//! Broadcasts: one publishes by WHIP (draft-ietf-wish-whip-16, now RFC 9725), any number watch by WHEP (draft-ietf-wish-whep).
//! Nothing is decoded.
//!
//! - [`Broadcasts`] knows who publishes and who watches; a `Session` is one of them, with its connection. Neither knows HTTP.
//! - `handlers` are the HTTP face of them, `refusal` is what it answers if something is wrong.
//! - `offer` and `fragment` are about the SDP that comes and goes.
//! - `pages` has the two pages that publish and watch.

mod broadcasts;
mod fragment;
mod handlers;
mod headers;
mod offer;
mod pages;
mod refusal;
mod session;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::middleware::map_response;
use axum::routing::{get, post};
use gannet::{Certificate, Endpoint};

pub(super) use self::broadcasts::Broadcasts;
use self::broadcasts::Limits;
use self::headers::{IceServerLink, Token};
use self::session::Role;

/// How long a session may take to connect once it has its answer.
const CONNECT: Duration = Duration::from_secs(30);

/// What `gannet serve` is told about broadcasts.
#[derive(Debug, clap::Args)]
pub(super) struct BroadcastOptions {
    /// Who publishes at /whip/NAME has to have this token (Authorization: Bearer TOKEN). Without it, anybody who
    /// reaches the server may publish, and under any name. Whoever knows a name may watch, with or without it.
    #[arg(long, value_name = "TOKEN", env = "GANNET_WHIP_TOKEN", hide_env_values = true, value_parser = Token::parse)]
    whip_token: Option<Token>,
    /// How many may publish at once.
    #[arg(long, default_value_t = 16, value_name = "N")]
    max_publishers: usize,
    /// How many may watch at once, all broadcasts together.
    #[arg(long, default_value_t = 256, value_name = "N")]
    max_viewers: usize,
    /// A STUN or TURN server for publishers and viewers, which they are told: URL, or URL,USERNAME,PASSWORD.
    #[arg(long, value_name = "SERVER", value_parser = IceServerLink::parse)]
    ice_server: Vec<IceServerLink>,
}

/// What the handlers share.
#[derive(Clone, Debug)]
struct Desk {
    broadcasts: Broadcasts,
    token: Option<Token>,
    ice_servers: Arc<[IceServerLink]>,
}

/// The resources of broadcasts, and what is behind them.
pub(super) fn router(
    endpoint: Endpoint,
    certificate: Certificate,
    options: BroadcastOptions,
) -> (Router, Broadcasts) {
    let limits = Limits {
        publishers: options.max_publishers,
        viewers: options.max_viewers,
        connect: CONNECT,
    };
    let broadcasts = Broadcasts::new(endpoint, certificate, limits);
    let desk = Desk {
        broadcasts: broadcasts.clone(),
        token: options.whip_token,
        ice_servers: options.ice_server.into(),
    };
    let router = Router::new()
        .merge(resources("whip", Role::Publisher))
        .merge(resources("whep", Role::Viewer))
        .layer(map_response(headers::allow_all_origins))
        .route("/watch/{name}", get(pages::watch))
        .route("/publish/{name}", get(pages::publish))
        .route("/broadcast.js", get(pages::script))
        .route("/broadcast.css", get(pages::style))
        .with_state(desk);
    (router, broadcasts)
}

/// An endpoint and its sessions.
fn resources(protocol: &str, role: Role) -> Router<Desk> {
    let endpoint = post(move |desk, name, request| handlers::open(desk, role, name, request))
        .get(handlers::nothing)
        .options(handlers::endpoint_options)
        .fallback(handlers::no_endpoint_method);
    let session = get(move |desk, path| handlers::look(desk, role, path))
        .patch(move |desk, path, request| handlers::patch(desk, role, path, request))
        .delete(move |desk, path, headers| handlers::end(desk, role, path, headers))
        .options(handlers::session_options)
        .fallback(handlers::no_session_method);
    Router::new()
        .route(&format!("/{protocol}/{{name}}"), endpoint)
        .route(&format!("/{protocol}/{{name}}/{{id}}"), session)
}

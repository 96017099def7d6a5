//! The pages that publish and watch, which are part of the program.

use axum::extract::Path;
use axum::response::{IntoResponse, Response};

use super::broadcasts::Name;
use super::refusal::Refusal;
use crate::serve::page::asset;

/// `GET /publish/NAME`
pub(super) async fn publish(Path(name): Path<String>) -> Result<Response, Refusal> {
    page(&name, include_str!("../../../assets/publish.html"))
}

/// `GET /watch/NAME`
pub(super) async fn watch(Path(name): Path<String>) -> Result<Response, Refusal> {
    page(&name, include_str!("../../../assets/watch.html"))
}

/// `GET /broadcast.js`
pub(super) async fn script() -> impl IntoResponse {
    asset(
        "text/javascript; charset=utf-8",
        include_str!("../../../assets/broadcast.js"),
    )
}

/// `GET /broadcast.css`
pub(super) async fn style() -> impl IntoResponse {
    asset(
        "text/css; charset=utf-8",
        include_str!("../../../assets/broadcast.css"),
    )
}

/// The page finds the name in its own address.
fn page(name: &str, content: &'static str) -> Result<Response, Refusal> {
    Name::new(name).ok_or(Refusal::Name)?;
    Ok(asset("text/html; charset=utf-8", content).into_response())
}

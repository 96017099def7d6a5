//! What a request gets that is refused: a status, and a problem in words (RFC 9457).

use axum::http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use thiserror::Error;

use super::broadcasts::OpenError;
use super::fragment::FragmentError;
use super::offer::OfferError;
use super::session::{PatchError, SessionError};
use gannet::NegotiationError;

/// Why a request is refused.
#[derive(Debug, Error)]
pub(super) enum Refusal {
    #[error("publishing needs the token: Authorization: Bearer TOKEN")]
    Unauthorized,
    #[error("a name has letters, digits, and any of -_., 64 at most")]
    Name,
    #[error("there is no such session, or no longer")]
    NoSession,
    #[error("this can not be done here, only {allowed}")]
    Method { allowed: &'static str },
    #[error("the body should be of type {expected}")]
    Type { expected: &'static str },
    #[error("the body has more than {limit} bytes")]
    TooLarge { limit: usize },
    #[error("the body did not come")]
    Body,
    #[error("the body is not UTF-8")]
    NotUtf8,
    #[error("If-Match is missing: it should be the session's ETag, or * to restart ICE")]
    NoIfMatch,
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Fragment(#[from] FragmentError),
    #[error(transparent)]
    Patch(#[from] PatchError),
}

impl Refusal {
    fn status(&self) -> StatusCode {
        match self {
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Name | Self::NoSession => StatusCode::NOT_FOUND,
            Self::Method { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Self::Type { .. } => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Body => StatusCode::REQUEST_TIMEOUT,
            Self::NotUtf8 | Self::Fragment(_) => StatusCode::BAD_REQUEST,
            Self::NoIfMatch => StatusCode::PRECONDITION_REQUIRED,
            Self::Open(error) => of_open(error),
            Self::Patch(error) => of_patch(error),
        }
    }

    /// What the client should know besides.
    const fn header(&self) -> Option<(HeaderName, &'static str)> {
        match self {
            Self::Unauthorized => Some((WWW_AUTHENTICATE, "Bearer realm=\"whip\"")),
            Self::Method { allowed } => Some((ALLOW, allowed)),
            Self::Open(OpenError::Full) => Some((RETRY_AFTER, "10")),
            Self::Patch(PatchError::TooSoon) => Some((RETRY_AFTER, "1")),
            _ => None,
        }
    }
}

fn of_open(error: &OpenError) -> StatusCode {
    match error {
        OpenError::Taken => StatusCode::CONFLICT,
        OpenError::Full => StatusCode::SERVICE_UNAVAILABLE,
        OpenError::Session(SessionError::Setup(_)) => StatusCode::INTERNAL_SERVER_ERROR,
        OpenError::Session(SessionError::Offer(OfferError::Malformed(_))) => {
            StatusCode::BAD_REQUEST
        }
        OpenError::Session(SessionError::Offer(_) | SessionError::Negotiation(_)) => {
            StatusCode::UNPROCESSABLE_ENTITY
        }
    }
}

fn of_patch(error: &PatchError) -> StatusCode {
    match error {
        PatchError::Outdated => StatusCode::PRECONDITION_FAILED,
        PatchError::TooSoon => StatusCode::TOO_MANY_REQUESTS,
        PatchError::Negotiation(NegotiationError::Closed) => StatusCode::NOT_FOUND,
        PatchError::Negotiation(_) | PatchError::UnknownSection(_) => {
            StatusCode::UNPROCESSABLE_ENTITY
        }
        PatchError::Description(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = self.status();
        tracing::info!(%status, refusal = %self, "a request was refused");
        let problem = serde_json::json!({
            "title": status.canonical_reason(),
            "status": status.as_u16(),
            "detail": self.to_string(),
        });
        let kind = [(CONTENT_TYPE, "application/problem+json")];
        let header = self.header().map(|header| [header]);
        (status, kind, header, problem.to_string()).into_response()
    }
}

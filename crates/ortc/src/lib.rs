//! Sans-IO ORTC objects over one bundled transport.

mod dtls_transport;
pub mod parameters;
pub mod rtp;
mod session;

pub use dtls_transport::{DtlsFailure, DtlsTransportState};
pub use session::{Event, Session, SessionConfig, SessionStats};

/// The data channels' objects and values.
pub use gannet_datachannel as data;
/// The DTLS transport's values.
pub use gannet_dtls as dtls;
/// The ICE transport's values.
pub use gannet_ice as ice;
/// The SCTP association's values.
pub use gannet_sctp as sctp;
/// SRTP's profiles.
pub use gannet_srtp as srtp;

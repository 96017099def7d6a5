//! WebRTC data channels over an SCTP association (RFC 8831, RFC 8832).

mod channels;
mod error;
mod event;
mod init;

pub use channels::{ChannelStats, DataChannels};
pub use error::{OpenError, SendError};
pub use event::Event;
pub use gannet_sctp as sctp;
pub use init::{ChannelId, ChannelInit, ChannelState, DataChannelConfig, Message, Priority, Role};

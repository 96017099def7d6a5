//! A sans-IO SCTP association over any datagram transport.

mod association;
mod config;
pub mod congestion;
mod error;
mod event;
mod message;
pub mod packet;
mod ranges;
mod receive;
mod send;
mod stats;
mod stream_table;
mod timer;

pub use association::{Association, AssociationState, Transmit};
pub use config::{Config, SchedulerKind};
pub use error::{ReconfigError, SendError};
pub use event::{CloseReason, Event};
pub use message::{Message, Ppid, Reliability, SendOptions, StreamId};
pub use stats::Stats;

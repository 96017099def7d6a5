//! The sending half: what waits, what is on its way, and when the next packet may go.

mod fill;
mod forward;
mod outstanding;
mod pacer;
mod prr;
mod queue;
mod rack;
mod rate;
mod recovery;
mod rtt;
mod sack;
mod scheduler;
mod sender;

pub(crate) use queue::SendQueue;
pub(crate) use rate::RateSample;
pub(crate) use sender::{SendContext, Sender, SenderSettings};

//! The receiving half: which TSNs have arrived, messages put together and in order.

mod reassembly;
mod streams;
mod tracker;

pub(crate) use reassembly::{DataChunk, MESSAGE_COST, Reassembly};
pub(crate) use tracker::{Arrival, TsnTracker};

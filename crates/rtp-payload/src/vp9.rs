//! VP9 (RFC 9628), in flexible and non-flexible mode, with spatial and temporal layers.

mod bitstream;
mod depacketizer;
mod descriptor;
mod packetizer;
mod structure;

pub use depacketizer::Vp9Depacketizer;
pub use descriptor::{Vp9Descriptor, Vp9Layers};
pub use packetizer::Vp9Packetizer;
pub use structure::{Vp9GroupPicture, Vp9ScalabilityStructure};

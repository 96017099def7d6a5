//! AV1 (the RTP payload format of the Alliance for Open Media).

mod depacketizer;
mod obu;
mod packetizer;

pub use depacketizer::Av1Depacketizer;
pub use packetizer::Av1Packetizer;

// The aggregation header (section 4.4):
//
//  0 1 2 3 4 5 6 7
// +-+-+-+-+-+-+-+-+
// |Z|Y| W |N|-|-|-|
// +-+-+-+-+-+-+-+-+

/// The first element continues an OBU.
const Z: u8 = 0x80;
/// The last element will be continued.
const Y: u8 = 0x40;
/// How many elements there are, or zero if each has a length.
const W_SHIFT: u8 = 4;
const W: u8 = 0x30;
/// A coded video sequence begins.
const N: u8 = 0x08;

//! What the tests of all formats need.

use crate::frame::{FrameMetadata, Packetizer, References};
use crate::payload::{Depacketizer, PayloadError};

/// The default, as a constant.
pub(crate) const METADATA: FrameMetadata = FrameMetadata {
    temporal_id: None,
    spatial_id: None,
    layer_sync: false,
    non_reference: false,
    inter_picture: None,
    inter_layer: false,
    non_reference_for_upper: false,
    references: References::NONE,
    end_of_picture: true,
};

/// All payloads of a frame, with their marker bits.
pub(crate) fn cut(
    packetizer: &mut dyn Packetizer,
    frame: &[u8],
    metadata: &FrameMetadata,
    max_payload: usize,
) -> Vec<(Vec<u8>, bool)> {
    let begun = packetizer.begin(frame.to_vec().into(), metadata, max_payload);
    begun.expect("the frame can be sent");
    let mut payloads = Vec::new();
    let mut out = Vec::new();
    while let Some(payload) = packetizer.next_payload(&mut out) {
        payloads.push((std::mem::take(&mut out), payload.marker));
    }
    assert_eq!(out, [], "nothing is written at the end");
    payloads
}

/// The frame that these payloads are.
pub(crate) fn assemble(
    depacketizer: &dyn Depacketizer,
    payloads: &[(Vec<u8>, bool)],
) -> Result<Vec<u8>, PayloadError> {
    let mut out = Vec::new();
    let mut payloads = payloads.iter().map(|(payload, _)| payload.as_slice());
    depacketizer.assemble(&mut payloads, &mut out)?;
    Ok(out)
}

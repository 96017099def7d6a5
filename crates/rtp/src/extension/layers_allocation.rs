//! Bitrates and sizes of the layers that are sent: video-layers-allocation00.
//!
//! ```text
//! +-+-+-+-+-+-+-+-+
//! |RID| NS| sl_bm |   this stream, number of streams less one, layers if the same in all streams
//! +-+-+-+-+-+-+-+-+
//! |sl0_bm |sl1_bm |   if sl_bm is 0: the layers of each stream
//! +-+-+-+-+-+-+-+-+
//! |#tl|#tl|#tl|#tl|   for each layer, its temporal layers less one
//! +-+-+-+-+-+-+-+-+
//! |  bitrates     |   for each temporal layer, cumulative kbit/s in LEB128
//! +-+-+-+-+-+-+-+-+
//! | sizes, rates  |   optional: for each layer width less one, height less one, frames a second
//! +-+-+-+-+-+-+-+-+
//! ```
#![cfg_attr(
    not(test),
    warn(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation,
        clippy::unwrap_used
    )
)]

use gannet_wire::Reader;

use super::{ExtensionKind, HeaderExtension};

/// One spatial layer that is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SpatialLayer {
    /// The RTP stream that it is in, 0 to 3.
    pub stream: u8,
    /// Its number in that stream, 0 to 3.
    pub spatial_id: u8,
    /// How many temporal layers it has, 1 to 4.
    pub temporal_layers: u8,
    /// The bitrate up to each temporal layer, in kbit/s.
    pub bitrates: [u32; 4],
    /// Width and height (1 to 65536) and frames a second.
    pub resolution: Option<(u32, u32, u8)>,
}

/// The layers that a sender sends at this time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VideoLayersAllocation {
    /// Which RTP stream the extension came in, 0 to 3.
    pub stream: u8,
    /// How many RTP streams there are, 1 to 4. 0 if nothing is sent at all.
    pub streams: u8,
    layers: [SpatialLayer; 16],
    len: usize,
}

impl VideoLayersAllocation {
    /// An allocation without layers.
    #[must_use]
    pub fn new(stream: u8, streams: u8) -> Self {
        Self {
            stream: stream & 3,
            streams: streams.min(4),
            ..Self::default()
        }
    }

    /// Adds a layer. Whether it could be: layers come ordered by stream and number, their streams are
    /// below [`Self::streams`].
    pub fn push(&mut self, layer: SpatialLayer) -> bool {
        let place = |layer: &SpatialLayer| (layer.stream, layer.spatial_id);
        let in_order = self
            .layers()
            .last()
            .is_none_or(|last| place(last) < place(&layer));
        let well_formed = layer.stream < self.streams
            && layer.spatial_id < 4
            && (1..=4).contains(&layer.temporal_layers);
        match self.layers.get_mut(self.len) {
            Some(free) if in_order && well_formed => *free = layer,
            _ => return false,
        }
        self.len = self.len.saturating_add(1);
        true
    }

    /// The layers, ordered by stream, then by number.
    #[must_use]
    pub fn layers(&self) -> &[SpatialLayer] {
        self.layers.get(..self.len).unwrap_or_default()
    }

    fn masks(&self) -> [u8; 4] {
        let mut masks = [0; 4];
        for layer in self.layers() {
            if let Some(mask) = masks.get_mut(usize::from(layer.stream)) {
                *mask |= 1 << (layer.spatial_id & 3);
            }
        }
        masks
    }

    fn parse_layers(&mut self, masks: &[u8], reader: &mut Reader<'_>) -> Option<()> {
        for (stream, mask) in (0..).zip(masks) {
            for spatial_id in (0..4).filter(|id| mask >> id & 1 != 0) {
                let temporal_layers = 1;
                self.push(SpatialLayer {
                    stream,
                    spatial_id,
                    temporal_layers,
                    ..SpatialLayer::default()
                })
                .then_some(())?;
            }
        }
        let layers = self.layers.get_mut(..self.len)?;
        for group in layers.chunks_mut(4) {
            let counts = reader.u8("temporal layers").ok()?;
            for (layer, shift) in group.iter_mut().zip([6, 4, 2, 0]) {
                layer.temporal_layers = (counts >> shift & 3).saturating_add(1);
            }
        }
        for layer in layers.iter_mut() {
            let count = usize::from(layer.temporal_layers);
            for bitrate in layer.bitrates.iter_mut().take(count) {
                *bitrate = read_leb128(reader)?;
            }
        }
        if reader.is_empty() {
            return Some(());
        }
        for layer in layers.iter_mut() {
            let width = u32::from(reader.u16("width").ok()?).saturating_add(1);
            let height = u32::from(reader.u16("height").ok()?).saturating_add(1);
            layer.resolution = Some((width, height, reader.u8("frame rate").ok()?));
        }
        Some(())
    }
}

impl HeaderExtension<'_> for VideoLayersAllocation {
    const KIND: ExtensionKind = ExtensionKind::VideoLayersAllocation;

    fn parse(value: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(value);
        let first = reader.u8("head").ok()?;
        // A single zero byte says that nothing is sent.
        if first == 0 && reader.is_empty() {
            return Some(Self::default());
        }
        let mut allocation = Self::new(first >> 6, (first >> 4 & 3).saturating_add(1));
        let streams = usize::from(allocation.streams);
        let mut masks = [first & 0x0f; 4];
        if first & 0x0f == 0 {
            for pair in masks.chunks_mut(2).take(streams.div_ceil(2)) {
                let bits = reader.u8("layer masks").ok()?;
                for (mask, shift) in pair.iter_mut().zip([4, 0]) {
                    *mask = bits >> shift & 0x0f;
                }
            }
        }
        allocation.parse_layers(masks.get(..streams)?, &mut reader)?;
        Some(allocation)
    }

    fn write(&self, out: &mut Vec<u8>) {
        if self.streams == 0 {
            out.push(0);
            return;
        }
        let masks = self.masks();
        let streams = usize::from(self.streams).min(4);
        let masks = masks.get(..streams).unwrap_or_default();
        let first = masks.first().copied().unwrap_or(0);
        let shared = masks.iter().all(|mask| *mask == first) && first != 0;
        let head = (self.stream & 3) << 6 | (self.streams.wrapping_sub(1) & 3) << 4;
        out.push(head | if shared { first } else { 0 });
        if !shared {
            for pair in masks.chunks(2) {
                let high = pair.first().copied().unwrap_or(0);
                out.push(high << 4 | pair.get(1).copied().unwrap_or(0));
            }
        }
        for group in self.layers().chunks(4) {
            let counts = group
                .iter()
                .zip([6_u32, 4, 2, 0])
                .fold(0, |bits, (layer, shift)| {
                    bits | (layer.temporal_layers.wrapping_sub(1) & 3) << shift
                });
            out.push(counts);
        }
        for layer in self.layers() {
            let count = usize::from(layer.temporal_layers);
            for bitrate in layer.bitrates.iter().take(count) {
                write_leb128(*bitrate, out);
            }
        }
        if self.layers().iter().any(|layer| layer.resolution.is_none()) {
            return;
        }
        for (width, height, rate) in self.layers().iter().filter_map(|layer| layer.resolution) {
            for side in [width, height] {
                let less_one = u16::try_from(side.saturating_sub(1)).unwrap_or(u16::MAX);
                out.extend_from_slice(&less_one.to_be_bytes());
            }
            out.push(rate);
        }
    }
}

fn read_leb128(reader: &mut Reader<'_>) -> Option<u32> {
    let mut value = 0_u64;
    for shift in [0, 7, 14, 21, 28] {
        let byte = reader.u8("bitrate").ok()?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return u32::try_from(value).ok();
        }
    }
    None
}

fn write_leb128(mut value: u32, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push((value & 0x7f) as u8);
}

#[cfg(test)]
mod tests {
    use super::super::round_trip;
    use super::*;

    fn layer(stream: u8, spatial_id: u8, rates: &[u32]) -> SpatialLayer {
        let mut bitrates = [0; 4];
        bitrates[..rates.len()].copy_from_slice(rates);
        SpatialLayer {
            stream,
            spatial_id,
            temporal_layers: rates.len() as u8,
            bitrates,
            resolution: Some((320 << stream, 180 << stream, 30)),
        }
    }

    #[test]
    fn streams_with_the_same_layers_share_a_mask() {
        let mut allocation = VideoLayersAllocation::new(1, 2);
        assert!(allocation.push(layer(0, 0, &[100, 150])));
        assert!(allocation.push(layer(1, 0, &[500])));
        let bytes = [
            0b0101_0001,
            0b0100_0000,
            100,
            0x96,
            1,
            0xf4,
            3, // bitrates 100, 150, 500
            1,
            0x3f,
            0,
            0xb3,
            30,
            2,
            0x7f,
            1,
            0x67,
            30,
        ];
        round_trip(&allocation, &bytes);
        for len in 1..bytes.len() {
            let read = VideoLayersAllocation::parse(&bytes[..len]);
            assert!(read.is_none() || len == 7, "{len}");
        }
    }

    #[test]
    fn streams_with_different_layers_have_a_mask_each() {
        let mut allocation = VideoLayersAllocation::new(0, 3);
        assert!(allocation.push(layer(0, 1, &[1])));
        assert!(allocation.push(layer(2, 0, &[2])));
        assert!(allocation.push(layer(2, 3, &[3])));
        assert!(!allocation.push(layer(2, 3, &[3])), "twice the same");
        assert!(!allocation.push(layer(3, 0, &[3])), "no such stream");
        let mut bytes = vec![0b0010_0000, 0x20, 0x90, 0, 1, 2, 3];
        bytes.extend([
            1, 0x3f, 0, 0xb3, 30, 4, 0xff, 2, 0xcf, 30, 4, 0xff, 2, 0xcf, 30,
        ]);
        round_trip(&allocation, &bytes);
    }

    #[test]
    fn nothing_is_one_byte() {
        round_trip(&VideoLayersAllocation::default(), &[0]);
        assert_eq!(VideoLayersAllocation::parse(&[]), None);
    }
}

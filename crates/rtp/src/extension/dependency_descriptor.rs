//! How frames depend on each other: the dependency descriptor of the AV1 RTP specification, appendix A.
//!
//! The first packet of a coded video sequence carries a structure of templates; later packets name a
//! template and say where they differ from it. Hence reading one takes the structure that is current.
#![cfg_attr(
    not(test),
    warn(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation,
        clippy::unwrap_used
    )
)]

use thiserror::Error;

use super::{ExtensionKind, HeaderExtension};
use crate::bits::{BitReader, BitWriter};

/// More templates cannot be named (section A.8.3: identifiers have 6 bits).
const MAX_TEMPLATES: usize = 64;

/// Why a descriptor could not be read or written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DependencyDescriptorError {
    /// It ends too early.
    #[error("the dependency descriptor ends inside {0}")]
    Truncated(&'static str),
    /// It names a template of a structure that was not seen, because a packet was lost or is late.
    #[error("no dependency structure is known")]
    NoStructure,
    /// It names a template that its structure does not have.
    #[error("the dependency structure has no template with identifier {0}")]
    NoTemplate(u8),
    /// It breaks a limit of the format.
    #[error("the dependency descriptor has more {0} than the format allows")]
    TooMany(&'static str),
}

use DependencyDescriptorError as Error;

/// The three bytes that every descriptor starts with. They can be read without a structure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DependencyDescriptorHeader {
    /// The first packet of a frame.
    pub start_of_frame: bool,
    /// The last packet of a frame.
    pub end_of_frame: bool,
    /// Which template the frame follows, 0 to 63.
    pub template_id: u8,
    /// The frame's number in decode order; it wraps.
    pub frame_number: u16,
}

impl HeaderExtension<'_> for DependencyDescriptorHeader {
    const KIND: ExtensionKind = ExtensionKind::DependencyDescriptor;

    fn parse(value: &[u8]) -> Option<Self> {
        let ([bits, n0, n1], _) = value.split_first_chunk::<3>()?;
        Some(Self {
            start_of_frame: bits & 0x80 != 0,
            end_of_frame: bits & 0x40 != 0,
            template_id: bits & 0x3f,
            frame_number: u16::from_be_bytes([*n0, *n1]),
        })
    }

    fn write(&self, out: &mut Vec<u8>) {
        let flags = u8::from(self.start_of_frame) << 7 | u8::from(self.end_of_frame) << 6;
        out.push(flags | self.template_id & 0x3f);
        out.extend_from_slice(&self.frame_number.to_be_bytes());
    }
}

/// What a frame is to one decode target (table A.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DecodeTargetIndication {
    /// It is no part of it.
    #[default]
    NotPresent,
    /// No later frame of the target needs it.
    Discardable,
    /// Decoding the target can start with it.
    Switch,
    /// Later frames need it.
    Required,
}

impl DecodeTargetIndication {
    const fn from_bits(bits: u32) -> Self {
        match bits & 3 {
            0 => Self::NotPresent,
            1 => Self::Discardable,
            2 => Self::Switch,
            _ => Self::Required,
        }
    }
}

/// What a frame depends on: its template's values, or its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FrameDependencies {
    /// The spatial layer.
    pub spatial_id: u8,
    /// The temporal layer.
    pub temporal_id: u8,
    /// For each decode target, what the frame is to it.
    pub indications: Vec<DecodeTargetIndication>,
    /// How far back the frames are that this one refers to, by frame number; 1 to 4096.
    pub frame_diffs: Vec<u16>,
    /// For each chain, how far back its previous frame is; 0 if none is needed.
    pub chain_diffs: Vec<u8>,
}

/// One template: the same as a frame's dependencies, with `frame_diffs` up to 16 and `chain_diffs` up to 15.
pub type DependencyTemplate = FrameDependencies;

/// The structure that the descriptors of a coded video sequence refer to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DependencyStructure {
    /// The identifier of the first template, 0 to 63.
    pub template_id_offset: u8,
    /// How many decode targets there are, 1 to 32.
    pub decode_targets: u8,
    /// 1 to 64 templates, ordered by spatial, then temporal layer.
    pub templates: Vec<DependencyTemplate>,
    /// For each decode target, the chain that protects it. Empty if there are no chains.
    pub protected_by: Vec<u8>,
    /// How many chains there are, up to one for each decode target.
    pub chains: u8,
    /// For each spatial layer, width and height less one. Empty if they are not said.
    pub resolutions: Vec<(u16, u16)>,
}

impl DependencyStructure {
    fn template(&self, id: u8) -> Result<&DependencyTemplate, Error> {
        let index = id.wrapping_sub(self.template_id_offset) & 0x3f;
        self.templates
            .get(usize::from(index))
            .ok_or(Error::NoTemplate(id))
    }

    fn parse(bits: &mut BitReader<'_>) -> Result<Self, Error> {
        let short = Error::Truncated("the template dependency structure");
        let mut structure = Self {
            template_id_offset: bits.small(6).ok_or(short)?,
            decode_targets: bits.small(5).ok_or(short)?.saturating_add(1),
            ..Self::default()
        };
        structure.parse_layers(bits)?;
        structure.parse_dependencies(bits).ok_or(short)?;
        structure.parse_chains(bits).ok_or(short)?;
        if bits.bit().ok_or(short)? {
            let layers = structure.spatial_layers();
            for _ in 0..layers {
                let (width, height) = (bits.bits(16).ok_or(short)?, bits.bits(16).ok_or(short)?);
                let clip = |side: u32| (side & 0xffff) as u16;
                structure.resolutions.push((clip(width), clip(height)));
            }
        }
        Ok(structure)
    }

    // template_layers()
    fn parse_layers(&mut self, bits: &mut BitReader<'_>) -> Result<(), Error> {
        let (mut spatial_id, mut temporal_id) = (0_u8, 0_u8);
        loop {
            if self.templates.len() == MAX_TEMPLATES {
                return Err(Error::TooMany("templates"));
            }
            self.templates.push(DependencyTemplate {
                spatial_id,
                temporal_id,
                ..DependencyTemplate::default()
            });
            match bits.bits(2).ok_or(Error::Truncated("template layers"))? {
                0 => {}
                1 => temporal_id = temporal_id.saturating_add(1),
                2 => (temporal_id, spatial_id) = (0, spatial_id.saturating_add(1)),
                _ => return Ok(()),
            }
        }
    }

    // template_dtis() and template_fdiffs()
    fn parse_dependencies(&mut self, bits: &mut BitReader<'_>) -> Option<()> {
        for template in &mut self.templates {
            for _ in 0..self.decode_targets {
                let indication = DecodeTargetIndication::from_bits(bits.bits(2)?);
                template.indications.push(indication);
            }
        }
        for template in &mut self.templates {
            while bits.bit()? {
                let diff = u16::from(bits.small(4)?).saturating_add(1);
                template.frame_diffs.push(diff);
            }
        }
        Some(())
    }

    // template_chains()
    fn parse_chains(&mut self, bits: &mut BitReader<'_>) -> Option<()> {
        let targets = u32::from(self.decode_targets);
        let chains = bits.non_symmetric(targets.saturating_add(1))?;
        self.chains = u8::try_from(chains).ok()?;
        if chains == 0 {
            return Some(());
        }
        for _ in 0..self.decode_targets {
            let chain = bits.non_symmetric(chains)?;
            self.protected_by.push(u8::try_from(chain).ok()?);
        }
        for template in &mut self.templates {
            for _ in 0..chains {
                template.chain_diffs.push(bits.small(4)?);
            }
        }
        Some(())
    }

    fn spatial_layers(&self) -> usize {
        let highest = self.templates.last().map_or(0, |last| last.spatial_id);
        usize::from(highest).saturating_add(1)
    }

    fn check(&self) -> Result<(), Error> {
        if !(1..=MAX_TEMPLATES).contains(&self.templates.len()) {
            return Err(Error::TooMany("templates"));
        }
        if !(1..=32).contains(&self.decode_targets) || self.chains > self.decode_targets {
            return Err(Error::TooMany("decode targets or chains"));
        }
        let (targets, chains) = (usize::from(self.decode_targets), usize::from(self.chains));
        let well_formed = self.templates.iter().all(|template| {
            template.indications.len() == targets
                && template.chain_diffs.len() == chains
                && template.chain_diffs.iter().all(|&diff| diff < 16)
                && template
                    .frame_diffs
                    .iter()
                    .all(|diff| (1..=16).contains(diff))
        });
        let protected = self.protected_by.len() == if chains == 0 { 0 } else { targets };
        if !well_formed || !protected || self.protected_by.iter().any(|&c| c >= self.chains) {
            return Err(Error::TooMany("values in a template"));
        }
        if !self.resolutions.is_empty() && self.resolutions.len() != self.spatial_layers() {
            return Err(Error::TooMany("resolutions"));
        }
        Ok(())
    }

    fn write(&self, bits: &mut BitWriter<'_>) {
        bits.bits(6, u32::from(self.template_id_offset));
        bits.bits(5, u32::from(self.decode_targets).wrapping_sub(1));
        let mut templates = self.templates.iter().peekable();
        while let Some(template) = templates.next() {
            bits.bits(
                2,
                match templates.peek() {
                    None => 3,
                    Some(next) if next.spatial_id != template.spatial_id => 2,
                    Some(next) => u32::from(next.temporal_id != template.temporal_id),
                },
            );
        }
        for indication in self.templates.iter().flat_map(|t| &t.indications) {
            bits.bits(2, *indication as u32);
        }
        for template in &self.templates {
            for diff in &template.frame_diffs {
                bits.bit(true);
                bits.bits(4, u32::from(*diff).wrapping_sub(1));
            }
            bits.bit(false);
        }
        let chains = u32::from(self.chains);
        bits.non_symmetric(u32::from(self.decode_targets).saturating_add(1), chains);
        for chain in &self.protected_by {
            bits.non_symmetric(chains, u32::from(*chain));
        }
        for diff in self.templates.iter().flat_map(|t| &t.chain_diffs) {
            bits.bits(4, u32::from(*diff));
        }
        bits.bit(!self.resolutions.is_empty());
        for (width, height) in &self.resolutions {
            bits.bits(16, u32::from(*width));
            bits.bits(16, u32::from(*height));
        }
    }
}

/// A whole descriptor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DependencyDescriptor {
    /// What every descriptor starts with.
    pub header: DependencyDescriptorHeader,
    /// A new structure, on the first packet of a coded video sequence.
    pub structure: Option<DependencyStructure>,
    /// Which decode targets are there, bit 0 for the first; `None` if this packet does not say.
    pub active_decode_targets: Option<u32>,
    /// What the frame depends on.
    pub dependencies: FrameDependencies,
}

impl DependencyDescriptor {
    /// Reads a descriptor that may refer to the structure `current`.
    pub fn parse(value: &[u8], current: Option<&DependencyStructure>) -> Result<Self, Error> {
        let header = DependencyDescriptorHeader::parse(value)
            .ok_or(Error::Truncated("the mandatory fields"))?;
        let mut bits = BitReader::new(value.get(3..).unwrap_or_default());
        let short = Error::Truncated("the extended fields");
        let flags = if bits.remaining() == 0 {
            0
        } else {
            bits.bits(5).ok_or(short)?
        };
        let structure = if flags & 0b1_0000 != 0 {
            Some(DependencyStructure::parse(&mut bits)?)
        } else {
            None
        };
        let known = structure.as_ref().or(current).ok_or(Error::NoStructure)?;
        let active_decode_targets = if flags & 0b1000 != 0 {
            Some(bits.bits(u32::from(known.decode_targets)).ok_or(short)?)
        } else {
            None
        };
        let mut dependencies = known.template(header.template_id)?.clone();
        let short = Error::Truncated("the frame's dependencies");
        dependencies
            .parse_own(&mut bits, flags, known.chains)
            .ok_or(short)?;
        Ok(Self {
            header,
            structure,
            active_decode_targets,
            dependencies,
        })
    }

    /// Writes the descriptor: what differs from its template, in [`Self::structure`] or else `current`,
    /// is written with it. The value may be longer than a header extension can be (255 bytes); the
    /// caller looks.
    pub fn write(
        &self,
        current: Option<&DependencyStructure>,
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        let known = self
            .structure
            .as_ref()
            .or(current)
            .ok_or(Error::NoStructure)?;
        known.check()?;
        let template = known.template(self.header.template_id)?;
        let own = &self.dependencies;
        if own.indications.len() != template.indications.len()
            || own.chain_diffs.len() != template.chain_diffs.len()
            || own
                .frame_diffs
                .iter()
                .any(|diff| !(1..=4096).contains(diff))
        {
            return Err(Error::TooMany("values in the frame's dependencies"));
        }
        let flags = u32::from(self.structure.is_some()) << 4
            | u32::from(self.active_decode_targets.is_some()) << 3
            | u32::from(own.indications != template.indications) << 2
            | u32::from(own.frame_diffs != template.frame_diffs) << 1
            | u32::from(own.chain_diffs != template.chain_diffs);
        self.header.write(out);
        if flags == 0 {
            return Ok(());
        }
        let mut bits = BitWriter::new(out);
        bits.bits(5, flags);
        if let Some(structure) = &self.structure {
            structure.write(&mut bits);
        }
        if let Some(active) = self.active_decode_targets {
            bits.bits(u32::from(known.decode_targets), active);
        }
        own.write_own(&mut bits, flags);
        Ok(())
    }
}

impl FrameDependencies {
    // frame_dtis(), frame_fdiffs() and frame_chains()
    fn parse_own(&mut self, bits: &mut BitReader<'_>, flags: u32, chains: u8) -> Option<()> {
        if flags & 0b100 != 0 {
            for indication in &mut self.indications {
                *indication = DecodeTargetIndication::from_bits(bits.bits(2)?);
            }
        }
        if flags & 0b10 != 0 {
            self.frame_diffs.clear();
            loop {
                let size = bits.bits(2)?;
                if size == 0 {
                    break;
                }
                let less_one = bits.bits(size.wrapping_mul(4))?;
                let diff = u16::try_from(less_one).ok()?.checked_add(1)?;
                self.frame_diffs.push(diff);
            }
        }
        if flags & 1 != 0 {
            self.chain_diffs.clear();
            for _ in 0..chains {
                self.chain_diffs.push(bits.small(8)?);
            }
        }
        Some(())
    }

    fn write_own(&self, bits: &mut BitWriter<'_>, flags: u32) {
        if flags & 0b100 != 0 {
            for indication in &self.indications {
                bits.bits(2, *indication as u32);
            }
        }
        if flags & 0b10 != 0 {
            for diff in &self.frame_diffs {
                let less_one = u32::from(*diff).wrapping_sub(1);
                let size = match less_one {
                    0..16 => 1,
                    16..256 => 2,
                    _ => 3,
                };
                bits.bits(2, size);
                bits.bits(size.wrapping_mul(4), less_one);
            }
            bits.bits(2, 0);
        }
        if flags & 1 != 0 {
            for diff in &self.chain_diffs {
                bits.bits(8, u32::from(*diff));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use DecodeTargetIndication::{Discardable, NotPresent, Required, Switch};

    use super::*;

    fn template(
        temporal_id: u8,
        indications: [DecodeTargetIndication; 2],
        frame_diffs: &[u16],
        chain_diff: u8,
    ) -> DependencyTemplate {
        DependencyTemplate {
            spatial_id: 0,
            temporal_id,
            indications: indications.to_vec(),
            frame_diffs: frame_diffs.to_vec(),
            chain_diffs: vec![chain_diff],
        }
    }

    /// One spatial layer, two temporal ones.
    fn l1t2() -> DependencyStructure {
        DependencyStructure {
            template_id_offset: 62,
            decode_targets: 2,
            templates: vec![
                template(0, [Switch, Switch], &[], 0),
                template(0, [Switch, Switch], &[2], 2),
                template(1, [NotPresent, Discardable], &[1], 1),
            ],
            protected_by: vec![0, 0],
            chains: 1,
            resolutions: vec![(639, 479)],
        }
    }

    fn descriptor(structure: Option<DependencyStructure>, template: u8) -> DependencyDescriptor {
        let known = structure.clone().unwrap_or_else(l1t2);
        DependencyDescriptor {
            header: DependencyDescriptorHeader {
                start_of_frame: true,
                end_of_frame: false,
                template_id: template,
                frame_number: 0x1234,
            },
            dependencies: known.template(template).unwrap().clone(),
            structure,
            active_decode_targets: None,
        }
    }

    #[test]
    fn a_key_frame_brings_the_structure() {
        let key = descriptor(Some(l1t2()), 62);
        let mut bytes = Vec::new();
        key.write(None, &mut bytes).unwrap();
        assert_eq!(&bytes[..3], [0x80 | 62, 0x12, 0x34]);
        assert_eq!(DependencyDescriptor::parse(&bytes, None), Ok(key));
    }

    #[test]
    fn a_frame_like_its_template_takes_three_bytes() {
        let structure = l1t2();
        // Identifiers wrap: 62, 63, 0.
        let frame = descriptor(None, 0);
        let mut bytes = Vec::new();
        frame.write(Some(&structure), &mut bytes).unwrap();
        assert_eq!(bytes, [0x80, 0x12, 0x34]);
        let read = DependencyDescriptor::parse(&bytes, Some(&structure)).unwrap();
        assert_eq!(read, frame);
        assert_eq!(read.dependencies.temporal_id, 1);
        let error = DependencyDescriptor::parse(&bytes, None).unwrap_err();
        assert_eq!(error, Error::NoStructure);
        bytes[0] = 0x85;
        let error = DependencyDescriptor::parse(&bytes, Some(&structure)).unwrap_err();
        assert_eq!(error, Error::NoTemplate(5));
    }

    #[test]
    fn a_frame_may_differ_from_its_template() {
        let structure = l1t2();
        let mut frame = descriptor(None, 63);
        frame.active_decode_targets = Some(0b01);
        frame.dependencies.indications = vec![Required, Switch];
        frame.dependencies.frame_diffs = vec![1, 17, 256, 257, 4096];
        frame.dependencies.chain_diffs = vec![200];
        let mut bytes = Vec::new();
        frame.write(Some(&structure), &mut bytes).unwrap();
        let read = DependencyDescriptor::parse(&bytes, Some(&structure));
        assert_eq!(read, Ok(frame));
        for len in 0..bytes.len() {
            let _ = DependencyDescriptor::parse(&bytes[..len], Some(&structure));
        }
    }

    #[test]
    fn a_structure_that_cannot_be_written_is_refused() {
        let mut structure = l1t2();
        structure.templates[0].frame_diffs = vec![17];
        let frame = descriptor(Some(structure), 63);
        let error = frame.write(None, &mut Vec::new()).unwrap_err();
        assert_eq!(error, Error::TooMany("values in a template"));
    }

    #[test]
    fn endless_templates_end() {
        // next_layer_idc 0 again and again.
        let mut bytes = vec![0x80, 0, 1, 0b1000_0000];
        bytes.resize(255, 0);
        let error = DependencyDescriptor::parse(&bytes, None).unwrap_err();
        assert_eq!(error, Error::TooMany("templates"));
    }
}

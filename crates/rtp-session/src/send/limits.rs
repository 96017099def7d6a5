//! What a sender may be told, and what its packets have room for.

use gannet_rtp::extension::{ExtensionKind, InvalidIdentifier, Mid, Rid};

use crate::parameters::{ParameterError, SendParameters};

/// Checks what a sender is told.
pub(crate) fn check(parameters: &SendParameters) -> Result<(), ParameterError> {
    let codec = parameters.codec;
    if codec.payload_type > 127 {
        return Err(ParameterError::PayloadType(codec.payload_type));
    }
    if let Some(rtx) = codec
        .rtx_payload_type
        .filter(|rtx| *rtx > 127 || *rtx == codec.payload_type)
    {
        return Err(ParameterError::PayloadType(rtx));
    }
    if codec.clock_rate == 0 {
        return Err(ParameterError::ClockRate(codec.payload_type));
    }
    if parameters.max_packet_size < 100 {
        return Err(ParameterError::PacketSize(parameters.max_packet_size));
    }
    check_identifiers(parameters.mid.as_deref(), parameters.rid.as_deref())?;
    Ok(())
}

pub(crate) fn check_identifiers(
    mid: Option<&str>,
    rid: Option<&str>,
) -> Result<(), InvalidIdentifier> {
    mid.map(Mid::new).transpose()?;
    rid.map(Rid::new).transpose()?;
    Ok(())
}

/// What is left of a packet for its payload when header, all extensions and an RTX header are taken off.
pub(super) fn max_payload(parameters: &SendParameters) -> usize {
    let map = &parameters.extensions;
    let identifier = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    let lengths = [
        (ExtensionKind::Mid, identifier(&parameters.mid)),
        (ExtensionKind::RepairedRid, identifier(&parameters.rid)),
        (ExtensionKind::AbsoluteSendTime, 3),
        (ExtensionKind::TransportSequence, 2),
        (ExtensionKind::AudioLevel, 1),
        (ExtensionKind::VideoOrientation, 1),
    ];
    // Two-byte headers are the worst case.
    let elements: usize = lengths
        .into_iter()
        .filter(|(kind, _)| map.id(*kind).is_some())
        .map(|(_, len)| len + 2)
        .sum();
    let section = if elements == 0 {
        0
    } else {
        4 + elements.next_multiple_of(4)
    };
    parameters
        .max_packet_size
        .saturating_sub(12 + section + 2)
        .max(40)
}

//! Which codecs two sides have in common (RFC 3264, section 6.1; the payload formats' own rules).

use gannet_ortc::parameters::{
    FormatParameters, MediaKind, RtcpFeedback, RtpCapabilities, RtpCodecCapability,
    RtpCodecParameters,
};
use gannet_sdp::fmtp::{Av1, H264, H265, Red, Vp9};

/// Codecs that carry no media of their own.
pub(crate) fn is_auxiliary(codec: &RtpCodecParameters) -> bool {
    const AUXILIARY: [&str; 7] = [
        "rtx",
        "red",
        "ulpfec",
        "flexfec",
        "flexfec-03",
        "CN",
        "telephone-event",
    ];
    AUXILIARY.iter().any(|name| codec.is(name))
}

/// A capability with its preferred payload type.
pub(crate) fn from_capability(capability: &RtpCodecCapability) -> RtpCodecParameters {
    RtpCodecParameters {
        name: capability.name.clone(),
        payload_type: capability.preferred_payload_type,
        clock_rate: capability.clock_rate,
        channels: capability.channels,
        parameters: capability.parameters.clone(),
        rtcp_feedback: capability.rtcp_feedback.clone(),
    }
}

/// The codecs of one kind.
pub(crate) fn of_kind(capabilities: &RtpCapabilities, kind: MediaKind) -> Vec<RtpCodecParameters> {
    capabilities
        .codecs
        .iter()
        .filter(|codec| codec.kind == kind)
        .map(from_capability)
        .collect()
}

/// Whether two codecs are the same one: name, clock, channels, and what else decides whether a stream
/// can be decoded.
pub fn is_same(ours: &RtpCodecParameters, theirs: &RtpCodecParameters) -> bool {
    if !ours.is(&theirs.name)
        || ours.clock_rate != theirs.clock_rate
        || ours.channels != theirs.channels
    {
        return false;
    }
    let (a, b) = (ours.parameters.to_string(), theirs.parameters.to_string());
    match ours.name.to_ascii_uppercase().as_str() {
        "H264" => matches!((H264::parse(&a), H264::parse(&b)), (Ok(a), Ok(b)) if a.matches(&b)),
        "H265" => matches!((H265::parse(&a), H265::parse(&b)), (Ok(a), Ok(b)) if a.matches(&b)),
        "VP9" => matches!((Vp9::parse(&a), Vp9::parse(&b)), (Ok(a), Ok(b)) if a.matches(&b)),
        "AV1" => matches!((Av1::parse(&a), Av1::parse(&b)), (Ok(a), Ok(b)) if a.matches(&b)),
        _ => true,
    }
}

/// Those of `theirs` that `ours` has too, in their order, with their payload types and parameters and
/// the feedback that both have. RTX and RED stay if what they refer to stays.
pub(crate) fn common(
    ours: &[RtpCodecParameters],
    theirs: &[RtpCodecParameters],
) -> Vec<RtpCodecParameters> {
    let mut kept: Vec<Option<&RtpCodecParameters>> = vec![None; theirs.len()];
    // First what stands for itself, then RED, which refers to it, then RTX, which refers to both.
    for pass in [Refers::Nothing, Refers::Red, Refers::Rtx] {
        for (index, codec) in theirs.iter().enumerate() {
            if Refers::of(codec) != pass || !referents_are_kept(codec, theirs, &kept) {
                continue;
            }
            let found = ours.iter().find(|ours| is_same(ours, codec));
            if let Some(slot) = kept.get_mut(index) {
                *slot = found;
            }
        }
    }
    theirs
        .iter()
        .zip(kept)
        .filter_map(|(theirs, ours)| ours.map(|ours| (ours, theirs)))
        .map(|(ours, theirs)| RtpCodecParameters {
            rtcp_feedback: common_feedback(&ours.rtcp_feedback, &theirs.rtcp_feedback),
            ..theirs.clone()
        })
        .collect()
}

#[derive(Clone, Copy, PartialEq)]
enum Refers {
    Nothing,
    Red,
    Rtx,
}

impl Refers {
    fn of(codec: &RtpCodecParameters) -> Self {
        if codec.is("rtx") {
            Self::Rtx
        } else if codec.is("red") {
            Self::Red
        } else {
            Self::Nothing
        }
    }
}

/// The payload types that a codec's parameters name.
pub(crate) fn referents(codec: &RtpCodecParameters) -> Vec<u8> {
    match Refers::of(codec) {
        Refers::Nothing => Vec::new(),
        Refers::Rtx => codec.associated_payload_type().into_iter().collect(),
        Refers::Red => Red::parse(&codec.parameters.to_string())
            .map(|r| r.payload_types)
            .unwrap_or_default(),
    }
}

fn referents_are_kept(
    codec: &RtpCodecParameters,
    all: &[RtpCodecParameters],
    kept: &[Option<&RtpCodecParameters>],
) -> bool {
    let is_kept = |payload_type: u8| {
        all.iter()
            .zip(kept)
            .any(|(codec, kept)| codec.payload_type == payload_type && kept.is_some())
    };
    let referents = referents(codec);
    // RTX without `apt` repairs nothing; RED without a list is that of video.
    (!codec.is("rtx") || !referents.is_empty()) && referents.into_iter().all(is_kept)
}

fn common_feedback(ours: &[RtcpFeedback], theirs: &[RtcpFeedback]) -> Vec<RtcpFeedback> {
    theirs
        .iter()
        .filter(|feedback| ours.contains(feedback))
        .cloned()
        .collect()
}

/// The codecs of an answer: the common ones with the offer's payload types and our own parameters.
/// With `preferred`, in our order, else in the offer's.
pub(crate) fn answer(
    ours: &[RtpCodecParameters],
    offered: &[RtpCodecParameters],
    preferred: bool,
) -> Vec<RtpCodecParameters> {
    let mut codecs = common(ours, offered);
    if preferred {
        codecs.sort_by_key(|codec| ours.iter().position(|ours| is_same(ours, codec)));
    }
    for codec in &mut codecs {
        if !referents(codec).is_empty() {
            // What it refers to has the offer's payload types already.
            continue;
        }
        let Some(own) = ours.iter().find(|ours| is_same(ours, codec)) else {
            continue;
        };
        codec.parameters = answer_parameters(own, codec);
    }
    codecs
}

fn answer_parameters(ours: &RtpCodecParameters, offered: &RtpCodecParameters) -> FormatParameters {
    if ours.is("H264") {
        let parse = |codec: &RtpCodecParameters| H264::parse(&codec.parameters.to_string());
        if let (Ok(own), Ok(theirs)) = (parse(ours), parse(offered)) {
            let answered = H264 {
                profile_level_id: own.answer_level(&theirs),
                ..own
            };
            return format_parameters(&answered.to_string());
        }
    }
    ours.parameters.clone()
}

/// Parameters from the text of an `fmtp` line.
pub(crate) fn format_parameters(text: &str) -> FormatParameters {
    let parameters = gannet_sdp::fmtp::Parameters::new(text);
    let owned = parameters
        .iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
    FormatParameters(owned.collect())
}

/// Gives payload types to codecs for an offer: those that `known` has already given to the same codec,
/// else the preferred ones, else any that are free. References follow.
pub(crate) fn assign(
    codecs: &[RtpCodecParameters],
    known: &[RtpCodecParameters],
) -> Vec<RtpCodecParameters> {
    let mut used: Vec<u8> = known.iter().map(|codec| codec.payload_type).collect();
    let mut moved: Vec<(u8, u8)> = Vec::new();
    let mut assigned: Vec<Option<u8>> = Vec::new();
    // What is referred to comes first.
    for pass in [Refers::Nothing, Refers::Red, Refers::Rtx] {
        assigned.resize(codecs.len(), None);
        for (index, codec) in codecs.iter().enumerate() {
            if Refers::of(codec) != pass {
                continue;
            }
            let wanted = redirected(codec, &moved);
            let given = known
                .iter()
                .find(|known| is_same(known, &wanted) && referents(known) == referents(&wanted))
                .map(|known| known.payload_type)
                .or_else(|| free(codec.payload_type, &used));
            if let (Some(payload_type), Some(slot)) = (given, assigned.get_mut(index)) {
                used.push(payload_type);
                moved.push((codec.payload_type, payload_type));
                *slot = Some(payload_type);
            }
        }
    }
    codecs
        .iter()
        .zip(assigned)
        .filter_map(|(codec, payload_type)| {
            Some(RtpCodecParameters {
                payload_type: payload_type?,
                ..redirected(codec, &moved)
            })
        })
        .collect()
}

/// A codec whose references follow what has moved.
fn redirected(codec: &RtpCodecParameters, moved: &[(u8, u8)]) -> RtpCodecParameters {
    let to = |from: u8| {
        moved
            .iter()
            .find(|(old, _)| *old == from)
            .map_or(from, |(_, new)| *new)
    };
    let mut codec = codec.clone();
    let referents = referents(&codec);
    if codec.is("rtx") {
        for (name, value) in &mut codec.parameters.0 {
            if let (true, Some(apt)) = (name.eq_ignore_ascii_case("apt"), referents.first()) {
                *value = to(*apt).to_string();
            }
        }
    } else if !referents.is_empty() {
        let payload_types = referents.into_iter().map(to).collect();
        codec.parameters = FormatParameters::default().with(&Red { payload_types }.to_string(), "");
    }
    codec
}

/// The preferred payload type if it is free, else a free one of the dynamic ranges (RFC 3551, section
/// 6; RFC 5761, section 4 keeps 64 to 95 for RTCP).
fn free(preferred: u8, used: &[u8]) -> Option<u8> {
    std::iter::once(preferred)
        .chain(96..=127)
        .chain(35..=63)
        .find(|pt| !used.contains(pt))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codec(name: &str, payload_type: u8, fmtp: &str) -> RtpCodecParameters {
        RtpCodecParameters {
            name: name.into(),
            payload_type,
            clock_rate: 90_000,
            channels: 1,
            parameters: format_parameters(fmtp),
            rtcp_feedback: Vec::new(),
        }
    }

    fn names(codecs: &[RtpCodecParameters]) -> Vec<(String, u8, String)> {
        codecs
            .iter()
            .map(|codec| {
                (
                    codec.name.clone(),
                    codec.payload_type,
                    codec.parameters.to_string(),
                )
            })
            .collect()
    }

    #[test]
    fn a_retransmission_stays_with_what_it_repairs() {
        let ours = [codec("VP8", 96, ""), codec("rtx", 97, "apt=96")];
        let theirs = [
            codec("VP9", 98, ""),
            codec("rtx", 99, "apt=98"),
            codec("vp8", 120, "max-fs=12288"),
            codec("rtx", 124, "apt=120"),
            codec("rtx", 125, ""),
        ];
        let kept = common(&ours, &theirs);
        assert_eq!(
            names(&kept),
            [
                ("vp8".into(), 120, "max-fs=12288".into()),
                ("rtx".into(), 124, "apt=120".into())
            ]
        );
    }

    #[test]
    fn h264_is_matched_by_profile_and_mode_and_answered_at_the_lower_level() {
        let ours = [codec(
            "H264",
            102,
            "packetization-mode=1;profile-level-id=42e01f",
        )];
        let theirs = [
            codec("H264", 1, "packetization-mode=0;profile-level-id=42e01f"),
            codec("H264", 2, "packetization-mode=1;profile-level-id=640c1f"),
            codec("H264", 3, "packetization-mode=1;profile-level-id=42c015"),
            codec("H264", 4, "packetization-mode=1;profile-level-id=zz"),
        ];
        let answered = answer(&ours, &theirs, false);
        assert_eq!(answered.len(), 1);
        assert_eq!(answered[0].payload_type, 3);
        assert_eq!(
            answered[0].parameters.value("profile-level-id"),
            Some("42c015")
        );
    }

    #[test]
    fn payload_types_that_were_given_stay_and_references_follow() {
        let codecs = [
            codec("VP8", 96, ""),
            codec("rtx", 97, "apt=96"),
            codec("H264", 98, ""),
        ];
        let known = [
            codec("VP8", 120, ""),
            codec("rtx", 98, "apt=120"),
            codec("opus", 96, ""),
        ];
        assert_eq!(
            names(&assign(&codecs, &known)),
            [
                ("VP8".into(), 120, "".into()),
                ("rtx".into(), 98, "apt=120".into()),
                ("H264".into(), 97, "".into()),
            ]
        );
    }

    #[test]
    fn preferences_order_an_answer() {
        let ours = [codec("H264", 1, ""), codec("VP8", 2, "")];
        let offered = [codec("VP8", 96, ""), codec("H264", 97, "")];
        let order = |preferred| -> Vec<u8> {
            answer(&ours, &offered, preferred)
                .iter()
                .map(|c| c.payload_type)
                .collect()
        };
        assert_eq!((order(false), order(true)), (vec![96, 97], vec![97, 96]));
    }
}

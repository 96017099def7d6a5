//! Which identifier means which extension: RFC 8285, section 5.
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

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $uri:literal,)*) => {
        /// The header extensions that this crate knows, by URI.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum ExtensionKind {
            $(
                $(#[$doc])*
                #[doc = concat!("`", $uri, "`")]
                $kind,
            )*
        }

        impl ExtensionKind {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$kind,)*];

            /// The URI that names the extension in SDP.
            #[must_use]
            pub const fn uri(self) -> &'static str {
                match self { $(Self::$kind => $uri,)* }
            }

            /// The extension that a URI names.
            #[must_use]
            pub fn from_uri(uri: &str) -> Option<Self> {
                match uri { $($uri => Some(Self::$kind),)* _ => None }
            }
        }
    };
}

kinds! {
    /// RFC 9143:
    Mid = "urn:ietf:params:rtp-hdrext:sdes:mid",
    /// RFC 8852:
    Rid = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
    /// RFC 8852:
    RepairedRid = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id",
    /// RFC 6464:
    AudioLevel = "urn:ietf:params:rtp-hdrext:ssrc-audio-level",
    /// RFC 6465:
    CsrcAudioLevels = "urn:ietf:params:rtp-hdrext:csrc-audio-level",
    /// When the packet left:
    AbsoluteSendTime = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
    /// When the media was captured:
    AbsoluteCaptureTime = "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time",
    /// RFC 5450:
    TransmissionOffset = "urn:ietf:params:rtp-hdrext:toffset",
    /// A sequence number over all streams of a transport:
    TransportSequence = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
    /// The same, with requests for feedback:
    TransportSequence2 = "http://www.webrtc.org/experiments/rtp-hdrext/transport-wide-cc-02",
    /// How long the receiver may hold a frame back:
    PlayoutDelay = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay",
    /// 3GPP TS 26.114, section 6.2.3 (CVO):
    VideoOrientation = "urn:3gpp:video-orientation",
    /// Camera or screen:
    VideoContentType = "http://www.webrtc.org/experiments/rtp-hdrext/video-content-type",
    /// How long a frame took through the sender:
    VideoTiming = "http://www.webrtc.org/experiments/rtp-hdrext/video-timing",
    /// Colour primaries, transfer and matrix:
    ColorSpace = "http://www.webrtc.org/experiments/rtp-hdrext/color-space",
    /// AV1 RTP specification, appendix A:
    DependencyDescriptor =
        "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension",
    /// Bitrates and sizes of the layers that are sent:
    VideoLayersAllocation =
        "http://www.webrtc.org/experiments/rtp-hdrext/video-layers-allocation00",
    /// RFC 9626:
    FrameMarking = "urn:ietf:params:rtp-hdrext:framemarking",
}

/// Why an identifier could not be given to an extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum InsertExtensionError {
    /// Identifier 0 is padding.
    #[error("header extension identifier 0 is reserved, 1 to 255 are usable")]
    Reserved,
    /// The identifier is another extension's.
    #[error("header extension identifier {id} is taken by {taken:?}")]
    Taken {
        /// The identifier.
        id: u8,
        /// Who has it.
        taken: ExtensionKind,
    },
}

const KINDS: usize = ExtensionKind::ALL.len();

/// The negotiated identifiers of header extensions, 1 to 255. Both directions are one table lookup.
#[derive(Clone, PartialEq, Eq)]
pub struct ExtensionMap {
    kinds: [Option<ExtensionKind>; 256],
    /// By kind; 0 is none.
    ids: [u8; KINDS],
    two_byte: bool,
}

impl ExtensionMap {
    /// A map that knows no identifier.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            kinds: [None; 256],
            ids: [0; KINDS],
            two_byte: false,
        }
    }

    /// Gives `id` to `kind`. An identifier that `kind` had before is released.
    pub fn insert(&mut self, id: u8, kind: ExtensionKind) -> Result<(), InsertExtensionError> {
        if id == 0 {
            return Err(InsertExtensionError::Reserved);
        }
        match self.kind(id) {
            Some(taken) if taken != kind => return Err(InsertExtensionError::Taken { id, taken }),
            _ => {}
        }
        self.remove(kind);
        if let (Some(by_id), Some(by_kind)) = (
            self.kinds.get_mut(usize::from(id)),
            self.ids.get_mut(kind as usize),
        ) {
            *by_id = Some(kind);
            *by_kind = id;
        }
        Ok(())
    }

    /// Forgets the identifier of `kind`.
    pub fn remove(&mut self, kind: ExtensionKind) {
        let Some(by_kind) = self.ids.get_mut(kind as usize) else {
            return;
        };
        let id = std::mem::take(by_kind);
        if let Some(by_id) = self.kinds.get_mut(usize::from(id)) {
            *by_id = None;
        }
    }

    /// The identifier of `kind`.
    #[inline]
    #[must_use]
    pub fn id(&self, kind: ExtensionKind) -> Option<u8> {
        self.ids.get(kind as usize).copied().filter(|&id| id != 0)
    }

    /// What `id` means.
    #[inline]
    #[must_use]
    pub fn kind(&self, id: u8) -> Option<ExtensionKind> {
        self.kinds.get(usize::from(id)).copied().flatten()
    }

    /// All pairs of identifier and kind, by identifier.
    pub fn iter(&self) -> impl Iterator<Item = (u8, ExtensionKind)> + '_ {
        (0..=u8::MAX).filter_map(|id| Some((id, self.kind(id)?)))
    }

    /// Whether writers may use two-byte headers (`a=extmap-allow-mixed`, RFC 8285, section 6). Readers
    /// always take both. Off at first.
    pub const fn allow_two_byte(&mut self, allowed: bool) {
        self.two_byte = allowed;
    }

    /// Whether writers may use two-byte headers.
    #[inline]
    #[must_use]
    pub const fn is_two_byte_allowed(&self) -> bool {
        self.two_byte
    }
}

impl Default for ExtensionMap {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for ExtensionMap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_directions_agree() {
        let mut map = ExtensionMap::new();
        for (kind, id) in ExtensionKind::ALL.iter().zip(1..) {
            map.insert(id, *kind).unwrap();
        }
        for (id, kind) in map.iter() {
            assert_eq!(map.id(kind), Some(id));
            assert_eq!(ExtensionKind::from_uri(kind.uri()), Some(kind));
        }
        assert_eq!(map.iter().count(), ExtensionKind::ALL.len());
        assert_eq!(ExtensionKind::from_uri("urn:nobody"), None);
    }

    #[test]
    fn an_identifier_has_one_meaning() {
        let mut map = ExtensionMap::new();
        map.insert(3, ExtensionKind::Mid).unwrap();
        map.insert(3, ExtensionKind::Mid).unwrap();
        let error = map.insert(3, ExtensionKind::Rid).unwrap_err();
        assert_eq!(
            error.to_string(),
            "header extension identifier 3 is taken by Mid"
        );
        assert_eq!(
            map.insert(0, ExtensionKind::Rid),
            Err(InsertExtensionError::Reserved)
        );
        map.insert(255, ExtensionKind::Mid).unwrap();
        assert_eq!(map.kind(3), None);
        assert_eq!(map.id(ExtensionKind::Mid), Some(255));
        map.remove(ExtensionKind::Mid);
        map.remove(ExtensionKind::Rid);
        assert_eq!(map, ExtensionMap::new());
    }
}

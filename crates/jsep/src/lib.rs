//! Offer and answer (RFC 9429, RFC 3264, and the signaling states of W3C's webrtc-pc), as a pure state
//! machine: session descriptions go in and come out, and between them stand ORTC's parameter
//! dictionaries.
//!
//! [`Jsep`] is one side of an exchange. It holds no live object: what a description changes is returned
//! as [`Changes`], values that the owner of the transports, senders and receivers applies.
//!
//! ```
//! use gannet_jsep::{Configuration, Description, Fingerprint, IceParameters, Jsep, LocalTransport};
//! # use gannet_jsep::{MediaKind, RtpCapabilities, RtpCodecCapability, SctpParameters, SignalingState};
//! # let vp8 = RtpCodecCapability {
//! #     name: "VP8".into(), kind: MediaKind::Video, clock_rate: 90_000, channels: 1,
//! #     preferred_payload_type: 96, parameters: Default::default(), rtcp_feedback: Vec::new(),
//! # };
//! # let capabilities = RtpCapabilities { codecs: vec![vp8], header_extensions: Vec::new() };
//! # let configuration = |session_id| Configuration {
//! #     session_id, cname: "c".into(), capabilities: capabilities.clone(), sctp: SctpParameters::default(),
//! # };
//! # let transport = |ufrag: &str| LocalTransport {
//! #     ice: IceParameters {
//! #         username_fragment: ufrag.into(), password: "f9sZS+hT4yafp10eUBvVAjLb".into(), ice_lite: false,
//! #     },
//! #     fingerprints: vec![Fingerprint { algorithm: "sha-256".into(), value: vec![0xab; 32] }],
//! #     candidates: Vec::new(), end_of_candidates: false, sctp_init: None,
//! # };
//! let mut alice = Jsep::new(configuration(1));
//! let mut bob = Jsep::new(configuration(2));
//! alice.add_track(MediaKind::Video, Default::default());
//!
//! let offer = alice.create_offer(&transport("alice"))?;
//! alice.set_local(&offer)?;
//! let changes = bob.set_remote(&offer)?;
//! assert_eq!(changes.tracks_added.len(), 1);
//!
//! let answer = bob.create_answer(&transport("bob1"))?;
//! let bobs = bob.set_local(&answer)?;
//! let alices = alice.set_remote(&answer)?;
//! assert_eq!(alices.signaling_state, SignalingState::Stable);
//! // Alice sends what Bob receives.
//! assert_eq!(alices.media[0].send.as_ref().unwrap().codecs[0].name, "VP8");
//! assert!(bobs.media[0].receive.is_some() && bobs.media[0].send.is_none());
//! assert_eq!(alices.transport.unwrap().remote_ice.username_fragment, "bob1");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! One transport carries everything: sections that can't share it are rejected (the policies
//! "must-bundle" and rtcp-mux "require"). What a peer offers that is not known here (codecs, kinds of
//! media, extensions, feedback) is rejected section by section or left out, never refused as a whole;
//! a description that can't be used gives a [`DescriptionError`] that names the line.
//!
//! What is not here: no-BUNDLE, RTCP apart from RTP, `LS` groups, identity, `imageattr`, and
//! SDES. `docs/jsep.md` has more.

mod answer;
mod apply;
mod bundle;
mod candidate;
mod codec;
mod description;
mod error;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod jsep;
mod needed;
mod offer;
mod parameters;
mod plan;
mod section;
mod transceiver;
mod trickle;
mod write;

pub use gannet_ortc::parameters::{
    Direction, Fingerprint, FormatParameters, IceParameters, IceRole, MediaKind, RtcpFeedback,
    RtpCapabilities, RtpCodecCapability, RtpCodecParameters, RtpEncodingParameters,
    RtpHeaderExtensionCapability, RtpHeaderExtensionParameters, RtpParameters, SctpParameters,
};

pub use candidate::{CandidateOutcome, IceCandidate, IceCandidateInit};
pub use codec::is_same as is_same_codec;
pub use description::{Description, SdpType, SignalingState};
pub use error::{
    CandidateError, CreateError, DescriptionError, SetLocalError, SetRemoteError, TransceiverError,
};
pub use jsep::Jsep;
pub use parameters::{
    Changes, Configuration, DtlsRole, LocalTransport, MediaPlan, RemoteTrack, SctpPlan, SenderInit,
    TransceiverId, TransportPlan,
};
pub use transceiver::Transceiver;

//! WebRTC for Rust: a peer that talks to any browser, with audio, video and data.
//!
//! A [`PeerConnection`] is made from a [`Configuration`], exchanges descriptions and candidates over a
//! signaling channel of yours, and then has tracks and data channels. Names are W3C's, in Rust's case
//! and without the `RTC` prefix.
//!
//! Many connections can share the sockets of one [`Endpoint`]: one UDP port serves them all, with one
//! task for all of them, or with a thread for each of several shards ([`EndpointConfiguration::shards`]).
//!
//! A sender takes a track of decoded frames, which it encodes, or an [`EncodedTrack`] of frames that are encoded already
//! ([`RtpSender::replace_encoded`]). A [`SharedEncoder`] feeds any number of senders, [`play_file`] plays files.
//!
//! ```no_run
//! use gannet::{Configuration, Event, PeerConnection, SessionDescription};
//!
//! # async fn example(offer: String) -> Result<String, Box<dyn std::error::Error>> {
//! let connection = PeerConnection::new(Configuration::default())?;
//! connection.set_remote_description(SessionDescription::offer(offer)).await?;
//! let answer = connection.create_answer().await?;
//! connection.set_local_description(answer).await?;
//! connection.gathering_complete().await;
//! let answer = connection.local_description().ok_or("it was set")?.sdp;
//!
//! tokio::spawn(async move {
//!     while let Some(event) = connection.next_event().await {
//!         match event {
//!             Event::Track(event) => {
//!                 let track = event.receiver.track();
//!                 tokio::spawn(async move {
//!                     while let Some(frame) = track.recv().await {
//!                         println!("{frame:?}");
//!                     }
//!                 });
//!             }
//!             Event::DataChannel(channel) => {
//!                 tokio::spawn(async move {
//!                     while let Some(message) = channel.recv().await {
//!                         if channel.send(message).await.is_err() {
//!                             break;
//!                         }
//!                     }
//!                 });
//!             }
//!             _ => {}
//!         }
//!     }
//! });
//! # Ok(answer)
//! # }
//! ```

//!
//! A server that forwards what one peer sends to many others, without decoding it, gives each of their senders the
//! [`ForwardedStream`] of the receiver: [`RtpReceiver::forward`], [`RtpSender::replace_forwarded`].

/// The README's example is a test.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;

/// The tests inside share what those outside do, under the same name.
#[cfg(test)]
extern crate self as gannet;
#[cfg(test)]
#[path = "../tests/support/mod.rs"]
mod support;

mod configuration;
mod connection;
mod data_channel;
mod decoding;
mod encoding;
mod endpoint;
mod error;
mod event;
mod feed;
mod file_player;
mod forwarding;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod inbox;
mod mdns;
mod negotiated;
mod peer_connection;
mod playing;
mod receiving;
mod sender;
mod shared_encoder;
mod stats;
mod streams;
mod tls;
mod transceiver;
mod transceivers;

pub use configuration::{Configuration, default_capabilities, forwarding_capabilities};
pub use data_channel::DataChannel;
pub use endpoint::{BindError, Endpoint, EndpointConfiguration, local_addresses};
pub use error::{NegotiationError, NewConnectionError, ReplaceEncodedError};
pub use event::{Event, IceCandidateError, PeerConnectionState, TrackEvent};
pub use feed::EncodedState;
pub use file_player::{FilePlayback, PlayFileError, PlayedAs, play_file};
pub use forwarding::{ForwardError, ForwardedStream, Forwarding, ForwardingState, LayerInfo};
pub use peer_connection::PeerConnection;
pub use playing::{play, transform};
pub use receiving::ReceivedFrame;
pub use shared_encoder::{
    SharedEncoder, SharedEncoderConfig, SharedEncoderError, SharedEncoderStats,
};
#[cfg(feature = "turn-tls")]
pub use tokio_rustls::rustls;
pub use transceiver::{EncodedFrames, RtpReceiver, RtpSender, RtpTransceiver};

pub use gannet_codecs as codecs;
pub use gannet_crypto as crypto;
#[cfg(feature = "aws-lc-rs")]
pub use gannet_crypto::default_provider;
pub use gannet_jsep::{
    Description as SessionDescription, IceCandidateInit, SdpType, SignalingState,
};
pub use gannet_media as media;
pub use gannet_media::{EncodedTrack, MediaStreamTrack};
pub use gannet_ortc as ortc;
pub use gannet_ortc::data::{
    ChannelInit, ChannelState, Message, OpenError as OpenChannelError, Priority,
    SendError as SendMessageError,
};
pub use gannet_ortc::dtls::{
    Certificate, CertificateError, Version as DtlsVersion, Versions as DtlsVersions,
};
pub use gannet_ortc::ice::{
    IceGatheringState, IceServer, IceTransportState, IceUrlError, TransportPolicy,
};
pub use gannet_ortc::parameters::{Direction, MediaKind, RtpParameters};
pub use gannet_ortc::stats::StatsReport;

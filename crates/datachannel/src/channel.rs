//! One channel.

use std::collections::VecDeque;

use gannet_sctp::{Message as SctpMessage, Ppid, SendOptions};

use crate::dcep::ppid;
use crate::{ChannelInit, ChannelState, Message};

/// Counters of one channel (W3C `RTCDataChannelStats`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChannelStats {
    /// Messages taken by `send`.
    pub messages_sent: u64,
    /// Their bytes.
    pub bytes_sent: u64,
    /// Messages that arrived.
    pub messages_received: u64,
    /// Their bytes.
    pub bytes_received: u64,
}

/// Counters of all channels of one association (W3C `RTCPeerConnectionStats`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChannelsStats {
    /// Channels that have become open.
    pub data_channels_opened: u64,
    /// Those of them that are not open any more.
    pub data_channels_closed: u64,
}

/// A received message, with what it takes of the receive window.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) message: Message,
    /// The lengths of the SCTP messages that it came in: one, but for partial ones.
    pub(crate) credits: Vec1,
}

/// One length nearly always, more for messages in parts.
#[derive(Debug)]
pub(crate) struct Vec1 {
    pub(crate) first: usize,
    pub(crate) more: Vec<usize>,
}

/// Parts of a message by the deprecated identifiers.
#[derive(Debug, Default)]
pub(crate) struct Partial {
    pub(crate) data: Vec<u8>,
    pub(crate) credits: Vec<usize>,
}

/// A channel.
#[derive(Debug)]
pub(crate) struct Channel {
    pub(crate) init: ChannelInit,
    pub(crate) state: ChannelState,
    pub(crate) stream: Option<u16>,
    /// DATA_CHANNEL_OPEN was sent and nothing has come back: until then everything is sent in order
    /// (RFC 8832, section 6).
    pub(crate) awaits_ack: bool,
    pub(crate) inbox: VecDeque<Received>,
    /// The user knows that messages wait.
    pub(crate) signalled: bool,
    pub(crate) partial: Partial,
    pub(crate) low_threshold: usize,
    /// User data was queued since `BufferedAmountLow` was last said.
    pub(crate) has_queued: bool,
    /// `close` was called here.
    pub(crate) closed_here: bool,
    /// We have asked for a reset of our stream; the peer has agreed.
    pub(crate) reset_requested: bool,
    pub(crate) outgoing_reset: bool,
    /// The peer has reset its stream.
    pub(crate) incoming_reset: bool,
    /// What the peer has sent since: it knows already that both sides are reset, and uses the stream again.
    pub(crate) later: VecDeque<SctpMessage>,
    /// What DATA_CHANNEL_OPEN takes of the receive window as long as the channel keeps its label.
    pub(crate) open_credit: Option<usize>,
    pub(crate) stats: ChannelStats,
}

impl Channel {
    pub(crate) fn new(init: ChannelInit) -> Self {
        Self {
            init,
            state: ChannelState::Connecting,
            stream: None,
            awaits_ack: false,
            inbox: VecDeque::new(),
            signalled: false,
            partial: Partial::default(),
            low_threshold: 0,
            has_queued: false,
            closed_here: false,
            reset_requested: false,
            outgoing_reset: false,
            incoming_reset: false,
            later: VecDeque::new(),
            open_credit: None,
            stats: ChannelStats::default(),
        }
    }

    /// How its messages are sent.
    pub(crate) const fn options(&self) -> SendOptions {
        SendOptions {
            ordered: self.init.ordered || self.awaits_ack,
            reliability: self.init.reliability,
        }
    }

    /// Takes an SCTP message with user data. Returns what of the window is free at once, if the message
    /// is not kept.
    pub(crate) fn take(
        &mut self,
        ppid: Ppid,
        data: bytes::Bytes,
        max: usize,
    ) -> Result<(), Vec<usize>> {
        let len = data.len();
        let is_partial = ppid == ppid::BINARY_PARTIAL || ppid == ppid::STRING_PARTIAL;
        if is_partial {
            self.partial.credits.push(len);
            self.partial.data.extend_from_slice(&data);
            if self.partial.data.len() > max {
                return Err(std::mem::take(&mut self.partial).credits);
            }
            return Ok(());
        }
        let partial = std::mem::take(&mut self.partial);
        let whole = if partial.data.is_empty() {
            data
        } else {
            let mut whole = partial.data;
            whole.extend_from_slice(&data);
            whole.into()
        };
        let message = match ppid {
            ppid::STRING => Message::text_lossy(whole),
            ppid::BINARY => Message::Binary(whole),
            ppid::STRING_EMPTY => Message::Text(String::new()),
            ppid::BINARY_EMPTY => Message::Binary(bytes::Bytes::new()),
            _ => {
                let mut credits = partial.credits;
                credits.push(len);
                return Err(credits);
            }
        };
        self.stats.messages_received += 1;
        self.stats.bytes_received += message.len() as u64;
        self.inbox.push_back(Received {
            message,
            credits: Vec1 {
                first: len,
                more: partial.credits,
            },
        });
        Ok(())
    }
}

impl Message {
    /// Text as it came; what is not UTF-8 is replaced by U+FFFD.
    pub(crate) fn text_lossy(data: bytes::Bytes) -> Self {
        match String::from_utf8(data.into()) {
            Ok(text) => Self::Text(text),
            Err(error) => Self::Text(String::from_utf8_lossy(error.as_bytes()).into_owned()),
        }
    }
}

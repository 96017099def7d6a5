//! What the channels tell their user.

use gannet_sctp::CloseReason;

use crate::ChannelId;

/// Something that the user of [`DataChannels`](crate::DataChannels) should hear.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The association is established.
    Connected,
    /// A channel that we opened is open.
    Opened(ChannelId),
    /// The peer opened a channel: it is open.
    Incoming(ChannelId),
    /// Messages wait on a channel: take them with `receive`. Said once until they all have been taken.
    Message(ChannelId),
    /// What waits to be sent on a channel has fallen to its low threshold.
    BufferedAmountLow(ChannelId),
    /// The peer is closing a channel. Messages that wait can still be taken.
    Closing(ChannelId),
    /// A channel is closed: its stream id is free.
    Closed(ChannelId),
    /// The association is over, and with it all channels, each of which was `Closed` before.
    Disconnected(CloseReason),
}

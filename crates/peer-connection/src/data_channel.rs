//! Data channels.

use std::sync::Arc;

use gannet_ortc::data::{ChannelId, ChannelInit, ChannelState, ChannelStats, Message, SendError};
use tokio::sync::Notify;

use crate::peer_connection::Owner;

/// Wakes whoever waits for a channel.
#[derive(Debug, Default)]
pub(crate) struct ChannelSignals {
    /// Messages came, there is room to send, or the state changed.
    pub(crate) changed: Notify,
}

/// A data channel: W3C's `RTCDataChannel`. It is a handle: clones are the same channel.
#[derive(Clone, Debug)]
pub struct DataChannel {
    owner: Arc<Owner>,
    id: ChannelId,
    init: Arc<ChannelInit>,
    signals: Arc<ChannelSignals>,
}

impl DataChannel {
    pub(crate) fn new(
        owner: Arc<Owner>,
        id: ChannelId,
        init: ChannelInit,
        signals: Arc<ChannelSignals>,
    ) -> Self {
        Self {
            owner,
            id,
            init: Arc::new(init),
            signals,
        }
    }

    /// Its label.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.init.label
    }

    /// Its subprotocol.
    #[must_use]
    pub fn protocol(&self) -> &str {
        &self.init.protocol
    }

    /// What it was opened with.
    #[must_use]
    pub fn init(&self) -> &ChannelInit {
        &self.init
    }

    /// Its stream id, when it has one.
    #[must_use]
    pub fn stream_id(&self) -> Option<u16> {
        self.owner
            .connection()
            .lock()
            .session
            .channels()
            .stream_id(self.id)
    }

    /// Its state.
    #[must_use]
    pub fn ready_state(&self) -> ChannelState {
        let core = self.owner.connection().lock();
        if core.is_over() {
            ChannelState::Closed
        } else {
            core.session.channels().state(self.id)
        }
    }

    /// How many bytes wait to be sent.
    #[must_use]
    pub fn buffered_amount(&self) -> usize {
        self.owner
            .connection()
            .lock()
            .session
            .channels()
            .buffered_amount(self.id)
    }

    /// Its counters.
    #[must_use]
    pub fn stats(&self) -> Option<ChannelStats> {
        self.owner
            .connection()
            .lock()
            .session
            .channels()
            .channel_stats(self.id)
    }

    /// Waits until it is open. False if it is closing or closed.
    pub async fn opened(&self) -> bool {
        let state = self.wait(|channel| match channel.ready_state() {
            ChannelState::Connecting => None,
            state => Some(state),
        });
        state.await == ChannelState::Open
    }

    /// Queues a message, or says at once why not.
    ///
    /// # Errors
    ///
    /// If it is not open, the message is too large for the peer, or the send buffer is full.
    pub fn try_send(&self, message: Message) -> Result<(), SendError> {
        self.owner.connection().with(|core, now| {
            if core.is_over() {
                return Err(SendError::NotOpen(ChannelState::Closed));
            }
            core.session.channels_mut().send(now, self.id, message)
        })
    }

    /// Queues a message; waits while the send buffer is full.
    ///
    /// # Errors
    ///
    /// If it is not open, or the message is too large for the peer.
    pub async fn send(&self, message: Message) -> Result<(), SendError> {
        self.wait(|channel| match channel.try_send(message.clone()) {
            Err(SendError::BufferFull { .. }) => None,
            result => Some(result),
        })
        .await
    }

    /// Waits for the next message; `None` when it is closed and everything was read.
    ///
    /// Messages that nobody takes fill the receive window, and then the peer waits: nothing is dropped.
    pub async fn recv(&self) -> Option<Message> {
        self.wait(|channel| {
            let received = channel
                .owner
                .connection()
                .with(|core, _| core.session.channels_mut().receive(channel.id));
            match received {
                Some(message) => Some(Some(message)),
                None if channel.ready_state() == ChannelState::Closed => Some(None),
                None => None,
            }
        })
        .await
    }

    /// Closes it, behind what was sent before.
    pub fn close(&self) {
        self.owner
            .connection()
            .with(|core, now| core.session.channels_mut().close(now, self.id));
    }

    /// Tries until something comes of it; between tries it waits for a change.
    async fn wait<T>(&self, attempt: impl Fn(&Self) -> Option<T>) -> T {
        loop {
            let mut changed = std::pin::pin!(self.signals.changed.notified());
            // From here on a change is not missed, even if it happens during the attempt.
            changed.as_mut().enable();
            if let Some(result) = attempt(self) {
                return result;
            }
            changed.await;
        }
    }
}

//! Packets that go out.

use std::time::Instant;

use super::core::Core;
use super::state::{CookieEchoed, Phase, State, Tcb};
use super::{Association, Transmit};
use crate::packet::{
    Causes, CookieAck, CookieEcho, DuplicateTsns, ErrorChunk, GapBlocks, Heartbeat, PacketBuilder,
    Sack, Shutdown, ShutdownAck, WriteChunk,
};
use crate::timer::Timer;

impl Association {
    pub(super) fn next_packet(&mut self, now: Instant, buf: &mut Vec<u8>) -> Option<Transmit> {
        let start = buf.len();
        let size = self.write_packet(now, buf)?;
        debug_assert_eq!(buf.len(), start + size);
        self.core.stats.packets_sent += 1;
        self.core.stats.bytes_sent += size as u64;
        Some(Transmit {
            size,
            is_mtu_probe: false,
        })
    }

    fn write_packet(&mut self, now: Instant, buf: &mut Vec<u8>) -> Option<usize> {
        if let Some((tag, chunk)) = self.core.replies.take_packet() {
            let mut builder = PacketBuilder::new(buf, self.core.header(tag), chunk.len() + 12);
            builder.push_encoded(&chunk);
            return builder.finish(false);
        }
        match &mut self.state {
            State::New | State::Closed(_) => None,
            State::CookieWait(wait) => {
                if !std::mem::take(&mut wait.init_due) {
                    return None;
                }
                let identity = wait.identity;
                let header = self.core.header(0);
                let limit = self.core.config.max_packet_size;
                let mut builder = PacketBuilder::new(buf, header, limit);
                builder.push(&Self::init_chunk(&self.core, identity));
                builder.finish(false)
            }
            State::CookieEchoed(echoed) => echoed.write_packet(&mut self.core, now, buf),
            State::Open(tcb) => tcb.write_packet(&mut self.core, now, buf, &mut self.scratch),
        }
    }
}

impl CookieEchoed {
    /// Section 5.1, C: until COOKIE ACK comes, nothing but COOKIE ECHO is sent; data may go with it.
    fn write_packet(&mut self, core: &mut Core, now: Instant, buf: &mut Vec<u8>) -> Option<usize> {
        if !std::mem::take(&mut self.echo_due) {
            return None;
        }
        let header = core.header(self.tcb.peer_tag);
        let mut builder = PacketBuilder::new(buf, header, core.config.max_packet_size);
        builder.push(&CookieEcho {
            cookie: &self.cookie,
        });
        if !self.causes.is_empty() {
            builder.try_push(&ErrorChunk {
                causes: Causes::new(&self.causes),
            });
        }
        if std::mem::take(&mut self.with_data) && builder.room() > 64 {
            self.tcb
                .sender
                .fill(&mut core.send_context(now), &mut builder);
        }
        builder.finish(false)
    }
}

impl Tcb {
    /// The next packet: control chunks first, then as much data as may go (section 6.10).
    fn write_packet(
        &mut self,
        core: &mut Core,
        now: Instant,
        buf: &mut Vec<u8>,
        scratch: &mut Vec<crate::packet::GapBlock>,
    ) -> Option<usize> {
        let header = core.header(self.peer_tag);
        let limit = self.sender.packet_size();
        let zero_checksum = self.capabilities.zero_checksum;
        let mut builder = PacketBuilder::new(buf, header, limit);
        if std::mem::take(&mut self.cookie_ack_due) {
            builder.push(&CookieAck);
        }
        while let Some(chunk) = core.replies.take_chunk(if builder.is_empty() {
            usize::MAX
        } else {
            builder.room()
        }) {
            builder.push_encoded(&chunk);
        }
        let answered = !builder.is_empty();
        if self.tracker.sack_is_due() {
            self.write_sack(core, &mut builder, scratch);
        }
        let sack_written = builder.len() > 12 && !self.tracker.sack_is_useful();
        self.write_control(core, now, &mut builder);
        let before_data = builder.len();
        if self.may_send_data() {
            // Room is left for the SACK that goes along with data.
            self.sender.fill(&mut core.send_context(now), &mut builder);
        }
        let data_written = builder.len() > before_data;
        if self.tracker.sack_is_useful() && !sack_written && (data_written || answered) {
            self.write_sack_if_it_fits(core, &mut builder, scratch);
        }
        builder.finish(zero_checksum)
    }

    const fn may_send_data(&self) -> bool {
        matches!(
            self.phase,
            Phase::Established | Phase::ShutdownPending | Phase::ShutdownReceived
        )
    }

    fn write_control(&mut self, core: &mut Core, now: Instant, builder: &mut PacketBuilder<'_>) {
        if self.phase == Phase::Established {
            self.fill_reconfig(core, now, builder);
        }
        if self.heartbeats.due && builder.room() >= 16 {
            let info = self.heartbeats.start(now, core.rng.u64());
            builder.push(&Heartbeat { info: &info });
        }
        if std::mem::take(&mut self.shutdown_due) {
            match self.phase {
                Phase::ShutdownSent => {
                    let cumulative_tsn_ack = self.tracker.cumulative_tsn();
                    builder.push(&Shutdown { cumulative_tsn_ack });
                }
                Phase::ShutdownAckSent => builder.push(&ShutdownAck),
                Phase::Established | Phase::ShutdownPending | Phase::ShutdownReceived => {}
            }
        }
    }

    fn write_sack_if_it_fits(
        &mut self,
        core: &mut Core,
        builder: &mut PacketBuilder<'_>,
        scratch: &mut Vec<crate::packet::GapBlock>,
    ) {
        if builder.room() >= Sack::HEADER_LEN + 16 {
            self.write_sack(core, builder, scratch);
        }
    }

    /// Section 6.2.
    fn write_sack(
        &mut self,
        core: &mut Core,
        builder: &mut PacketBuilder<'_>,
        scratch: &mut Vec<crate::packet::GapBlock>,
    ) {
        // As many gap blocks as fit (section 6.2); duplicates only help the peer to mend its mistakes.
        let room = builder.room().saturating_sub(Sack::HEADER_LEN) / 4;
        self.tracker.gap_blocks(room, scratch);
        let duplicates = self.tracker.duplicates();
        let duplicates = duplicates
            .get(..duplicates.len().min(room - scratch.len()))
            .unwrap_or_default();
        let window = self.window(core);
        let sack = Sack {
            cumulative_tsn_ack: self.tracker.cumulative_tsn(),
            a_rwnd: u32::try_from(window).unwrap_or(u32::MAX),
            gap_blocks: GapBlocks::new(scratch),
            duplicates: DuplicateTsns::new(duplicates),
        };
        debug_assert!(sack.encoded_len() <= builder.room() || builder.is_empty());
        builder.push(&sack);
        self.announced_window = window;
        self.tracker.sack_sent();
        core.timers.stop(Timer::DelayedSack);
        // Section 9.2: a peer that still sends while we shut down hears both.
        if self.phase == Phase::ShutdownSent {
            self.shutdown_due = true;
        }
    }
}

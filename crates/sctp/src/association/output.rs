//! Packets that go out.

use std::time::Instant;

use super::core::Core;
use super::state::{CookieEchoed, Phase, State, Tcb};
use super::{Association, Transmit};
use crate::packet::{
    CHUNK_HEADER_LEN, COMMON_HEADER_LEN, Causes, CookieAck, CookieEcho, DuplicateTsns, ErrorChunk,
    GapBlocks, Heartbeat, PacketBuilder, Pad, Sack, Shutdown, ShutdownAck, WriteChunk,
};
use crate::timer::Timer;

/// The longest of the chunks that end an association, SHUTDOWN, in bytes.
const SHUTDOWN_LEN: usize = 8;

impl Association {
    pub(super) fn next_packet(&mut self, now: Instant, buf: &mut Vec<u8>) -> Option<Transmit> {
        let start = buf.len();
        let probe = self.write_mtu_probe(now, buf);
        let is_mtu_probe = probe.is_some();
        let size = probe
            .or_else(|| self.write_packet(now, buf))
            .or_else(|| self.write_shutdown(now, buf))?;
        debug_assert_eq!(buf.len(), start + size);
        self.core.stats.packets_sent += 1;
        self.core.stats.bytes_sent += size as u64;
        if let Some(log) = &mut self.packet_log {
            log.packet(now, buf.get(start..).unwrap_or_default());
        }
        Some(Transmit { size, is_mtu_probe })
    }

    /// A probe of the path's MTU (RFC 8899, section 6.1.2): HEARTBEAT, and PAD up to the size.
    fn write_mtu_probe(&mut self, now: Instant, buf: &mut Vec<u8>) -> Option<usize> {
        let State::Open(tcb) = &mut self.state else {
            return None;
        };
        let path = tcb.path_mtu.as_mut()?;
        // Probing is for paths that are in use (section 5.1.4).
        if tcb.phase != Phase::Established || tcb.sender.all_acknowledged() || !path.is_due(now) {
            return None;
        }
        let nonce = self.core.rng.u64();
        let size = path.start_probe(now, tcb.sender.rtt().rto(), nonce);
        if let Some(at) = path.next_at() {
            self.core.timers.set(Timer::MtuProbe, at);
        }
        tcb.apply_path_mtu();
        let header = self.core.header(tcb.peer_tag);
        let mut builder = PacketBuilder::new(buf, header, size?);
        builder.push(&Heartbeat {
            info: &nonce.to_be_bytes(),
        });
        let len = builder.room().checked_sub(CHUNK_HEADER_LEN)?;
        builder.push(&Pad { len });
        self.core.stats.mtu_probes += 1;
        builder.finish(tcb.capabilities.zero_checksum)
    }

    /// The last messages that a shutdown waited for may have expired when they were about to be sent: then
    /// nothing will come that it could go on with.
    fn write_shutdown(&mut self, now: Instant, buf: &mut Vec<u8>) -> Option<usize> {
        self.advance_shutdown(now);
        let is_due = self.open_tcb().is_some_and(|tcb| tcb.shutdown_due);
        is_due.then(|| self.write_packet(now, buf)).flatten()
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
        let mut builder = PacketBuilder::new(buf, header, self.tcb.sender.chunk_limit());
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
        // Control chunks stand in front of data (section 6.10): a SACK that could wait goes along with what
        // is about to be sent.
        let has_company = !builder.is_empty()
            || self.may_send_data() && self.sender.is_ready(&mut core.send_context(now));
        let fits = builder.is_empty() || builder.room() >= Sack::HEADER_LEN;
        let is_wanted = self.tracker.sack_is_due() || self.tracker.sack_is_useful() && has_company;
        if fits && is_wanted {
            self.write_sack(core, &mut builder, scratch);
        }
        self.write_control(core, now, &mut builder);
        if self.may_send_data() {
            self.sender.fill(&mut core.send_context(now), &mut builder);
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
        self.fill_reconfig(core, now, builder);
        if self.heartbeats.due && builder.room() >= 16 {
            let info = self.heartbeats.start(now, core.rng.u64());
            builder.push(&Heartbeat { info: &info });
        }
        if self.shutdown_due && builder.room() >= SHUTDOWN_LEN {
            self.shutdown_due = false;
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

    /// Section 6.2.
    fn write_sack(
        &mut self,
        core: &mut Core,
        builder: &mut PacketBuilder<'_>,
        scratch: &mut Vec<crate::packet::GapBlock>,
    ) {
        // As many gap blocks as fit (section 6.2); duplicates only help the peer to mend its mistakes.
        let limit = self.sender.chunk_limit() - COMMON_HEADER_LEN;
        let room = builder.room().min(limit).saturating_sub(Sack::HEADER_LEN) / 4;
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

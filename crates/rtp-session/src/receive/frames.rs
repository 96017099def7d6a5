//! What comes out of the buffers, as the user gets it.

use gannet_wire::Serial16;

use super::audio::AudioPacket;
use super::reception::Reception;
use super::video::VideoFrame;
use crate::event::Frame;
use crate::parameters::ReceiverId;

impl VideoFrame {
    pub(super) fn into_frame(self, receiver: ReceiverId, source: &Reception) -> Frame {
        Frame {
            receiver,
            data: self.data,
            ssrc: source.ssrc,
            payload_type: self.payload_type,
            timestamp: self.timestamp,
            sequence_number: Serial16(self.sequence as u16),
            keyframe: self.keyframe,
            lost: self.lost,
            packets: self.packets,
            marker: self.marker,
            first_arrival: self.first_arrival,
            last_arrival: self.last_arrival,
            ntp: source.ntp(self.timestamp),
            audio_level: None,
            orientation: self.orientation,
        }
    }
}

impl AudioPacket {
    pub(super) fn into_frame(self, receiver: ReceiverId, source: &Reception, lost: u32) -> Frame {
        Frame {
            receiver,
            data: self.payload,
            ssrc: source.ssrc,
            payload_type: self.payload_type,
            timestamp: self.timestamp,
            sequence_number: Serial16(self.sequence as u16),
            keyframe: true,
            lost,
            packets: 1,
            marker: self.marker,
            first_arrival: self.arrival,
            last_arrival: self.arrival,
            ntp: source.ntp(self.timestamp),
            audio_level: self.level,
            orientation: None,
        }
    }
}

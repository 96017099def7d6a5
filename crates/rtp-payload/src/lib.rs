//! RTP payload formats: packetizers and depacketizers

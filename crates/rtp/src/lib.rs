//! RTP and RTCP packets, header extensions and clocks

//! WebRTC data channels over an SCTP association

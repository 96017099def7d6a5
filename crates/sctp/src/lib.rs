//! A sans-IO SCTP association over any datagram transport

//! SDP: typed, lossless, order-preserving

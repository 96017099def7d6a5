//! Offer/answer: SDP to ORTC parameters and back, as a pure state machine

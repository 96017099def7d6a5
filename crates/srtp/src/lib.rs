//! SRTP and SRTCP contexts

//! WebRTC and ORTC for Rust: talk to any browser with audio, video and data

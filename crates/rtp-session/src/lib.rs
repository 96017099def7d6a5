//! RTP sessions: jitter buffers, NACK, RTX, reports, pacing, bandwidth estimation

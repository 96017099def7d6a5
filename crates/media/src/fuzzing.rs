//! Bodies of the fuzz targets.

use std::time::Duration;

use crate::{Source, WavPlayer};

/// Reads hostile bytes as a WAV file and plays it.
pub fn wav(data: &[u8]) {
    let Ok(player) = WavPlayer::new(data) else {
        return;
    };
    let mut player = player.looping();
    for millis in [0, 20, 999, 1_000_000] {
        if let Some(frame) = player.frame_at(Duration::from_millis(millis)) {
            assert_eq!(frame.format(), player.format());
        }
    }
}

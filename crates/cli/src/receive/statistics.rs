//! What comes, counted.

use std::time::Duration;

use gannet::{MediaKind, PeerConnection};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior};

use super::{ReceiveError, Received};

/// How often the counts are printed.
const INTERVAL: Duration = Duration::from_secs(1);

/// The counts of a second.
#[derive(Debug)]
pub(super) struct Statistics {
    connection: PeerConnection,
    audio: Count,
    video: Count,
}

#[derive(Debug, Default)]
struct Count {
    codec: String,
    frames: u64,
    bytes: usize,
}

impl Statistics {
    pub(super) fn new(connection: PeerConnection) -> Self {
        Self {
            connection,
            audio: Count::default(),
            video: Count::default(),
        }
    }

    /// Counts and prints until there are no more frames.
    pub(super) async fn run(
        mut self,
        mut frames: mpsc::Receiver<Received>,
    ) -> Result<(), ReceiveError> {
        let mut ticks = tokio::time::interval_at(Instant::now() + INTERVAL, INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut seconds = 0;
        loop {
            tokio::select! {
                received = frames.recv() => match received {
                    Some(received) => self.count(&received),
                    None => return Ok(()),
                },
                _ = ticks.tick() => {
                    seconds += 1;
                    self.print(seconds);
                }
            }
        }
    }

    fn count(&mut self, (kind, received): &Received) {
        let count = match kind {
            MediaKind::Audio => &mut self.audio,
            MediaKind::Video => &mut self.video,
        };
        count.frames += 1;
        count.bytes += received.frame.data.len();
        if count.codec != received.codec.name {
            count.codec.clone_from(&received.codec.name);
        }
    }

    #[allow(
        clippy::print_stdout,
        reason = "this is what the user started the program for"
    )]
    fn print(&mut self, seconds: u64) {
        let report = self.connection.stats();
        let streams = report.inbound_rtp.iter();
        let lost: i64 = streams.map(|stream| stream.counters.packets_lost).sum();
        let video = std::mem::take(&mut self.video).describe("video");
        let audio = std::mem::take(&mut self.audio).describe("audio");
        println!("{seconds} s: {video}; {audio}; {lost} packets lost in all");
    }
}

impl Count {
    /// What came in a second.
    fn describe(self, kind: &str) -> String {
        let Self {
            codec,
            frames,
            bytes,
        } = self;
        if frames == 0 {
            return format!("no {kind}");
        }
        format!("{kind} {codec}, {frames} frames, {} kbit", bytes * 8 / 1000)
    }
}

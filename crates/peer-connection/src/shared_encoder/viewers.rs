//! Who watches a shared encoder, and what it does for all of them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use gannet_media::{
    EncodedFormat, EncodedTrack, EncodedTrackFrame, EncodedTrackWriter, MediaKind, Written,
};

/// How many frames wait for a viewer: two seconds of pictures. Who is later than that begins anew.
const QUEUE: usize = 64;
/// Key frames that are asked for are no closer than this; whoever was given one does not get another as soon.
const KEY_FRAME_PAUSE: Duration = Duration::from_millis(300);
/// One viewer's requests bring no more key frames than one in this time.
const VIEWER_PAUSE: Duration = Duration::from_secs(1);
/// Those of a viewer whose line does not carry the floor are no closer than this: he will lose the next one too, and
/// each costs all the others.
const SLOW_VIEWER_PAUSE: Duration = Duration::from_secs(3);

/// All viewers of one encoder.
#[derive(Debug)]
pub(super) struct Viewers {
    list: Vec<Viewer>,
    format: EncodedFormat,
    id: Arc<str>,
    /// In bits per second: no viewer brings the encoder below this.
    floor: u32,
    last_key_frame: Option<Instant>,
    is_over: bool,
}

#[derive(Debug)]
struct Viewer {
    writer: EncodedTrackWriter,
    /// He needs a key frame, and has not been given one since he said so.
    waits: bool,
    /// When he was given one last.
    given: Option<Instant>,
    /// When one was made because he asked for it.
    asked: Option<Instant>,
}

/// What the encoder is to do with the next picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) key_frame: bool,
    /// In bits per second; `None` while no viewer knows his line.
    pub(super) bitrate: Option<u32>,
}

impl Viewers {
    pub(super) const fn new(id: Arc<str>, format: EncodedFormat, floor: u32) -> Self {
        Self {
            list: Vec::new(),
            format,
            id,
            floor,
            last_key_frame: None,
            is_over: false,
        }
    }

    /// Another one. His track has ended already if the encoder has.
    pub(super) fn add(&mut self) -> EncodedTrack {
        self.list.retain(|viewer| !viewer.writer.is_ended());
        let (writer, track) = EncodedTrack::new(Arc::clone(&self.id), self.format, QUEUE);
        if !self.is_over {
            self.list.push(Viewer {
                writer,
                waits: false,
                given: None,
                asked: None,
            });
        }
        track
    }

    /// Ends all their tracks.
    pub(super) fn end(&mut self) {
        self.is_over = true;
        self.list.clear();
    }

    /// How many there are who want frames.
    pub(super) fn watching(&self) -> usize {
        let wants = |viewer: &&Viewer| viewer.writer.is_wanted();
        self.list.iter().filter(wants).count()
    }

    /// What to do with a picture that comes now; `None` if nobody wants it.
    pub(super) fn plan(&mut self, now: Instant) -> Option<Plan> {
        self.list.retain(|viewer| !viewer.writer.is_ended());
        if self.watching() == 0 {
            return None;
        }
        Some(Plan {
            key_frame: self.format.kind() == MediaKind::Video && self.wants_key_frame(now),
            bitrate: self.bitrate(),
        })
    }

    /// Whether somebody waits for a key frame who may have one now.
    fn wants_key_frame(&mut self, now: Instant) -> bool {
        let since = |at: Instant| now.saturating_duration_since(at);
        let floor = self.floor;
        for viewer in &mut self.list {
            viewer.waits |= viewer.writer.take_key_frame_request();
            let is_on_its_way = viewer.given.is_some_and(|at| since(at) < KEY_FRAME_PAUSE);
            // Who has lost it on the way asks again.
            if is_on_its_way && !viewer.writer.needs_key_frame() {
                viewer.waits = false;
            }
        }
        if self
            .last_key_frame
            .is_some_and(|at| since(at) < KEY_FRAME_PAUSE)
        {
            return false;
        }
        let mut wants = false;
        for viewer in &mut self.list {
            let pause = if viewer.is_slow(floor) {
                SLOW_VIEWER_PAUSE
            } else {
                VIEWER_PAUSE
            };
            let may = viewer.waits && viewer.writer.is_wanted();
            if may && viewer.asked.is_none_or(|at| since(at) >= pause) {
                viewer.asked = Some(now);
                wants = true;
            }
        }
        wants
    }

    /// The lowest that a viewer may have of those who may have the floor.
    fn bitrate(&self) -> Option<u32> {
        let watching = self.list.iter().filter(|viewer| viewer.writer.is_wanted());
        let targets = watching.filter_map(|viewer| viewer.writer.target_bitrate());
        let target = targets
            .clone()
            .filter(|target| *target >= u64::from(self.floor))
            .min();
        match target {
            Some(target) => Some(u32::try_from(target).unwrap_or(u32::MAX)),
            None => targets.clone().next().map(|_| self.floor),
        }
    }

    /// Gives a frame to everybody.
    pub(super) fn write(&mut self, now: Instant, frame: &EncodedTrackFrame) {
        let is_key_frame = frame.frame.keyframe;
        if is_key_frame {
            self.last_key_frame = Some(now);
        }
        for viewer in &mut self.list {
            let written = viewer.writer.write(frame.clone());
            if is_key_frame && written == Ok(Written::Queued) {
                viewer.given = Some(now);
                viewer.waits = false;
            }
        }
    }
}

impl Viewer {
    /// Whether his line does not carry what all get.
    fn is_slow(&self, floor: u32) -> bool {
        let target = self.writer.target_bitrate();
        target.is_some_and(|target| target < u64::from(floor))
    }
}

#[cfg(test)]
mod tests {
    use gannet_codecs::{EncodedFrame, VideoCodec};

    use super::*;

    const MS: Duration = Duration::from_millis(1);
    const FLOOR: u32 = 300_000;

    fn viewers() -> Viewers {
        let format = EncodedFormat::video(VideoCodec::Vp8);
        Viewers::new("shared".into(), format, FLOOR)
    }

    fn frame(now: Instant, keyframe: bool) -> EncodedTrackFrame {
        EncodedTrackFrame {
            frame: EncodedFrame::new(vec![0], Duration::ZERO, keyframe),
            captured: now,
            encoding: None,
        }
    }

    /// The times, in milliseconds, at which key frames were made; a picture comes every 30 ms.
    fn key_frames(viewers: &mut Viewers, start: Instant, mut at: impl FnMut(u32)) -> Vec<u32> {
        let mut made = Vec::new();
        for time in (0..6000).step_by(30) {
            let now = start + time * MS;
            at(time);
            let Some(plan) = viewers.plan(now) else {
                continue;
            };
            if plan.key_frame {
                made.push(time);
            }
            viewers.write(now, &frame(now, plan.key_frame));
        }
        made
    }

    #[test]
    fn nobody_watches_who_wants_nothing() {
        let (mut viewers, now) = (viewers(), Instant::now());
        assert_eq!(viewers.plan(now), None);
        let track = viewers.add();
        track.set_wanted(false);
        assert_eq!((viewers.plan(now), viewers.watching()), (None, 0));
        track.set_wanted(true);
        let plan = Plan {
            key_frame: true,
            bitrate: None,
        };
        assert_eq!((viewers.plan(now), viewers.watching()), (Some(plan), 1));
        drop(track);
        assert_eq!(viewers.plan(now), None);
        assert!(viewers.list.is_empty());
        viewers.end();
        assert!(viewers.add().try_recv().is_none());
        assert!(viewers.list.is_empty());
    }

    #[test]
    fn many_requests_make_one_key_frame() {
        let mut viewers = viewers();
        let tracks: Vec<_> = (0..30).map(|_| viewers.add()).collect();
        let made = key_frames(&mut viewers, Instant::now(), |time| {
            for track in &tracks {
                while track.try_recv().is_some() {}
            }
            // All at once, and then again while the answer is under way.
            if (2010..2200).contains(&time) {
                tracks.iter().for_each(EncodedTrack::request_key_frame);
            }
        });
        assert_eq!(made, [0, 2010]);
    }

    #[test]
    fn who_joins_has_a_key_frame_soon() {
        let mut viewers = viewers();
        let mut tracks = vec![viewers.add()];
        let start = Instant::now();
        let mut made = Vec::new();
        for time in (0..1200).step_by(30) {
            let now = start + time * MS;
            // The second comes right after a key frame.
            if time == 30 || time == 900 {
                tracks.push(viewers.add());
            }
            let plan = viewers.plan(now).unwrap();
            made.extend(plan.key_frame.then_some(time));
            viewers.write(now, &frame(now, plan.key_frame));
        }
        assert_eq!(made, [0, 300, 900]);
    }

    #[test]
    fn one_viewer_can_not_have_key_frames_all_the_time() {
        let mut viewers = viewers();
        let greedy = viewers.add();
        let made = key_frames(&mut viewers, Instant::now(), |_| {
            while greedy.try_recv().is_some() {}
            greedy.request_key_frame();
        });
        assert_eq!(made, [0, 1020, 2040, 3060, 4080, 5100]);
        // One whose line does not carry the floor, and who loses each of them.
        greedy.set_target_bitrate(100_000);
        let made = key_frames(&mut viewers, Instant::now() + 60_000 * MS, |_| {
            greedy.skip_to_key_frame();
        });
        assert_eq!(made, [0, 3000]);
    }

    #[test]
    fn the_lowest_of_those_who_have_the_floor_counts() {
        let (mut viewers, now) = (viewers(), Instant::now());
        let tracks: Vec<_> = (0..3).map(|_| viewers.add()).collect();
        let mut bitrate = |targets: [u64; 3]| {
            for (track, target) in tracks.iter().zip(targets) {
                track.set_target_bitrate(target);
            }
            viewers.plan(now).unwrap().bitrate
        };
        assert_eq!(bitrate([900_000, 500_000, 700_000]), Some(500_000));
        assert_eq!(bitrate([900_000, 299_999, 700_000]), Some(700_000));
        assert_eq!(bitrate([900_000, 300_000, 1]), Some(300_000));
        assert_eq!(bitrate([1, 2, 3]), Some(FLOOR));
        assert_eq!(bitrate([u64::MAX; 3]), Some(u32::MAX));
        // Who does not watch does not count.
        tracks[0].set_target_bitrate(400_000);
        tracks[0].set_wanted(false);
        assert_eq!(viewers.plan(now).unwrap().bitrate, Some(u32::MAX));
    }
}

use proptest::prelude::*;

use super::*;

#[test]
fn what_was_recorded_is_read() {
    let frames = call();
    let file = record(&CALL, &frames);
    let mut live = WebmRecorder::live(Vec::new(), &CALL).unwrap();
    for (track, frame) in &frames {
        live.write(*track, frame).unwrap();
    }
    assert_eq!(live.stats().frames_dropped, 0);
    for (form, file) in [("file", file), ("live", live.finish().unwrap())] {
        let mut reader = WebmReader::new(&file[..]).unwrap();
        let duration = (form == "file").then_some(ms(3_000));
        assert_eq!(reader.duration(), duration, "{form}");
        let [voice, camera] = reader.tracks() else {
            panic!("two tracks");
        };
        assert_eq!(
            (voice.codec, voice.channels),
            (Some(WebmCodec::Opus), Some(2))
        );
        assert_eq!(voice.codec_delay, Duration::from_micros(6_500));
        assert_eq!(
            (camera.codec, camera.size),
            (Some(WebmCodec::Vp8), Some((320, 240)))
        );
        let read = read_all(&mut reader);
        assert!(!reader.is_truncated());
        assert_eq!(read.len(), frames.len());
        for (index, read) in read.iter().enumerate() {
            let (track, frame) = &frames[index];
            assert_eq!(read.track, *track as u64 + 1, "{form} {index}");
            assert_eq!(read.frame.data, frame.data, "{form} {index}");
            assert_eq!(read.frame.timestamp, frame.timestamp, "{form} {index}");
            assert_eq!(read.frame.keyframe, frame.keyframe, "{form} {index}");
        }
    }
}

#[test]
fn a_track_begins_with_its_first_key_frame() {
    let mut recorder = WebmRecorder::live(Vec::new(), &CALL).unwrap();
    for index in 0..10 {
        recorder
            .write(0, &sound(7_000 + index * 20, index as u8))
            .unwrap();
        recorder
            .write(1, &picture(7_005 + index * 20, index == 4, index as u8))
            .unwrap();
    }
    // Flagged as a key frame, but none: no decoder could begin there.
    let mut wrong = WebmRecorder::live(Vec::new(), &CALL).unwrap();
    let mut frame = picture(0, false, 0);
    frame.keyframe = true;
    wrong.write(1, &frame).unwrap();
    assert_eq!(wrong.stats().frames_dropped, 1);
    assert!(wrong.finish().unwrap().is_empty());

    assert_eq!(recorder.stats().frames_dropped, 4);
    let file = recorder.finish().unwrap();
    let frames = read_all(&mut WebmReader::new(&file[..]).unwrap());
    // The sound from the start, and the pictures as far behind it as they were captured.
    assert_eq!(marks(&frames, 1)[..2], [(0, 0), (20, 1)]);
    assert_eq!(marks(&frames, 2)[..2], [(85, 4), (105, 5)]);
}

#[test]
fn pictures_that_come_late_get_their_size_at_the_end() {
    let frames = (0..700).map(|index| (0, sound(index * 20, 0)));
    let late = [(1, picture(13_990, true, 7))];
    let frames: Vec<_> = frames.chain(late).collect();
    let file = record(&CALL, &frames);
    let mut reader = WebmReader::new(&file[..]).unwrap();
    assert_eq!(reader.tracks()[1].size, Some((320, 240)));
    assert_eq!(marks(&read_all(&mut reader), 2), [(13_990, 7)]);

    let mut live = WebmRecorder::live(Vec::new(), &CALL).unwrap();
    for (track, frame) in &frames {
        live.write(*track, frame).unwrap();
    }
    let live = live.finish().unwrap();
    let reader = WebmReader::new(&live[..]).unwrap();
    assert_eq!(reader.tracks()[1].size, Some((640, 480)));
}

#[test]
fn h264_that_comes_late_is_refused() {
    let codecs = [WebmCodec::Opus, WebmCodec::H264];
    let mut recorder = WebmRecorder::live(Vec::new(), &codecs).unwrap();
    for index in 0..600 {
        recorder.write(0, &sound(index * 20, 0)).unwrap();
    }
    let refused = recorder.write(1, &picture(12_000, true, 0));
    assert!(matches!(refused, Err(WebmWriteError::TooLate { track: 1 })));
    assert_eq!(recorder.stats().frames_dropped, 1);
    let file = recorder.finish().unwrap();
    let mut reader = WebmReader::new(&file[..]).unwrap();
    assert_eq!(reader.tracks().len(), 1);
    assert_eq!(read_all(&mut reader).len(), 600);
}

#[test]
fn a_track_that_is_too_late_is_kept_where_the_file_is() {
    let mut recorder = WebmRecorder::live(Vec::new(), &CALL).unwrap();
    recorder.write(1, &picture(0, true, 0)).unwrap();
    for index in 0..100 {
        recorder.write(0, &sound(index * 20, 0)).unwrap();
    }
    recorder.write(1, &picture(100, true, 1)).unwrap();
    recorder.write(1, &picture(133, false, 2)).unwrap();
    let stats = recorder.stats();
    let file = recorder.finish().unwrap();
    let mut reader = WebmReader::new(&file[..]).unwrap();
    let frames = read_all(&mut reader);
    let pictures = marks(&frames, 2);
    assert_eq!(pictures.len(), 3);
    assert!(
        pictures.windows(2).all(|two| two[0].0 < two[1].0),
        "{pictures:?}"
    );
    assert_eq!(stats.frames_dropped, 0);
}

#[test]
fn rotation_is_in_the_head() {
    use gannet_codecs::Rotation;
    for rotation in [
        Rotation::Deg0,
        Rotation::Deg90,
        Rotation::Deg180,
        Rotation::Deg270,
    ] {
        let frame = picture(0, true, 0).with_rotation(rotation);
        let file = record(&[WebmCodec::Vp8], &[(0, frame)]);
        let mut reader = WebmReader::new(&file[..]).unwrap();
        assert_eq!(
            reader.next_frame().unwrap().unwrap().frame.rotation,
            rotation
        );
    }
}

#[test]
fn mistakes_are_refused() {
    let new = |codecs: &[WebmCodec]| WebmRecorder::live(Vec::new(), codecs);
    assert!(matches!(
        new(&[]),
        Err(WebmWriteError::Tracks { tracks: 0, .. })
    ));
    assert!(new(&[WebmCodec::Opus; 32]).is_ok());
    assert!(matches!(
        new(&[WebmCodec::Opus; 33]),
        Err(WebmWriteError::Tracks { .. })
    ));
    assert!(matches!(
        new(&[WebmCodec::Av1]),
        Err(WebmWriteError::Codec { .. })
    ));
    let mut recorder = new(&CALL).unwrap();
    let unknown = recorder.write(2, &sound(0, 0));
    assert!(matches!(
        unknown,
        Err(WebmWriteError::UnknownTrack {
            track: 2,
            tracks: 2
        })
    ));
    let large = EncodedFrame::new(vec![0; (8 << 20) + 1], ms(0), true);
    let refused = recorder.write(0, &large);
    assert!(matches!(refused, Err(WebmWriteError::FrameTooLarge { .. })));
    // The recording goes on.
    recorder.write(0, &sound(0, 0)).unwrap();
}

/// An output that is full after so many octets.
struct Full(usize);

impl std::io::Write for Full {
    fn write(&mut self, data: &[u8]) -> std::io::Result<usize> {
        let taken = data.len().min(self.0);
        self.0 -= taken;
        Ok(taken)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_failed_output_ends_the_recording() {
    let mut recorder = WebmRecorder::live(Full(1_000), &[WebmCodec::Opus]).unwrap();
    let failed = (0..200).find_map(|index| recorder.write(0, &sound(index * 20, 0)).err());
    assert!(matches!(failed, Some(WebmWriteError::Io(_))));
    let after = recorder.write(0, &sound(9_000, 0));
    assert!(matches!(after, Err(WebmWriteError::Failed)));
    assert!(matches!(recorder.finish(), Err(WebmWriteError::Failed)));
}

#[test]
fn a_size_may_change_in_the_middle() {
    let mut other = picture(33, true, 1).data.to_vec();
    other[6] = 0x80;
    let other = EncodedFrame::new(other, ms(33), true);
    let file = record(
        &[WebmCodec::Vp8],
        &[(0, picture(0, true, 0)), (0, other.clone())],
    );
    let mut reader = WebmReader::new(&file[..]).unwrap();
    assert_eq!(reader.tracks()[0].size, Some((320, 240)));
    assert_eq!(read_all(&mut reader)[1].frame.data, other.data);
}

#[test]
fn even_the_largest_times_are_written() {
    let mut frames = call();
    for (index, (_, frame)) in frames.iter_mut().enumerate() {
        frame.timestamp = if index % 3 == 0 { Duration::MAX } else { ms(0) };
        frame.duration = Some(Duration::MAX);
    }
    let file = record(&CALL, &frames);
    let read = read_all(&mut WebmReader::new(&file[..]).unwrap());
    assert_eq!(read.len(), frames.len());
}

proptest! {
    #[test]
    fn any_order_within_the_window_survives(
        // Steps in ms, whether it is a key frame, and how late each frame is.
        voice in prop::collection::vec((0u64..60, 0u64..400), 1..120),
        camera in prop::collection::vec((0u64..200, any::<bool>(), 0u64..400), 1..60),
        start in 0u64..1_000_000,
        is_live in any::<bool>(),
    ) {
        let mut arrivals = Vec::new();
        let (mut time, mut arrival) = (start, 0);
        for (index, (step, late)) in voice.iter().enumerate() {
            time += step;
            arrival = arrival.max(time + late);
            arrivals.push((arrival, 0, sound(time, index as u8)));
        }
        (time, arrival) = (start, 0);
        for (index, (step, is_key, late)) in camera.iter().enumerate() {
            time += step;
            arrival = arrival.max(time + late);
            arrivals.push((arrival, 1, picture(time, *is_key || index == 0, index as u8)));
        }
        arrivals.sort_by_key(|(arrival, ..)| *arrival);
        let frames: Vec<_> = arrivals.into_iter().map(|(_, track, frame)| (track, frame)).collect();
        let file = if is_live {
            let mut recorder = WebmRecorder::live(Vec::new(), &CALL).unwrap();
            for (track, frame) in &frames {
                recorder.write(*track, frame).unwrap();
            }
            recorder.finish().unwrap()
        } else {
            record(&CALL, &frames)
        };
        let mut reader = WebmReader::new(&file[..]).unwrap();
        let read = read_all(&mut reader);
        prop_assert_eq!(read.len(), frames.len());
        let origin = frames.iter().map(|(_, frame)| frame.timestamp).min().unwrap();
        for (track, count) in [(0, voice.len()), (1, camera.len())] {
            let given = frames.iter().filter(|(of, _)| *of == track).map(|(_, frame)| frame);
            let read: Vec<_> = read.iter().filter(|frame| frame.track == track as u64 + 1).collect();
            prop_assert_eq!(read.len(), count);
            let mut last = None;
            for (given, read) in given.zip(read) {
                prop_assert_eq!(&given.data, &read.frame.data);
                prop_assert_eq!(given.keyframe, read.frame.keyframe);
                prop_assert!(last < Some(read.frame.timestamp));
                // What has the time of the frame before is a tick later.
                let pushed = last.map_or(Duration::ZERO, |last| last + ms(1));
                let expected = (given.timestamp - origin).max(pushed);
                prop_assert_eq!(read.frame.timestamp, expected);
                last = Some(read.frame.timestamp);
            }
        }
    }

    #[test]
    fn any_times_give_a_file_that_can_be_read(
        frames in prop::collection::vec((0u64..1 << 56, any::<bool>(), any::<bool>()), 1..60),
    ) {
        let frames: Vec<_> = frames
            .into_iter()
            .map(|(nanos, is_sound, is_key)| {
                let mut frame = if is_sound { sound(0, 0) } else { picture(0, is_key, 0) };
                frame.timestamp = Duration::from_nanos(nanos);
                (usize::from(!is_sound), frame)
            })
            .collect();
        let file = record(&CALL, &frames);
        if let Ok(mut reader) = WebmReader::new(&file[..]) {
            let read = read_all(&mut reader);
            for track in 1..=2 {
                let times = marks(&read, track);
                prop_assert!(times.windows(2).all(|two| two[0].0 < two[1].0));
            }
        } else {
            prop_assert!(file.is_empty());
        }
    }
}

//! The form of the file, looked at element by element, and a file of another program.

use super::super::ebml::{Id, Octets, id, read_unsigned};
use super::*;

/// The elements in `data`: identifier, where its data begins in it, and the data.
fn elements(data: &[u8]) -> Vec<(Id, usize, &[u8])> {
    let mut octets = Octets(data);
    let mut found = Vec::new();
    while let Some((id, inside)) = octets.element().unwrap() {
        let end = data.len() - octets.0.len();
        found.push((id, end - inside.len(), inside));
    }
    found
}

fn child(data: &[u8], wanted: Id) -> &[u8] {
    let all = elements(data);
    all.iter().find(|(id, ..)| *id == wanted).unwrap().2
}

fn unsigned(data: &[u8], wanted: Id) -> u64 {
    read_unsigned(child(data, wanted), "value").unwrap()
}

/// The segment of a finished file: all sizes are known, and all elements end where their parents do.
fn segment(file: &[u8]) -> &[u8] {
    let top = elements(file);
    assert_eq!([top[0].0, top[1].0], [id::EBML, id::SEGMENT]);
    assert_eq!(top.len(), 2);
    top[1].2
}

fn clusters(segment: &[u8]) -> Vec<(usize, &[u8])> {
    let all = elements(segment).into_iter();
    // A cluster's head has twelve octets: four of the identifier and eight of the size.
    all.filter(|(id, ..)| *id == id::CLUSTER)
        .map(|(_, at, data)| (at - 12, data))
        .collect()
}

#[test]
fn a_finished_file_is_whole() {
    let file = record(&CALL, &call());
    let segment = segment(&file);
    let order: Vec<_> = elements(segment).iter().map(|(id, ..)| *id).collect();
    let head = [id::SEEK_HEAD, id::VOID, id::INFO, id::TRACKS];
    assert_eq!(order[..4], head);
    assert_eq!(order.last(), Some(&id::CUES));
    assert_eq!(child(&file, id::EBML), elements(&file)[0].2);
    assert_eq!(child(elements(&file)[0].2, id::DOC_TYPE), b"webm");
    // Every position of the SeekHead is where such an element begins.
    let seeks = elements(child(segment, id::SEEK_HEAD));
    assert_eq!(seeks.len(), 3);
    for (_, _, seek) in seeks {
        let at = unsigned(seek, id::SEEK_POSITION) as usize;
        assert!(segment[at..].starts_with(child(seek, id::SEEK_ID)));
    }
    // A cluster begins with each key frame, and the cues lead to these.
    let clusters = clusters(segment);
    assert_eq!(clusters.len(), 4);
    let cues = elements(child(segment, id::CUES));
    assert_eq!(cues.len(), 3);
    for ((_, _, cue), (at, cluster)) in cues.iter().zip(&clusters[1..]) {
        let positions = child(cue, id::CUE_TRACK_POSITIONS);
        assert_eq!(unsigned(positions, id::CUE_TRACK), 2);
        assert_eq!(unsigned(positions, id::CUE_CLUSTER_POSITION), *at as u64);
        assert_eq!(
            unsigned(cue, id::CUE_TIME),
            unsigned(cluster, id::TIMESTAMP)
        );
    }
}

#[test]
fn a_cluster_has_no_more_than_five_seconds() {
    let frames: Vec<_> = (0..1_000).map(|index| (0, sound(index * 20, 0))).collect();
    let file = record(&[WebmCodec::Opus], &frames);
    let segment = segment(&file);
    let times = clusters(segment);
    let times: Vec<_> = times
        .iter()
        .map(|(_, cluster)| unsigned(cluster, id::TIMESTAMP))
        .collect();
    assert_eq!(times, [0, 5_000, 10_000, 15_000]);
    assert_eq!(elements(child(segment, id::CUES)).len(), 4);
    // A pause is longer than a cluster's times could say.
    let file = record(
        &[WebmCodec::Opus],
        &[(0, sound(0, 1)), (0, sound(40_000, 2))],
    );
    let mut reader = WebmReader::new(&file[..]).unwrap();
    assert_eq!(marks(&read_all(&mut reader), 1), [(0, 1), (40_000, 2)]);
}

#[test]
fn cues_are_thinned_out() {
    let frames: Vec<_> = (0..9_000)
        .map(|index| (0, picture(index * 40, true, 0)))
        .collect();
    let file = record(&[WebmCodec::Vp8], &frames);
    let segment = segment(&file);
    let cues = elements(child(segment, id::CUES));
    assert!((2_048..=4_096).contains(&cues.len()), "{}", cues.len());
    let times: Vec<_> = cues
        .iter()
        .map(|cue| unsigned(cue.2, id::CUE_TIME))
        .collect();
    assert!(
        times.windows(2).all(|two| two[1] - two[0] == times[1]),
        "evenly"
    );
    assert!(*times.last().unwrap() > 8_900 * 40);
}

#[test]
fn a_file_that_was_cut_off_plays() {
    let frames = call();
    let mut recorder = WebmRecorder::file(Cursor::new(Vec::new()), &CALL).unwrap();
    for (track, frame) in &frames {
        recorder.write(*track, frame).unwrap();
    }
    let written = recorder.stats().frames_written as usize;
    let whole = recorder.finish().unwrap().into_inner();
    // As it stood before it was finished: sizes and duration were not filled in.
    let crashed = cut_off(&frames);
    let mut reader = WebmReader::new(&crashed[..]).unwrap();
    assert_eq!(reader.duration(), None);
    assert_eq!(read_all(&mut reader).len(), written);
    assert_eq!(
        WebmReader::new(Cursor::new(&crashed))
            .unwrap()
            .find_duration()
            .unwrap(),
        ms(2_980)
    );
    // Both, cut anywhere: as many frames as are whole, and no error.
    for file in [&crashed, &whole] {
        let mut last = 0;
        for length in (400..file.len()).step_by(7) {
            let mut reader = WebmReader::new(&file[..length]).unwrap();
            let read = read_all(&mut reader).len();
            assert!(read >= last);
            last = read;
        }
        assert!(last >= written - 1);
    }
}

/// A file whose recorder was gone before it could finish.
fn cut_off(frames: &[(usize, EncodedFrame)]) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    let mut recorder = WebmRecorder::file(&mut file, &CALL).unwrap();
    for (track, frame) in frames {
        recorder.write(*track, frame).unwrap();
    }
    drop(recorder);
    file.into_inner()
}

#[test]
fn a_recording_may_begin_in_the_middle_of_an_output() {
    let mut output = Cursor::new(b"something before".to_vec());
    output.set_position(16);
    let mut recorder = WebmRecorder::file(output, &[WebmCodec::Opus]).unwrap();
    recorder.write(0, &sound(0, 0)).unwrap();
    let file = recorder.finish().unwrap().into_inner();
    assert_eq!(file[..16], *b"something before");
    segment(&file[16..]);
}

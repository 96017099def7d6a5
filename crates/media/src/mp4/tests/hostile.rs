//! What the format does not allow, and what would be too much.

use proptest::prelude::*;

use super::*;

const REORDERED: &[u8] = include_bytes!("../../../tests/data/reordered.mp4");
const FRAGMENTED: &[u8] = include_bytes!("../../../tests/data/fragmented.mp4");
const VP9: &[u8] = include_bytes!("../../../tests/data/vp9.mp4");

/// All frames up to the end or an error.
fn read(bytes: &[u8], kind: MediaKind) -> Option<Vec<EncodedFrame>> {
    let reader = Mp4Reader::new(Cursor::new(bytes)).ok()?;
    let mut track = reader.into_track(kind).ok()?;
    let _ = track.duration();
    let mut frames = Vec::new();
    while let Ok(Some(frame)) = track.next_frame() {
        frames.push(frame);
    }
    assert!(matches!(track.next_frame(), Ok(None)));
    Some(frames)
}

#[test]
fn what_is_no_mp4_is_refused() {
    for bytes in [
        &b""[..],
        b"RIFF",
        b"\0\0\0\x08fty",
        b"\x1A\x45\xDF\xA3\x01\0\0\0",
    ] {
        let error = Mp4Reader::new(Cursor::new(bytes)).unwrap_err();
        assert!(matches!(error, Mp4ReadError::NotMp4), "{error}");
    }
    let bytes = boxed(b"ftyp", b"isom\0\0\0\0");
    let error = Mp4Reader::new(Cursor::new(bytes)).unwrap_err();
    assert!(matches!(error, Mp4ReadError::NoTracks), "{error}");
}

#[test]
fn a_file_that_was_cut_off_ends_there() {
    for (file, description) in [(VP9, "in front"), (FRAGMENTED, "in pieces")] {
        let whole = read(file, MediaKind::Video).unwrap();
        assert_eq!(whole.len(), 12);
        let mut longest = 0;
        for length in 0..file.len() {
            let Some(frames) = read(&file[..length], MediaKind::Video) else {
                continue;
            };
            assert_eq!(frames, whole[..frames.len()], "{description} {length}");
            assert!(frames.len() >= longest);
            longest = frames.len();
        }
        // What comes last is sound.
        assert_eq!(longest, 12);
    }
    for length in 0..REORDERED.len() {
        assert_eq!(read(&REORDERED[..length], MediaKind::Video), None);
    }
}

#[test]
fn too_many_boxes_before_the_description() {
    let file = File::with_tables(one_chunk(&[1]));
    for (count, is_read) in [(4_094, true), (4_095, false)] {
        let free = boxed(b"free", &[]).repeat(count);
        let bytes = [boxed(b"ftyp", &[]), free, file.movie()].concat();
        assert_eq!(
            Mp4Reader::new(Cursor::new(bytes)).is_ok(),
            is_read,
            "{count}"
        );
    }
}

#[test]
fn sizes_that_can_not_be() {
    let refused = |bytes: Vec<u8>| Mp4Reader::new(Cursor::new(bytes)).unwrap_err().to_string();
    let ftyp = boxed(b"ftyp", &[]);
    let small = [&ftyp[..], &[0, 0, 0, 7], b"moov"].concat();
    assert_eq!(refused(small), "MP4: a box's size that is out of range");
    let large = [&ftyp[..], &[0, 0, 0, 1], b"free", &u64::MAX.to_be_bytes()].concat();
    assert_eq!(refused(large), "MP4: a box's size that is out of range");
    let long = [&ftyp[..], &[0x10, 0, 0, 0], b"moov"].concat();
    assert_eq!(
        refused(long),
        "MP4: the description of the movie of 268435448, expected at most 67108864"
    );
    let mut file = File::with_tables(one_chunk(&[1]));
    file.tables[0] = full(b"stts", 0, 0, &[u32::MAX, 1, 40]);
    assert_eq!(
        refused(file.bytes()),
        "MP4: the table of durations ends too early"
    );
    file.tables[0] = full(b"stsc", 0, 0, &[2, 2, 1, 1, 2, 1, 1]);
    let message = "MP4: a number in the table of samples in chunks that is out of range";
    assert_eq!(refused(file.bytes()), message);
}

#[test]
fn tables_that_promise_more_than_the_file_has() {
    let mut tables = one_chunk(&[1]);
    tables[1] = full(b"stsc", 0, 0, &[1, 1, u32::MAX, 1]);
    tables[2] = full(b"stsz", 0, 0, &[1, u32::MAX]);
    let file = File::with_tables(tables);
    let length = file.bytes().len();
    // Each octet from the data's first on is a sample, up to the end of the file.
    assert_eq!(file.frames().len(), length - DATA as usize);
    let file = File::with_tables(one_chunk(&[1, 17 << 20]));
    let mut track = file.track();
    assert!(track.next_frame().unwrap().is_some());
    let error = track.next_frame().unwrap_err();
    assert_eq!(
        error.to_string(),
        "MP4: a sample's size of 17825792, expected at most 16777216"
    );
    assert!(track.next_frame().unwrap().is_none());
}

/// A small file whose tables have four thousand million samples is not looked through.
#[test]
fn samples_without_end_are_not_searched() {
    let mut tables = one_chunk(&[1]);
    tables[0] = full(b"stts", 0, 0, &[1, u32::MAX, 0]);
    tables[1] = full(b"stsc", 0, 0, &[1, 1, u32::MAX, 1]);
    tables[2] = full(b"stsz", 0, 0, &[1, u32::MAX]);
    let mut file = File::with_tables(tables);
    // All are at the same time, before the first that is shown.
    file.edits = boxed(b"edts", &full(b"elst", 0, 0, &[1, 600, 80, 1 << 16]));
    let length = file.bytes().len();
    assert_eq!(file.frames().len(), length - DATA as usize);
    // All are of an entry that is not there.
    file.edits.clear();
    file.tables[1] = full(b"stsc", 0, 0, &[1, 1, u32::MAX, 2]);
    let error = file.track().next_frame().unwrap_err();
    assert_eq!(
        error.to_string(),
        "MP4: a number of samples in a row that nothing here reads of 1048577, expected at most 1048576"
    );
}

#[test]
fn a_fragment_of_too_many_samples() {
    let mut file = File::with_tables(one_chunk(&[]));
    file.extends = boxed(b"mvex", &[]);
    let runs = [full(b"trun", 0, 0, &[1 << 18]), full(b"trun", 0, 0, &[1])];
    let fragment = |runs: &[Vec<u8>]| {
        let track = [full(b"tfhd", 0, 0, &[7]), runs.concat()].concat();
        boxed(b"moof", &boxed(b"traf", &track))
    };
    // So many are allowed, in a file that could have them; they are empty.
    let rest = boxed(b"free", &[0; 1 << 18]);
    file.rest = [fragment(&runs[..1]), rest.clone()].concat();
    assert_eq!(file.frames(), []);
    file.rest = [fragment(&runs[..1]).repeat(2), rest].concat();
    for error in [
        file.track().next_frame().unwrap_err(),
        file.track().duration().unwrap_err(),
    ] {
        let length = file.bytes().len();
        assert_eq!(
            error.to_string(),
            format!(
                "MP4: a number of samples in all fragments of {}, expected at most {length}",
                length + 1
            )
        );
    }
    file.rest = fragment(&runs);
    let error = file.track().next_frame().unwrap_err();
    assert_eq!(
        error.to_string(),
        "MP4: a number of samples in a fragment of 1, expected at most 262144"
    );
}

#[test]
fn h264_without_a_record_and_with_lengths_that_lie() {
    let mut file = File::with_tables(one_chunk(&[9]));
    file.sample_entry = visual_entry(b"avc1", &[]);
    assert!(file.reader().unwrap().track(MediaKind::Video).is_none());
    let record = boxed(b"avcC", &[1, 66, 0xC0, 30, 0xFF, 0xE0, 0]);
    file.sample_entry = visual_entry(b"avc1", &record);
    // The data counts from 0: a NAL unit of 0x00010203 octets.
    let error = file.track().next_frame().unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("MP4: a malformed sample at byte {DATA}")
    );
}

proptest! {
    #[test]
    fn changed_octets_do_no_harm(
        which in 0..3_usize,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut bytes = [REORDERED, FRAGMENTED, VP9][which].to_vec();
        for (place, value) in changes {
            let length = bytes.len();
            bytes[place.index(length)] = value;
        }
        for kind in [MediaKind::Audio, MediaKind::Video] {
            read(&bytes, kind);
        }
    }
}

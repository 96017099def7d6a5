//! What the format allows.

use super::*;

#[test]
fn chunks_are_cut_into_samples() {
    let file = File::with_tables([
        // Two of 40 ms, and the others of 10.
        full(b"stts", 0, 0, &[2, 2, 40, 1, 10]),
        full(b"stsc", 0, 0, &[2, 1, 2, 1, 3, 1, 1]),
        full(b"stsz", 0, 0, &[0, 6, 1, 2, 3, 4, 5, 6]),
        full(b"stco", 0, 0, &[4, DATA + 100, DATA, DATA + 50, DATA + 60]),
        full(b"stss", 0, 0, &[2, 1, 4]),
    ]);
    let expected = [
        (0, 100, 1),
        (40, 101, 2),
        (80, 0, 3),
        (90, 3, 4),
        (100, 50, 5),
        (110, 60, 6),
    ];
    assert_eq!(file.frames(), expected);
    let mut track = file.track();
    let frames: Vec<EncodedFrame> = std::iter::from_fn(|| track.next_frame().unwrap()).collect();
    let keys: Vec<bool> = frames.iter().map(|frame| frame.keyframe).collect();
    assert_eq!(keys, [true, false, false, true, false, false]);
    assert_eq!(frames[0].duration, Some(ms(40)));
    assert_eq!(track.duration().unwrap(), ms(90));
    assert_eq!(track.next_frame().unwrap().as_ref(), frames.first());
}

#[test]
fn offsets_of_64_bits_and_sizes_of_4_8_and_16() {
    for (width, sizes) in [
        (4, vec![0x12, 0x30]),
        (8, vec![1, 2, 3]),
        (16, vec![0, 1, 0, 2, 0, 3]),
    ] {
        let mut compact = vec![0, 0, 0, 0, 0, 0, 0, width, 0, 0, 0, 3];
        compact.extend(sizes);
        let file = File::with_tables([
            full(b"stts", 0, 0, &[1, 3, 20]),
            full(b"stsc", 0, 0, &[1, 1, 3, 1]),
            boxed(b"stz2", &compact),
            full(b"co64", 0, 0, &[1, 0, DATA + 9]),
        ]);
        assert_eq!(
            file.frames(),
            [(0, 9, 1), (20, 10, 2), (40, 12, 3)],
            "{width}"
        );
    }
}

#[test]
fn samples_of_one_size_and_empty_ones() {
    let mut tables = one_chunk(&[]);
    tables[1] = full(b"stsc", 0, 0, &[1, 1, 3, 1]);
    tables[2] = full(b"stsz", 0, 0, &[10, 3]);
    tables[0] = full(b"stts", 0, 0, &[1, 3, 40]);
    assert_eq!(
        File::with_tables(tables).frames(),
        [(0, 0, 10), (40, 10, 10), (80, 20, 10)]
    );
    let file = File::with_tables(one_chunk(&[5, 0, 6]));
    assert_eq!(file.frames(), [(0, 0, 5), (80, 5, 6)]);
}

#[test]
fn times_of_composition_and_edits() {
    let mut file = File::with_tables(one_chunk(&[1, 2, 3, 4]));
    let offsets = [3, 2, 80, 1, 120, 1, (-20_i32).cast_unsigned()];
    file.tables.push(full(b"ctts", 1, 0, &offsets));
    assert!(
        file.reader()
            .unwrap()
            .track(MediaKind::Video)
            .unwrap()
            .is_reordered
    );
    let times = |file: &File| -> Vec<u128> { file.frames().iter().map(|frame| frame.0).collect() };
    assert_eq!(times(&file), [80, 120, 200, 100]);
    // Shown from 80 on.
    let edit = full(b"elst", 0, 0, &[1, 600, 80, 1 << 16]);
    file.edits = boxed(b"edts", &edit);
    assert_eq!(times(&file), [0, 40, 120, 20]);
    // After half a second of nothing: 300 of the movie's 600 ticks.
    let edits = full(
        b"elst",
        0,
        0,
        &[2, 300, u32::MAX, 1 << 16, 600, 80, 1 << 16],
    );
    file.edits = boxed(b"edts", &edits);
    assert_eq!(times(&file), [500, 540, 620, 520]);
    // The same in version 1.
    let edits = [
        2,
        0,
        300,
        u32::MAX,
        u32::MAX,
        1 << 16,
        0,
        600,
        0,
        80,
        1 << 16,
    ];
    file.edits = boxed(b"edts", &full(b"elst", 1, 0, &edits));
    assert_eq!(times(&file), [500, 540, 620, 520]);
}

#[test]
fn what_was_cut_away_begins_at_the_key_frame_before() {
    let mut file = File::with_tables(one_chunk(&[1, 2, 3, 4, 5]));
    file.tables.push(full(b"stss", 0, 0, &[2, 1, 3]));
    let edit = full(b"elst", 0, 0, &[1, 600, 120, 1 << 16]);
    file.edits = boxed(b"edts", &edit);
    // The third is needed for the fourth, which is the first that is shown.
    assert_eq!(file.frames(), [(0, 3, 3), (0, 6, 4), (40, 10, 5)]);
}

#[test]
fn tracks_are_turned() {
    let one = 1 << 16;
    for (matrix, rotation) in [
        ([one, 0, 0, 0, one, 0, 0, 0, 1 << 30], Rotation::Deg0),
        ([0, one, 0, -one, 0, 0, 0, 0, 1 << 30], Rotation::Deg90),
        ([-one, 0, 0, 0, -one, 0, 0, 0, 1 << 30], Rotation::Deg180),
        ([0, -one, 0, one, 0, 0, 0, 0, 1 << 30], Rotation::Deg270),
    ] {
        let mut file = File::with_tables(one_chunk(&[1]));
        file.matrix = matrix;
        let mut track = file.track();
        assert_eq!(track.track().rotation, rotation);
        assert_eq!(track.next_frame().unwrap().unwrap().rotation, rotation);
    }
}

#[test]
fn boxes_of_64_bits_and_up_to_the_end() {
    let file = File::with_tables(one_chunk(&[3]));
    let movie = file.movie();
    let data: Vec<u8> = (0..200).collect();
    // A large size for the data, with the description in front of it; its place has moved.
    let start = 16 + movie.len() as u32 + 16;
    let mut tables = one_chunk(&[3]);
    tables[3] = full(b"stco", 0, 0, &[1, start]);
    let movie = File::with_tables(tables).movie();
    let ftyp = boxed(b"ftyp", b"qt  \0\0\0\0");
    let large = [&[0, 0, 0, 1][..], b"mdat", &216_u64.to_be_bytes(), &data].concat();
    let to_the_end = [&[0, 0, 0, 0][..], b"mdat", &[0; 8], &data].concat();
    for media_data in [large, to_the_end] {
        let bytes = [&ftyp[..], &movie, &media_data].concat();
        let reader = Mp4Reader::new(Cursor::new(bytes)).unwrap();
        let mut track = reader.into_track(MediaKind::Video).unwrap();
        assert_eq!(track.next_frame().unwrap().unwrap().data[..], [0, 1, 2]);
    }
}

/// Defaults of track 7: entry 1, 40 ms, 5 octets, no sync samples.
fn extends() -> Vec<u8> {
    boxed(b"mvex", &full(b"trex", 0, 0, &[7, 1, 40, 5, 0x0001_0000]))
}

#[test]
fn fragments_by_all_their_defaults() {
    let empty = [
        full(b"stts", 0, 0, &[0]),
        full(b"stsc", 0, 0, &[0]),
        full(b"stsz", 0, 0, &[0, 0]),
        full(b"stco", 0, 0, &[0]),
    ];
    let mut file = File::with_tables(empty);
    file.extends = extends();
    let start = file.bytes().len() as u32;
    // By the defaults of the movie, a place that counts from the fragment, and flags for the first.
    let back = (DATA as i32 - start as i32).cast_unsigned();
    let first = [
        full(b"tfhd", 0, 0x2_0000, &[7]),
        full(b"tfdt", 0, 0, &[1_000]),
        full(b"trun", 0, 0x5, &[2, back, 0x0200_0000]),
    ];
    let first = boxed(b"moof", &boxed(b"traf", &first.concat()));
    // By a place in the file, and values for each sample; another track's data comes first, whose end is where ours begins.
    let other = [
        full(b"tfhd", 0, 0x39, &[8, 0, DATA + 20, 10, 30, 0]),
        full(b"trun", 0, 0, &[1]),
    ];
    let ours = [
        full(b"tfhd", 0, 0, &[7]),
        full(b"trun", 0, 0xF00, &[2, 10, 3, 0, 5, 20, 4, 0x0001_0000, 0]),
        full(b"trun", 0, 0, &[1]),
    ];
    let second = [
        boxed(b"traf", &other.concat()),
        boxed(b"traf", &ours.concat()),
    ];
    let second = boxed(b"moof", &second.concat());
    file.rest = [first, boxed(b"free", &[]), second].concat();
    let expected = [
        (1_000, 0, 5),
        (1_040, 5, 5),
        (1_085, 50, 3),
        (1_090, 53, 4),
        (1_110, 57, 5),
    ];
    assert_eq!(file.frames(), expected);
    let mut track = file.track();
    assert_eq!(track.duration().unwrap(), ms(1_150));
    let keys: Vec<bool> = std::iter::from_fn(|| track.next_frame().unwrap())
        .map(|frame| frame.keyframe)
        .collect();
    assert_eq!(keys, [true, false, true, false, false]);
}

#[test]
fn samples_of_an_entry_that_is_not_known_are_left_out() {
    let mut tables = one_chunk(&[1, 2]);
    tables[1] = full(b"stsc", 0, 0, &[2, 1, 1, 2, 2, 1, 1]);
    tables[3] = full(b"stco", 0, 0, &[2, DATA, DATA + 1]);
    assert_eq!(File::with_tables(tables).frames(), [(40, 1, 2)]);
    let mut file = File::with_tables(one_chunk(&[1]));
    file.sample_entry = visual_entry(b"hvc1", &[]);
    let reader = file.reader().unwrap();
    let codecs: Vec<_> = reader
        .tracks()
        .map(|track| (track.codec, &*track.codec_id))
        .collect();
    assert_eq!(codecs, [(None, "hvc1")]);
    let error = reader.into_track(MediaKind::Video).unwrap_err();
    assert_eq!(error.to_string(), "MP4: no readable video track");
}

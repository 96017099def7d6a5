//! Files that nobody here writes, well-formed and not.

use std::io::Read;

use super::super::ebml::{
    self, Id, UNKNOWN_SIZE, id, write_binary, write_id, write_master, write_unsigned, write_void,
};
use super::*;

fn ebml_header(out: &mut Vec<u8>, doc_type: &[u8]) {
    write_master(out, id::EBML, |header| {
        write_binary(header, id::DOC_TYPE, doc_type)
    });
}

fn open(out: &mut Vec<u8>, id: Id) {
    write_id(out, id);
    out.extend_from_slice(&UNKNOWN_SIZE);
}

/// A file with one Opus track, whose entry has more in it, and these clusters.
fn file(entry: impl Fn(&mut Vec<u8>), clusters: impl Fn(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    ebml_header(&mut out, b"webm");
    open(&mut out, id::SEGMENT);
    write_void(&mut out, 20);
    write_master(&mut out, id::INFO, |info| {
        write_unsigned(info, id::TIMESTAMP_SCALE, 1_000_000);
        write_binary(info, Id(0xBF), &[1, 2, 3, 4]);
    });
    write_master(&mut out, id::TRACKS, |tracks| {
        write_master(tracks, id::TRACK_ENTRY, |track| {
            write_unsigned(track, id::TRACK_NUMBER, 1);
            write_binary(track, id::CODEC_ID, b"A_OPUS\0");
            entry(track);
        });
    });
    clusters(&mut out);
    out
}

fn cluster(out: &mut Vec<u8>, time: u64, inside: impl Fn(&mut Vec<u8>)) {
    open(out, id::CLUSTER);
    write_unsigned(out, id::TIMESTAMP, time);
    inside(out);
}

#[test]
fn unknown_sizes_elements_and_lacing() {
    let file = file(
        |_| {},
        |out| {
            cluster(out, 1_000, |out| {
                // An element that nobody knows, and one of another track.
                write_binary(out, Id(0x4FFF), b"?");
                write_binary(out, id::SIMPLE_BLOCK, &[0x82, 0, 0, 0x80, 9, 9]);
                // Two packets of 20 ms in Xiph's lacing.
                write_binary(
                    out,
                    id::SIMPLE_BLOCK,
                    &[0x81, 0, 40, 0x82, 1, 2, 0xF8, 7, 0xF8, 8],
                );
            });
            write_binary(out, id::CUES, &[]);
            cluster(out, 2_000, |out| {
                write_master(out, id::BLOCK_GROUP, |group| {
                    write_binary(group, id::BLOCK, &[0x81, 0xFF, 0xF6, 0, 0xF8, 9]);
                    write_unsigned(group, id::BLOCK_DURATION, 20);
                });
            });
        },
    );
    let mut reader = WebmReader::new(&file[..]).unwrap();
    let frames = read_all(&mut reader);
    assert_eq!(marks(&frames, 1), [(1_040, 7), (1_060, 8), (1_990, 9)]);
    assert!(frames.iter().all(|frame| frame.frame.keyframe));
    assert_eq!(frames[1].frame.duration, Some(ms(20)));
    // Read by a reader that gives one octet at a time, and again.
    let mut reader = WebmReader::new(Cursor::new(&file)).unwrap();
    assert_eq!(read_all(&mut reader), frames);
    reader.rewind().unwrap();
    assert_eq!(read_all(&mut reader), frames);
    assert_eq!(read_all(&mut WebmReader::new(Drip(&file)).unwrap()), frames);
}

#[test]
fn a_block_group_that_refers_to_none_is_a_key_frame() {
    let mut out = Vec::new();
    ebml_header(&mut out, b"matroska");
    open(&mut out, id::SEGMENT);
    write_master(&mut out, id::TRACKS, |tracks| {
        write_master(tracks, id::TRACK_ENTRY, |track| {
            write_unsigned(track, id::TRACK_NUMBER, 3);
            write_binary(track, id::CODEC_ID, b"V_VP8");
            write_unsigned(track, id::DEFAULT_DURATION, 40_000_000);
        });
    });
    cluster(&mut out, 0, |out| {
        write_master(out, id::BLOCK_GROUP, |group| {
            write_binary(group, id::BLOCK, &[0x83, 0, 0, 0, 1]);
        });
        write_master(out, id::BLOCK_GROUP, |group| {
            write_binary(group, id::REFERENCE_BLOCK, &[0xD8]);
            write_binary(group, id::BLOCK, &[0x83, 0, 40, 0, 2]);
            write_unsigned(group, id::BLOCK_DURATION, 33);
        });
        write_binary(out, id::SIMPLE_BLOCK, &[0x83, 0, 80, 0x00, 3]);
        write_binary(out, id::SIMPLE_BLOCK, &[0x83, 0, 120, 0x80, 4]);
    });
    let frames = read_all(&mut WebmReader::new(&out[..]).unwrap());
    let keys: Vec<_> = frames.iter().map(|frame| frame.frame.keyframe).collect();
    assert_eq!(keys, [true, false, false, true]);
    let durations: Vec<_> = frames.iter().map(|frame| frame.frame.duration).collect();
    assert_eq!(durations, [40, 33, 40, 40].map(|millis| Some(ms(millis))));
}

/// Found by fuzzing: the first of the two frames came after the error.
#[test]
fn nothing_comes_after_a_malformed_frame() {
    // Lengths of four octets, an SPS and a PPS.
    let record = [
        1, 0x42, 0xC0, 0x0A, 0xFF, 0xE1, 0, 4, 0x67, 0x42, 0xC0, 0x0A, 1, 0, 2, 0x68, 0xCE,
    ];
    // In Xiph's lacing: a NAL unit of two octets, and one of nine that has one.
    let block = [0x81, 0, 0, 0x82, 1, 6, 0, 0, 0, 2, 0x65, 1, 0, 0, 0, 9, 1];
    let mut out = Vec::new();
    ebml_header(&mut out, b"matroska");
    open(&mut out, id::SEGMENT);
    write_master(&mut out, id::TRACKS, |tracks| {
        write_master(tracks, id::TRACK_ENTRY, |track| {
            write_unsigned(track, id::TRACK_NUMBER, 1);
            write_binary(track, id::CODEC_ID, b"V_MPEG4/ISO/AVC");
            write_binary(track, id::CODEC_PRIVATE, &record);
        });
    });
    cluster(&mut out, 0, |out| {
        write_binary(out, id::SIMPLE_BLOCK, &block)
    });
    let mut reader = WebmReader::new(&out[..]).unwrap();
    let error = reader.next_frame().unwrap_err();
    assert!(
        matches!(error, WebmReadError::Block { track: 1 }),
        "{error}"
    );
    assert!(matches!(reader.next_frame(), Ok(None)));
}

struct Drip<'a>(&'a [u8]);

impl Read for Drip<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let count = out.len().min(1);
        self.0.read(&mut out[..count])
    }
}

#[test]
fn stripped_headers_come_back_and_compression_is_left_out() {
    let encoding = |algorithm: u64, settings: &'static [u8]| {
        move |track: &mut Vec<u8>| {
            write_master(track, id::CONTENT_ENCODINGS, |encodings| {
                write_master(encodings, id::CONTENT_ENCODING, |encoding| {
                    write_master(encoding, id::CONTENT_COMPRESSION, |compression| {
                        write_unsigned(compression, id::CONTENT_COMP_ALGO, algorithm);
                        write_binary(compression, id::CONTENT_COMP_SETTINGS, settings);
                    });
                });
            });
        }
    };
    let block = |out: &mut Vec<u8>| {
        cluster(out, 0, |out| {
            write_binary(out, id::SIMPLE_BLOCK, &[0x81, 0, 0, 0x80, 5])
        });
    };
    let stripped = file(encoding(3, &[0xF8]), block);
    let frames = read_all(&mut WebmReader::new(&stripped[..]).unwrap());
    assert_eq!(frames[0].frame.data[..], [0xF8, 5]);
    let compressed = file(encoding(0, &[]), block);
    let mut reader = WebmReader::new(&compressed[..]).unwrap();
    assert_eq!(
        (reader.tracks()[0].codec, &reader.tracks()[0].codec_id[..]),
        (None, "A_OPUS")
    );
    assert_eq!(read_all(&mut reader), []);
}

fn error_of(file: &[u8]) -> WebmReadError {
    match WebmReader::new(file) {
        Err(error) => error,
        Ok(mut reader) => loop {
            match reader.next_frame() {
                Ok(Some(_)) => {}
                Ok(None) => panic!("no error"),
                Err(error) => {
                    // It stays at its end.
                    assert!(reader.next_frame().unwrap().is_none());
                    break error;
                }
            }
        },
    }
}

#[test]
fn each_mistake_has_its_error() {
    use WebmReadError::{Block, NoTracks, NotWebm, Number, TooLarge};
    assert!(matches!(error_of(b""), NotWebm));
    assert!(matches!(error_of(b"OggS and more than that"), NotWebm));
    let mut other = Vec::new();
    ebml_header(&mut other, b"something");
    assert!(matches!(error_of(&other), NotWebm));
    let mut early = Vec::new();
    ebml_header(&mut early, b"webm");
    open(&mut early, id::SEGMENT);
    assert!(matches!(error_of(&early), NoTracks));
    cluster(&mut early, 0, |_| {});
    assert!(matches!(error_of(&early), NoTracks));

    let with = |inside: &dyn Fn(&mut Vec<u8>)| file(|_| {}, |out| cluster(out, 0, inside));
    // A block of a gigabyte, of which nothing is there, and one of unknown size.
    let large = with(&|out| {
        write_id(out, id::SIMPLE_BLOCK);
        ebml::write_size(out, 1 << 30);
    });
    assert!(matches!(error_of(&large), TooLarge { what: "block", size, .. } if size == 1 << 30));
    let unknown = with(&|out| open(out, id::SIMPLE_BLOCK));
    assert!(matches!(error_of(&unknown), TooLarge { .. }));
    let skipped = with(&|out| open(out, id::VOID));
    assert!(matches!(error_of(&skipped), Number { .. }));
    let zero = with(&|out| out.extend_from_slice(&[0; 8]));
    assert!(matches!(error_of(&zero), Number { .. }));
    let lacing = with(&|out| write_binary(out, id::SIMPLE_BLOCK, &[0x81, 0, 0, 2, 9, 255]));
    assert!(matches!(error_of(&lacing), Block { track: 1 }));
    let scale = file(|_| {}, |_| {});
    let at = scale
        .windows(3)
        .position(|octets| octets == [0x0F, 0x42, 0x40])
        .unwrap();
    let mut scale = scale;
    scale[at..at + 3].fill(0);
    assert!(matches!(
        error_of(&scale),
        Number {
            what: "timestamp scale"
        }
    ));
    let many = file(
        |_| {},
        |out| {
            write_master(out, id::TRACKS, |tracks| {
                (0..65).for_each(|_| write_master(tracks, id::TRACK_ENTRY, |_| {}));
            });
        },
    );
    assert!(matches!(
        error_of(&many),
        TooLarge {
            what: "list of tracks",
            ..
        }
    ));
}

#[test]
fn times_beyond_all_bounds_stop_at_the_bounds() {
    let mut late = file(
        |_| {},
        |out| {
            cluster(out, u64::MAX, |out| {
                write_binary(out, id::SIMPLE_BLOCK, &[0x81, 0x7F, 0xFF, 0x80, 0xF8]);
            });
            cluster(out, 0, |out| {
                write_binary(out, id::SIMPLE_BLOCK, &[0x81, 0x80, 0, 0x80, 0xF8]);
            });
        },
    );
    let frames = read_all(&mut WebmReader::new(&late[..]).unwrap());
    assert_eq!(frames[0].frame.timestamp, Duration::from_nanos(u64::MAX));
    assert_eq!(frames[1].frame.timestamp, Duration::ZERO);
    // Another document behind this one is another file.
    let again = late.clone();
    late.extend_from_slice(&again);
    assert_eq!(read_all(&mut WebmReader::new(&late[..]).unwrap()).len(), 2);
}

// The longest time in the coarsest ticks was more than 128 bits.
#[test]
fn the_coarsest_ticks_stop_at_the_bounds_too() {
    let mut out = Vec::new();
    ebml_header(&mut out, b"webm");
    open(&mut out, id::SEGMENT);
    write_master(&mut out, id::INFO, |info| {
        write_unsigned(info, id::TIMESTAMP_SCALE, u64::MAX);
    });
    write_master(&mut out, id::TRACKS, |tracks| {
        write_master(tracks, id::TRACK_ENTRY, |track| {
            write_unsigned(track, id::TRACK_NUMBER, 1);
            write_binary(track, id::CODEC_ID, b"A_OPUS");
        });
    });
    cluster(&mut out, u64::MAX, |out| {
        write_binary(out, id::SIMPLE_BLOCK, &[0x81, 0x7F, 0xFF, 0x80, 0xF8]);
    });
    let frames = read_all(&mut WebmReader::new(&out[..]).unwrap());
    assert_eq!(frames[0].frame.timestamp, Duration::from_nanos(u64::MAX));
}

// Each IDR slice of a few octets got the parameter sets of a megabyte: 200 MB of a block of a kilobyte.
#[test]
fn a_small_block_does_not_become_a_large_one() {
    let mut record = vec![1, 0x42, 0xC0, 0x0A, 0xFF, 0xFF];
    for _ in 0..15 {
        record.extend_from_slice(&u16::MAX.to_be_bytes());
        record.extend_from_slice(&[0x67; u16::MAX as usize]);
    }
    record[5] = 0xE0 | 15;
    record.push(0);
    // 200 frames of the same length.
    let mut block = vec![0x81, 0, 0, 0x84, 199];
    block.extend([0, 0, 0, 2, 0x65, 1].repeat(200));
    let mut out = Vec::new();
    ebml_header(&mut out, b"matroska");
    open(&mut out, id::SEGMENT);
    write_master(&mut out, id::TRACKS, |tracks| {
        write_master(tracks, id::TRACK_ENTRY, |track| {
            write_unsigned(track, id::TRACK_NUMBER, 1);
            write_binary(track, id::CODEC_ID, b"V_MPEG4/ISO/AVC");
            write_binary(track, id::CODEC_PRIVATE, &record);
        });
    });
    cluster(&mut out, 0, |out| {
        write_binary(out, id::SIMPLE_BLOCK, &block)
    });
    let mut reader = WebmReader::new(&out[..]).unwrap();
    let error = reader.next_frame().unwrap_err();
    assert!(
        matches!(
            error,
            WebmReadError::TooLarge {
                limit: 0x100_0000,
                ..
            }
        ),
        "{error}"
    );
}

use std::{io::Cursor, time::Duration};

use gannet_codecs::EncodedFrame;
use proptest::prelude::*;

use super::*;
use crate::EncodedSource;

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn packet(millis: u64, length: usize) -> EncodedFrame {
    let mut data = vec![7; length.max(1)];
    data[0] = 31 << 3;
    EncodedFrame::new(data, ms(millis), true)
}

fn record(packets: &[EncodedFrame]) -> Vec<u8> {
    let mut recorder = OggOpusRecorder::new(Vec::new(), 0x1234).unwrap();
    packets
        .iter()
        .for_each(|packet| recorder.write(packet).unwrap());
    recorder.finish().unwrap()
}

fn read_all<R: std::io::Read>(reader: &mut OggOpusReader<R>) -> Vec<EncodedFrame> {
    std::iter::from_fn(|| reader.next_packet().unwrap()).collect()
}

#[test]
fn what_was_recorded_is_read() {
    let packets: Vec<_> = (0..200)
        .map(|index| packet(5_000 + index * 20, 60 + index as usize))
        .collect();
    let file = record(&packets);
    let mut reader = OggOpusReader::new(Cursor::new(file)).unwrap();
    assert_eq!(reader.channels(), 2);
    assert_eq!(reader.delay(), Duration::from_micros(6_500));
    assert_eq!(reader.duration().unwrap(), ms(4_000) - reader.delay());
    for _ in 0..2 {
        let read = read_all(&mut reader);
        assert_eq!(read.len(), packets.len());
        for (read, given) in read.iter().zip(&packets) {
            assert_eq!(read.data, given.data);
            assert_eq!(read.timestamp, given.timestamp - ms(5_000));
            assert_eq!(read.duration, Some(ms(20)));
        }
        reader.rewind().unwrap();
    }
}

#[test]
fn a_page_has_no_more_than_a_second() {
    let packets: Vec<_> = (0..200).map(|index| packet(index * 20, 10)).collect();
    let file = record(&packets);
    let granules: Vec<_> = file
        .windows(14)
        .filter(|octets| octets.starts_with(b"OggS"))
        .map(|octets| u64::from_le_bytes(octets[6..].try_into().unwrap()))
        .collect();
    assert_eq!(granules, [0, 0, 48_000, 96_000, 144_000, 192_000]);
    // The first page says that it is the first, the last one that it is the last.
    assert_eq!(file[5], 2);
    let last = file
        .windows(4)
        .rposition(|octets| octets == b"OggS")
        .unwrap();
    assert_eq!(file[last + 5], 4);
}

#[test]
fn gaps_are_filled() {
    let file = record(&[
        packet(0, 50),
        packet(20, 50),
        packet(500, 50),
        packet(400, 50),
        packet(575, 50),
    ]);
    let read = read_all(&mut OggOpusReader::new(&file[..]).unwrap());
    let times: Vec<_> = read
        .iter()
        .filter(|packet| packet.data.len() == 50)
        .map(|packet| packet.timestamp.as_millis())
        .collect();
    // 35 ms are no gap.
    assert_eq!(times, [0, 20, 500, 520, 540]);
    assert_eq!(read.len(), 5 + 23);
    assert!(
        read.windows(2)
            .all(|two| two[0].timestamp + ms(20) == two[1].timestamp)
    );
    // No more than an hour of nothing, and what follows follows.
    let file = record(&[
        packet(0, 50),
        packet(1 << 40, 50),
        packet((1 << 40) + 20, 50),
    ]);
    let read = read_all(&mut OggOpusReader::new(&file[..]).unwrap());
    assert_eq!(read.len(), 3 + 180_000);
}

#[test]
fn what_is_no_packet_is_refused() {
    let mut recorder = OggOpusRecorder::new(Vec::new(), 1).unwrap();
    for data in [vec![], vec![3], vec![31 << 3; (128 << 10) + 1]] {
        let length = data.len();
        let refused = recorder.write(&EncodedFrame::new(data, ms(0), true));
        assert!(matches!(refused, Err(OggOpusWriteError::NotOpus { length: of }) if of == length));
    }
    let empty = recorder.finish().unwrap();
    assert_eq!(read_all(&mut OggOpusReader::new(&empty[..]).unwrap()), []);
}

#[test]
fn a_file_that_was_cut_off_plays() {
    let packets: Vec<_> = (0..200).map(|index| packet(index * 20, 300)).collect();
    let file = record(&packets);
    for length in (200..file.len()).step_by(97) {
        let read = read_all(&mut OggOpusReader::new(&file[..length]).unwrap());
        // Whole pages, of fifty packets.
        assert!(read.len() + 70 > length / 303, "{length}: {}", read.len());
    }
}

#[test]
fn hostile_files_are_refused() {
    assert!(matches!(
        OggOpusReader::new(&b""[..]),
        Err(OggOpusReadError::NotOpus)
    ));
    let noise = [b'x'; 100];
    assert!(matches!(
        OggOpusReader::new(&noise[..]),
        Err(OggOpusReadError::Page(_))
    ));
    let mut vorbis = ogg::PacketWriter::new(Vec::new());
    let end = ogg::PacketWriteEndInfo::EndStream;
    vorbis.write_packet(&b"\x01vorbis"[..], 1, end, 0).unwrap();
    let vorbis = vorbis.into_inner();
    assert!(matches!(
        OggOpusReader::new(&vorbis[..]),
        Err(OggOpusReadError::NotOpus)
    ));
    // A damaged page.
    let mut file = record(&[packet(0, 50)]);
    *file.last_mut().unwrap() ^= 1;
    let mut reader = OggOpusReader::new(&file[..]).unwrap();
    assert!(matches!(
        reader.next_packet(),
        Err(OggOpusReadError::Page(_))
    ));
    assert!(reader.next_packet().unwrap().is_none());
}

// Positions have a sign. One near the end of all numbers made the times of what follows begin anew.
#[test]
fn positions_that_cannot_be_count_for_nothing() {
    for position in [u64::MAX - 1, i64::MAX as u64] {
        let mut writer = ogg::PacketWriter::new(Vec::new());
        let page = ogg::PacketWriteEndInfo::EndPage;
        let head = crate::opus_packet::identification_header(2).to_vec();
        writer.write_packet(head, 1, page, 0).unwrap();
        let tags = b"OpusTags\0\0\0\0\0\0\0\0".to_vec();
        writer.write_packet(tags, 1, page, 0).unwrap();
        for position in [960, position, 2_880, 3_840] {
            let packet = vec![31 << 3, 1];
            writer.write_packet(packet, 1, page, position).unwrap();
        }
        let file = writer.into_inner();
        let packets = read_all(&mut OggOpusReader::new(&file[..]).unwrap());
        assert_eq!(packets.len(), 4);
        let times: Vec<_> = packets.iter().map(|packet| packet.timestamp).collect();
        assert!(times.is_sorted(), "{times:?}");
        if position > i64::MAX as u64 {
            assert_eq!(times, [0, 20, 40, 60].map(ms));
        }
    }
}

#[test]
fn a_packet_without_an_end_is_not_collected() {
    let mut writer = ogg::PacketWriter::new(Vec::new());
    let page = ogg::PacketWriteEndInfo::EndPage;
    let head = crate::opus_packet::identification_header(2).to_vec();
    writer.write_packet(head, 1, page, 0).unwrap();
    writer
        .write_packet(b"OpusTags\0\0\0\0\0\0\0\0".to_vec(), 1, page, 0)
        .unwrap();
    writer
        .write_packet(vec![31 << 3; 8 << 20], 1, page, 960)
        .unwrap();
    let file = writer.into_inner();
    let mut rest = &file[..];
    let mut reader = OggOpusReader::new(&mut rest).unwrap();
    let error = reader.next_packet();
    assert!(matches!(error, Err(OggOpusReadError::TooLarge { .. })));
    // Most of it was not read.
    assert!(rest.len() > 5 << 20, "{}", rest.len());
}

proptest! {
    #[test]
    fn any_packets_survive(
        given in prop::collection::vec((1usize..2_000, 0u8..4), 1..80),
    ) {
        let mut time = Duration::ZERO;
        let packets: Vec<_> = given
            .into_iter()
            .map(|(length, rate)| {
                let mut packet = packet(0, length);
                let mut data = packet.data.to_vec();
                data[0] = (28 + rate) << 3;
                packet = EncodedFrame::new(data, time, true);
                time += Duration::from_micros(2_500 << rate);
                packet
            })
            .collect();
        let read = read_all(&mut OggOpusReader::new(&record(&packets)[..]).unwrap());
        prop_assert_eq!(read.len(), packets.len());
        for (read, given) in read.iter().zip(&packets) {
            prop_assert_eq!(&read.data, &given.data);
            prop_assert_eq!(read.timestamp, given.timestamp);
        }
    }
}

//! Parsing RTP, and writing it into a buffer with room, allocates nothing; nor does RTCP.

use gannet_alloc_count::allocations;
use gannet_rtp::extension::{
    AbsoluteSendTime, ExtensionKind, ExtensionMap, Mid, TransportSequence,
};
use gannet_rtp::rtcp::{ReportBlock, RtcpPacket, packets};
use gannet_rtp::{RtcpWriter, RtpHeader, RtpPacket, RtpWriter};

#[test]
fn rtp() {
    let mut map = ExtensionMap::new();
    map.insert(1, ExtensionKind::Mid).unwrap();
    map.insert(2, ExtensionKind::AbsoluteSendTime).unwrap();
    map.insert(3, ExtensionKind::TransportSequence).unwrap();
    let header = RtpHeader {
        marker: true,
        payload_type: 96,
        sequence_number: 1.into(),
        timestamp: 2.into(),
        ssrc: 3,
    };
    let mid = Mid::new("video").unwrap();
    let mut buffer = Vec::with_capacity(1500);
    let count = allocations(|| {
        for sequence in 0..100 {
            buffer.clear();
            let mut writer = RtpWriter::new(&mut buffer, &header);
            writer.extension(&map, &mid);
            writer.extension(&map, &AbsoluteSendTime(5));
            writer.extension(&map, &TransportSequence(sequence));
            writer.payload(&[7; 1000]);
            let packet = RtpPacket::parse(&buffer).unwrap();
            assert_eq!(packet.extension(&map), Some(TransportSequence(sequence)));
            assert_eq!(packet.extension(&map), Some(mid));
            assert_eq!(packet.payload().len(), 1000);
        }
    });
    assert_eq!(count, 0);
}

#[test]
fn rtcp() {
    let mut buffer = Vec::with_capacity(1500);
    let arrivals = [Some(1), None, Some(500), Some(501)];
    let count = allocations(|| {
        let mut writer = RtcpWriter::new(&mut buffer);
        writer.receiver_report(1, &[ReportBlock::default(); 3]);
        writer.cname(1, b"gannet");
        writer.nack(1, 2, [5.into(), 7.into()], 10);
        let base = 9.into();
        writer.transport_feedback(1, 2, base, 0, arrivals.into_iter().cycle().take(60));
        let statuses = packets(&buffer)
            .flatten()
            .map(|packet| match packet {
                RtcpPacket::TransportFeedback(feedback) => feedback.statuses().count(),
                RtcpPacket::Nack(nack) => nack.sequence_numbers().count(),
                _ => 0,
            })
            .sum::<usize>();
        assert_eq!(statuses, 62);
    });
    assert_eq!(count, 0);
}

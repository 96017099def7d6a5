//! Nothing keeps what nobody holds.

use std::sync::Arc;

use gannet_ortc::parameters::{Direction, MediaKind};

use crate::support::{connected, connection, exchange, pattern, picture, track, until};

#[tokio::test]
async fn nothing_is_left_of_a_stream_and_its_viewers() {
    let (camera, publisher) = (connection(), connection());
    camera.add_transceiver(
        MediaKind::Video,
        Direction::SendOnly,
        Some(pattern(160, 120)),
    );
    exchange(&camera, &publisher).await;
    let forwarded = track(&publisher).await.receiver.forward().unwrap();
    let mut viewers = Vec::new();
    for _ in 0..2 {
        let (near, far) = (connection(), connection());
        let transceiver = near.add_transceiver(MediaKind::Video, Direction::SendOnly, None);
        exchange(&near, &far).await;
        connected(&near, &far).await;
        let sender = transceiver.sender();
        sender.replace_forwarded(Some(&forwarded)).unwrap();
        let seen = track(&far).await.receiver.track();
        assert!(picture(&seen).await.2.is_some());
        let weak = Arc::downgrade(near.connection());
        viewers.push((weak, near, sender, far, seen));
    }
    let stream = Arc::downgrade(&forwarded.stream);
    assert_eq!(forwarded.stream.viewers(), 2);

    let (first, near, sender, ..) = viewers.remove(0);
    drop((near, sender));
    until("the viewer to go", || first.strong_count() == 0).await;
    assert_eq!(forwarded.stream.viewers(), 1);
    let (second, _near, sender, _far, seen) = viewers.remove(0);
    assert!(picture(&seen).await.2.is_some());

    // A viewer and a handle do not keep the source.
    let source = Arc::downgrade(publisher.connection());
    drop(publisher);
    until("the source to go", || source.strong_count() == 0).await;
    assert!(forwarded.is_over() && second.strong_count() > 0);
    assert_eq!(forwarded.stream.viewers(), 0);
    sender.replace_forwarded(None).unwrap();
    drop(forwarded);
    assert_eq!(stream.strong_count(), 0);
}

use crate::Track;

/// Reads a track to its end, forgets every frame, and says how many they were. To be spawned, for
/// tracks that nobody wants but that must not fill up.
pub async fn blackhole<F>(track: Track<F>) -> u64 {
    let mut frames = 0;
    while track.recv().await.is_some() {
        frames += 1;
    }
    frames
}

#[cfg(test)]
mod tests {
    use std::{
        pin::pin,
        task::{Context, Poll, Waker},
    };

    use super::*;

    #[test]
    fn everything_goes_in() {
        let (writer, track) = Track::new("t", 10);
        (0..5).for_each(|frame| writer.write(frame).unwrap());
        drop(writer);
        let mut context = Context::from_waker(Waker::noop());
        assert_eq!(pin!(blackhole(track)).poll(&mut context), Poll::Ready(5));
    }
}

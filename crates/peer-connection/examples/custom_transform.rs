//! A browser's camera comes back as a photographic negative.
//!
//! Paste this into the console of a browser, on a page that may use the camera:
//!
//! ```js
//! pc = new RTCPeerConnection();
//! pc.ontrack = e => { v = document.createElement("video"); v.srcObject = e.streams[0]; v.autoplay = true;
//!   document.body.replaceChildren(v) };
//! pc.onicecandidate = e => e.candidate || console.log(pc.localDescription.sdp);
//! stream = await navigator.mediaDevices.getUserMedia({ video: true });
//! stream.getTracks().forEach(track => pc.addTrack(track, stream));
//! await pc.setLocalDescription()
//! ```
//!
//! Then `cargo run -p gannet --example custom_transform`, paste the offer that the console shows, press
//! Ctrl-D on an empty line, and paste the answer back between the backquotes of
//! ``pc.setRemoteDescription({ type: "answer", sdp: `...` })``.

#![allow(clippy::print_stdout, reason = "it is what the user copies")]

use gannet::media::{MediaStreamTrack, VideoFrame, VideoTransform};
use gannet::{Configuration, Direction, PeerConnection, SessionDescription};

/// Bright becomes dark.
struct Negative;

impl VideoTransform for Negative {
    fn apply(&mut self, picture: &VideoFrame) -> VideoFrame {
        let mut changed = picture.clone();
        for mut plane in changed.buffer_mut().planes_mut() {
            for row in plane.rows() {
                row.iter_mut().for_each(|sample| *sample = 255 - *sample);
            }
        }
        changed
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let connection = PeerConnection::new(Configuration::default())?;
    let offer = SessionDescription::offer(std::io::read_to_string(std::io::stdin())?);
    connection.set_remote_description(offer).await?;
    for transceiver in connection.transceivers() {
        if let MediaStreamTrack::Video(camera) = transceiver.receiver().track() {
            let negative = gannet::transform(camera, Box::new(Negative));
            transceiver.sender().replace_track(Some(negative.into()));
            transceiver.set_direction(Direction::SendRecv);
        }
    }
    let answer = connection.create_answer().await?;
    connection.set_local_description(answer).await?;
    connection.gathering_complete().await;
    println!("{}", connection.local_description().ok_or("no answer")?.sdp);
    // Until the browser is gone.
    while connection.next_event().await.is_some() {}
    Ok(())
}

//! Sends back every message of every data channel. An offer comes in by standard input, up to its end
//! (Ctrl-D); the answer goes out by standard output.
#![allow(clippy::print_stdout, reason = "it is what the user copies")]

use gannet::{Configuration, Event, PeerConnection, SessionDescription};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let connection = PeerConnection::new(Configuration::default())?;
    let offer = SessionDescription::offer(std::io::read_to_string(std::io::stdin())?);
    connection.set_remote_description(offer).await?;
    let answer = connection.create_answer().await?;
    connection.set_local_description(answer).await?;
    connection.gathering_complete().await;
    println!("{}", connection.local_description().ok_or("no answer")?.sdp);
    while let Some(event) = connection.next_event().await {
        let Event::DataChannel(channel) = event else {
            continue;
        };
        tokio::spawn(async move {
            while let Some(message) = channel.recv().await {
                let _ = channel.send(message).await;
            }
        });
    }
    Ok(())
}

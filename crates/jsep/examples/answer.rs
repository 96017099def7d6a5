//! Reads an offer and prints our answer: `cargo run -p gannet-jsep --example answer < offer.sdp`.

use std::io::Read;

use gannet_jsep::{
    Configuration, Description, Fingerprint, FormatParameters, IceParameters, Jsep, LocalTransport,
    MediaKind, RtcpFeedback, RtpCapabilities, RtpCodecCapability, SctpParameters,
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;

    let mut side = Jsep::new(Configuration {
        session_id: 4_611_686_018_427_387_904,
        cname: "example".into(),
        capabilities: capabilities(),
        sctp: SctpParameters::default(),
    });
    side.add_track(MediaKind::Audio, Default::default());
    side.add_track(MediaKind::Video, Default::default());

    // A transport would have made these.
    let local = LocalTransport {
        sctp_init: None,
        ice: IceParameters {
            username_fragment: "gannet".into(),
            password: "nobodyknowsthispassword".into(),
            ice_lite: false,
        },
        fingerprints: vec![Fingerprint {
            algorithm: "sha-256".into(),
            value: vec![0xab; 32],
        }],
        candidates: Vec::new(),
        end_of_candidates: false,
    };

    side.set_remote(&Description::offer(text))?;
    let answer = side.create_answer(&local)?;
    side.set_local(&answer)?;
    std::io::Write::write_all(&mut std::io::stdout(), answer.sdp.as_bytes())?;
    Ok(())
}

fn capabilities() -> RtpCapabilities {
    let codec =
        |kind, name: &str, clock_rate, channels, preferred_payload_type| RtpCodecCapability {
            name: name.into(),
            kind,
            clock_rate,
            channels,
            preferred_payload_type,
            parameters: FormatParameters::default(),
            rtcp_feedback: vec![
                RtcpFeedback::new("nack", ""),
                RtcpFeedback::new("nack", "pli"),
            ],
        };
    let codecs = vec![
        codec(MediaKind::Audio, "opus", 48_000, 2, 111),
        codec(MediaKind::Video, "VP8", 90_000, 1, 96),
    ];
    RtpCapabilities {
        codecs,
        header_extensions: Vec::new(),
    }
}

//! A server answers the ClientHellos that today's browsers send, in each order of their two halves.

mod support;

use gannet_dtls::{Role, SrtpProfile, Version, Versions};
use support::{certificates, configs, connection};

const CHROMIUM: [&[u8]; 2] = [
    include_bytes!("data/chromium-clienthello-1.bin"),
    include_bytes!("data/chromium-clienthello-2.bin"),
];
const FIREFOX: [&[u8]; 2] = [
    include_bytes!("data/firefox-clienthello-1.bin"),
    include_bytes!("data/firefox-clienthello-2.bin"),
];

#[test]
fn browsers_are_answered_with_the_version_that_we_allow() {
    for halves in [
        CHROMIUM,
        FIREFOX,
        [CHROMIUM[1], CHROMIUM[0]],
        [FIREFOX[1], FIREFOX[0]],
    ] {
        for (versions, expected) in [
            (Versions::Both, Version::Dtls13),
            (Versions::Only(Version::Dtls12), Version::Dtls12),
        ] {
            let [_, config] = configs();
            let config = config
                .versions(versions)
                .srtp_profiles([SrtpProfile::AEAD_AES_128_GCM]);
            let mut server = connection(config.require_srtp(true), 1);
            assert_eq!(server.role(), Role::Server);
            let now = gannet_netsim::start();
            let mut answer = Vec::new();
            for half in halves {
                assert_eq!(server.poll_transmit(now, &mut answer), None);
                server.handle_packet(now, &mut half.to_vec(), |_| panic!("data"));
            }
            assert_eq!(server.poll_event(), None);
            assert_eq!(server.version(), Some(expected));
            let mut flight = Vec::new();
            while server.poll_transmit(now, &mut answer).is_some() {
                flight.push(std::mem::take(&mut answer));
            }
            let lengths: Vec<_> = flight.iter().map(Vec::len).collect();
            assert!(
                lengths.len() <= 2 && lengths.iter().all(|len| *len <= 1200),
                "{lengths:?}"
            );
            // Only DTLS 1.2 sends the certificate in the clear.
            let der = certificates()[1].der();
            let is_clear = flight.concat().windows(40).any(|bytes| bytes == &der[..40]);
            assert_eq!(is_clear, expected == Version::Dtls12);
            // A copy of the hello gets the same flight again, but not at once.
            server.handle_packet(now, &mut halves[0].to_vec(), |_| panic!("data"));
            assert_eq!(server.poll_transmit(now, &mut answer), None);
            let later = now + std::time::Duration::from_millis(50);
            server.handle_packet(later, &mut halves[0].to_vec(), |_| panic!("data"));
            assert!(server.poll_transmit(later, &mut answer).is_some());
        }
    }
}

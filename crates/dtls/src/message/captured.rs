//! Captured hellos: what today's browsers send.

use super::*;
use crate::inbox::{Arrival, Inbox};
use crate::record::Header;

/// Puts the handshake message in these datagrams together; only the first message counts.
fn reassemble(datagrams: &[&[u8]]) -> Message {
    let mut inbox = Inbox::default();
    for datagram in datagrams {
        let header = Header::parse(datagram, 0).unwrap().unwrap();
        let body = &datagram[header.len..header.record_len()];
        let fragment = Fragment::parse(&mut gannet_wire::Reader::new(body)).unwrap();
        assert_eq!(inbox.insert(&fragment, 0), Arrival::Kept);
    }
    inbox.pop().unwrap().0
}

#[test]
fn chromium_156_client_hello() {
    let message = reassemble(&[
        include_bytes!("../../tests/data/chromium-clienthello-1.bin"),
        include_bytes!("../../tests/data/chromium-clienthello-2.bin"),
    ]);
    let hello = ClientHello::parse(&message.body).unwrap();
    let extensions = &hello.extensions;
    assert_eq!(message.body.len(), 1413);
    assert_eq!(extensions.supported_versions, [DTLS_1_3, DTLS_1_2]);
    assert_eq!(
        extensions.supported_groups,
        [0x11ec, 0x001d, 0x0017, 0x0018]
    );
    let shares: Vec<_> = extensions.key_shares.as_ref().unwrap().iter().collect();
    let lengths: Vec<_> = shares
        .iter()
        .map(|share| (share.group, share.exchange.len()))
        .collect();
    assert_eq!(lengths, [(0x11ec, 1216), (0x001d, 32)]);
    assert_eq!(extensions.srtp_profiles, [1, 8, 7]);
    assert!(extensions.extended_master_secret);
    assert!(hello.cipher_suites.starts_with(&[0x1301, 0x1302, 0x1303]));
    assert_eq!((hello.session_id, hello.legacy_cookie), (&[][..], &[][..]));
}

#[test]
fn firefox_153_client_hello() {
    let message = reassemble(&[
        include_bytes!("../../tests/data/firefox-clienthello-1.bin"),
        include_bytes!("../../tests/data/firefox-clienthello-2.bin"),
    ]);
    let hello = ClientHello::parse(&message.body).unwrap();
    let extensions = &hello.extensions;
    assert_eq!(extensions.supported_versions, [DTLS_1_3, DTLS_1_2, 0x0303]);
    assert_eq!(extensions.key_shares.as_ref().unwrap()[0].group, 0x11ec);
    assert_eq!(extensions.srtp_profiles, [7, 8, 1, 2]);
    assert_eq!(extensions.alpn, [&b"webrtc"[..], b"c-webrtc"]);
    assert_eq!(extensions.record_size_limit, Some(16385));
}

#[test]
fn server_hellos_of_both_browsers() {
    for datagram in [
        &include_bytes!("../../tests/data/chromium-serverhello.bin")[..],
        include_bytes!("../../tests/data/firefox-serverhello.bin"),
    ] {
        let message = reassemble(&[datagram]);
        let hello = ServerHello::parse(&message.body).unwrap();
        assert_eq!(hello.extensions.selected_version, Some(DTLS_1_3));
        assert_eq!(hello.cipher_suite, 0x1301);
        let Some(ServerKeyShare::Share(share)) = hello.extensions.key_share else {
            panic!("{hello:?}");
        };
        assert_eq!((share.group, share.exchange.len()), (0x11ec, 1120));
        let mut written = Vec::new();
        hello.write(&mut written).unwrap();
        assert_eq!(written.len(), message.body.len());
    }
}

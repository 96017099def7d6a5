//! Whole handshakes between two of our own endpoints.

mod support;

use gannet_crypto::NamedGroup;
use gannet_dtls::{CipherSuite, Event, SrtpProfile, Version, Versions};
use support::{configs, connect, exchange_data, good_link, pair};

#[test]
fn both_connect_with_dtls_1_3() {
    let mut pair = pair(1, configs(), good_link());
    let elapsed = connect(&mut pair);
    exchange_data(&mut pair);
    let connected = Event::Connected {
        version: Version::Dtls13,
        suite: CipherSuite::Aes128GcmSha256,
        group: NamedGroup::X25519MlKem768,
        srtp_profile: None,
    };
    assert_eq!(pair.a.events, std::slice::from_ref(&connected));
    assert_eq!(pair.b.events, [connected]);
    // One round trip and a half.
    assert_eq!(elapsed.as_millis(), 30);
    assert_eq!(
        (
            pair.a.connection.stats().retransmits,
            pair.b.connection.stats().retransmits
        ),
        (0, 0)
    );
}

#[test]
fn both_connect_with_dtls_1_2() {
    let versions = Versions::Only(Version::Dtls12);
    let profiles = [
        SrtpProfile::AEAD_AES_128_GCM,
        SrtpProfile::AES128_CM_HMAC_SHA1_80,
    ];
    let configs = configs().map(|config| config.versions(versions).srtp_profiles(profiles));
    let mut pair = pair(1, configs, good_link());
    let elapsed = connect(&mut pair);
    exchange_data(&mut pair);
    assert_eq!(elapsed.as_millis(), 40);
    assert_eq!(
        pair.a.events,
        [Event::Connected {
            version: Version::Dtls12,
            suite: CipherSuite::EcdheEcdsaAes128GcmSha256,
            group: NamedGroup::X25519,
            srtp_profile: Some(SrtpProfile::AEAD_AES_128_GCM),
        }]
    );
}

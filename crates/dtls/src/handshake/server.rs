//! The server's first step: the ClientHello, which settles the version.

use gannet_crypto::{HashAlgorithm, constant_time_eq};

use super::{State, groups_of, server12, server13, suites_of, unexpected};
use crate::config::Version;
use crate::core::Core;
use crate::error::{Failure, HandshakeError};
use crate::message::{ClientHello, DTLS_1_2, DTLS_1_3, HandshakeType, HelloVerifyRequest, Message};
use crate::suite::CipherSuite;

/// Takes a ClientHello.
pub(super) fn handle_client_hello(core: &mut Core, message: &Message) -> Result<State, Failure> {
    if message.kind != HandshakeType::ClientHello {
        return Err(unexpected(message, "ClientHello"));
    }
    let hello = ClientHello::parse(&message.body)?;
    match settle_version(core, &hello)? {
        Version::Dtls13 => server13::start(core, message, &hello),
        Version::Dtls12 => {
            if core.config.cookie_secret.is_some() && !has_cookie12(core, &hello) {
                send_verify_request(core, &hello)?;
                return Ok(State::ServerWaitClientHello);
            }
            server12::start(core, message, &hello)
        }
    }
}

/// The highest version that both have (RFC 8446, section 4.2.1).
fn settle_version(core: &Core, hello: &ClientHello<'_>) -> Result<Version, HandshakeError> {
    let offered = &hello.extensions.supported_versions;
    let versions = core.config.versions;
    let has13 = offered.contains(&DTLS_1_3);
    // DTLS counts its versions backwards: 0xfefd and below is 1.2 and above.
    let is_12_or_above = hello.legacy_version >> 8 == 0xfe && hello.legacy_version <= DTLS_1_2;
    let has12 = if offered.is_empty() {
        is_12_or_above
    } else {
        offered.contains(&DTLS_1_2)
    };
    if has13 && versions.allow(Version::Dtls13) {
        Ok(Version::Dtls13)
    } else if has12 && versions.allow(Version::Dtls12) {
        Ok(Version::Dtls12)
    } else {
        Err(HandshakeError::ProtocolVersion)
    }
}

/// The suite: ours are asked for in our order.
pub(super) fn choose_suite(
    core: &Core,
    hello: &ClientHello<'_>,
    version: Version,
    is_usable: impl Fn(CipherSuite) -> bool,
) -> Result<CipherSuite, HandshakeError> {
    suites_of(&core.config, version)
        .find(|suite| hello.cipher_suites.contains(&suite.code()) && is_usable(*suite))
        .ok_or(HandshakeError::NothingInCommon("cipher suite"))
}

/// The groups that both have, in our order.
pub(super) fn common_groups(
    core: &Core,
    hello: &ClientHello<'_>,
    version: Version,
) -> Vec<gannet_crypto::NamedGroup> {
    let offered = &hello.extensions.supported_groups;
    groups_of(core, version)
        .filter(|group| offered.contains(&crate::registry::group_code(*group)))
        .collect()
}

/// The cookie of DTLS 1.2: it binds the client's address to its random and its suites, which may not
/// change between both hellos.
fn cookie12(core: &Core, hello: &ClientHello<'_>) -> gannet_crypto::Digest {
    let suites: Vec<u8> = hello
        .cipher_suites
        .iter()
        .flat_map(|suite| suite.to_be_bytes())
        .collect();
    let hmac = core
        .provider
        .hmac(HashAlgorithm::Sha256, &core.cookie_secret);
    let address_len = [core.cookie_address.len() as u8];
    let address = &core.cookie_address;
    hmac.sign(&[
        b"dtls 1.2",
        &address_len,
        address,
        &hello.random,
        hello.session_id,
        &suites,
    ])
}

fn has_cookie12(core: &Core, hello: &ClientHello<'_>) -> bool {
    constant_time_eq(&cookie12(core, hello), hello.legacy_cookie)
}

/// Asks for the cookie (RFC 6347, section 4.2.1). No timer runs: the client's does.
fn send_verify_request(core: &mut Core, hello: &ClientHello<'_>) -> Result<(), HandshakeError> {
    let mut body = Vec::new();
    HelloVerifyRequest {
        cookie: &cookie12(core, hello),
    }
    .write(&mut body)?;
    core.begin_flight(false);
    core.outbox.push(0, HandshakeType::HelloVerifyRequest, body);
    Ok(())
}

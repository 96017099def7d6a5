//! The messages that an agent writes, and the name by which a message finds its agent.

use std::net::SocketAddr;

use gannet_stun::{
    Attribute, AttributeType, Class, ErrorCode, Message, MessageWriter, Method, Seal, TransactionId,
};

use super::generation::Credentials;
use crate::Role;

/// The attributes that an agent understands in requests.
pub(super) const UNDERSTOOD: &[AttributeType] = &[
    AttributeType::USERNAME,
    AttributeType::PRIORITY,
    AttributeType::USE_CANDIDATE,
];

/// The user name fragment of the agent that a check is for: the part of USERNAME before the colon.
///
/// `None` if the packet is not a Binding request with a USERNAME. It costs a walk over a few
/// attributes; nothing is verified.
#[must_use]
pub fn username_fragment_of(packet: &[u8]) -> Option<&str> {
    const BINDING_REQUEST: [u8; 2] = [0, 1];
    if !gannet_stun::is_stun(packet) || !packet.starts_with(&BINDING_REQUEST) {
        return None;
    }
    let mut rest = packet.get(gannet_stun::HEADER_LEN..)?;
    loop {
        let ([type_high, type_low, len_high, len_low], value) = rest.split_first_chunk::<4>()?;
        let len = usize::from(u16::from_be_bytes([*len_high, *len_low]));
        if AttributeType(u16::from_be_bytes([*type_high, *type_low])) == AttributeType::USERNAME {
            let name = std::str::from_utf8(value.get(..len)?).ok()?;
            return Some(name.split_once(':')?.0);
        }
        rest = value.get(len.next_multiple_of(4)..)?;
    }
}

/// What goes into a check.
#[derive(Debug)]
pub(super) struct CheckRequest<'a> {
    pub(super) id: TransactionId,
    pub(super) local: &'a Credentials,
    pub(super) remote: &'a Credentials,
    pub(super) priority: u32,
    pub(super) role: Role,
    pub(super) tie_breaker: u64,
    pub(super) use_candidate: bool,
    pub(super) nomination: Option<u32>,
}

impl CheckRequest<'_> {
    /// Appends the request (RFC 8445, section 7.1 and 7.2.2).
    pub(super) fn write(&self, buffer: &mut Vec<u8>) {
        let username = format!(
            "{}:{}",
            self.remote.parameters.username_fragment, self.local.parameters.username_fragment
        );
        let mut writer = MessageWriter::new(buffer, Class::Request, Method::BINDING, self.id);
        writer.attribute(&Attribute::Username(&username));
        writer.attribute(&match self.role {
            Role::Controlling => Attribute::IceControlling(self.tie_breaker),
            Role::Controlled => Attribute::IceControlled(self.tie_breaker),
        });
        if self.use_candidate {
            writer.attribute(&Attribute::UseCandidate);
        }
        if let Some(number) = self.nomination {
            writer.attribute(&Attribute::Nomination(number));
        }
        writer.attribute(&Attribute::Priority(self.priority));
        // User name fragments are at most 256 characters, so that nothing here can be too long.
        let written = writer.finish(Seal::sha1(&self.remote.key).with_fingerprint());
        debug_assert!(written.is_ok(), "{written:?}");
    }
}

/// The answer to a check that worked.
pub(super) fn success_response(
    request: &Message<'_>,
    source: SocketAddr,
    local: &Credentials,
) -> Vec<u8> {
    respond(request, Class::Success, local, |writer| {
        writer.attribute(&Attribute::XorMappedAddress(source));
    })
}

/// The answer to a check that did not.
pub(super) fn error_response(request: &Message<'_>, code: u16, local: &Credentials) -> Vec<u8> {
    respond(request, Class::Error, local, |writer| {
        writer.attribute(&Attribute::ErrorCode(ErrorCode::new(code)));
        if code == gannet_stun::code::UNKNOWN_ATTRIBUTE {
            writer.unknown_attributes(request.unknown_required(UNDERSTOOD).take(32));
        }
    })
}

fn respond(
    request: &Message<'_>,
    class: Class,
    local: &Credentials,
    attributes: impl FnOnce(&mut MessageWriter<'_>),
) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(128);
    let id = request.transaction_id();
    let mut writer = MessageWriter::new(&mut bytes, class, Method::BINDING, id);
    attributes(&mut writer);
    let written = writer.finish(Seal::sha1(&local.key).with_fingerprint());
    debug_assert!(written.is_ok(), "{written:?}");
    bytes
}

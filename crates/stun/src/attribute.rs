//! Attributes: the values that messages carry.
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |         Type                  |            Length             |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                 Value (variable, padded)                    ..
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! ```
#![cfg_attr(
    not(test),
    warn(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation,
        clippy::unwrap_used
    )
)]

use std::net::SocketAddr;

use gannet_wire::{ReadError, Reader, Writer};

use crate::{
    AddressFamily, AttributeType, ErrorCode, PasswordAlgorithm, PasswordAlgorithms, TransactionId,
    address,
};

/// An attribute whose value has not been looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawAttribute<'a> {
    /// Its type.
    pub attribute_type: AttributeType,
    /// Its value, without padding.
    pub value: &'a [u8],
}

/// An attribute.
///
/// MESSAGE-INTEGRITY, MESSAGE-INTEGRITY-SHA256 and FINGERPRINT are not among them: they are checked by
/// [`crate::Message`] and written by [`crate::Seal`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Attribute<'a> {
    /// MAPPED-ADDRESS (RFC 8489, section 14.1).
    MappedAddress(SocketAddr),
    /// XOR-MAPPED-ADDRESS (RFC 8489, section 14.2).
    XorMappedAddress(SocketAddr),
    /// USERNAME (RFC 8489, section 14.3).
    Username(&'a str),
    /// USERHASH (RFC 8489, section 14.4).
    UserHash([u8; 32]),
    /// ERROR-CODE (RFC 8489, section 14.8).
    ErrorCode(ErrorCode<'a>),
    /// REALM (RFC 8489, section 14.9).
    Realm(&'a str),
    /// NONCE (RFC 8489, section 14.10).
    Nonce(&'a str),
    /// PASSWORD-ALGORITHMS (RFC 8489, section 14.11).
    PasswordAlgorithms(PasswordAlgorithms<'a>),
    /// PASSWORD-ALGORITHM (RFC 8489, section 14.12).
    PasswordAlgorithm(PasswordAlgorithm),
    /// UNKNOWN-ATTRIBUTES (RFC 8489, section 14.13).
    UnknownAttributes(UnknownAttributes<'a>),
    /// SOFTWARE (RFC 8489, section 14.14).
    Software(&'a str),
    /// ALTERNATE-SERVER (RFC 8489, section 14.15).
    AlternateServer(SocketAddr),
    /// ALTERNATE-DOMAIN (RFC 8489, section 14.16).
    AlternateDomain(&'a str),
    /// CHANNEL-NUMBER (RFC 8656, section 18.1).
    ChannelNumber(u16),
    /// LIFETIME in seconds (RFC 8656, section 18.2).
    Lifetime(u32),
    /// XOR-PEER-ADDRESS (RFC 8656, section 18.3).
    XorPeerAddress(SocketAddr),
    /// DATA (RFC 8656, section 18.4).
    Data(&'a [u8]),
    /// XOR-RELAYED-ADDRESS (RFC 8656, section 18.5).
    XorRelayedAddress(SocketAddr),
    /// REQUESTED-ADDRESS-FAMILY (RFC 8656, section 18.6).
    RequestedAddressFamily(AddressFamily),
    /// EVEN-PORT; true asks to reserve the next-higher port (RFC 8656, section 18.7).
    EvenPort(bool),
    /// REQUESTED-TRANSPORT, an IP protocol number: 17 is UDP, 6 is TCP (RFC 8656, section 18.8).
    RequestedTransport(u8),
    /// DONT-FRAGMENT (RFC 8656, section 18.9).
    DontFragment,
    /// RESERVATION-TOKEN (RFC 8656, section 18.10).
    ReservationToken([u8; 8]),
    /// ADDITIONAL-ADDRESS-FAMILY (RFC 8656, section 18.11).
    AdditionalAddressFamily(AddressFamily),
    /// ADDRESS-ERROR-CODE (RFC 8656, section 18.12).
    AddressErrorCode(AddressFamily, ErrorCode<'a>),
    /// ICMP (RFC 8656, section 18.13).
    Icmp {
        /// 7 bits, as the RFC's figure has it.
        icmp_type: u8,
        /// 9 bits, as the RFC's figure has it.
        icmp_code: u16,
        /// The MTU for "packet too big", else 0.
        error_data: u32,
    },
    /// CONNECTION-ID (RFC 6062, section 6.2.1).
    ConnectionId(u32),
    /// PRIORITY (RFC 8445, section 16.1).
    Priority(u32),
    /// USE-CANDIDATE (RFC 8445, section 16.1).
    UseCandidate,
    /// ICE-CONTROLLED with the tie-breaker (RFC 8445, section 16.1).
    IceControlled(u64),
    /// ICE-CONTROLLING with the tie-breaker (RFC 8445, section 16.1).
    IceControlling(u64),
    /// NOMINATION (draft-thatcher-ice-renomination).
    Nomination(u32),
    /// CHANGE-REQUEST (RFC 5780, section 7.2).
    ChangeRequest {
        /// Answer from another address.
        change_ip: bool,
        /// Answer from another port.
        change_port: bool,
    },
    /// RESPONSE-ORIGIN (RFC 5780, section 7.3).
    ResponseOrigin(SocketAddr),
    /// OTHER-ADDRESS (RFC 5780, section 7.4).
    OtherAddress(SocketAddr),
    /// RESPONSE-PORT (RFC 5780, section 7.5).
    ResponsePort(u16),
    /// PADDING (RFC 5780, section 7.6).
    Padding(&'a [u8]),
    /// CACHE-TIMEOUT (RFC 5780, section 9.1).
    CacheTimeout(u32),
    /// Any other, or a known one with a value that this crate can not represent.
    Other(RawAttribute<'a>),
}

/// The longest text in bytes that a sender may write (RFC 8489, section 14.3 and others).
const MAX_TEXT: usize = 508;
/// The longest host name in bytes (RFC 8489, section 14.16).
const MAX_DOMAIN: usize = 255;

impl<'a> Attribute<'a> {
    /// Reads the value of `raw`, which stands in a message with this transaction ID.
    pub fn decode(raw: RawAttribute<'a>, id: &TransactionId) -> Result<Self, ReadError> {
        let mut reader = Reader::new(raw.value);
        let attribute = Self::decode_base(raw, &mut reader, id)
            .transpose()
            .or_else(|| Self::decode_usage(raw, &mut reader, id).transpose())
            .transpose()?;
        Ok(attribute.unwrap_or(Self::Other(raw)))
    }

    /// RFC 8489 and RFC 5780.
    fn decode_base(
        raw: RawAttribute<'a>,
        reader: &mut Reader<'a>,
        id: &TransactionId,
    ) -> Result<Option<Self>, ReadError> {
        use AttributeType as T;
        Ok(match raw.attribute_type {
            T::MAPPED_ADDRESS => address::read(reader)?.map(Self::MappedAddress),
            T::XOR_MAPPED_ADDRESS => address::read_xored(reader, id)?.map(Self::XorMappedAddress),
            T::USERNAME => text(raw).map(Self::Username),
            T::USERHASH => Some(Self::UserHash(reader.take_array("USERHASH")?)),
            T::ERROR_CODE => {
                reader.u16("reserved bits of ERROR-CODE")?;
                ErrorCode::read(reader)?.map(Self::ErrorCode)
            }
            T::REALM => text(raw).map(Self::Realm),
            T::NONCE => text(raw).map(Self::Nonce),
            T::PASSWORD_ALGORITHMS => Some(Self::PasswordAlgorithms(
                PasswordAlgorithms::from_bytes(raw.value)?,
            )),
            T::PASSWORD_ALGORITHM => {
                Some(Self::PasswordAlgorithm(PasswordAlgorithm::read(reader)?))
            }
            T::UNKNOWN_ATTRIBUTES => Some(Self::UnknownAttributes(UnknownAttributes(raw.value))),
            T::SOFTWARE => text(raw).map(Self::Software),
            T::ALTERNATE_SERVER => address::read(reader)?.map(Self::AlternateServer),
            T::ALTERNATE_DOMAIN => text(raw).map(Self::AlternateDomain),
            T::CHANGE_REQUEST => {
                let flags = reader.u32("CHANGE-REQUEST")?;
                Some(Self::ChangeRequest {
                    change_ip: flags & 0x4 != 0,
                    change_port: flags & 0x2 != 0,
                })
            }
            T::RESPONSE_ORIGIN => address::read(reader)?.map(Self::ResponseOrigin),
            T::OTHER_ADDRESS => address::read(reader)?.map(Self::OtherAddress),
            T::RESPONSE_PORT => Some(Self::ResponsePort(reader.u16("RESPONSE-PORT")?)),
            T::PADDING => Some(Self::Padding(raw.value)),
            T::CACHE_TIMEOUT => Some(Self::CacheTimeout(reader.u32("CACHE-TIMEOUT")?)),
            _ => None,
        })
    }

    /// RFC 8656, RFC 6062 and RFC 8445.
    fn decode_usage(
        raw: RawAttribute<'a>,
        reader: &mut Reader<'a>,
        id: &TransactionId,
    ) -> Result<Option<Self>, ReadError> {
        use AttributeType as T;
        Ok(match raw.attribute_type {
            T::CHANNEL_NUMBER => Some(Self::ChannelNumber(reader.u16("CHANNEL-NUMBER")?)),
            T::LIFETIME => Some(Self::Lifetime(reader.u32("LIFETIME")?)),
            T::XOR_PEER_ADDRESS => address::read_xored(reader, id)?.map(Self::XorPeerAddress),
            T::DATA => Some(Self::Data(raw.value)),
            T::XOR_RELAYED_ADDRESS => address::read_xored(reader, id)?.map(Self::XorRelayedAddress),
            T::REQUESTED_ADDRESS_FAMILY => family(reader)?.map(Self::RequestedAddressFamily),
            T::EVEN_PORT => Some(Self::EvenPort(reader.u8("EVEN-PORT")? & 0x80 != 0)),
            T::REQUESTED_TRANSPORT => {
                Some(Self::RequestedTransport(reader.u8("REQUESTED-TRANSPORT")?))
            }
            T::DONT_FRAGMENT => Some(Self::DontFragment),
            T::RESERVATION_TOKEN => Some(Self::ReservationToken(
                reader.take_array("RESERVATION-TOKEN")?,
            )),
            T::ADDITIONAL_ADDRESS_FAMILY => family(reader)?.map(Self::AdditionalAddressFamily),
            T::ADDRESS_ERROR_CODE => {
                let family = AddressFamily::from_number(reader.u8("address family")?);
                reader.u8("reserved bits of ADDRESS-ERROR-CODE")?;
                family
                    .zip(ErrorCode::read(reader)?)
                    .map(|(family, error)| Self::AddressErrorCode(family, error))
            }
            T::ICMP => Some(icmp(reader)?),
            T::CONNECTION_ID => Some(Self::ConnectionId(reader.u32("CONNECTION-ID")?)),
            T::PRIORITY => Some(Self::Priority(reader.u32("PRIORITY")?)),
            T::USE_CANDIDATE => Some(Self::UseCandidate),
            T::ICE_CONTROLLED => Some(Self::IceControlled(reader.u64("ICE-CONTROLLED")?)),
            T::ICE_CONTROLLING => Some(Self::IceControlling(reader.u64("ICE-CONTROLLING")?)),
            T::NOMINATION => Some(Self::Nomination(reader.u32("NOMINATION")?)),
            _ => None,
        })
    }

    /// Its type.
    #[must_use]
    pub const fn attribute_type(&self) -> AttributeType {
        use AttributeType as T;
        match self {
            Self::MappedAddress(_) => T::MAPPED_ADDRESS,
            Self::XorMappedAddress(_) => T::XOR_MAPPED_ADDRESS,
            Self::Username(_) => T::USERNAME,
            Self::UserHash(_) => T::USERHASH,
            Self::ErrorCode(_) => T::ERROR_CODE,
            Self::Realm(_) => T::REALM,
            Self::Nonce(_) => T::NONCE,
            Self::PasswordAlgorithms(_) => T::PASSWORD_ALGORITHMS,
            Self::PasswordAlgorithm(_) => T::PASSWORD_ALGORITHM,
            Self::UnknownAttributes(_) => T::UNKNOWN_ATTRIBUTES,
            Self::Software(_) => T::SOFTWARE,
            Self::AlternateServer(_) => T::ALTERNATE_SERVER,
            Self::AlternateDomain(_) => T::ALTERNATE_DOMAIN,
            Self::ChannelNumber(_) => T::CHANNEL_NUMBER,
            Self::Lifetime(_) => T::LIFETIME,
            Self::XorPeerAddress(_) => T::XOR_PEER_ADDRESS,
            Self::Data(_) => T::DATA,
            Self::XorRelayedAddress(_) => T::XOR_RELAYED_ADDRESS,
            Self::RequestedAddressFamily(_) => T::REQUESTED_ADDRESS_FAMILY,
            Self::EvenPort(_) => T::EVEN_PORT,
            Self::RequestedTransport(_) => T::REQUESTED_TRANSPORT,
            Self::DontFragment => T::DONT_FRAGMENT,
            Self::ReservationToken(_) => T::RESERVATION_TOKEN,
            Self::AdditionalAddressFamily(_) => T::ADDITIONAL_ADDRESS_FAMILY,
            Self::AddressErrorCode(..) => T::ADDRESS_ERROR_CODE,
            Self::Icmp { .. } => T::ICMP,
            Self::ConnectionId(_) => T::CONNECTION_ID,
            Self::Priority(_) => T::PRIORITY,
            Self::UseCandidate => T::USE_CANDIDATE,
            Self::IceControlled(_) => T::ICE_CONTROLLED,
            Self::IceControlling(_) => T::ICE_CONTROLLING,
            Self::Nomination(_) => T::NOMINATION,
            Self::ChangeRequest { .. } => T::CHANGE_REQUEST,
            Self::ResponseOrigin(_) => T::RESPONSE_ORIGIN,
            Self::OtherAddress(_) => T::OTHER_ADDRESS,
            Self::ResponsePort(_) => T::RESPONSE_PORT,
            Self::Padding(_) => T::PADDING,
            Self::CacheTimeout(_) => T::CACHE_TIMEOUT,
            Self::Other(raw) => raw.attribute_type,
        }
    }

    /// The text that it carries, and how long that may be.
    pub(crate) const fn text(&self) -> Option<(&'a str, usize)> {
        match self {
            Self::Username(text)
            | Self::Realm(text)
            | Self::Nonce(text)
            | Self::Software(text)
            | Self::ErrorCode(ErrorCode { reason: text, .. })
            | Self::AddressErrorCode(_, ErrorCode { reason: text, .. }) => Some((text, MAX_TEXT)),
            Self::AlternateDomain(text) => Some((text, MAX_DOMAIN)),
            _ => None,
        }
    }

    /// Writes its value, without padding.
    pub(crate) fn encode(&self, writer: &mut Writer<'_>, id: &TransactionId) {
        match *self {
            Self::MappedAddress(a)
            | Self::AlternateServer(a)
            | Self::ResponseOrigin(a)
            | Self::OtherAddress(a) => address::write(writer, a),
            Self::XorMappedAddress(a) | Self::XorPeerAddress(a) | Self::XorRelayedAddress(a) => {
                address::write(writer, address::xor(a, id));
            }
            Self::Username(text)
            | Self::Realm(text)
            | Self::Nonce(text)
            | Self::Software(text)
            | Self::AlternateDomain(text) => writer.bytes(text.as_bytes()),
            Self::UserHash(hash) => writer.bytes(&hash),
            Self::ErrorCode(error) => {
                writer.u16(0);
                error.write(writer);
            }
            Self::PasswordAlgorithms(list) => writer.bytes(list.as_bytes()),
            Self::PasswordAlgorithm(algorithm) => algorithm.write(writer),
            Self::UnknownAttributes(list) => writer.bytes(list.0),
            Self::Data(bytes) | Self::Padding(bytes) => writer.bytes(bytes),
            Self::ChannelNumber(number) | Self::ResponsePort(number) => {
                writer.u16(number);
                writer.u16(0);
            }
            Self::Lifetime(n)
            | Self::ConnectionId(n)
            | Self::Priority(n)
            | Self::Nomination(n)
            | Self::CacheTimeout(n) => writer.u32(n),
            Self::IceControlled(n) | Self::IceControlling(n) => writer.u64(n),
            Self::RequestedAddressFamily(family) | Self::AdditionalAddressFamily(family) => {
                writer.u8(family.number());
                writer.zeros(3);
            }
            Self::EvenPort(reserve) => writer.u8(if reserve { 0x80 } else { 0 }),
            Self::RequestedTransport(protocol) => {
                writer.u8(protocol);
                writer.zeros(3);
            }
            Self::DontFragment | Self::UseCandidate => {}
            Self::ReservationToken(token) => writer.bytes(&token),
            Self::AddressErrorCode(family, error) => {
                writer.u8(family.number());
                writer.u8(0);
                error.write(writer);
            }
            Self::Icmp {
                icmp_type: t,
                icmp_code: c,
                error_data,
            } => writer.u64(
                (u64::from(t & 0x7f) << 41) | (u64::from(c & 0x1ff) << 32) | u64::from(error_data),
            ),
            Self::ChangeRequest {
                change_ip,
                change_port,
            } => writer.u32((u32::from(change_ip) << 2) | (u32::from(change_port) << 1)),
            Self::Other(raw) => writer.bytes(raw.value),
        }
    }
}

/// The list of UNKNOWN-ATTRIBUTES.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownAttributes<'a>(pub(crate) &'a [u8]);

impl<'a> UnknownAttributes<'a> {
    /// A list from its big-endian bytes.
    #[must_use]
    pub const fn from_bytes(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The types that were not understood.
    pub fn iter(&self) -> impl Iterator<Item = AttributeType> + use<'a> {
        self.0
            .as_chunks::<2>()
            .0
            .iter()
            .map(|bytes| AttributeType(u16::from_be_bytes(*bytes)))
    }
}

fn text(raw: RawAttribute<'_>) -> Option<&str> {
    std::str::from_utf8(raw.value).ok()
}

fn family(reader: &mut Reader<'_>) -> Result<Option<AddressFamily>, ReadError> {
    let family = reader.u8("address family")?;
    reader.u24("reserved bits")?;
    Ok(AddressFamily::from_number(family))
}

fn icmp<'a>(reader: &mut Reader<'_>) -> Result<Attribute<'a>, ReadError> {
    reader.u16("reserved bits of ICMP")?;
    let type_and_code = reader.u16("ICMP type and code")?;
    Ok(Attribute::Icmp {
        icmp_type: u8::try_from(type_and_code >> 9).unwrap_or_default(),
        icmp_code: type_and_code & 0x1ff,
        error_data: reader.u32("ICMP error data")?,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn socket_address() -> impl Strategy<Value = SocketAddr> {
        (any::<std::net::IpAddr>(), any::<u16>()).prop_map(SocketAddr::from)
    }

    fn text_attributes() -> impl Strategy<Value = (usize, String)> {
        (0_usize..5, "[ -~]{0,60}|\\PC{0,20}")
    }

    fn value_attributes() -> impl Strategy<Value = Attribute<'static>> {
        let family = || prop_oneof![Just(AddressFamily::V4), Just(AddressFamily::V6)];
        prop_oneof![
            socket_address().prop_map(Attribute::MappedAddress),
            socket_address().prop_map(Attribute::XorMappedAddress),
            socket_address().prop_map(Attribute::AlternateServer),
            socket_address().prop_map(Attribute::XorPeerAddress),
            socket_address().prop_map(Attribute::XorRelayedAddress),
            socket_address().prop_map(Attribute::ResponseOrigin),
            socket_address().prop_map(Attribute::OtherAddress),
            any::<[u8; 32]>().prop_map(Attribute::UserHash),
            (300_u16..700).prop_map(|code| Attribute::ErrorCode(ErrorCode::new(code))),
            (family(), 300_u16..700)
                .prop_map(|(f, code)| Attribute::AddressErrorCode(f, ErrorCode::new(code))),
            any::<u16>()
                .prop_map(|n| { Attribute::PasswordAlgorithm(PasswordAlgorithm::from_number(n)) }),
            any::<u16>().prop_map(Attribute::ChannelNumber),
            any::<u16>().prop_map(Attribute::ResponsePort),
            any::<u32>().prop_map(Attribute::Lifetime),
            any::<u32>().prop_map(Attribute::ConnectionId),
            any::<u32>().prop_map(Attribute::Priority),
            any::<u32>().prop_map(Attribute::Nomination),
            any::<u32>().prop_map(Attribute::CacheTimeout),
            any::<u64>().prop_map(Attribute::IceControlled),
            any::<u64>().prop_map(Attribute::IceControlling),
            family().prop_map(Attribute::RequestedAddressFamily),
            family().prop_map(Attribute::AdditionalAddressFamily),
            any::<bool>().prop_map(Attribute::EvenPort),
            any::<u8>().prop_map(Attribute::RequestedTransport),
            Just(Attribute::DontFragment),
            Just(Attribute::UseCandidate),
            any::<[u8; 8]>().prop_map(Attribute::ReservationToken),
            (0_u8..128, 0_u16..512, any::<u32>()).prop_map(|(t, c, d)| Attribute::Icmp {
                icmp_type: t,
                icmp_code: c,
                error_data: d
            }),
            any::<(bool, bool)>().prop_map(|(a, b)| Attribute::ChangeRequest {
                change_ip: a,
                change_port: b
            }),
        ]
    }

    fn round_trip(attribute: &Attribute<'_>, id: &TransactionId) {
        let mut value = Vec::new();
        attribute.encode(&mut Writer::new(&mut value), id);
        let raw = RawAttribute {
            attribute_type: attribute.attribute_type(),
            value: &value,
        };
        assert_eq!(Attribute::decode(raw, id).as_ref(), Ok(attribute));
    }

    proptest! {
        #[test]
        fn values_round_trip(attribute in value_attributes(), id: [u8; 12]) {
            round_trip(&attribute, &TransactionId(id));
        }

        #[test]
        fn texts_round_trip((kind, text) in text_attributes()) {
            let attribute = match kind {
                0 => Attribute::Username(&text),
                1 => Attribute::Realm(&text),
                2 => Attribute::Nonce(&text),
                3 => Attribute::Software(&text),
                _ => Attribute::AlternateDomain(&text),
            };
            round_trip(&attribute, &TransactionId([0; 12]));
        }

        #[test]
        fn bytes_round_trip(bytes: Vec<u8>, number in 0x4000_u16..0x7fff) {
            let id = TransactionId([0; 12]);
            round_trip(&Attribute::Data(&bytes), &id);
            round_trip(&Attribute::Padding(&bytes), &id);
            round_trip(&Attribute::UnknownAttributes(UnknownAttributes(&bytes)), &id);
            let raw = RawAttribute { attribute_type: AttributeType(number), value: &bytes };
            round_trip(&Attribute::Other(raw), &id);
        }

        #[test]
        fn any_value_of_any_type_is_decoded_or_refused(number: u16, value: Vec<u8>) {
            let raw = RawAttribute { attribute_type: AttributeType(number), value: &value };
            let _ = Attribute::decode(raw, &TransactionId([1; 12]));
        }
    }

    #[test]
    fn a_value_that_is_too_short_is_an_error_that_says_what() {
        let raw = RawAttribute {
            attribute_type: AttributeType::PRIORITY,
            value: &[1, 2],
        };
        let error = Attribute::decode(raw, &TransactionId([0; 12])).unwrap_err();
        assert_eq!(
            error.to_string(),
            "PRIORITY at byte 0 is truncated: needs 4 bytes, 2 are left"
        );
    }

    #[test]
    fn the_list_of_password_algorithms_is_read_in_order() {
        // MD5, an unknown one with three bytes of parameters, SHA-256.
        let value = [0, 1, 0, 0, 0, 9, 0, 3, 1, 2, 3, 0, 0, 2, 0, 0];
        let list = PasswordAlgorithms::from_bytes(&value).unwrap();
        assert_eq!(
            list.iter().collect::<Vec<_>>(),
            [
                PasswordAlgorithm::Md5,
                PasswordAlgorithm::Unknown(9),
                PasswordAlgorithm::Sha256
            ]
        );
        assert_eq!(list.first_known(), Some(PasswordAlgorithm::Md5));
        assert!(PasswordAlgorithms::from_bytes(&value[..6]).is_err());
    }

    #[test]
    fn an_error_code_outside_300_to_699_is_not_one() {
        for value in [&[0, 0, 2, 0][..], &[0, 0, 7, 1], &[0, 0, 4, 100]] {
            let raw = RawAttribute {
                attribute_type: AttributeType::ERROR_CODE,
                value,
            };
            let decoded = Attribute::decode(raw, &TransactionId([0; 12]));
            assert_eq!(decoded, Ok(Attribute::Other(raw)));
        }
    }
}

//! The attribute registry.

use std::fmt;

/// The type of an attribute (RFC 8489, section 18.3, and the registry).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttributeType(pub u16);

macro_rules! attribute_types {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $text:literal;)*) => {
        impl AttributeType {
            $($(#[$doc])* pub const $name: Self = Self($number);)*
        }

        impl fmt::Display for AttributeType {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match *self {
                    $(Self::$name => $text,)*
                    Self(number) => return write!(f, "attribute {number:#06x}"),
                })
            }
        }
    };
}

attribute_types! {
    /// RFC 8489, section 14.1.
    MAPPED_ADDRESS = 0x0001, "MAPPED-ADDRESS";
    /// RFC 5780, section 7.2.
    CHANGE_REQUEST = 0x0003, "CHANGE-REQUEST";
    /// RFC 8489, section 14.3.
    USERNAME = 0x0006, "USERNAME";
    /// RFC 8489, section 14.5.
    MESSAGE_INTEGRITY = 0x0008, "MESSAGE-INTEGRITY";
    /// RFC 8489, section 14.8.
    ERROR_CODE = 0x0009, "ERROR-CODE";
    /// RFC 8489, section 14.13.
    UNKNOWN_ATTRIBUTES = 0x000a, "UNKNOWN-ATTRIBUTES";
    /// RFC 8656, section 18.1.
    CHANNEL_NUMBER = 0x000c, "CHANNEL-NUMBER";
    /// RFC 8656, section 18.2.
    LIFETIME = 0x000d, "LIFETIME";
    /// RFC 8656, section 18.3.
    XOR_PEER_ADDRESS = 0x0012, "XOR-PEER-ADDRESS";
    /// RFC 8656, section 18.4.
    DATA = 0x0013, "DATA";
    /// RFC 8489, section 14.9.
    REALM = 0x0014, "REALM";
    /// RFC 8489, section 14.10.
    NONCE = 0x0015, "NONCE";
    /// RFC 8656, section 18.5.
    XOR_RELAYED_ADDRESS = 0x0016, "XOR-RELAYED-ADDRESS";
    /// RFC 8656, section 18.6.
    REQUESTED_ADDRESS_FAMILY = 0x0017, "REQUESTED-ADDRESS-FAMILY";
    /// RFC 8656, section 18.7.
    EVEN_PORT = 0x0018, "EVEN-PORT";
    /// RFC 8656, section 18.8.
    REQUESTED_TRANSPORT = 0x0019, "REQUESTED-TRANSPORT";
    /// RFC 8656, section 18.9.
    DONT_FRAGMENT = 0x001a, "DONT-FRAGMENT";
    /// RFC 7635, section 6.2. Its value is not taken apart.
    ACCESS_TOKEN = 0x001b, "ACCESS-TOKEN";
    /// RFC 8489, section 14.6.
    MESSAGE_INTEGRITY_SHA256 = 0x001c, "MESSAGE-INTEGRITY-SHA256";
    /// RFC 8489, section 14.12.
    PASSWORD_ALGORITHM = 0x001d, "PASSWORD-ALGORITHM";
    /// RFC 8489, section 14.4.
    USERHASH = 0x001e, "USERHASH";
    /// RFC 8489, section 14.2.
    XOR_MAPPED_ADDRESS = 0x0020, "XOR-MAPPED-ADDRESS";
    /// RFC 8656, section 18.10.
    RESERVATION_TOKEN = 0x0022, "RESERVATION-TOKEN";
    /// RFC 8445, section 16.1.
    PRIORITY = 0x0024, "PRIORITY";
    /// RFC 8445, section 16.1.
    USE_CANDIDATE = 0x0025, "USE-CANDIDATE";
    /// RFC 5780, section 7.6.
    PADDING = 0x0026, "PADDING";
    /// RFC 5780, section 7.5.
    RESPONSE_PORT = 0x0027, "RESPONSE-PORT";
    /// RFC 6062, section 6.2.1.
    CONNECTION_ID = 0x002a, "CONNECTION-ID";
    /// RFC 8656, section 18.11.
    ADDITIONAL_ADDRESS_FAMILY = 0x8000, "ADDITIONAL-ADDRESS-FAMILY";
    /// RFC 8656, section 18.12.
    ADDRESS_ERROR_CODE = 0x8001, "ADDRESS-ERROR-CODE";
    /// RFC 8489, section 14.11.
    PASSWORD_ALGORITHMS = 0x8002, "PASSWORD-ALGORITHMS";
    /// RFC 8489, section 14.16.
    ALTERNATE_DOMAIN = 0x8003, "ALTERNATE-DOMAIN";
    /// RFC 8656, section 18.13.
    ICMP = 0x8004, "ICMP";
    /// RFC 8489, section 14.14.
    SOFTWARE = 0x8022, "SOFTWARE";
    /// RFC 8489, section 14.15.
    ALTERNATE_SERVER = 0x8023, "ALTERNATE-SERVER";
    /// RFC 5780, section 9.1 (registered, used by no one).
    CACHE_TIMEOUT = 0x8027, "CACHE-TIMEOUT";
    /// RFC 8489, section 14.7.
    FINGERPRINT = 0x8028, "FINGERPRINT";
    /// RFC 8445, section 16.1.
    ICE_CONTROLLED = 0x8029, "ICE-CONTROLLED";
    /// RFC 8445, section 16.1.
    ICE_CONTROLLING = 0x802a, "ICE-CONTROLLING";
    /// RFC 5780, section 7.3.
    RESPONSE_ORIGIN = 0x802b, "RESPONSE-ORIGIN";
    /// RFC 5780, section 7.4.
    OTHER_ADDRESS = 0x802c, "OTHER-ADDRESS";
    /// RFC 7635, section 6.1. Its value is not taken apart.
    THIRD_PARTY_AUTHORIZATION = 0x802e, "THIRD-PARTY-AUTHORIZATION";
    /// draft-thatcher-ice-renomination: a nomination with a number; the highest wins.
    NOMINATION = 0xc001, "NOMINATION";
    /// Chromium's network ID and cost. Its value is not taken apart.
    GOOG_NETWORK_INFO = 0xc057, "GOOG-NETWORK-INFO";
}

impl AttributeType {
    /// Whether a receiver that does not know it must refuse a request that has it (RFC 8489, section 14).
    #[must_use]
    pub const fn is_comprehension_required(self) -> bool {
        self.0 < 0x8000
    }
}

impl fmt::Debug for AttributeType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

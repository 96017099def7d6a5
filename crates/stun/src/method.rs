//! The message type, which is class and method woven together, and the transaction ID.

use std::fmt;

use gannet_crypto::Rng;

/// The class of a message (RFC 8489, section 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// A request (0b00), which a response answers.
    Request,
    /// An indication (0b01), which nothing answers.
    Indication,
    /// A success response (0b10).
    Success,
    /// An error response (0b11).
    Error,
}

impl Class {
    /// Whether it answers a request.
    #[must_use]
    pub const fn is_response(self) -> bool {
        matches!(self, Self::Success | Self::Error)
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Request => "request",
            Self::Indication => "indication",
            Self::Success => "success response",
            Self::Error => "error response",
        })
    }
}

/// The method of a message: 12 bits (RFC 8489, section 18.2).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Method(u16);

impl Method {
    /// Binding (RFC 8489).
    pub const BINDING: Self = Self(0x001);
    /// Allocate (RFC 8656).
    pub const ALLOCATE: Self = Self(0x003);
    /// Refresh (RFC 8656).
    pub const REFRESH: Self = Self(0x004);
    /// Send (RFC 8656), an indication.
    pub const SEND: Self = Self(0x006);
    /// Data (RFC 8656), an indication.
    pub const DATA: Self = Self(0x007);
    /// CreatePermission (RFC 8656).
    pub const CREATE_PERMISSION: Self = Self(0x008);
    /// ChannelBind (RFC 8656).
    pub const CHANNEL_BIND: Self = Self(0x009);
    /// Connect (RFC 6062).
    pub const CONNECT: Self = Self(0x00a);
    /// ConnectionBind (RFC 6062).
    pub const CONNECTION_BIND: Self = Self(0x00b);
    /// ConnectionAttempt (RFC 6062), an indication.
    pub const CONNECTION_ATTEMPT: Self = Self(0x00c);

    /// The largest number that fits.
    pub const MAX: u16 = 0xfff;

    /// A method by its number, or `None` if that does not fit into 12 bits.
    #[must_use]
    pub const fn new(number: u16) -> Option<Self> {
        if number > Self::MAX {
            return None;
        }
        Some(Self(number))
    }

    /// Its number.
    #[must_use]
    pub const fn number(self) -> u16 {
        self.0
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match *self {
            Self::BINDING => "Binding",
            Self::ALLOCATE => "Allocate",
            Self::REFRESH => "Refresh",
            Self::SEND => "Send",
            Self::DATA => "Data",
            Self::CREATE_PERMISSION => "CreatePermission",
            Self::CHANNEL_BIND => "ChannelBind",
            Self::CONNECT => "Connect",
            Self::CONNECTION_BIND => "ConnectionBind",
            Self::CONNECTION_ATTEMPT => "ConnectionAttempt",
            Self(number) => return write!(f, "method {number:#05x}"),
        })
    }
}

impl fmt::Debug for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Weaves class and method into the message type.
///
/// ```text
///  0                 1
///  2  3  4 5 6 7 8 9 0 1 2 3 4 5
/// +--+--+-+-+-+-+-+-+-+-+-+-+-+-+
/// |M |M |M|M|M|C|M|M|M|C|M|M|M|M|
/// |11|10|9|8|7|1|6|5|4|0|3|2|1|0|
/// +--+--+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
pub(crate) const fn encode_type(class: Class, method: Method) -> u16 {
    let class = match class {
        Class::Request => 0x0000,
        Class::Indication => 0x0010,
        Class::Success => 0x0100,
        Class::Error => 0x0110,
    };
    let m = method.0;
    class | (m & 0x000f) | ((m & 0x0070) << 1) | ((m & 0x0f80) << 2)
}

/// Takes a message type apart; `None` if one of the two topmost bits is set.
pub(crate) const fn decode_type(number: u16) -> Option<(Class, Method)> {
    if number & 0xc000 != 0 {
        return None;
    }
    let class = match number & 0x0110 {
        0x0000 => Class::Request,
        0x0010 => Class::Indication,
        0x0100 => Class::Success,
        _ => Class::Error,
    };
    let method = (number & 0x000f) | ((number & 0x00e0) >> 1) | ((number & 0x3e00) >> 2);
    Some((class, Method(method)))
}

/// The 96 random bits that join a response to its request (RFC 8489, section 5).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TransactionId(pub [u8; 12]);

impl TransactionId {
    /// A new one.
    #[must_use]
    pub fn random(rng: &mut Rng) -> Self {
        Self(rng.array())
    }
}

impl fmt::Display for TransactionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for TransactionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_from_the_registries() {
        let cases = [
            (Class::Request, Method::BINDING, 0x0001),
            (Class::Indication, Method::BINDING, 0x0011),
            (Class::Success, Method::BINDING, 0x0101),
            (Class::Error, Method::BINDING, 0x0111),
            (Class::Success, Method::ALLOCATE, 0x0103),
            (Class::Indication, Method::SEND, 0x0016),
            (Class::Indication, Method::DATA, 0x0017),
            (Class::Error, Method::CHANNEL_BIND, 0x0119),
        ];
        for (class, method, number) in cases {
            assert_eq!(encode_type(class, method), number);
            assert_eq!(decode_type(number), Some((class, method)));
        }
    }

    #[test]
    fn every_type_round_trips_and_no_two_are_the_same() {
        let mut seen = vec![false; 0x4000];
        for number in 0..=Method::MAX {
            for class in [
                Class::Request,
                Class::Indication,
                Class::Success,
                Class::Error,
            ] {
                let method = Method::new(number).unwrap();
                let encoded = encode_type(class, method);
                assert_eq!(decode_type(encoded), Some((class, method)));
                assert!(!std::mem::replace(&mut seen[usize::from(encoded)], true));
            }
        }
        assert_eq!(decode_type(0x4001), None);
        assert_eq!(decode_type(0x8001), None);
        assert_eq!(Method::new(0x1000), None);
    }
}

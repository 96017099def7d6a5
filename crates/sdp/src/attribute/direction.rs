use std::fmt::{self, Display};

use super::AttributeName;

/// Which way media flows, as the writer of the description sees it (RFC 8866, section 6.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Direction {
    /// Both ways: what holds when nothing is said.
    #[default]
    Sendrecv,
    /// From the writer.
    Sendonly,
    /// To the writer.
    Recvonly,
    /// Neither way. RTCP flows all the same.
    Inactive,
}

impl Direction {
    /// The direction that sends and receives as told.
    pub fn new(send: bool, receive: bool) -> Self {
        match (send, receive) {
            (true, true) => Self::Sendrecv,
            (true, false) => Self::Sendonly,
            (false, true) => Self::Recvonly,
            (false, false) => Self::Inactive,
        }
    }

    /// Whether the writer sends.
    pub fn sends(self) -> bool {
        matches!(self, Self::Sendrecv | Self::Sendonly)
    }

    /// Whether the writer receives.
    pub fn receives(self) -> bool {
        matches!(self, Self::Sendrecv | Self::Recvonly)
    }

    /// The same as the other side sees it.
    #[must_use]
    pub fn reversed(self) -> Self {
        Self::new(self.receives(), self.sends())
    }

    /// What both allow.
    #[must_use]
    pub fn intersection(self, other: Self) -> Self {
        Self::new(
            self.sends() && other.sends(),
            self.receives() && other.receives(),
        )
    }

    /// The attribute that says it.
    pub fn name(self) -> AttributeName {
        match self {
            Self::Sendrecv => AttributeName::Sendrecv,
            Self::Sendonly => AttributeName::Sendonly,
            Self::Recvonly => AttributeName::Recvonly,
            Self::Inactive => AttributeName::Inactive,
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text {
            "sendrecv" => Some(Self::Sendrecv),
            "sendonly" => Some(Self::Sendonly),
            "recvonly" => Some(Self::Recvonly),
            "inactive" => Some(Self::Inactive),
            _ => None,
        }
    }
}

impl Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::Direction::{self, *};

    #[test]
    fn the_other_side_sees_it_mirrored() {
        for direction in [Sendrecv, Sendonly, Recvonly, Inactive] {
            assert_eq!(direction.reversed().reversed(), direction);
            assert_eq!(Direction::parse(&direction.to_string()), Some(direction));
            assert_eq!(direction.intersection(Sendrecv), direction);
        }
        assert_eq!(Sendonly.reversed(), Recvonly);
        assert_eq!(Sendonly.intersection(Recvonly), Inactive);
    }
}

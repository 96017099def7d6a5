//! Numbers that wrap: RFC 1982 serial arithmetic, and their extension to 64 bits.

use std::fmt;

macro_rules! serial {
    ($(#[$doc:meta])* $name:ident, $uint:ty, $int:ty) => {
        $(#[$doc])*
        ///
        /// Two serials that are exactly half the number space apart have no order (RFC 1982,
        /// section 3.2): then neither [`Self::precedes`] the other. There is no `Ord`, because the
        /// relation is not transitive.
        #[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
        pub struct $name(pub $uint);

        impl $name {
            /// Whether `self` comes before `other`: the "less than" of RFC 1982, section 3.2.
            #[inline]
            #[must_use]
            pub const fn precedes(self, other: Self) -> bool {
                (other.0.wrapping_sub(self.0) as $int) > 0
            }

            /// Whether `self` comes after `other`.
            #[inline]
            #[must_use]
            pub const fn follows(self, other: Self) -> bool {
                other.precedes(self)
            }

            /// Whether `self` is `other` or comes before it.
            #[inline]
            #[must_use]
            pub const fn at_or_before(self, other: Self) -> bool {
                self.0 == other.0 || self.precedes(other)
            }

            /// Whether `self` is `other` or comes after it.
            #[inline]
            #[must_use]
            pub const fn at_or_after(self, other: Self) -> bool {
                other.at_or_before(self)
            }

            /// How far it is from `self` forward to `other`; negative if `other` comes first.
            #[inline]
            #[must_use]
            pub const fn distance_to(self, other: Self) -> $int {
                other.0.wrapping_sub(self.0) as $int
            }

            /// The serial `count` steps ahead, wrapping (RFC 1982, section 3.1).
            #[inline]
            #[must_use]
            pub const fn plus(self, count: $uint) -> Self {
                Self(self.0.wrapping_add(count))
            }

            /// The serial `count` steps back, wrapping.
            #[inline]
            #[must_use]
            pub const fn minus(self, count: $uint) -> Self {
                Self(self.0.wrapping_sub(count))
            }

            /// The next serial, wrapping.
            #[inline]
            #[must_use]
            pub const fn next(self) -> Self {
                self.plus(1)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }

        impl From<$uint> for $name {
            fn from(value: $uint) -> Self {
                Self(value)
            }
        }
    };
}

serial! {
    /// A 16-bit number that wraps, such as an RTP sequence number or an SCTP stream sequence number.
    Serial16, u16, i16
}

serial! {
    /// A 32-bit number that wraps, such as an SCTP TSN or an RTP timestamp.
    Serial32, u32, i32
}

macro_rules! extender {
    ($(#[$doc:meta])* $name:ident, $serial:ty, $uint:ty, $int:ty) => {
        $(#[$doc])*
        ///
        /// The first number that it sees maps to itself plus one turn of the number space, so that
        /// numbers that come late, from before the first, still have a place. Every later number maps
        /// to the 64-bit number that is nearest to the highest one seen so far.
        #[derive(Clone, Copy, Debug, Default)]
        pub struct $name {
            highest: Option<u64>,
        }

        impl $name {
            /// An extender that has seen nothing.
            #[must_use]
            pub const fn new() -> Self {
                Self { highest: None }
            }

            /// The highest extended number seen so far.
            #[inline]
            #[must_use]
            pub const fn highest(&self) -> Option<u64> {
                self.highest
            }

            /// Extends `serial` and remembers it, if it is the highest so far.
            #[inline]
            pub const fn extend(&mut self, serial: $serial) -> u64 {
                let extended = self.peek(serial);
                match self.highest {
                    Some(highest) if highest >= extended => {}
                    _ => self.highest = Some(extended),
                }
                extended
            }

            /// Extends `serial` without remembering it.
            #[inline]
            #[must_use]
            pub const fn peek(&self, serial: $serial) -> u64 {
                let Some(highest) = self.highest else {
                    return (serial.0 as u64).wrapping_add(1 << <$uint>::BITS);
                };
                // The highest is never below one turn, and a step back at most half a turn: this
                // stays above zero.
                let step = serial.0.wrapping_sub(highest as $uint) as $int;
                highest.wrapping_add_signed(step as i64)
            }
        }
    };
}

extender! {
    /// Extends 16-bit numbers that wrap to 64-bit ones that do not.
    Extender16, Serial16, u16, i16
}

extender! {
    /// Extends 32-bit numbers that wrap to 64-bit ones that do not.
    Extender32, Serial32, u32, i32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn order_wraps() {
        assert!(Serial16(65535).precedes(Serial16(0)));
        assert!(Serial16(0).follows(Serial16(65535)));
        assert!(Serial16(1).precedes(Serial16(0x8000)));
        assert!(!Serial16(7).precedes(Serial16(7)));
        assert!(Serial16(7).at_or_before(Serial16(7)));
        assert!(Serial32(u32::MAX).precedes(Serial32(5)));
        assert_eq!(Serial16(65535).distance_to(Serial16(2)), 3);
        assert_eq!(Serial16(2).distance_to(Serial16(65535)), -3);
        assert_eq!(Serial16(65535).next(), Serial16(0));
        assert_eq!(Serial32(3).minus(4), Serial32(u32::MAX));
    }

    // RFC 1982, section 3.2: serials half the space apart are not comparable.
    #[test]
    fn opposite_serials_have_no_order() {
        assert!(!Serial16(0).precedes(Serial16(0x8000)));
        assert!(!Serial16(0x8000).precedes(Serial16(0)));
        assert!(!Serial32(1).precedes(Serial32(0x8000_0001)));
        assert!(!Serial32(0x8000_0001).precedes(Serial32(1)));
    }

    #[test]
    fn the_extension_counts_turns() {
        let mut extender = Extender16::new();
        assert_eq!(extender.extend(Serial16(65534)), 0x1_fffe);
        assert_eq!(extender.extend(Serial16(1)), 0x2_0001);
        assert_eq!(extender.extend(Serial16(65535)), 0x1_ffff);
        assert_eq!(extender.highest(), Some(0x2_0001));
    }

    #[test]
    fn numbers_from_before_the_first_have_a_place() {
        let mut extender = Extender16::new();
        assert_eq!(extender.extend(Serial16(0)), 0x1_0000);
        assert_eq!(extender.extend(Serial16(65535)), 0xffff);
    }

    proptest! {
        // Exactly half the space apart both signs are -2^15, hence the open bound.
        #[test]
        fn order_is_antisymmetric(a: u16, b: u16) {
            prop_assume!(a.wrapping_sub(b) != 0x8000);
            let (a, b) = (Serial16(a), Serial16(b));
            prop_assert_eq!(a.precedes(b), b.follows(a));
            prop_assert_eq!(a == b, !a.precedes(b) && !b.precedes(a));
            prop_assert_eq!(a.plus(a.distance_to(b) as u16), b);
        }

        #[test]
        fn an_extended_walk_is_the_walk(start: u16, steps in prop::collection::vec(-200_i64..300, 0..500)) {
            let mut extender = Extender16::new();
            let mut at = u64::from(start) + 0x1_0000;
            extender.extend(Serial16(start));
            for step in steps {
                at = at.saturating_add_signed(step).max(0x1_0000);
                prop_assert_eq!(extender.extend(Serial16(at as u16)), at);
            }
        }
    }
}

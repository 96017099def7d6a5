//! The elements of a header extension: RFC 8285, sections 4.2 and 4.3.
#![cfg_attr(
    not(test),
    warn(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation,
        clippy::unwrap_used
    )
)]

/// The "defined by profile" word of a section whose elements have one-byte headers (section 4.2).
pub const ONE_BYTE: u16 = 0xbede;

/// The "defined by profile" word of a section whose elements have two-byte headers (section 4.3). Its
/// lowest four bits, `appbits`, are for the application and are ignored in what is received.
pub const TWO_BYTE: u16 = 0x1000;

/// The elements of one packet's extension section, as pairs of identifier and value.
///
/// A malformed element ends the iteration: what comes before it counts (section 4.1.2).
#[derive(Clone, Copy, Debug)]
pub struct Elements<'a> {
    form: Form,
    bytes: &'a [u8],
}

#[derive(Clone, Copy, Debug)]
enum Form {
    OneByte,
    TwoByte,
}

impl<'a> Elements<'a> {
    /// The elements of a section with this "defined by profile" word and body; none, if the word is
    /// neither of RFC 8285's.
    #[inline]
    #[must_use]
    pub const fn new(profile: u16, body: &'a [u8]) -> Self {
        let (form, bytes) = match profile {
            ONE_BYTE => (Form::OneByte, body),
            _ if profile & 0xfff0 == TWO_BYTE => (Form::TwoByte, body),
            _ => (Form::OneByte, [].as_slice()),
        };
        Self { form, bytes }
    }

    fn next_one_byte(&mut self) -> Option<(u8, &'a [u8])> {
        loop {
            let (&head, tail) = self.bytes.split_first()?;
            let (id, len) = (head >> 4, usize::from(head & 0x0f).wrapping_add(1));
            match (head, id) {
                (0, _) => self.bytes = tail,
                // Identifier 0 with a length, and the reserved identifier 15, end it.
                (_, 0 | 15) => return None,
                _ => {
                    let (value, rest) = tail.split_at_checked(len)?;
                    self.bytes = rest;
                    return Some((id, value));
                }
            }
        }
    }

    fn next_two_byte(&mut self) -> Option<(u8, &'a [u8])> {
        loop {
            let (&id, tail) = self.bytes.split_first()?;
            if id == 0 {
                self.bytes = tail;
                continue;
            }
            let (&len, tail) = tail.split_first()?;
            let (value, rest) = tail.split_at_checked(usize::from(len))?;
            self.bytes = rest;
            return Some((id, value));
        }
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = (u8, &'a [u8]);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let element = match self.form {
            Form::OneByte => self.next_one_byte(),
            Form::TwoByte => self.next_two_byte(),
        };
        if element.is_none() {
            self.bytes = &[];
        }
        element
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(profile: u16, body: &[u8]) -> Vec<(u8, &[u8])> {
        Elements::new(profile, body).collect()
    }

    // The example of RFC 8285, section 4.2: three elements with padding between them.
    #[test]
    fn one_byte_elements_with_padding() {
        let body = [0x10, 0xaa, 0x21, 1, 2, 0, 0, 0x33, 1, 2, 3, 4, 0, 0, 0];
        assert_eq!(
            all(ONE_BYTE, &body),
            [(1, &[0xaa][..]), (2, &[1, 2]), (3, &[1, 2, 3, 4])]
        );
    }

    #[test]
    fn two_byte_elements_may_be_empty_and_long() {
        let body = [1, 0, 2, 1, 0xff, 0, 15, 2, 7, 8];
        let expected = [(1, &[][..]), (2, &[0xff]), (15, &[7, 8])];
        assert_eq!(all(TWO_BYTE, &body), expected);
        assert_eq!(all(0x100a, &body), expected);
    }

    #[test]
    fn what_comes_behind_a_malformed_element_is_ignored() {
        assert_eq!(all(ONE_BYTE, &[0x10, 1, 0xf0, 2, 0x20, 3]), [(1, &[1][..])]);
        assert_eq!(all(ONE_BYTE, &[0x10, 1, 0x02, 2, 0x20, 3]), [(1, &[1][..])]);
        assert_eq!(all(ONE_BYTE, &[0x10, 1, 0x2f, 2, 3]), [(1, &[1][..])]);
        assert_eq!(all(TWO_BYTE, &[1, 1, 1, 2, 9, 3]), [(1, &[1][..])]);
        assert_eq!(all(TWO_BYTE, &[1, 1, 1, 2]), [(1, &[1][..])]);
        let mut elements = Elements::new(ONE_BYTE, &[0x2f, 0x10, 0, 0]);
        assert_eq!(elements.next(), None);
        assert_eq!(elements.next(), None, "it stays ended");
    }

    #[test]
    fn another_profile_has_no_elements() {
        assert_eq!(all(0xabcd, &[0x10, 1, 0, 0]), []);
    }
}

use std::str::FromStr;

use crate::FieldError;

/// A cursor over the fields of one line. Fields are parted by one space (RFC 8866); more than one is
/// let through, because peers send them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fields<'a> {
    rest: &'a str,
}

impl<'a> Fields<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self {
            rest: text.trim_start_matches(' '),
        }
    }

    /// The next field, if there is one.
    pub(crate) fn optional(&mut self) -> Option<&'a str> {
        if self.rest.is_empty() {
            return None;
        }
        let (field, rest) = self.rest.split_once(' ').unwrap_or((self.rest, ""));
        self.rest = rest.trim_start_matches(' ');
        Some(field)
    }

    /// The next field.
    pub(crate) fn word(
        &mut self,
        field: &'static str,
        expected: &'static str,
    ) -> Result<&'a str, FieldError> {
        self.optional()
            .ok_or_else(|| FieldError::new(field, expected, ""))
    }

    /// The next field as a token (RFC 8866, section 9).
    pub(crate) fn token(&mut self, field: &'static str) -> Result<&'a str, FieldError> {
        token(self.word(field, "a token")?, field)
    }

    /// The next field as a decimal number.
    pub(crate) fn number<T: FromStr>(
        &mut self,
        field: &'static str,
        expected: &'static str,
    ) -> Result<T, FieldError> {
        number(self.word(field, expected)?, field, expected)
    }

    /// The next fields, as long as there are any.
    pub(crate) fn tokens(&mut self, field: &'static str) -> Result<Vec<&'a str>, FieldError> {
        let mut tokens = Vec::new();
        while let Some(word) = self.optional() {
            tokens.push(token(word, field)?);
        }
        Ok(tokens)
    }

    pub(crate) fn rest_is_not_empty(&self) -> bool {
        !self.rest.is_empty()
    }

    /// All that is left, if anything.
    pub(crate) fn rest(&mut self) -> Option<&'a str> {
        let rest = std::mem::take(&mut self.rest);
        (!rest.is_empty()).then_some(rest)
    }

    /// Nothing may be left.
    pub(crate) fn finish(self, field: &'static str) -> Result<(), FieldError> {
        match self.rest.trim_end_matches(' ') {
            "" => Ok(()),
            rest => Err(FieldError::new(field, "the end of the line", rest)),
        }
    }
}

/// Digits only: no sign and no blank, which `FromStr` alone would let through.
pub(crate) fn number<T: FromStr>(
    text: &str,
    field: &'static str,
    expected: &'static str,
) -> Result<T, FieldError> {
    if text.bytes().all(|byte| byte.is_ascii_digit())
        && let Ok(number) = text.parse()
    {
        return Ok(number);
    }
    Err(FieldError::new(field, expected, text))
}

/// A payload type: 0 to 127 (RFC 3550, section 5.1).
pub(crate) fn payload_type(text: &str) -> Result<u8, FieldError> {
    const EXPECTED: &str = "a payload type from 0 to 127";
    let number: u8 = number(text, "payload type", EXPECTED)?;
    if number > 127 {
        return Err(FieldError::new("payload type", EXPECTED, text));
    }
    Ok(number)
}

/// A payload type, or `*` for all of them.
pub(crate) fn payload_type_or_all(text: &str) -> Result<Option<u8>, FieldError> {
    if text == "*" {
        Ok(None)
    } else {
        payload_type(text).map(Some)
    }
}

pub(crate) fn token<'a>(text: &'a str, field: &'static str) -> Result<&'a str, FieldError> {
    if is_token(text) {
        Ok(text)
    } else {
        Err(FieldError::new(field, "a token", text))
    }
}

/// `token` of RFC 8866, section 9.
pub(crate) fn is_token(text: &str) -> bool {
    let fits = |byte: u8| matches!(byte, 0x21 | 0x23..=0x27 | 0x2a | 0x2b | 0x2d | 0x2e | 0x30..=0x39 | 0x41..=0x5a | 0x5e..=0x7e);
    !text.is_empty() && text.bytes().all(fits)
}

/// `ice-char` of RFC 8839, section 5.1.
pub(crate) fn is_ice_chars(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_what_the_grammar_says() {
        for good in ["a", "x-y", "!#$%&'*+-.^_`{|}~", "0"] {
            assert!(is_token(good), "{good}");
        }
        for bad in [
            "", "a b", "a:b", "a/b", "a@b", "a\"", "é", "a[", "a\\", "a,b",
        ] {
            assert!(!is_token(bad), "{bad}");
        }
    }

    #[test]
    fn a_number_has_digits_only_and_fits() {
        assert_eq!(number::<u16>("65535", "port", "a port"), Ok(65535));
        for bad in ["", "+1", "-1", " 1", "1 ", "65536", "0x10"] {
            let error = number::<u16>(bad, "port", "a port").unwrap_err();
            assert_eq!(
                (error.field, error.expected, &*error.found),
                ("port", "a port", bad)
            );
        }
    }
}

//! The parameters of formats (`a=fmtp`), typed codec by codec.
//!
//! An `fmtp` line does not say what codec it belongs to: the `rtpmap` of its payload type does. So the
//! caller, who knows, asks for the type it needs.

use crate::FieldError;
use crate::fields::number;

mod audio;
mod h264;
mod repair;
mod video;

pub use audio::{Opus, TelephoneEvent};
pub use h264::{H264, Profile, ProfileLevelId};
pub use repair::{Red, Rtx};
pub use video::{Av1, H265, Vp8, Vp9};

/// Parameters in the form that most formats use: `name=value`, with semicolons between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parameters<'a> {
    text: &'a str,
}

impl<'a> Parameters<'a> {
    /// Over what stands after the format in an `fmtp` line.
    pub fn new(text: &'a str) -> Self {
        Self { text }
    }

    /// The names and values, in their order. What has no `=` has an empty value.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        self.text
            .split(';')
            .map(str::trim)
            .filter(|parameter| !parameter.is_empty())
            .map(|parameter| {
                let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
                (name.trim(), value.trim())
            })
    }

    /// The value of a parameter, whose case means nothing (RFC 4855, section 3).
    pub fn value(&self, name: &str) -> Option<&'a str> {
        self.iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    fn number<T: std::str::FromStr>(&self, name: &'static str) -> Result<Option<T>, FieldError> {
        self.value(name)
            .map(|value| number(value, name, "a number that fits"))
            .transpose()
    }

    /// A parameter that is 0 or 1.
    fn flag(&self, name: &'static str) -> Result<Option<bool>, FieldError> {
        match self.value(name) {
            None => Ok(None),
            Some("0") => Ok(Some(false)),
            Some("1") => Ok(Some(true)),
            Some(other) => Err(FieldError::new(name, "0 or 1", other)),
        }
    }
}

/// Writes `name=value` for each that is there, with semicolons between.
fn write_present(
    f: &mut std::fmt::Formatter<'_>,
    parameters: &[(&str, Option<u32>)],
) -> std::fmt::Result {
    let mut separator = "";
    for (name, value) in parameters {
        if let Some(value) = value {
            write!(f, "{separator}{name}={value}")?;
            separator = ";";
        }
    }
    Ok(())
}

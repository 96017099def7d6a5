//! Link configurations in words, for command lines and tables of scenarios.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::config::{GilbertElliott, LinkConfig};

/// A word that does not describe a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    name: String,
    value: String,
    expected: &'static str,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            name,
            value,
            expected,
        } = self;
        write!(
            f,
            "\"{name} {value}\" does not describe a link: expected {expected}"
        )
    }
}

impl std::error::Error for ConfigError {}

/// A list of names and values, as in `delay 20ms jitter 5ms loss 2%`. The names are those of
/// [`LinkConfig::set`].
impl FromStr for LinkConfig {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let mut words = text.split_whitespace();
        let mut config = Self::new();
        while let Some(name) = words.next() {
            config.set(name, words.next().unwrap_or_default())?;
        }
        Ok(config)
    }
}

impl LinkConfig {
    /// Sets one thing by its name:
    ///
    /// | name | value | example |
    /// | --- | --- | --- |
    /// | `delay`, `jitter` | a time | `20ms` |
    /// | `loss`, `duplicate`, `corrupt` | a share | `2%` |
    /// | `burst` | a share, and a mean number in a row | `5%/4` |
    /// | `reorder` | a share, and a time | `1%/30ms` |
    /// | `rate` | bits per second | `2500k` |
    /// | `queue`, `mtu` | bytes | `64k` |
    ///
    /// Times end with `us`, `ms` or `s`; `k`, `M` and `G` are powers of a thousand.
    ///
    /// # Errors
    /// If there is no such name, or the value does not fit it.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), ConfigError> {
        let (expected, changed) = self.changed(name, value);
        *self = changed.ok_or_else(|| ConfigError {
            name: name.to_owned(),
            value: value.to_owned(),
            expected,
        })?;
        Ok(())
    }

    fn changed(&self, name: &str, value: &str) -> (&'static str, Option<Self>) {
        const A_TIME: &str = "a time like 20ms";
        const A_SHARE: &str = "a share like 2%";
        const BYTES: &str = "a number of bytes like 1200 or 64k";
        let config = self.clone();
        match name {
            "delay" => (A_TIME, time(value).map(|time| config.delay(time))),
            "jitter" => (A_TIME, time(value).map(|time| config.jitter(time))),
            "loss" => (A_SHARE, share(value).map(|share| config.loss(share))),
            "duplicate" => (A_SHARE, share(value).map(|share| config.duplicate(share))),
            "corrupt" => (A_SHARE, share(value).map(|share| config.corrupt(share))),
            "burst" => (
                "a share below 100% and a length of at least 1, like 5%/4",
                bursts(value).map(|model| config.burst_loss(model)),
            ),
            "reorder" => (
                "a share and a time, like 1%/30ms",
                reordering(value).map(|(share, by)| config.reorder(share, by)),
            ),
            "rate" => (
                "bits per second, like 2500k",
                number(value)
                    .filter(|rate| *rate > 0)
                    .map(|rate| config.rate(rate)),
            ),
            "queue" => (
                BYTES,
                number(value).map(|bytes| config.queue(bytes as usize)),
            ),
            "mtu" => (BYTES, number(value).map(|bytes| config.mtu(bytes as usize))),
            _ => (
                "one of delay, jitter, loss, burst, duplicate, corrupt, reorder, rate, queue, mtu",
                None,
            ),
        }
    }
}

fn time(text: &str) -> Option<Duration> {
    let unit = text.find(|c: char| c.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at(unit);
    let nanoseconds = match unit {
        "us" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        _ => return None,
    };
    number
        .parse::<u64>()
        .ok()?
        .checked_mul(nanoseconds)
        .map(Duration::from_nanos)
}

fn share(text: &str) -> Option<f64> {
    let percent: f64 = text.strip_suffix('%')?.parse().ok()?;
    (0.0..=100.0).contains(&percent).then_some(percent / 100.0)
}

fn number(text: &str) -> Option<u64> {
    let (digits, scale) = match text.as_bytes().last()? {
        b'k' => (&text[..text.len() - 1], 1_000),
        b'M' => (&text[..text.len() - 1], 1_000_000),
        b'G' => (&text[..text.len() - 1], 1_000_000_000),
        _ => (text, 1),
    };
    digits.parse::<u64>().ok()?.checked_mul(scale)
}

fn bursts(text: &str) -> Option<GilbertElliott> {
    let (loss, burst) = text.split_once('/')?;
    let (loss, burst) = (share(loss)?, burst.parse::<f64>().ok()?);
    let possible = loss < 1.0 && burst >= 1.0 && loss / (1.0 - loss) <= burst;
    possible.then(|| GilbertElliott::bursts(loss, burst))
}

fn reordering(text: &str) -> Option<(f64, Duration)> {
    let (chance, by) = text.split_once('/')?;
    Some((share(chance)?, time(by)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_become_a_configuration() {
        let words = "delay 20ms jitter 500us loss 2% burst 5%/4 duplicate 0.1% corrupt 1% \
                     reorder 1%/30ms rate 2500k queue 64k mtu 1200";
        let expected = LinkConfig::new()
            .delay(Duration::from_millis(20))
            .jitter(Duration::from_micros(500))
            .loss(0.02)
            .burst_loss(GilbertElliott::bursts(0.05, 4.0))
            .duplicate(0.001)
            .corrupt(0.01)
            .reorder(0.01, Duration::from_millis(30))
            .rate(2_500_000)
            .queue(64_000)
            .mtu(1200);
        assert_eq!(words.parse(), Ok(expected));
        assert_eq!("".parse(), Ok(LinkConfig::new()));
        assert_eq!("rate 3G".parse(), Ok(LinkConfig::new().rate(3_000_000_000)));
        assert_eq!(
            "delay 2s".parse(),
            Ok(LinkConfig::new().delay(Duration::from_secs(2)))
        );
    }

    #[test]
    fn other_words_are_refused_with_what_was_expected() {
        for (words, message) in [
            (
                "delay 20",
                "\"delay 20\" does not describe a link: expected a time like 20ms",
            ),
            (
                "delay",
                "\"delay \" does not describe a link: expected a time like 20ms",
            ),
            (
                "loss 0.1",
                "\"loss 0.1\" does not describe a link: expected a share like 2%",
            ),
            (
                "loss 101%",
                "\"loss 101%\" does not describe a link: expected a share like 2%",
            ),
            (
                "rate 0",
                "\"rate 0\" does not describe a link: expected bits per second, like 2500k",
            ),
            (
                "mtu big",
                "\"mtu big\" does not describe a link: expected a number of bytes like 1200 or 64k",
            ),
        ] {
            let error = words.parse::<LinkConfig>().expect_err("it is wrong");
            assert_eq!(error.to_string(), message);
        }
        for words in [
            "delay 3h",
            "burst 5%",
            "burst 90%/1",
            "reorder 1%",
            "speed 3",
            "queue k",
        ] {
            assert!(words.parse::<LinkConfig>().is_err(), "{words}");
        }
    }
}

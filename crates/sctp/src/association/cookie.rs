//! The state cookie: what we need to know again, sealed, so that we need not remember it.

use std::time::{Duration, Instant};

use gannet_crypto::Hmac;
use gannet_wire::{Reader, Serial32, Writer};

use super::core::Identity;
use super::state::{Capabilities, Peer};

/// What a state cookie says (RFC 9260, section 5.1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StateCookie {
    /// When it was made, in microseconds since the association's epoch.
    pub(crate) made_at: u64,
    pub(crate) identity: Identity,
    pub(crate) peer: Peer,
    /// That of the association which was there when it was made; 0 if there was none.
    pub(crate) tie_tag: u64,
}

/// The length of the MAC in bytes.
const MAC_LEN: usize = 32;

impl StateCookie {
    /// The cookie's bytes with their MAC.
    pub(crate) fn seal(&self, key: &dyn Hmac) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(96);
        let mut writer = Writer::new(&mut bytes);
        writer.u64(self.made_at);
        writer.u32(self.identity.tag);
        writer.u32(self.identity.initial_tsn.0);
        writer.u32(self.peer.tag);
        writer.u32(self.peer.initial_tsn.0);
        writer.u32(self.peer.a_rwnd);
        writer.u16(self.peer.outbound_streams);
        writer.u16(self.peer.inbound_streams);
        writer.u8(self.peer.capabilities.to_bits());
        writer.u64(self.tie_tag);
        let mac = key.sign(&[&bytes]);
        bytes.extend_from_slice(&mac);
        bytes
    }

    /// The cookie in `bytes`, if we made it.
    pub(crate) fn open(key: &dyn Hmac, bytes: &[u8]) -> Option<Self> {
        let (body, mac) = bytes.split_at_checked(bytes.len().checked_sub(MAC_LEN)?)?;
        if !key.verify(&[body], mac) {
            return None;
        }
        Self::parse(body).ok()
    }

    fn parse(body: &[u8]) -> Result<Self, gannet_wire::ReadError> {
        let mut reader = Reader::new(body);
        let cookie = Self {
            made_at: reader.u64("cookie time")?,
            identity: Identity {
                tag: reader.u32("cookie local tag")?,
                initial_tsn: Serial32(reader.u32("cookie local TSN")?),
            },
            peer: Peer {
                tag: reader.u32("cookie peer tag")?,
                initial_tsn: Serial32(reader.u32("cookie peer TSN")?),
                a_rwnd: reader.u32("cookie a_rwnd")?,
                outbound_streams: reader.u16("cookie outbound streams")?,
                inbound_streams: reader.u16("cookie inbound streams")?,
                capabilities: Capabilities::from_bits(reader.u8("cookie capabilities")?),
            },
            tie_tag: reader.u64("cookie tie-tag")?,
        };
        reader.finish("cookie")?;
        Ok(cookie)
    }

    /// By how much the cookie has outlived its life.
    pub(crate) fn staleness(
        &self,
        epoch: Instant,
        now: Instant,
        life: Duration,
    ) -> Option<Duration> {
        let age = now
            .saturating_duration_since(epoch)
            .saturating_sub(Duration::from_micros(self.made_at));
        age.checked_sub(life).filter(|late| !late.is_zero())
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test may look at the clock")]
mod tests {
    use super::*;
    use crate::association::tests::test_key;

    fn cookie() -> StateCookie {
        StateCookie {
            made_at: 1_000_000,
            identity: Identity {
                tag: 1,
                initial_tsn: Serial32(2),
            },
            peer: Peer {
                tag: 3,
                initial_tsn: Serial32(4),
                a_rwnd: 5,
                outbound_streams: 6,
                inbound_streams: 7,
                capabilities: Capabilities::from_bits(0b1010),
            },
            tie_tag: 8,
        }
    }

    #[test]
    fn only_our_own_cookies_open() {
        let key = test_key(1);
        let sealed = cookie().seal(&*key);
        assert_eq!(StateCookie::open(&*key, &sealed), Some(cookie()));
        assert_eq!(StateCookie::open(&*test_key(2), &sealed), None);
        for i in 0..sealed.len() {
            let mut forged = sealed.clone();
            forged[i] ^= 1;
            assert_eq!(StateCookie::open(&*key, &forged), None);
            assert_eq!(StateCookie::open(&*key, &sealed[..i]), None);
        }
    }

    #[test]
    fn cookies_grow_stale() {
        let epoch = Instant::now();
        let life = Duration::from_secs(60);
        let at = |seconds| epoch + Duration::from_secs(seconds);
        assert_eq!(cookie().staleness(epoch, at(0), life), None);
        assert_eq!(cookie().staleness(epoch, at(61), life), None);
        let stale = cookie().staleness(epoch, at(63), life);
        assert_eq!(stale, Some(Duration::from_secs(2)));
    }
}

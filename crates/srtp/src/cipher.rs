//! The two kinds of ciphers, with their session keys.

use gannet_crypto::{
    Aead, AeadAlgorithm, CryptoProvider, HashAlgorithm, Hmac, InvalidKey, OpenError, StreamCipher,
};
use zeroize::Zeroizing;

use crate::derivation::{Label, derive};
use crate::{MasterKey, Profile};

/// The labels of one protocol's keys.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Protocol {
    Rtp,
    Rtcp,
}

impl Protocol {
    const fn labels(self) -> [Label; 3] {
        match self {
            Self::Rtp => [
                Label::RtpEncryption,
                Label::RtpAuthentication,
                Label::RtpSalt,
            ],
            Self::Rtcp => [
                Label::RtcpEncryption,
                Label::RtcpAuthentication,
                Label::RtcpSalt,
            ],
        }
    }
}

/// What protects the packets of one protocol.
#[derive(Debug)]
pub(crate) enum Cipher {
    Gcm(Gcm),
    Counter(CounterMode),
}

impl Cipher {
    pub(crate) fn new(
        provider: &dyn CryptoProvider,
        master: &MasterKey,
        protocol: Protocol,
    ) -> Result<Self, InvalidKey> {
        let profile = master.profile();
        let [encryption, authentication, salting] = protocol.labels();
        let mut key = Zeroizing::new([0; 32]);
        let key = &mut key[..profile.key_len()];
        derive(provider, master, encryption, key)?;
        let mut salt = Zeroizing::new([0; 14]);
        let salt = &mut salt[..profile.salt_len()];
        derive(provider, master, salting, salt)?;
        let salt = Salt::new(salt);
        let algorithm = match profile {
            Profile::AeadAes128Gcm => AeadAlgorithm::Aes128Gcm,
            Profile::AeadAes256Gcm => AeadAlgorithm::Aes256Gcm,
            _ => {
                // The key of HMAC-SHA1 has 160 bits (RFC 3711, section 5.2).
                let mut auth_key = Zeroizing::new([0; 20]);
                derive(provider, master, authentication, &mut *auth_key)?;
                return Ok(Self::Counter(CounterMode {
                    cipher: provider.aes_ctr(key)?,
                    hmac: provider.hmac(HashAlgorithm::Sha1, &*auth_key),
                    salt,
                    tag_len: match protocol {
                        Protocol::Rtp => profile.rtp_tag_len(),
                        Protocol::Rtcp => profile.rtcp_tag_len(),
                    },
                }));
            }
        };
        Ok(Self::Gcm(Gcm {
            aead: provider.aead(algorithm, key)?,
            salt,
        }))
    }

    /// One with a session key that was not derived.
    #[cfg(test)]
    pub(crate) fn of_gcm(aead: Box<dyn Aead>, salt_bytes: &[u8]) -> Self {
        let salt = Salt::new(salt_bytes);
        Self::Gcm(Gcm { aead, salt })
    }
}

/// A session salt of 12 or 14 bytes, with zeros behind it: its first eight bytes, and the rest.
struct Salt {
    halves: Zeroizing<[u64; 2]>,
}

/// Never prints it.
impl std::fmt::Debug for Salt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Salt")
    }
}

impl Salt {
    fn new(bytes: &[u8]) -> Self {
        let mut padded = Zeroizing::new([0; 16]);
        padded[..bytes.len()].copy_from_slice(bytes);
        let padded = Zeroizing::new(u128::from_be_bytes(*padded));
        let halves = Zeroizing::new([(*padded >> 64) as u64, *padded as u64]);
        Self { halves }
    }
}

/// AES-GCM (RFC 7714).
#[derive(Debug)]
pub(crate) struct Gcm {
    aead: Box<dyn Aead>,
    salt: Salt,
}

/// The length of AES-GCM's tag.
pub(crate) const GCM_TAG_LEN: usize = 16;

impl Gcm {
    pub(crate) fn seal(&mut self, ssrc: u32, index: u64, aad: &[u8], data: &mut [u8]) -> [u8; 16] {
        self.aead.seal(&self.nonce(ssrc, index), aad, data)
    }

    /// Opens `data`, which ends in the tag.
    pub(crate) fn open(
        &mut self,
        ssrc: u32,
        index: u64,
        aad: &[u8],
        data: &mut [u8],
    ) -> Result<usize, OpenError> {
        self.aead.open(&self.nonce(ssrc, index), aad, data)
    }

    /// Two zero bytes, the SSRC and 48 bits of index, xored with the salt (RFC 7714, sections 8.1
    /// and 9.1).
    ///
    /// It is written in two pieces, as it is read again: byte by byte, the reading would wait for the
    /// writes to reach the cache, which took 5 % of all the time of a packet.
    fn nonce(&self, ssrc: u32, index: u64) -> [u8; 12] {
        let [high, low] = *self.salt.halves;
        let high = high ^ (u64::from(ssrc) << 16) ^ (index >> 32);
        let low = (low >> 32) as u32 ^ index as u32;
        let mut nonce = [0; 12];
        nonce[..8].copy_from_slice(&high.to_be_bytes());
        nonce[8..].copy_from_slice(&low.to_be_bytes());
        nonce
    }
}

/// AES in counter mode with HMAC-SHA1 (RFC 3711, sections 4.1.1 and 4.2.1).
#[derive(Debug)]
pub(crate) struct CounterMode {
    cipher: Box<dyn StreamCipher>,
    hmac: Box<dyn Hmac>,
    salt: Salt,
    pub(crate) tag_len: usize,
}

impl CounterMode {
    /// Encrypts or decrypts `data`.
    pub(crate) fn apply(&self, ssrc: u32, index: u64, data: &mut [u8]) {
        self.cipher.apply(&self.counter(ssrc, index), data);
    }

    /// Appends the tag over everything in `packet` from `start` on, and `suffix`; `between` comes in
    /// between the packet and its tag.
    pub(crate) fn append_tag(
        &self,
        packet: &mut Vec<u8>,
        start: usize,
        suffix: &[u8],
        between: &[u8],
    ) {
        let tag = self.hmac.sign(&[&packet[start..], suffix]);
        packet.extend_from_slice(between);
        packet.extend_from_slice(&tag[..self.tag_len]);
    }

    /// Whether `tag` is right, and whole.
    pub(crate) fn verify(&self, packet: &[u8], suffix: &[u8], tag: &[u8]) -> bool {
        tag.len() == self.tag_len && self.hmac.verify(&[packet, suffix], tag)
    }

    /// salt * 2^16 xor SSRC * 2^64 xor index * 2^16.
    fn counter(&self, ssrc: u32, index: u64) -> [u8; 16] {
        let [high, low] = *self.salt.halves;
        let mut counter = [0; 16];
        counter[..8].copy_from_slice(&(high ^ u64::from(ssrc)).to_be_bytes());
        counter[8..].copy_from_slice(&(low ^ (index << 16)).to_be_bytes());
        counter
    }
}

#[cfg(all(test, feature = "aws-lc-rs"))]
mod tests {
    use super::*;
    use crate::testing::hex;

    /// RFC 3711, appendix B.2: the keystream of a whole segment, 65,282 blocks.
    #[test]
    fn the_keystream_of_rfc_3711() {
        let provider = gannet_crypto::default_provider();
        let cipher = CounterMode {
            cipher: provider
                .aes_ctr(&hex("2B7E151628AED2A6ABF7158809CF4F3C"))
                .unwrap(),
            hmac: provider.hmac(HashAlgorithm::Sha1, b""),
            salt: Salt::new(&hex("F0F1F2F3F4F5F6F7F8F9FAFBFCFD")),
            tag_len: 10,
        };
        let mut keystream = vec![0; 1_044_512];
        cipher.apply(0, 0, &mut keystream);
        assert_eq!(
            keystream[..48],
            hex(
                "E03EAD0935C95E80E166B16DD92B4EB4 D23513162B02D0F72A43A2FE4A5F97AB
                 41E95B3BB0A2E8DD477901E4FCA894C0"
            )
        );
        assert_eq!(
            keystream[1_044_512 - 48..],
            hex(
                "EC8CDF7398607CB0F2D21675EA9EA1E4 362B7C3C6773516318A077D7FC5073AE
                 6A2CC3787889374FBEB4C81B17BA6C44"
            )
        );
    }

    #[test]
    fn a_tag_is_verified_whole() {
        let provider = gannet_crypto::default_provider();
        let master = MasterKey::new(Profile::Aes128CmHmacSha1_80, &[1; 16], &[2; 14]).unwrap();
        let Ok(Cipher::Counter(cipher)) = Cipher::new(&*provider, &master, Protocol::Rtp) else {
            panic!("counter mode");
        };
        let mut packet = b"packet".to_vec();
        cipher.append_tag(&mut packet, 0, b"suffix", b"");
        let (text, tag) = packet.split_at(6);
        assert!(cipher.verify(text, b"suffix", tag));
        for len in 0..10 {
            assert!(!cipher.verify(text, b"suffix", &tag[..len]));
        }
    }
}

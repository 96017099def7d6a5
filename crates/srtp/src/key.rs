//! Master keys, and how they come out of a DTLS handshake.

use gannet_crypto::Secret;
use thiserror::Error;

use crate::Profile;

/// Keying material does not have the length that its profile wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the {what} has {len} bytes, and {profile} wants {expected}")]
pub struct WrongKeyLength {
    /// Which part.
    pub what: &'static str,
    /// How long it is.
    pub len: usize,
    /// How long it must be.
    pub expected: usize,
    /// The profile.
    pub profile: Profile,
}

/// A master key and its salt, for one direction of a session.
#[derive(Clone, Debug)]
pub struct MasterKey {
    profile: Profile,
    key: Secret,
    salt: Secret,
}

impl MasterKey {
    /// A master key from its two parts.
    ///
    /// # Errors
    ///
    /// When a part does not have the length that `profile` wants.
    pub fn new(profile: Profile, key: &[u8], salt: &[u8]) -> Result<Self, WrongKeyLength> {
        check(profile, "master key", key, profile.key_len())?;
        check(profile, "master salt", salt, profile.salt_len())?;
        Ok(Self {
            profile,
            key: Secret::copied(key),
            salt: Secret::copied(salt),
        })
    }

    /// The profile that it is for.
    #[must_use]
    pub fn profile(&self) -> Profile {
        self.profile
    }

    pub(crate) fn key(&self) -> &[u8] {
        &self.key
    }

    pub(crate) fn salt(&self) -> &[u8] {
        &self.salt
    }
}

/// The two master keys of a session that a DTLS handshake made.
#[derive(Clone, Debug)]
pub struct KeyingMaterial {
    /// What the DTLS client sends with.
    pub client_write: MasterKey,
    /// What the DTLS server sends with.
    pub server_write: MasterKey,
}

impl KeyingMaterial {
    /// The label to export with, without a context (RFC 5764, section 4.2).
    pub const EXPORTER_LABEL: &str = "EXTRACTOR-dtls_srtp";

    /// Splits what was exported with [`Self::EXPORTER_LABEL`] (RFC 5764, section 4.2): the client's key, the server's key, the client's salt, the server's salt.
    ///
    /// # Errors
    ///
    /// When `exported` is not [`Profile::exported_len`] bytes long.
    pub fn split(profile: Profile, exported: &[u8]) -> Result<Self, WrongKeyLength> {
        check(
            profile,
            "exported keying material",
            exported,
            profile.exported_len(),
        )?;
        let (keys, salts) = exported.split_at(2 * profile.key_len());
        let (client_key, server_key) = keys.split_at(profile.key_len());
        let (client_salt, server_salt) = salts.split_at(profile.salt_len());
        Ok(Self {
            client_write: MasterKey::new(profile, client_key, client_salt)?,
            server_write: MasterKey::new(profile, server_key, server_salt)?,
        })
    }
}

fn check(
    profile: Profile,
    what: &'static str,
    bytes: &[u8],
    expected: usize,
) -> Result<(), WrongKeyLength> {
    if bytes.len() == expected {
        return Ok(());
    }
    Err(WrongKeyLength {
        what,
        len: bytes.len(),
        expected,
        profile,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exported_bytes_are_keys_first_and_salts_behind() {
        for profile in Profile::ALL {
            let (key, salt) = (profile.key_len(), profile.salt_len());
            let exported: Vec<u8> = [(1, key), (2, key), (3, salt), (4, salt)]
                .into_iter()
                .flat_map(|(byte, len)| vec![byte; len])
                .collect();
            let keys = KeyingMaterial::split(profile, &exported).unwrap();
            assert_eq!(keys.client_write.key(), vec![1; key]);
            assert_eq!(keys.server_write.key(), vec![2; key]);
            assert_eq!(keys.client_write.salt(), vec![3; salt]);
            assert_eq!(keys.server_write.salt(), vec![4; salt]);

            let short = &exported[1..];
            let error = KeyingMaterial::split(profile, short).unwrap_err();
            assert_eq!(
                (error.len, error.expected),
                (exported.len() - 1, exported.len())
            );
        }
    }

    #[test]
    fn lengths_are_checked_and_keys_are_not_printed() {
        let profile = Profile::AeadAes128Gcm;
        assert!(MasterKey::new(profile, &[1; 32], &[2; 12]).is_err());
        assert!(MasterKey::new(profile, &[1; 16], &[2; 14]).is_err());
        let key = MasterKey::new(profile, &[0xab; 16], &[0xcd; 12]).unwrap();
        let printed = format!("{key:?}");
        assert!(
            !printed.contains("171") && !printed.contains("205"),
            "{printed}"
        );
    }
}

//! The long-term credential of a server's realm (RFC 8489, section 9.2).

use std::sync::Arc;

use gannet_crypto::CryptoProvider;
use gannet_stun::{
    Attribute, AttributeType, IntegrityAlgorithm, IntegrityKey, Message, MessageWriter,
    PasswordAlgorithm, PasswordAlgorithms, Seal, SecurityFeatures, code, user_hash,
};

use crate::Config;

/// What the server has told about itself, and the key that follows from it.
#[derive(Debug)]
pub(crate) struct Authentication {
    realm: String,
    nonce: String,
    /// The server's list, to be echoed, and our choice from it.
    algorithms: Option<(Vec<u8>, PasswordAlgorithm)>,
    /// Stands for the user name if the server wants it anonymous.
    user_hash: Option<[u8; 32]>,
    pub(crate) key: IntegrityKey,
    integrity: IntegrityAlgorithm,
}

impl Authentication {
    /// Answers a challenge: an error response 401 or 438 (RFC 8489, section 9.2.5).
    ///
    /// A 438 need not repeat the realm, nor what the server has offered; then that is `known`'s. What was offered
    /// is never taken back: somebody on the path could do that, and have a weaker key used.
    pub(crate) fn from_challenge(
        challenge: &Message<'_>,
        known: Option<&Self>,
        config: &Config,
        provider: &Arc<dyn CryptoProvider>,
    ) -> Result<Self, &'static str> {
        let nonce = challenge.nonce().ok_or("it has no NONCE")?;
        let realm = challenge.realm().or(known.map(|known| &*known.realm));
        let realm = realm.ok_or("it has no REALM")?;
        let features = SecurityFeatures::of_nonce(nonce).unwrap_or_default();
        let offered = match challenge.find_decoded(AttributeType::PASSWORD_ALGORITHMS) {
            Some(Attribute::PasswordAlgorithms(offered)) => Some(offered),
            _ => None,
        };
        if features.password_algorithms && offered.is_none() {
            return Err("its nonce announces PASSWORD-ALGORITHMS, and there are none");
        }
        let is_stale = challenge
            .error_code()
            .is_some_and(|error| error.code == code::STALE_NONCE);
        let algorithms = match (offered, known.and_then(|known| known.algorithms.as_ref())) {
            (Some(offered), _) => Some(choose(&offered)?),
            (None, Some(known)) if is_stale => Some(known.clone()),
            (None, Some(_)) => return Err("it takes PASSWORD-ALGORITHMS back"),
            (None, None) => None,
        };
        let is_anonymous = features.username_anonymity
            || is_stale && known.is_some_and(|known| known.user_hash.is_some());
        let algorithm = algorithms
            .as_ref()
            .map_or(PasswordAlgorithm::Md5, |(_, algorithm)| *algorithm);
        let (username, password) = (&config.username, &config.password);
        let key = IntegrityKey::long_term(provider, username, realm, password, algorithm);
        Ok(Self {
            realm: realm.to_owned(),
            nonce: nonce.to_owned(),
            user_hash: is_anonymous.then(|| user_hash(&**provider, username, realm)),
            key: key.ok_or("its password algorithm is not known")?,
            integrity: match algorithms {
                Some(_) => IntegrityAlgorithm::Sha256,
                None => IntegrityAlgorithm::Sha1,
            },
            algorithms,
        })
    }

    /// Whether the answer to a challenge would be the same as before: then the password is wrong.
    pub(crate) fn is_same_identity(&self, other: &Self) -> bool {
        self.realm == other.realm && self.algorithms == other.algorithms
    }

    /// Appends what authenticates a request.
    pub(crate) fn write(&self, writer: &mut MessageWriter<'_>, username: &str) {
        match self.user_hash {
            Some(hash) => writer.attribute(&Attribute::UserHash(hash)),
            None => writer.attribute(&Attribute::Username(username)),
        };
        writer.attribute(&Attribute::Realm(&self.realm));
        writer.attribute(&Attribute::Nonce(&self.nonce));
        if let Some((offered, algorithm)) = &self.algorithms {
            if let Ok(offered) = PasswordAlgorithms::from_bytes(offered) {
                writer.attribute(&Attribute::PasswordAlgorithms(offered));
            }
            writer.attribute(&Attribute::PasswordAlgorithm(*algorithm));
        }
    }

    pub(crate) const fn seal(&self) -> Seal<'_> {
        Seal::integrity(&self.key, self.integrity)
    }

    /// Whether a response is the server's. After PASSWORD-ALGORITHMS only SHA-256 counts.
    pub(crate) fn verify(&self, response: &Message<'_>) -> bool {
        match self.integrity {
            IntegrityAlgorithm::Sha1 => response.verify(&self.key).is_ok(),
            IntegrityAlgorithm::Sha256 => response
                .verify_with(&self.key, IntegrityAlgorithm::Sha256)
                .is_ok(),
        }
    }
}

fn choose(offered: &PasswordAlgorithms<'_>) -> Result<(Vec<u8>, PasswordAlgorithm), &'static str> {
    let algorithm = offered.first_known();
    let algorithm = algorithm.ok_or("it offers no password algorithm that is known")?;
    Ok((offered.as_bytes().to_vec(), algorithm))
}

//! The hash over all handshake messages.

use gannet_crypto::{CryptoProvider, Digest, Hash, HashAlgorithm};

use crate::config::Version;
use crate::message::HandshakeType;

/// The hash over all handshake messages so far.
#[derive(Debug)]
pub(crate) struct Transcript {
    version: Version,
    algorithm: HashAlgorithm,
    hash: Box<dyn Hash>,
    /// DTLS 1.2: all of it, because a CertificateVerify signs it with the signature's own hash function.
    messages: Vec<u8>,
}

impl Transcript {
    pub(crate) fn new(
        provider: &dyn CryptoProvider,
        version: Version,
        algorithm: HashAlgorithm,
    ) -> Self {
        Self {
            version,
            algorithm,
            hash: provider.hash(algorithm),
            messages: Vec::new(),
        }
    }

    /// Adds a message. DTLS 1.2 hashes the header of an unfragmented message (RFC 6347,
    /// section 4.2.6), DTLS 1.3 that of TLS (RFC 9147, section 5.2).
    pub(crate) fn add(&mut self, kind: HandshakeType, seq: u16, body: &[u8]) {
        let [_, len @ ..] = (body.len() as u32).to_be_bytes();
        self.put(&[kind.code()]);
        self.put(&len);
        if self.version == Version::Dtls12 {
            self.put(&seq.to_be_bytes());
            self.put(&[0; 3]);
            self.put(&len);
        }
        self.put(body);
    }

    fn put(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
        if self.version == Version::Dtls12 {
            self.messages.extend_from_slice(bytes);
        }
    }

    /// DTLS 1.2: all messages so far, as they were hashed.
    pub(crate) fn messages(&self) -> &[u8] {
        &self.messages
    }

    /// Replaces everything so far, a first ClientHello, by its hash (RFC 8446, section 4.4.1).
    pub(crate) fn restart_with_hash(&mut self, provider: &dyn CryptoProvider, hello: &[u8]) {
        self.hash = provider.hash(self.algorithm);
        self.add(HandshakeType::MessageHash, 0, hello);
    }

    /// The hash of everything so far.
    pub(crate) fn current(&self) -> Digest {
        self.hash.current()
    }
}

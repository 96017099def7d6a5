//! The key schedule of DTLS 1.3 (RFC 8446, section 7.1; RFC 9147, section 5.9) and the key derivation
//! of DTLS 1.2 (RFC 5246, sections 6.3 and 8.1; RFC 7627).

use gannet_crypto::{CryptoProvider, Digest, HashAlgorithm, InvalidKey, Secret, hkdf, tls12_prf};
use zeroize::Zeroizing;

use crate::record::Keys12;
use crate::suite::CipherSuite;

/// HKDF-Expand-Label with DTLS 1.3's prefix, "dtls13" without a blank.
pub(crate) fn expand_label(
    provider: &dyn CryptoProvider,
    hash: HashAlgorithm,
    secret: &[u8],
    label: &str,
    context: &[u8],
    out: &mut [u8],
) {
    let label = ("dtls13", label.as_bytes());
    expand_label_with(provider, hash, secret, label, context, out);
}

fn expand_label_with(
    provider: &dyn CryptoProvider,
    hash: HashAlgorithm,
    secret: &[u8],
    (prefix, label): (&str, &[u8]),
    context: &[u8],
    out: &mut [u8],
) {
    let len = (out.len() as u16).to_be_bytes();
    let label_len = [(prefix.len() + label.len()) as u8];
    let context_len = [context.len() as u8];
    let info: [&[u8]; 6] = [
        &len,
        &label_len,
        prefix.as_bytes(),
        label,
        &context_len,
        context,
    ];
    hkdf::expand(provider, hash, secret, &info, out);
}

/// Which secrets follow from which: the state of the schedule between two messages.
#[derive(Debug)]
pub(crate) struct KeySchedule {
    hash: HashAlgorithm,
    prefix: &'static str,
    secret: Secret,
}

/// A traffic secret of each side.
#[derive(Clone, Debug)]
pub(crate) struct TrafficSecrets {
    pub(crate) client: Secret,
    pub(crate) server: Secret,
}

impl KeySchedule {
    /// Starts with the shared secret of the key exchange: the handshake secret. There is no pre-shared
    /// key.
    pub(crate) fn new(provider: &dyn CryptoProvider, hash: HashAlgorithm, shared: &Secret) -> Self {
        Self::with_prefix(provider, hash, shared, "dtls13")
    }

    fn with_prefix(
        provider: &dyn CryptoProvider,
        hash: HashAlgorithm,
        shared: &Secret,
        prefix: &'static str,
    ) -> Self {
        let zeros = [0; 64];
        let zeros = &zeros[..hash.output_len()];
        let early = secret_of(hkdf::extract(provider, hash, zeros, zeros));
        let mut schedule = Self {
            hash,
            prefix,
            secret: early,
        };
        schedule.mix(provider, shared);
        schedule
    }

    fn mix(&mut self, provider: &dyn CryptoProvider, input: &[u8]) {
        let empty = provider.digest(self.hash, &[]);
        let salt = self.derive(provider, "derived", &empty);
        self.secret = secret_of(hkdf::extract(provider, self.hash, &salt, input));
    }

    /// Derive-Secret of the current secret.
    fn derive(&self, provider: &dyn CryptoProvider, label: &str, transcript: &[u8]) -> Secret {
        let mut out = Zeroizing::new(vec![0; self.hash.output_len()]);
        let label = (self.prefix, label.as_bytes());
        expand_label_with(
            provider,
            self.hash,
            &self.secret,
            label,
            transcript,
            &mut out,
        );
        Secret::copied(&out)
    }

    /// The handshake traffic secrets; `transcript` goes to the ServerHello.
    pub(crate) fn handshake(
        &self,
        provider: &dyn CryptoProvider,
        transcript: &[u8],
    ) -> TrafficSecrets {
        TrafficSecrets {
            client: self.derive(provider, "c hs traffic", transcript),
            server: self.derive(provider, "s hs traffic", transcript),
        }
    }

    /// What follows from the master secret: the application traffic secrets, and the exporter's. `transcript`
    /// goes to the server's Finished.
    pub(crate) fn application(
        &self,
        provider: &dyn CryptoProvider,
        transcript: &[u8],
    ) -> (TrafficSecrets, Secret) {
        let zeros = [0; 64];
        let secret = self.secret.clone();
        let mut master = Self {
            hash: self.hash,
            prefix: self.prefix,
            secret,
        };
        master.mix(provider, &zeros[..self.hash.output_len()]);
        let traffic = TrafficSecrets {
            client: master.derive(provider, "c ap traffic", transcript),
            server: master.derive(provider, "s ap traffic", transcript),
        };
        (traffic, master.derive(provider, "exp master", transcript))
    }
}

/// The verify_data of a Finished (RFC 8446, section 4.4.4).
pub(crate) fn finished13(
    provider: &dyn CryptoProvider,
    hash: HashAlgorithm,
    traffic_secret: &[u8],
    transcript: &[u8],
) -> Digest {
    let mut key = Zeroizing::new(vec![0; hash.output_len()]);
    expand_label(provider, hash, traffic_secret, "finished", &[], &mut key);
    provider.hmac(hash, &key).sign(&[transcript])
}

/// The next application traffic secret (RFC 8446, section 7.2).
pub(crate) fn next_traffic_secret(
    provider: &dyn CryptoProvider,
    hash: HashAlgorithm,
    secret: &[u8],
) -> Secret {
    let mut next = Zeroizing::new(vec![0; hash.output_len()]);
    expand_label(provider, hash, secret, "traffic upd", &[], &mut next);
    Secret::copied(&next)
}

/// What keying material is exported from.
#[derive(Debug)]
pub(crate) enum Exporter {
    /// DTLS 1.2 (RFC 5705): the master secret, and both randoms, the client's first.
    Dtls12 {
        hash: HashAlgorithm,
        master_secret: Secret,
        randoms: [u8; 64],
    },
    /// DTLS 1.3 (RFC 8446, section 7.5).
    Dtls13 { hash: HashAlgorithm, secret: Secret },
}

impl Exporter {
    /// The most that can be exported at once, in bytes.
    pub(crate) const fn max_len(&self) -> usize {
        match self {
            Self::Dtls12 { .. } => u16::MAX as usize,
            Self::Dtls13 { hash, .. } => 255 * hash.output_len(),
        }
    }

    pub(crate) fn export(
        &self,
        provider: &dyn CryptoProvider,
        label: &[u8],
        context: Option<&[u8]>,
        out: &mut [u8],
    ) {
        match self {
            Self::Dtls12 {
                hash,
                master_secret,
                randoms,
            } => {
                let context_len = context.map(|context| (context.len() as u16).to_be_bytes());
                let context_len = context_len.as_ref().map_or(&[][..], |len| len);
                let seed: [&[u8]; 3] = [randoms, context_len, context.unwrap_or_default()];
                tls12_prf(provider, *hash, master_secret, label, &seed, out);
            }
            Self::Dtls13 { hash, secret } => {
                let mut derived = Zeroizing::new(vec![0; hash.output_len()]);
                let empty = provider.digest(*hash, &[]);
                let name = ("dtls13", label);
                expand_label_with(provider, *hash, secret, name, &empty, &mut derived);
                let context = provider.digest(*hash, context.unwrap_or_default());
                expand_label(provider, *hash, &derived, "exporter", &context, out);
            }
        }
    }
}

/// The extended master secret (RFC 7627, section 4).
pub(crate) fn extended_master_secret(
    provider: &dyn CryptoProvider,
    hash: HashAlgorithm,
    premaster: &[u8],
    session_hash: &[u8],
) -> Secret {
    let mut master = Zeroizing::new([0; 48]);
    let label = b"extended master secret";
    tls12_prf(
        provider,
        hash,
        premaster,
        label,
        &[session_hash],
        &mut *master,
    );
    Secret::copied(&*master)
}

/// Both directions' keys (RFC 5246, section 6.3): the client's and the server's. `randoms` are both, the
/// client's first.
pub(crate) fn keys12(
    provider: &dyn CryptoProvider,
    suite: CipherSuite,
    master_secret: &[u8],
    randoms: &[u8; 64],
) -> Result<(Keys12, Keys12), InvalidKey> {
    let (key_len, iv_len) = (suite.aead().key_len(), Keys12::iv_len(suite));
    let mut block = Zeroizing::new([0; 2 * (32 + 12)]);
    let block = &mut block[..2 * (key_len + iv_len)];
    let (client_random, server_random) = randoms.split_at(32);
    let seed = [server_random, client_random];
    tls12_prf(
        provider,
        suite.hash(),
        master_secret,
        b"key expansion",
        &seed,
        block,
    );
    let (keys, ivs) = block.split_at(2 * key_len);
    let (client_key, server_key) = keys.split_at(key_len);
    let (client_iv, server_iv) = ivs.split_at(iv_len);
    Ok((
        Keys12::new(provider, suite, client_key, client_iv)?,
        Keys12::new(provider, suite, server_key, server_iv)?,
    ))
}

/// The verify_data of a Finished (RFC 5246, section 7.4.9).
pub(crate) fn finished12(
    provider: &dyn CryptoProvider,
    hash: HashAlgorithm,
    master_secret: &[u8],
    is_client: bool,
    transcript: &[u8],
) -> [u8; 12] {
    let label: &[u8] = if is_client {
        b"client finished"
    } else {
        b"server finished"
    };
    let mut out = [0; 12];
    tls12_prf(
        provider,
        hash,
        master_secret,
        label,
        &[transcript],
        &mut out,
    );
    out
}

fn secret_of(digest: Digest) -> Secret {
    Secret::copied(&digest)
}

#[cfg(test)]
mod tests {
    use gannet_crypto::default_provider;

    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
        let pair =
            |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
        digits.chunks(2).map(pair).collect()
    }

    // RFC 8448, section 3: the simple 1-RTT handshake, with TLS's label prefix.
    #[test]
    fn rfc_8448_key_schedule() {
        let (provider, hash) = (default_provider(), HashAlgorithm::Sha256);
        let shared = Secret::new(hex(
            "8bd4054fb55b9d63fdfbacf9f04b9f0d35e6d63f537563efd46272900f89492d",
        ));
        let schedule = KeySchedule::with_prefix(&*provider, hash, &shared, "tls13 ");
        assert_eq!(
            &schedule.secret[..],
            hex("1dc826e93606aa6fdc0aadc12f741b01046aa6b99f691ed221a9f0ca043fbeac")
        );
        let to_server_hello =
            hex("860c06edc07858ee8e78f0e7428c58edd6b43f2ca3e6e95f02ed063cf0e1cad8");
        let traffic = schedule.handshake(&*provider, &to_server_hello);
        assert_eq!(
            &traffic.client[..],
            hex("b3eddb126e067f35a780b3abf45e2d8f3b1a950738f52e9600746a0e27a55a21")
        );
        assert_eq!(
            &traffic.server[..],
            hex("b67b7d690cc16c4e75e54213cb2d37b4e9c912bcded9105d42befd59d391ad38")
        );
        let mut key = [0; 16];
        let label = ("tls13 ", &b"key"[..]);
        expand_label_with(&*provider, hash, &traffic.server, label, &[], &mut key);
        assert_eq!(key[..], hex("3fce516009c21727d0f2e4e86ee403bc"));
        let mut iv = [0; 12];
        let label = ("tls13 ", &b"iv"[..]);
        expand_label_with(&*provider, hash, &traffic.server, label, &[], &mut iv);
        assert_eq!(iv[..], hex("5d313eb2671276ee13000b30"));

        let to_finished = hex("9608102a0f1ccc6db6250b7b7e417b1a000eaada3daae4777a7686c9ff83df13");
        let (traffic, exporter) = schedule.application(&*provider, &to_finished);
        assert_eq!(
            &traffic.client[..],
            hex("9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5")
        );
        assert_eq!(
            &traffic.server[..],
            hex("a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643")
        );
        assert_eq!(
            &exporter[..],
            hex("fe22f881176eda18eb8f44529e6792c50c9a3f89452f68d8ae311b4309d3cf50")
        );
    }

    #[test]
    fn dtls_has_labels_of_its_own() {
        let (provider, hash) = (default_provider(), HashAlgorithm::Sha256);
        let (mut dtls, mut tls) = ([0; 16], [0; 16]);
        expand_label(&*provider, hash, &[7; 32], "key", &[], &mut dtls);
        expand_label_with(
            &*provider,
            hash,
            &[7; 32],
            ("tls13 ", b"key"),
            &[],
            &mut tls,
        );
        assert_ne!(dtls, tls);
    }

    #[test]
    fn no_context_is_not_an_empty_one_in_dtls_1_2() {
        let provider = default_provider();
        let hash = HashAlgorithm::Sha256;
        let master_secret = Secret::copied(&[1; 48]);
        let exporter = Exporter::Dtls12 {
            hash,
            master_secret,
            randoms: [2; 64],
        };
        let (mut without, mut empty) = ([0; 20], [0; 20]);
        exporter.export(&*provider, b"EXPERIMENTAL", None, &mut without);
        exporter.export(&*provider, b"EXPERIMENTAL", Some(&[]), &mut empty);
        assert_ne!(without, empty);
    }
}

//! Bodies of the fuzz targets: the provider on aws-lc-rs beside the one on ring. What is a function of its
//! inputs is the same for both, whatever the bytes are.

use crate::{
    AeadAlgorithm, AwsLcProvider, CryptoProvider, Digest, HashAlgorithm, MaskAlgorithm, NamedGroup,
    RingProvider, Rng, SignatureScheme, hkdf, tls12_prf,
};

const AEADS: [AeadAlgorithm; 3] = [
    AeadAlgorithm::Aes128Gcm,
    AeadAlgorithm::Aes256Gcm,
    AeadAlgorithm::ChaCha20Poly1305,
];
const HASHES: [HashAlgorithm; 4] = [
    HashAlgorithm::Sha1,
    HashAlgorithm::Sha256,
    HashAlgorithm::Sha384,
    HashAlgorithm::Sha512,
];
const SCHEMES: [SignatureScheme; 11] = [
    SignatureScheme::EcdsaP256Sha256,
    SignatureScheme::EcdsaP384Sha384,
    SignatureScheme::Ed25519,
    SignatureScheme::RsaPssSha256,
    SignatureScheme::RsaPssSha384,
    SignatureScheme::RsaPssSha512,
    SignatureScheme::RsaPkcs1Sha256,
    SignatureScheme::RsaPkcs1Sha384,
    SignatureScheme::RsaPkcs1Sha512,
    SignatureScheme::EcdsaP256Sha384,
    SignatureScheme::EcdsaP384Sha256,
];
const GROUPS: [NamedGroup; 4] = [
    NamedGroup::P256,
    NamedGroup::P384,
    NamedGroup::X25519,
    NamedGroup::X25519MlKem768,
];

/// Ciphers, masks, HMACs, hashes and key derivation over a key, a nonce and a message of any bytes.
pub fn symmetric(data: &[u8]) {
    let Some((&[choice, cut, damage, key_len], rest)) = data.split_first_chunk() else {
        return;
    };
    let Some((key, rest)) = rest.split_first_chunk::<32>() else {
        return;
    };
    let Some((block, message)) = rest.split_first_chunk::<16>() else {
        return;
    };
    let cut = usize::from(cut).min(message.len());
    aead(
        AEADS[usize::from(choice) % AEADS.len()],
        key,
        block,
        message,
        cut,
        damage,
    );
    key_lengths(&key[..usize::from(key_len) % 33]);
    counter_mode(
        &key[..if choice & 1 == 0 { 16 } else { 32 }],
        block,
        message,
    );
    masks(key, block);
    let hash = HASHES[usize::from(choice) % HASHES.len()];
    hashes(hash, key, message, cut);
    derivation(hash, key, message, cut, usize::from(damage));
}

fn aead(
    algorithm: AeadAlgorithm,
    key: &[u8; 32],
    block: &[u8; 16],
    message: &[u8],
    cut: usize,
    damage: u8,
) {
    let key = &key[..algorithm.key_len()];
    let nonce = block.first_chunk().expect("16 bytes have 12");
    let (aad, text) = message.split_at(cut);
    let mut ours = AwsLcProvider
        .aead(algorithm, key)
        .expect("the key is right");
    let mut other = RingProvider.aead(algorithm, key).expect("the key is right");
    let (mut sealed, mut also) = (text.to_vec(), text.to_vec());
    let (tag, same) = (
        ours.seal(nonce, aad, &mut sealed),
        other.seal(nonce, aad, &mut also),
    );
    assert_eq!((&sealed, tag), (&also, same), "{algorithm:?}");
    sealed.extend(tag);
    for opener in [&mut ours, &mut other] {
        let mut opened = sealed.clone();
        assert_eq!(opener.open(nonce, aad, &mut opened), Ok(text.len()));
        assert_eq!(&opened[..text.len()], text);
        let mut tampered = sealed.clone();
        let at = usize::from(damage) % tampered.len();
        tampered[at] ^= 1 << (damage & 7);
        assert!(opener.open(nonce, aad, &mut tampered).is_err());
        let mut longer = aad.to_vec();
        longer.push(0);
        assert!(opener.open(nonce, &longer, &mut sealed.clone()).is_err());
        // Anything else is refused too, also if it is shorter than a tag.
        assert!(opener.open(nonce, aad, &mut message.to_vec()).is_err());
    }
}

fn key_lengths(key: &[u8]) {
    for algorithm in AEADS {
        let expected = key.len() == algorithm.key_len();
        assert_eq!(AwsLcProvider.aead(algorithm, key).is_ok(), expected);
        assert_eq!(RingProvider.aead(algorithm, key).is_ok(), expected);
    }
    let expected = matches!(key.len(), 16 | 32);
    assert_eq!(AwsLcProvider.aes_ctr(key).is_ok(), expected);
    assert_eq!(RingProvider.aes_ctr(key).is_ok(), expected);
    for (algorithm, len) in [
        (MaskAlgorithm::Aes128, 16),
        (MaskAlgorithm::Aes256, 32),
        (MaskAlgorithm::ChaCha20, 32),
    ] {
        let expected = key.len() == len;
        assert_eq!(AwsLcProvider.mask(algorithm, key).is_ok(), expected);
        assert_eq!(RingProvider.mask(algorithm, key).is_ok(), expected);
    }
}

fn counter_mode(key: &[u8], block: &[u8; 16], message: &[u8]) {
    let (mut ours, mut other) = (message.to_vec(), message.to_vec());
    let cipher = AwsLcProvider.aes_ctr(key).expect("the key is right");
    cipher.apply(block, &mut ours);
    let also = RingProvider.aes_ctr(key).expect("the key is right");
    also.apply(block, &mut other);
    assert_eq!(ours, other);
    also.apply(block, &mut ours);
    assert_eq!(ours, message);
}

fn masks(key: &[u8; 32], sample: &[u8; 16]) {
    for (algorithm, key, counts) in [
        (MaskAlgorithm::Aes128, &key[..16], 16),
        (MaskAlgorithm::Aes256, key, 16),
        (MaskAlgorithm::ChaCha20, key, 5),
    ] {
        let ours = AwsLcProvider
            .mask(algorithm, key)
            .expect("the key is right");
        let other = RingProvider.mask(algorithm, key).expect("the key is right");
        assert_eq!(ours.mask(sample)[..counts], other.mask(sample)[..counts]);
    }
}

fn hashes(algorithm: HashAlgorithm, key: &[u8], message: &[u8], cut: usize) {
    let (head, tail) = message.split_at(cut);
    let whole = AwsLcProvider.digest(algorithm, message);
    assert_eq!(*whole, *RingProvider.digest(algorithm, message));
    assert_eq!(whole.len(), algorithm.output_len());
    for provider in [&AwsLcProvider as &dyn CryptoProvider, &RingProvider] {
        let mut hash = provider.hash(algorithm);
        hash.update(head);
        let mut fork = hash.fork();
        fork.update(tail);
        assert_eq!(*fork.current(), *whole);
        assert_eq!(*hash.current(), *provider.digest(algorithm, head));
    }
    let ours = AwsLcProvider.hmac(algorithm, key);
    let other = RingProvider.hmac(algorithm, key);
    let tag = ours.sign(&[head, tail]);
    assert_eq!(*tag, *other.sign(&[message]));
    for hmac in [&ours, &other] {
        let short = &tag[..cut.clamp(1, tag.len())];
        assert!(hmac.verify(&[message], short) && !hmac.verify(&[message], &[]));
        assert!(!hmac.verify(&[message, b"x"], &tag));
    }
    assert_eq!(*tag, *hmac_by_definition(algorithm, key, message));
    // As a key, the message may be longer than a block, or empty.
    let by_message = hmac_by_definition(algorithm, message, key);
    for provider in [&AwsLcProvider as &dyn CryptoProvider, &RingProvider] {
        assert_eq!(*provider.hmac(algorithm, message).sign(&[key]), *by_message);
    }
}

/// RFC 2104, section 2, word for word: both providers may share the code of an HMAC.
fn hmac_by_definition(algorithm: HashAlgorithm, key: &[u8], message: &[u8]) -> Digest {
    let block_len = match algorithm {
        HashAlgorithm::Sha1 | HashAlgorithm::Sha256 => 64,
        HashAlgorithm::Sha384 | HashAlgorithm::Sha512 => 128,
    };
    let digest = |pad: u8, key: &[u8], message: &[u8]| {
        let mut text: Vec<u8> = key.iter().map(|byte| byte ^ pad).collect();
        text.extend(message);
        AwsLcProvider.digest(algorithm, &text)
    };
    let mut block = match key.len() {
        len if len > block_len => AwsLcProvider.digest(algorithm, key).to_vec(),
        _ => key.to_vec(),
    };
    block.resize(block_len, 0);
    digest(0x5c, &block, &digest(0x36, &block, message))
}

fn derivation(algorithm: HashAlgorithm, key: &[u8], message: &[u8], cut: usize, len: usize) {
    let (salt, info) = message.split_at(cut);
    let [ours, other] = [&AwsLcProvider as &dyn CryptoProvider, &RingProvider].map(|provider| {
        let extracted = hkdf::extract(provider, algorithm, salt, key);
        let mut expanded = vec![0; len];
        hkdf::expand(
            provider,
            algorithm,
            &extracted,
            &[info, b"x"],
            &mut expanded,
        );
        let mut derived = vec![0; len];
        tls12_prf(
            provider,
            algorithm,
            key,
            b"label",
            &[salt, info],
            &mut derived,
        );
        (extracted.to_vec(), expanded, derived)
    });
    assert_eq!(ours, other);
}

/// A public key, a signature and a message of any bytes: both providers say the same. Then the message as
/// the share of a key exchange, and as a private key.
pub fn asymmetric(data: &[u8]) {
    let Some((&[choice, k0, k1, s0, s1], rest)) = data.split_first_chunk() else {
        return;
    };
    let key_len = usize::from(u16::from_be_bytes([k0, k1])).min(rest.len());
    let (key, rest) = rest.split_at(key_len);
    let signature_len = usize::from(u16::from_be_bytes([s0, s1])).min(rest.len());
    let (signature, message) = rest.split_at(signature_len);
    match choice >> 4 {
        0 => {
            let scheme = SCHEMES[usize::from(choice & 15) % SCHEMES.len()];
            let ours = AwsLcProvider.verify(scheme, key, message, signature);
            let other = RingProvider.verify(scheme, key, message, signature);
            assert_eq!(ours, other, "{scheme:?}");
        }
        1 => shares(GROUPS[usize::from(choice) % GROUPS.len()], message),
        _ => private_keys(message),
    }
}

/// A peer's share, as the answer to ours and as one to be answered.
fn shares(group: NamedGroup, share: &[u8]) {
    let [ours, other] = [&AwsLcProvider as &dyn CryptoProvider, &RingProvider].map(|provider| {
        let mut rng = Rng::insecure_from_u64(1);
        let answered = provider.answer_key_exchange(group, share, &mut rng);
        let started = provider.start_key_exchange(group, &mut rng);
        let completed = started.expect("both have the group").complete(group, share);
        if let Ok(secret) = &completed {
            assert!(secret.iter().any(|byte| *byte != 0));
        }
        (answered.map(|_| ()), completed.map(|_| ()))
    });
    assert_eq!(ours, other, "{group:?}");
}

/// A private key that a provider takes signs what the other one verifies, if that takes the key too.
fn private_keys(pkcs8: &[u8]) {
    let ours = AwsLcProvider.signing_key(pkcs8);
    let other = RingProvider.signing_key(pkcs8);
    let (Ok(ours), Ok(other)) = (ours, other) else {
        return;
    };
    assert_eq!(ours.schemes(), other.schemes());
    for scheme in ours.schemes() {
        assert!(ours.sign(*scheme, b"message").is_ok());
        assert!(other.sign(*scheme, b"message").is_ok());
    }
}

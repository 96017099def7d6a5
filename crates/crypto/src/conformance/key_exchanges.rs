//! Key exchanges.

use super::hex;
use crate::{CryptoProvider, KeyExchangeError, NamedGroup, Rng};

/// The lengths of the first share, of the answering one, and of the secret.
const fn lengths(group: NamedGroup) -> (usize, usize, usize) {
    match group {
        NamedGroup::P256 => (65, 65, 32),
        NamedGroup::P384 => (97, 97, 48),
        NamedGroup::X25519 => (32, 32, 32),
        NamedGroup::X25519MlKem768 => (1216, 1120, 64),
    }
}

/// Key exchanges of a provider with itself, and what it must refuse.
pub fn key_exchanges(provider: &dyn CryptoProvider) {
    key_exchanges_between(provider, provider);
    for group in [
        NamedGroup::P256,
        NamedGroup::P384,
        NamedGroup::X25519,
        NamedGroup::X25519MlKem768,
    ] {
        assert!(provider.groups().contains(&group), "{group:?} is missing");
        damaged_shares(provider, group);
    }
    other_groups(provider);
    points_off_the_curve(provider);
    weak_x25519_shares(provider);
    encapsulation_key_out_of_range(provider);
}

/// Key exchanges of two providers, one on each side.
pub fn key_exchanges_between(first: &dyn CryptoProvider, second: &dyn CryptoProvider) {
    let mut rng = Rng::insecure_from_u64(1);
    for &group in first.groups() {
        let (first_len, second_len, secret_len) = lengths(group);
        let started = first
            .start_key_exchange(group, &mut rng)
            .expect("a group it has");
        assert_eq!(started.group(), group);
        assert_eq!(started.share().len(), first_len);
        let (share, theirs) = second
            .answer_key_exchange(group, started.share(), &mut rng)
            .expect("a valid share");
        assert_eq!(share.len(), second_len);
        let ours = started.complete(group, &share).expect("a valid share");
        assert_eq!(ours.len(), secret_len);
        assert_eq!(ours.as_ref(), theirs.as_ref(), "{group:?}");
    }
    component_alone(first, second);
}

/// The x25519 share inside the hybrid one can be offered, and chosen, alone.
fn component_alone(first: &dyn CryptoProvider, second: &dyn CryptoProvider) {
    let mut rng = Rng::insecure_from_u64(2);
    let hybrid = first
        .start_key_exchange(NamedGroup::X25519MlKem768, &mut rng)
        .expect("a group it has");
    let (group, component) = hybrid.component().expect("a hybrid has a component");
    assert_eq!(group, NamedGroup::X25519);
    assert_eq!(component, &hybrid.share()[1184..], "x25519 comes last");
    let (share, theirs) = second
        .answer_key_exchange(group, component, &mut rng)
        .expect("a valid share");
    let ours = hybrid.complete(group, &share).expect("a valid share");
    assert_eq!(ours.as_ref(), theirs.as_ref());
}

/// Shares that are too short, too long, or not what they were.
fn damaged_shares(provider: &dyn CryptoProvider, group: NamedGroup) {
    let mut rng = Rng::insecure_from_u64(3);
    let mut start = || {
        provider
            .start_key_exchange(group, &mut rng)
            .expect("a group it has")
    };
    let mut other_rng = Rng::insecure_from_u64(4);
    let mut answer = |share: &[u8]| provider.answer_key_exchange(group, share, &mut other_rng);

    let first = start().share().to_vec();
    let (second, secret) = answer(&first).expect("a valid share");
    for len in [0, 1, 31, 33, first.len() - 1, first.len() + 1] {
        let mut share = first.clone();
        share.resize(len, 4);
        assert_eq!(answer(&share).err(), Some(KeyExchangeError::InvalidShare));
    }
    for len in [0, 1, 31, 33, second.len() - 1, second.len() + 1] {
        let mut share = second.clone();
        share.resize(len, 4);
        let completed = start().complete(group, &share);
        assert_eq!(completed.err(), Some(KeyExchangeError::InvalidShare));
    }
    // The share fits another key pair: a secret, but another one.
    let other = start().complete(group, &second).expect("a valid share");
    assert_ne!(other.as_ref(), secret.as_ref());
}

/// An exchange is completed in its own group, or in that of its component.
fn other_groups(provider: &dyn CryptoProvider) {
    let mut rng = Rng::insecure_from_u64(5);
    for &group in provider.groups() {
        for &other in provider.groups().iter().filter(|other| **other != group) {
            let started = provider
                .start_key_exchange(group, &mut rng)
                .expect("a group it has");
            if started
                .component()
                .is_some_and(|(component, _)| component == other)
            {
                continue;
            }
            let share = vec![4; lengths(other).1];
            assert!(
                started.complete(other, &share).is_err(),
                "{group:?} as {other:?}"
            );
        }
    }
}

fn points_off_the_curve(provider: &dyn CryptoProvider) {
    let mut rng = Rng::insecure_from_u64(6);
    for group in [NamedGroup::P256, NamedGroup::P384] {
        let share = provider
            .start_key_exchange(group, &mut rng)
            .expect("a group it has")
            .share()
            .to_vec();
        let mut off_the_curve = share.clone();
        *off_the_curve.last_mut().expect("a share has bytes") ^= 1;
        // A compressed point, the hybrid form of X9.62, the point at infinity, and (0, 0).
        let half = share.len() / 2;
        let mut compressed = share[..=half].to_vec();
        compressed[0] = 2 | (share[share.len() - 1] & 1);
        let mut hybrid = share.clone();
        hybrid[0] = 6 | (share[share.len() - 1] & 1);
        let mut zero = vec![0; share.len()];
        zero[0] = 4;
        for bad in [off_the_curve, compressed, hybrid, vec![0], zero] {
            let answered = provider.answer_key_exchange(group, &bad, &mut rng);
            assert_eq!(answered.err(), Some(KeyExchangeError::InvalidShare));
            let started = provider
                .start_key_exchange(group, &mut rng)
                .expect("a group it has");
            let completed = started.complete(group, &bad);
            assert_eq!(completed.err(), Some(KeyExchangeError::InvalidShare));
        }
    }
}

/// Points of small order, whose secret is all zero whatever the private key is (RFC 7748, section 6.1;
/// RFC 8446, section 7.4.2).
fn weak_x25519_shares(provider: &dyn CryptoProvider) {
    let mut rng = Rng::insecure_from_u64(7);
    for weak in [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ] {
        let weak = hex(weak);
        let answered = provider.answer_key_exchange(NamedGroup::X25519, &weak, &mut rng);
        assert_eq!(answered.err(), Some(KeyExchangeError::InvalidShare));
        let hybrid = NamedGroup::X25519MlKem768;
        for (group, end) in [(NamedGroup::X25519, 0), (hybrid, 1184)] {
            let started = provider
                .start_key_exchange(group, &mut rng)
                .expect("a group it has");
            let share = [&started.share()[..end], &weak].concat();
            let answered = provider.answer_key_exchange(group, &share, &mut rng);
            assert_eq!(answered.err(), Some(KeyExchangeError::InvalidShare));
            let prefix = vec![0x5a; if end == 0 { 0 } else { 1088 }];
            let completed = started.complete(group, &[&prefix[..], &weak].concat());
            assert_eq!(completed.err(), Some(KeyExchangeError::InvalidShare));
        }
    }
}

/// FIPS 203, section 7.2: coefficients of an encapsulation key are below 3,329.
fn encapsulation_key_out_of_range(provider: &dyn CryptoProvider) {
    let mut rng = Rng::insecure_from_u64(8);
    let group = NamedGroup::X25519MlKem768;
    let started = provider
        .start_key_exchange(group, &mut rng)
        .expect("a group it has");
    let mut share = started.share().to_vec();
    share[..3].fill(0xff);
    let answered = provider.answer_key_exchange(group, &share, &mut rng);
    assert_eq!(answered.err(), Some(KeyExchangeError::InvalidShare));
}

//! Primitives at 1,200 bytes, for each provider.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use gannet_bench::timed;
use gannet_crypto::{
    AeadAlgorithm, AwsLcProvider, BoringProvider, CryptoProvider, HashAlgorithm, NamedGroup,
    RingProvider, Rng,
};

const LEN: usize = 1_200;

fn primitives(c: &mut Criterion) {
    let providers: [&dyn CryptoProvider; 3] = [&AwsLcProvider, &RingProvider, &BoringProvider];
    for provider in providers {
        let mut group = c.benchmark_group(format!("crypto/{}", provider.name()));
        group.throughput(Throughput::Bytes(LEN as u64));
        for algorithm in [
            AeadAlgorithm::Aes128Gcm,
            AeadAlgorithm::Aes256Gcm,
            AeadAlgorithm::ChaCha20Poly1305,
        ] {
            let mut aead = provider
                .aead(algorithm, &vec![1; algorithm.key_len()])
                .unwrap();
            let mut sealed = vec![0x5a; LEN];
            let tag = aead.seal(&[0; 12], b"header", &mut sealed);
            sealed.extend(tag);
            group.bench_function(format!("{algorithm:?} seal"), |b| {
                b.iter_custom(|n| {
                    timed(
                        n,
                        || vec![0x5a; LEN],
                        |data| {
                            aead.seal(&[0; 12], b"header", data);
                        },
                    )
                });
            });
            group.bench_function(format!("{algorithm:?} open"), |b| {
                b.iter_custom(|n| {
                    timed(
                        n,
                        || sealed.clone(),
                        |data| {
                            aead.open(&[0; 12], b"header", data).unwrap();
                        },
                    )
                });
            });
        }
        let cipher = provider.aes_ctr(&[1; 16]).unwrap();
        let hmac = provider.hmac(HashAlgorithm::Sha1, &[2; 20]);
        let packet = || vec![0x5a; LEN];
        group.bench_function("AES-128-CTR", |b| {
            b.iter_custom(|n| timed(n, packet, |data| cipher.apply(&[0; 16], data)));
        });
        group.bench_function("HMAC-SHA1", |b| {
            b.iter_custom(|n| {
                timed(n, packet, |data| {
                    hmac.sign(&[data, &[0; 4]]);
                })
            });
        });
        group.bench_function("AES-128-CTR and HMAC-SHA1", |b| {
            b.iter_custom(|n| {
                timed(n, packet, |data| {
                    cipher.apply(&[0; 16], data);
                    hmac.sign(&[data, &[0; 4]]);
                })
            });
        });
        group.finish();
    }
}

fn key_exchanges(c: &mut Criterion) {
    let providers: [&dyn CryptoProvider; 3] = [&AwsLcProvider, &RingProvider, &BoringProvider];
    for provider in providers {
        let mut group = c.benchmark_group(format!("key exchange/{}", provider.name()));
        for named in [
            NamedGroup::X25519,
            NamedGroup::P256,
            NamedGroup::P384,
            NamedGroup::X25519MlKem768,
        ] {
            let mut rng = Rng::insecure_from_u64(1);
            group.bench_function(format!("{named:?}, both sides"), |b| {
                b.iter_custom(|n| {
                    timed(
                        n,
                        || (),
                        |()| {
                            let first = provider.start_key_exchange(named, &mut rng).unwrap();
                            let (share, _) = provider
                                .answer_key_exchange(named, first.share(), &mut rng)
                                .unwrap();
                            first.complete(named, &share).unwrap();
                        },
                    )
                });
            });
        }
        group.finish();
    }
}

criterion_group!(benches, primitives, key_exchanges);
criterion_main!(benches);

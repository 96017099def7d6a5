//! What one provider of cryptography protects, the other opens, and the bytes are the same.

use gannet_crypto::{AwsLcProvider, RingProvider};
use gannet_srtp::{MasterKey, Profile, Receiver, Sender};

#[test]
fn providers_agree() {
    for profile in Profile::ALL {
        let key = MasterKey::new(
            profile,
            &vec![1; profile.key_len()],
            &vec![2; profile.salt_len()],
        );
        let key = key.unwrap();
        let mut one = Sender::new(&AwsLcProvider, &key, Default::default()).unwrap();
        let mut other = Sender::new(&RingProvider, &key, Default::default()).unwrap();
        let mut receiver = Receiver::new(&RingProvider, &key, Default::default()).unwrap();
        for len in 0..200 {
            let mut plain = vec![0x80, 96, 0, len, 0, 0, 0, 0, 0, 0, 0, 9];
            plain.extend(vec![0x5a; usize::from(len)]);
            let (mut packet, mut same) = (plain.clone(), plain.clone());
            one.protect_rtp(&mut packet, 0).unwrap();
            other.protect_rtp(&mut same, 0).unwrap();
            assert_eq!(packet, same, "{profile}, {len}");
            assert_eq!(receiver.unprotect_rtp(&mut packet), Ok(plain.len()));
            assert_eq!(packet[..plain.len()], plain);

            let (mut packet, mut same) = (plain.clone(), plain.clone());
            one.protect_rtcp(&mut packet, 0).unwrap();
            other.protect_rtcp(&mut same, 0).unwrap();
            assert_eq!(packet, same, "{profile}, {len}");
            assert_eq!(receiver.unprotect_rtcp(&mut packet), Ok(plain.len()));
            assert_eq!(packet[..plain.len()], plain);
        }
    }
}

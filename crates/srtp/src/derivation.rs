//! Key derivation (RFC 3711, section 4.3) without a key derivation rate: once a session.

use gannet_crypto::{CryptoProvider, InvalidKey};

use crate::MasterKey;

/// What a derived key is for (RFC 3711, section 4.3.2).
#[derive(Clone, Copy, Debug)]
#[repr(u8)]
pub(crate) enum Label {
    RtpEncryption = 0x00,
    RtpAuthentication = 0x01,
    RtpSalt = 0x02,
    RtcpEncryption = 0x03,
    RtcpAuthentication = 0x04,
    RtcpSalt = 0x05,
}

/// Fills `output` with the key for `label`.
///
/// The pseudorandom function is AES in counter mode with the master key, whatever the profile (RFC
/// 7714, section 11; RFC 6188 for keys of 256 bits). A salt of 96 bits counts as one of 112 with zeros
/// behind it.
pub(crate) fn derive(
    provider: &dyn CryptoProvider,
    master: &MasterKey,
    label: Label,
    output: &mut [u8],
) -> Result<(), InvalidKey> {
    // x * 2^16, where x is the salt with the label xored into its eighth byte, above the 48 bits of
    // "index DIV key_derivation_rate".
    let mut counter = [0; 16];
    for (byte, salt) in counter.iter_mut().zip(master.salt()) {
        *byte = *salt;
    }
    counter[7] ^= label as u8;
    output.fill(0);
    provider.aes_ctr(master.key())?.apply(&counter, output);
    Ok(())
}

#[cfg(all(test, feature = "aws-lc-rs"))]
mod tests {
    use super::*;
    use crate::Profile;
    use crate::testing::hex;

    fn derived(master: &MasterKey, label: Label, len: usize) -> Vec<u8> {
        let mut output = vec![0xff; len];
        derive(
            &*gannet_crypto::default_provider(),
            master,
            label,
            &mut output,
        )
        .unwrap();
        output
    }

    /// RFC 3711, appendix B.3.
    #[test]
    fn the_vectors_of_rfc_3711() {
        let master = MasterKey::new(
            Profile::Aes128CmHmacSha1_80,
            &hex("E1F97A0D3E018BE0D64FA32C06DE4139"),
            &hex("0EC675AD498AFEEBB6960B3AABE6"),
        )
        .unwrap();
        assert_eq!(
            derived(&master, Label::RtpEncryption, 16),
            hex("C61E7A93744F39EE10734AFE3FF7A087")
        );
        assert_eq!(
            derived(&master, Label::RtpSalt, 14),
            hex("30CBBC08863D8C85D49DB34A9AE1")
        );
        assert_eq!(
            derived(&master, Label::RtpAuthentication, 94),
            hex(
                "CEBE321F6FF7716B6FD4AB49AF256A15 6D38BAA48F0A0ACF3C34E2359E6CDBCE
                 E049646C43D9327AD175578EF7227098 6371C10C9A369AC2F94A8C5FBCDDDC25
                 6D6E919A48B610EF17C2041E47403576 6B68642C59BBFC2F34DB60DBDFB2"
            )
        );
    }

    /// RFC 6188, section 7.1, also in libsrtp's test driver.
    #[test]
    fn the_vectors_of_rfc_6188() {
        let master = MasterKey::new(
            Profile::Aes256CmHmacSha1_80,
            &hex("f0f04914b513f2763a1b1fa130f10e29 98f6f6e43e4309d1e622a0e332b9f1b6"),
            &hex("3b04803de51ee7c96423ab5b78d2"),
        )
        .unwrap();
        assert_eq!(
            derived(&master, Label::RtpEncryption, 32),
            hex("5ba1064e30ec51613cad926c5a28ef73 1ec7fb397f70a960653caf06554cd8c4")
        );
        assert_eq!(
            derived(&master, Label::RtpSalt, 14),
            hex("fa31791685ca444a9e07c6c64e93")
        );
        assert_eq!(
            derived(&master, Label::RtpAuthentication, 20),
            hex("fd9c32d39ed5fbb5a9dc96b30818454d1313dc05")
        );
    }
}

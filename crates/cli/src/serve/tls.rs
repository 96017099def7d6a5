//! HTTPS for the page.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use axum_server::tls_rustls::RustlsConfig;
use rustls::ServerConfig;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use thiserror::Error;

use super::Options;

/// Why HTTPS can not be set up.
#[derive(Debug, Error)]
pub(crate) enum TlsError {
    #[error("'{}' can not be read as PEM", path.display())]
    File {
        path: PathBuf,
        #[source]
        source: pem::Error,
    },
    #[error("a certificate can not be made")]
    Generate(#[from] rcgen::Error),
    #[error("the names of this machine can not be found out")]
    Names(#[source] io::Error),
    #[error("the certificate and the key can not be used")]
    Unusable(#[from] rustls::Error),
}

/// What the options ask for: nothing, the certificate in the files, or one made now.
pub(super) fn configuration(options: &Options) -> Result<Option<RustlsConfig>, TlsError> {
    let (chain, key) = match (&options.cert_file, &options.key_file) {
        (Some(chain), Some(key)) => load(chain.clone(), key.clone())?,
        _ if options.https => generate(options)?,
        _ => return Ok(None),
    };
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Some(RustlsConfig::from_config(Arc::new(config))))
}

type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn load(chain_path: PathBuf, key_path: PathBuf) -> Result<Identity, TlsError> {
    let chain = CertificateDer::pem_file_iter(&chain_path)
        .and_then(Iterator::collect)
        .map_err(|source| TlsError::File {
            path: chain_path,
            source,
        })?;
    let key = PrivateKeyDer::from_pem_file(&key_path).map_err(|source| TlsError::File {
        path: key_path,
        source,
    })?;
    Ok((chain, key))
}

/// A certificate for this machine's names and addresses, which browsers warn about once.
fn generate(options: &Options) -> Result<Identity, TlsError> {
    let mut names = vec![
        "localhost".to_owned(),
        "127.0.0.1".to_owned(),
        "::1".to_owned(),
    ];
    let addresses = gannet::local_addresses().map_err(TlsError::Names)?;
    names.extend(addresses.iter().map(ToString::to_string));
    if !options.host.is_unspecified() {
        names.push(options.host.to_string());
    }
    let certified = rcgen::generate_simple_self_signed(names)?;
    let key = PrivateKeyDer::Pkcs8(certified.signing_key.serialize_der().into());
    Ok((vec![certified.cert.der().clone()], key))
}

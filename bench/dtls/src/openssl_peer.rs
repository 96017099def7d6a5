//! OpenSSL, as Debian builds it.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::rc::Rc;

use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::PKey;
use openssl::ssl::{
    Error, ErrorCode, Ssl, SslContext, SslMethod, SslOptions, SslStream, SslVerifyMode, SslVersion,
};
use openssl::x509::{X509, X509NameBuilder};

use crate::{Handshake, Traffic};

pub fn handshake() -> Handshake {
    let contexts = [context(), context()];
    Box::new(move || {
        let wires = [Rc::<Wire>::default(), Rc::default()];
        let new = |i: usize| {
            let mut ssl = Ssl::new(&contexts[i]).unwrap();
            ssl.set_mtu(1200).unwrap();
            let datagrams = Datagrams {
                out: wires[i].clone(),
                into: wires[1 - i].clone(),
            };
            SslStream::new(ssl, datagrams).unwrap()
        };
        let (mut client, mut server) = (new(0), new(1));
        let mut done = [false; 2];
        while !(done[0] && done[1]) {
            done[0] = done[0] || is_done(client.connect());
            done[1] = done[1] || is_done(server.accept());
        }
        export(&client);
        export(&server);
        let mut traffic = Traffic::default();
        for wire in &wires {
            traffic.datagrams += wire.borrow().sent.datagrams;
            traffic.bytes += wire.borrow().sent.bytes;
        }
        traffic
    })
}

fn is_done(step: Result<(), Error>) -> bool {
    match step {
        Ok(()) => true,
        Err(error) if error.code() == ErrorCode::WANT_READ => false,
        Err(error) => panic!("{error}"),
    }
}

type Wire = RefCell<Queue>;

#[derive(Default)]
struct Queue {
    datagrams: VecDeque<Vec<u8>>,
    sent: Traffic,
}

/// One end of a network in memory; a write is a datagram.
struct Datagrams {
    out: Rc<Wire>,
    into: Rc<Wire>,
}

impl Read for Datagrams {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let datagram = self.into.borrow_mut().datagrams.pop_front();
        let datagram = datagram.ok_or(io::ErrorKind::WouldBlock)?;
        let len = datagram.len().min(buf.len());
        buf[..len].copy_from_slice(&datagram[..len]);
        Ok(len)
    }
}

impl Write for Datagrams {
    fn write(&mut self, datagram: &[u8]) -> io::Result<usize> {
        let mut out = self.out.borrow_mut();
        out.sent.count(datagram);
        out.datagrams.push_back(datagram.to_vec());
        Ok(datagram.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn context() -> SslContext {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    let key = PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap();
    let mut name = X509NameBuilder::new().unwrap();
    name.append_entry_by_text("CN", "bench").unwrap();
    let name = name.build();
    let mut certificate = X509::builder().unwrap();
    certificate.set_version(2).unwrap();
    certificate
        .set_serial_number(&BigNum::from_u32(1).unwrap().to_asn1_integer().unwrap())
        .unwrap();
    certificate.set_subject_name(&name).unwrap();
    certificate.set_issuer_name(&name).unwrap();
    certificate
        .set_not_before(&Asn1Time::days_from_now(0).unwrap())
        .unwrap();
    certificate
        .set_not_after(&Asn1Time::days_from_now(30).unwrap())
        .unwrap();
    certificate.set_pubkey(&key).unwrap();
    certificate.sign(&key, MessageDigest::sha256()).unwrap();

    let mut context = SslContext::builder(SslMethod::dtls()).unwrap();
    context
        .set_min_proto_version(Some(SslVersion::DTLS1_2))
        .unwrap();
    context.set_options(SslOptions::NO_QUERY_MTU | SslOptions::NO_TICKET);
    context.set_certificate(&certificate.build()).unwrap();
    context.set_private_key(&key).unwrap();
    context
        .set_cipher_list("ECDHE-ECDSA-AES128-GCM-SHA256")
        .unwrap();
    // It wants the curve of the certificate in the list, too.
    context.set_groups_list("X25519:P-256").unwrap();
    context
        .set_tlsext_use_srtp("SRTP_AEAD_AES_128_GCM")
        .unwrap();
    let required = SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT;
    context.set_verify_callback(required, |_, _| true);
    context.set_session_cache_mode(openssl::ssl::SslSessionCacheMode::OFF);
    context.build()
}

fn export(stream: &SslStream<Datagrams>) {
    let mut keys = [0; 56];
    stream
        .ssl()
        .export_keying_material(&mut keys, "EXTRACTOR-dtls_srtp", None)
        .unwrap();
    std::hint::black_box(keys);
}

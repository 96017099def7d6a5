//! Hello extensions (RFC 8446, section 4.2; RFC 5246, section 7.4.1.4).

use gannet_wire::{Reader, Writer};

use crate::error::HandshakeError;

macro_rules! extension_types {
    ($($name:ident = $code:literal,)*) => {
        /// An extension's number in the registry.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub(crate) enum ExtensionType {
            $($name,)*
            Unknown(u16),
        }

        impl ExtensionType {
            pub(crate) const fn code(self) -> u16 {
                match self {
                    $(Self::$name => $code,)*
                    Self::Unknown(code) => code,
                }
            }

            pub(crate) const fn from_code(code: u16) -> Self {
                match code {
                    $($code => Self::$name,)*
                    other => Self::Unknown(other),
                }
            }
        }
    };
}

extension_types! {
    SupportedGroups = 10,
    EcPointFormats = 11,
    SignatureAlgorithms = 13,
    UseSrtp = 14,
    Alpn = 16,
    ExtendedMasterSecret = 23,
    RecordSizeLimit = 28,
    SupportedVersions = 43,
    Cookie = 44,
    KeyShare = 51,
    ConnectionId = 54,
    RenegotiationInfo = 0xff01,
}

/// One side's share of a key exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeyShare<'a> {
    pub(crate) group: u16,
    pub(crate) exchange: &'a [u8],
}

impl<'a> KeyShare<'a> {
    pub(crate) fn parse(reader: &mut Reader<'a>) -> Result<Self, gannet_wire::ReadError> {
        let group = reader.u16("key share group")?;
        let exchange = reader.prefixed_u16("key exchange")?.rest();
        Ok(Self { group, exchange })
    }

    pub(crate) fn write(&self, writer: &mut Writer<'_>) {
        writer.u16(self.group);
        writer.prefixed_u16("key exchange").bytes(self.exchange);
    }
}

/// What a server says in `key_share`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ServerKeyShare<'a> {
    /// In a ServerHello: its share.
    Share(KeyShare<'a>),
    /// In a HelloRetryRequest: the group that it wants a share of.
    Group(u16),
}

/// The extensions in a ServerHello, a HelloRetryRequest or EncryptedExtensions: answers to what the
/// client offered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ServerExtensions<'a> {
    pub(crate) selected_version: Option<u16>,
    pub(crate) key_share: Option<ServerKeyShare<'a>>,
    pub(crate) cookie: Option<&'a [u8]>,
    pub(crate) extended_master_secret: bool,
    pub(crate) renegotiation_info: Option<&'a [u8]>,
    pub(crate) ec_point_formats: bool,
    pub(crate) srtp_profile: Option<u16>,
    pub(crate) alpn: Option<&'a [u8]>,
    pub(crate) record_size_limit: Option<u16>,
    pub(crate) connection_id: Option<&'a [u8]>,
}

impl<'a> ServerExtensions<'a> {
    /// Reads the block of extensions; `is_retry` says that it is a HelloRetryRequest's. An extension that
    /// we never offer is an error, and so is one that comes twice.
    pub(crate) fn parse(
        mut block: Reader<'a>,
        message: &'static str,
        is_retry: bool,
    ) -> Result<Self, HandshakeError> {
        let mut extensions = Self::default();
        for_each_extension(&mut block, message, |kind, body| {
            extensions
                .read(kind, body, is_retry)
                .map_err(HandshakeError::malformed(message))?;
            match kind {
                ExtensionType::Unknown(code) => Err(HandshakeError::UnsupportedExtension(code)),
                _ => Ok(()),
            }
        })?;
        Ok(extensions)
    }

    fn read(
        &mut self,
        kind: ExtensionType,
        body: &mut Reader<'a>,
        is_retry: bool,
    ) -> Result<(), gannet_wire::ReadError> {
        match kind {
            ExtensionType::SupportedVersions => {
                self.selected_version = Some(body.u16("selected_version")?);
            }
            ExtensionType::KeyShare if is_retry => {
                self.key_share = Some(ServerKeyShare::Group(body.u16("selected_group")?));
            }
            ExtensionType::KeyShare => {
                self.key_share = Some(ServerKeyShare::Share(KeyShare::parse(body)?));
            }
            ExtensionType::Cookie => self.cookie = Some(body.prefixed_u16("cookie")?.rest()),
            ExtensionType::ExtendedMasterSecret => self.extended_master_secret = true,
            ExtensionType::RenegotiationInfo => {
                self.renegotiation_info = Some(body.prefixed_u8("renegotiated_connection")?.rest());
            }
            ExtensionType::UseSrtp => {
                let mut profiles = body.prefixed_u16("SRTP profiles")?;
                self.srtp_profile = Some(profiles.u16("SRTP profile")?);
                profiles.finish("SRTP profiles")?;
                body.prefixed_u8("srtp_mki")?;
            }
            ExtensionType::Alpn => {
                let mut names = body.prefixed_u16("protocol_name_list")?;
                self.alpn = Some(names.prefixed_u8("protocol name")?.rest());
                names.finish("protocol_name_list")?;
            }
            ExtensionType::RecordSizeLimit => {
                self.record_size_limit = Some(body.u16("record_size_limit")?);
            }
            ExtensionType::ConnectionId => {
                self.connection_id = Some(body.prefixed_u8("connection ID")?.rest());
            }
            ExtensionType::EcPointFormats => {
                self.ec_point_formats = true;
                body.rest();
            }
            // A server may tell its groups, which the client did offer (RFC 8446, section 4.2.7).
            ExtensionType::SupportedGroups
            | ExtensionType::SignatureAlgorithms
            | ExtensionType::Unknown(_) => {
                body.rest();
            }
        }
        Ok(())
    }

    /// Appends the block of extensions with its length.
    pub(crate) fn write(&self, writer: &mut Writer<'_>) {
        let mut block = writer.prefixed_u16("extensions");
        if let Some(version) = self.selected_version {
            extension(&mut block, ExtensionType::SupportedVersions, |w| {
                w.u16(version)
            });
        }
        match self.key_share {
            Some(ServerKeyShare::Share(share)) => {
                extension(&mut block, ExtensionType::KeyShare, |w| share.write(w));
            }
            Some(ServerKeyShare::Group(group)) => {
                extension(&mut block, ExtensionType::KeyShare, |w| w.u16(group));
            }
            None => {}
        }
        if let Some(cookie) = self.cookie {
            extension(&mut block, ExtensionType::Cookie, |w| {
                w.prefixed_u16("cookie").bytes(cookie)
            });
        }
        self.write_negotiated(&mut block);
    }

    fn write_negotiated(&self, block: &mut Writer<'_>) {
        if self.extended_master_secret {
            extension(block, ExtensionType::ExtendedMasterSecret, |_| {});
        }
        if let Some(info) = self.renegotiation_info {
            extension(block, ExtensionType::RenegotiationInfo, |w| {
                w.prefixed_u8("renegotiated_connection").bytes(info);
            });
        }
        if self.ec_point_formats {
            extension(block, ExtensionType::EcPointFormats, |w| {
                w.prefixed_u8("formats").u8(0)
            });
        }
        if let Some(profile) = self.srtp_profile {
            extension(block, ExtensionType::UseSrtp, |w| {
                w.prefixed_u16("SRTP profiles").u16(profile);
                w.u8(0);
            });
        }
        if let Some(name) = self.alpn {
            extension(block, ExtensionType::Alpn, |w| {
                w.prefixed_u16("names").prefixed_u8("name").bytes(name);
            });
        }
        if let Some(limit) = self.record_size_limit {
            extension(block, ExtensionType::RecordSizeLimit, |w| w.u16(limit));
        }
        if let Some(id) = self.connection_id {
            extension(block, ExtensionType::ConnectionId, |w| {
                w.prefixed_u8("cid").bytes(id)
            });
        }
    }
}

/// Appends one extension, whose body `write` appends.
pub(super) fn extension(
    block: &mut Writer<'_>,
    kind: ExtensionType,
    write: impl FnOnce(&mut Writer<'_>),
) {
    block.u16(kind.code());
    write(&mut block.prefixed_u16("extension"));
}

/// Calls `handle` with each extension of a block. It must read the body to its end. No extension may
/// come twice (RFC 8446, section 4.2).
pub(super) fn for_each_extension<'a>(
    block: &mut Reader<'a>,
    message: &'static str,
    mut handle: impl FnMut(ExtensionType, &mut Reader<'a>) -> Result<(), HandshakeError>,
) -> Result<(), HandshakeError> {
    let malformed = HandshakeError::malformed;
    let mut seen = Vec::new();
    while !block.is_empty() {
        let code = block.u16("extension type").map_err(malformed(message))?;
        let mut body = block
            .prefixed_u16("extension body")
            .map_err(malformed(message))?;
        if seen.contains(&code) {
            return Err(HandshakeError::IllegalParameter("an extension came twice"));
        }
        // The square of this many comparisons is what a hello can cost.
        if seen.len() >= MAX_EXTENSIONS {
            return Err(HandshakeError::IllegalParameter(
                "more than 64 extensions came",
            ));
        }
        seen.push(code);
        handle(ExtensionType::from_code(code), &mut body)?;
        body.finish("extension").map_err(malformed(message))?;
    }
    Ok(())
}

/// How many extensions a message may have.
const MAX_EXTENSIONS: usize = 64;

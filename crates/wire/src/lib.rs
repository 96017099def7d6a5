//! Byte cursors and serial-number arithmetic: the ground that every Gannet protocol crate stands on.
//!
//! - [`Reader`] walks over received bytes. Each read names what it is reading, so that a truncated
//!   packet yields an error that says what was missing and where; bytes left over are an error too.
//! - [`Writer`] appends big-endian fields to a caller's buffer, a `Vec<u8>` or a fixed slice. A length
//!   prefix is a guard that fills itself in when it is dropped.
//! - [`Serial16`] and [`Serial32`] are numbers that wrap (RFC 1982). They have no `Ord` on purpose.
//! - [`Extender16`] and [`Extender32`] turn numbers that wrap into 64-bit ones that do not.
//!
//! The crate allocates nothing, knows no protocol and has no panic that input can reach.
//!
//! ```
//! use gannet_wire::{Reader, Writer};
//!
//! let mut packet = Vec::new();
//! let mut writer = Writer::new(&mut packet);
//! writer.u8(7);
//! {
//!     let mut name = writer.prefixed_u16("name");
//!     name.bytes(b"gannet");
//! }
//! writer.finish()?;
//!
//! let mut reader = Reader::new(&packet);
//! assert_eq!(reader.u8("kind")?, 7);
//! let mut name = reader.prefixed_u16("name")?;
//! assert_eq!(name.rest(), b"gannet");
//! reader.finish("packet")?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod reader;
mod serial;
mod writer;

pub use reader::{ReadError, Reader};
pub use serial::{Extender16, Extender32, Serial16, Serial32};
pub use writer::{Buffer, FixedBuffer, Prefixed, WriteError, Writer};

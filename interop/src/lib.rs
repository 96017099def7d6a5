//! What the interop tests share: the server under test, browsers, and other programs, each of which
//! ends when its value is dropped.

pub mod browser;
pub mod page;
pub mod process;
pub mod server;

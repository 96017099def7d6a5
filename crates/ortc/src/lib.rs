//! Sans-IO ORTC objects over one bundled transport.

pub mod parameters;

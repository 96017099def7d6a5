//! Media stream tracks, sources and sinks

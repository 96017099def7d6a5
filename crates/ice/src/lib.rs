//! A sans-IO ICE agent

//! A sans-IO TURN client

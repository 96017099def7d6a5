//! STUN messages, attributes, integrity and client transactions

//! A seeded, sans-IO network in virtual time, for tests

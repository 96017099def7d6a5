//! The gannet program: serve, send and receive calls from the command line

fn main() {}

//! `matrix [filter]`: goodput over simulated links, of our controllers and of other implementations.
//! `cpu`: how fast both ends run on one thread, in memory.
//! `fair`: how two flows share a bottleneck.

mod cpu;
mod fair;
mod matrix;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some("matrix") => matrix::run(&arguments[1..]),
        Some("cpu") => cpu::run(),
        Some("fair") => fair::run(),
        _ => eprintln!("usage: gannet-bench-sctp matrix [quick|full] | cpu | fair"),
    }
}

//! `matrix [key=value,value ...]`: goodput over simulated links, of our controllers and of other
//! implementations. Without arguments it is the whole matrix; `mbit=100 queue=1 loss=0%,1%,bursts
//! only=model,dcsctp seconds=20` is a part of it. A run that needs more processor time than four times its
//! virtual time (or than `patience=60` seconds) ends early: its cell says after how many seconds of virtual
//! time, and what it had delivered by then counts as that of the whole time.
//! `cpu`: how fast both ends run on one thread, in memory.
//! `fair`: how two flows share a bottleneck.
//! `jitter`: goodput over links that hold packets back.

mod cpu;
mod fair;
mod jitter;
mod matrix;

fn main() -> std::process::ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match arguments.first().map(String::as_str) {
        Some("matrix") => matrix::run(&arguments[1..]),
        Some("cpu") => {
            cpu::run(&arguments[1..]);
            Ok(())
        }
        Some("fair") => {
            fair::run(&arguments[1..]);
            Ok(())
        }
        Some("jitter") => {
            jitter::run(&arguments[1..]);
            Ok(())
        }
        _ => {
            Err("usage: gannet-bench-sctp matrix [key=value ...] | cpu | fair | jitter".to_owned())
        }
    };
    match result {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            std::process::ExitCode::FAILURE
        }
    }
}

//! The gannet program.

mod client;
mod receive;
mod send;
mod serve;
mod signal;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tracing_subscriber::filter::LevelFilter;

/// A WebRTC stack at work.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// Say more: once for what happens, twice for why, three times for every packet.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve a page that sends its camera and microphone here and gets them back, and broadcasts: WHIP and WHEP.
    Serve(serve::Options),
    /// Publish a file to a WHIP endpoint.
    Send(send::Options),
    /// Watch what is published, at a WHEP endpoint: record it, or see what comes.
    Receive(receive::Options),
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let level = match arguments.verbose {
        0 => LevelFilter::WARN,
        1 => LevelFilter::INFO,
        2 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(std::io::stderr)
        .init();
    match arguments.command {
        Command::Serve(options) => exit_code(serve::run(options).await),
        Command::Send(options) => exit_code(send::run(options).await),
        Command::Receive(options) => exit_code(receive::run(options).await),
    }
}

fn exit_code<E: std::error::Error>(result: Result<(), E>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report(&error);
            ExitCode::FAILURE
        }
    }
}

/// Prints an error and what caused it, in one line.
#[allow(clippy::print_stderr, reason = "this is a command-line program")]
fn report(error: &dyn std::error::Error) {
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        message.push_str(": ");
        message.push_str(&error.to_string());
        cause = error.source();
    }
    eprintln!("gannet: {message}");
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_options_fit_together() {
        Arguments::command().debug_assert();
    }
}

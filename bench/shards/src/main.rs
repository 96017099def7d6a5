//! Many connections with one endpoint: how many messages a second it sends back, and at what cost.
//!
//! `[shards=1,2] [connections=100] [seconds=10] [size=1024] [window=64] [workers=1] [runs=3]`. The endpoint is in a process of its own;
//! this one is the other end of all connections, with a socket for each, on a thread. On each connection `window`
//! messages of `size` bytes are under way: each that comes back is sent again. `workers` are the threads that
//! run the server's own tasks, which send the messages back; the endpoint's shards have threads of their own if
//! there are several. The settings take turns; each line is one run.

mod client;
mod options;
mod pipe;
mod server;

use std::process::ExitCode;

use options::Options;

type Error = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match arguments.split_first() {
        Some((first, rest)) if first == server::COMMAND => server::run(rest),
        _ => run(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<(), Error> {
    let options = Options::read(arguments)?;
    println!("shards  messages/s  MB/s each way  server's CPU  CPU s/GB  client's CPU");
    for _ in 0..options.runs {
        for &shards in &options.shards {
            let outcome = client::run(&options, shards)?;
            println!("{shards:6}  {outcome}");
        }
    }
    Ok(())
}

//! The binary: parses what was typed, runs it, ends with its exit code.

use std::process::ExitCode;

use clap::Parser;
use tidegate::cli::args::Cli;

// One thread is enough: the work is waiting, and on one thread a simulation is the same every time.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    tidegate::wire::run(Cli::parse()).await
}

//! The binary: parses what was typed, runs it, ends with its exit code.

use std::process::ExitCode;

use clap::Parser;
use tidegate::cli::args::Cli;

#[tokio::main]
async fn main() -> ExitCode {
    tidegate::wire::run(Cli::parse()).await
}

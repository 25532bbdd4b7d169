//! The program: surroundings in, exit code out.

use std::io;
use std::process::ExitCode;

use accessos_serving::Log;
use accessos_tenant_registry::service::{Surroundings, run};

#[expect(clippy::print_stderr, reason = "why it cannot begin is said where the person who starts it looks")]
fn main() -> ExitCode {
    let said = match Surroundings::read(&|name| std::env::var(name).ok().filter(|value| !value.is_empty())) {
        Ok(said) => said,
        Err(problems) => {
            for problem in problems {
                eprintln!("{problem}");
            }
            return ExitCode::from(2);
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime.and_then(|runtime| runtime.block_on(run(said, Log::into(io::stdout())))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(69)
        }
    }
}

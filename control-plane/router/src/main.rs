//! The program: surroundings in, exit code out.

use std::process::ExitCode;

use accessos_router::settings::Settings;

/// What a static image would have instead, musl's, has one lock for all threads and is slow at what a proxy does most.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[expect(clippy::print_stderr, reason = "why it cannot begin is said where the person who starts it looks")]
fn main() -> ExitCode {
    let settings = match Settings::read(&|name| std::env::var(name).ok().filter(|value| !value.is_empty())) {
        Ok(settings) => settings,
        Err(problems) => {
            for problem in problems {
                eprintln!("{problem}");
            }
            return ExitCode::from(2);
        }
    };
    match accessos_router::run(settings) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(69)
        }
    }
}

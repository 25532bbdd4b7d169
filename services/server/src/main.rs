//! One small HTTP server that stands in for every AccessOS service.
//!
//! A release tool is tested by what runs afterwards, so the server says exactly that: which
//! service, for which tenant, in which version. And because a release tool earns its keep when
//! something is wrong, the image can be built broken in a chosen way (`fault.rs`).
//!
//! Reading order: `identity` (who am I), `fault` (how am I broken), `answer` (what do I say),
//! `http` (how it gets over the wire).

mod answer;
mod fault;
mod http;
mod identity;

use std::convert::Infallible;
use std::net::TcpListener;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::{env, fs, io, process, thread};

use crate::answer::Responder;
use crate::fault::Faults;
use crate::identity::Identity;

/// Where the image keeps its faults; the variable `FAULT` takes the place of the whole file.
const FAULT_FILE: &str = "/fault";

fn main() -> ExitCode {
    match run() {
        Ok(never) => match never {},
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<Infallible, String> {
    let identity = Identity::from_env(|name| env::var(name).ok());
    let faults = fault::parse(&fault_text()?)?.for_identity(&identity);
    if faults.crash_at_start {
        return Err(format!("{}: crash-at-start, as the image asks", identity.service));
    }
    if let Some(code) = faults.exit_at_start {
        process::exit(code.into());
    }
    exit_on_sigterm()?;
    schedule_crash(&faults);

    let port = match env::var("PORT") {
        Ok(text) => text.parse::<u16>().map_err(|error| format!("PORT={text}: {error}"))?,
        Err(_) => 8080,
    };
    let listener = TcpListener::bind(("0.0.0.0", port)).map_err(|error| format!("port {port}: {error}"))?;
    println!("{} {} listens on {port}", identity.service, identity.version);
    http::serve(&listener, Arc::new(Responder::new(identity, faults)))
}

fn fault_text() -> Result<String, String> {
    if let Ok(text) = env::var("FAULT") {
        return Ok(text);
    }
    match fs::read_to_string(FAULT_FILE) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        read => read.map_err(|error| format!("{FAULT_FILE}: {error}")),
    }
}

/// ECS has drained the load balancer before it sends SIGTERM, and no answer takes longer than
/// a moment: leaving at once loses nothing.
fn exit_on_sigterm() -> Result<(), String> {
    let always = Arc::new(AtomicBool::new(true));
    signal_hook::flag::register_conditional_shutdown(signal_hook::consts::SIGTERM, 0, always)
        .map(drop)
        .map_err(|error| format!("SIGTERM: {error}"))
}

fn schedule_crash(faults: &Faults) {
    if let Some(delay) = faults.crash_after {
        thread::spawn(move || {
            thread::sleep(delay);
            eprintln!("crash-after {delay:?}, as the image asks");
            process::exit(1)
        });
    }
}

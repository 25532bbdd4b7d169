//! What the person who waits for the tests reads: each step with the seconds since the start.

use std::fmt::Display;
use std::time::Instant;

/// The printer of one run.
pub(crate) struct Story {
    began: Instant,
}

impl Story {
    pub(crate) fn begin() -> Self {
        Self { began: Instant::now() }
    }

    /// A scenario starts.
    pub(crate) fn chapter(&mut self, name: &str, about: &str) {
        println!("\n=== {name}: {about}");
    }

    /// One thing was done or seen.
    pub(crate) fn step(&mut self, text: &str) {
        println!("{:7.1} s  {text}", self.began.elapsed().as_secs_f64());
    }

    /// Rows below a step.
    pub(crate) fn rows<T: Display>(&mut self, rows: impl IntoIterator<Item = T>) {
        for row in rows {
            println!("           {row}");
        }
    }
}

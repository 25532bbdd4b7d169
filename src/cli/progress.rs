//! Progress as it happens: a line for each change in a log, bars above the lines on a terminal.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use jiff::Timestamp;

use super::render;
use crate::app::progress::{Observer, Progress};
use crate::domain::ids::ServiceName;
use crate::domain::rollout::Event;

/// Where lines go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Output,
    /// Standard error, when standard output is for JSON.
    Error,
}

/// A line for each change, with the time before it. No colours, nothing that moves.
#[derive(Debug)]
pub struct Lines {
    stream: Stream,
    /// In a log of GitHub's: whether a group of lines is open that people unfold. What the services of a wave do is one;
    /// what happens to the wave stands outside of it.
    group: Option<Mutex<bool>>,
}

impl Lines {
    /// Lines on this stream.
    pub fn new(stream: Stream) -> Self {
        Self { stream, group: None }
    }

    /// Lines on standard output, in groups as GitHub's logs have them.
    pub fn grouped() -> Self {
        Self { stream: Stream::Output, group: Some(Mutex::new(false)) }
    }

    fn end_group(&self) {
        let Some(group) = &self.group else { return };
        if std::mem::take(&mut *group.lock().unwrap_or_else(PoisonError::into_inner)) {
            print_line(self.stream, "::endgroup::");
        }
    }

    fn begin_group(&self, name: &str) {
        let Some(group) = &self.group else { return };
        *group.lock().unwrap_or_else(PoisonError::into_inner) = true;
        print_line(self.stream, &format!("::group::{}", one_line(name)));
    }
}

impl Observer for Lines {
    fn note(&self, at: Timestamp, progress: &Progress) {
        let Some(text) = render::progress(progress) else { return };
        if matches!(progress, Progress::Phase { .. } | Progress::Explained { .. } | Progress::Reacting { .. }) {
            self.end_group();
        }
        print_line(self.stream, &line(at, &text));
        if let Progress::Phase { event: Event::WaveStarted { .. }, wave, .. } = progress {
            self.begin_group(&format!("services of {wave}"));
        }
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        self.end_group();
    }
}

/// Nobody is told anything.
#[derive(Debug)]
pub struct Silent;

impl Observer for Silent {
    fn note(&self, _: Timestamp, _: &Progress) {}
}

/// Bars for the builds that run side by side, and lines above them.
#[derive(Debug)]
pub struct Bars {
    bars: MultiProgress,
    builds: Mutex<BTreeMap<ServiceName, ProgressBar>>,
}

impl Default for Bars {
    fn default() -> Self {
        Self { bars: MultiProgress::new(), builds: Mutex::new(BTreeMap::new()) }
    }
}

impl Observer for Bars {
    fn note(&self, at: Timestamp, progress: &Progress) {
        let mut builds = self.builds.lock().unwrap_or_else(PoisonError::into_inner);
        match progress {
            Progress::Building { service } => {
                let style = ProgressStyle::with_template("{spinner} {prefix:24} {elapsed:>4} {wide_msg}");
                let bar = self.bars.add(ProgressBar::new_spinner().with_prefix(service.to_string()));
                bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
                bar.enable_steady_tick(Duration::from_millis(120));
                builds.insert(service.clone(), bar);
                return;
            }
            Progress::BuildLine { service, line } => {
                if let Some(bar) = builds.get(service) {
                    bar.set_message(line.clone());
                }
                return;
            }
            Progress::Image { service, .. } => {
                if let Some(bar) = builds.remove(service) {
                    bar.finish_and_clear();
                }
            }
            _ => {}
        }
        let Some(text) = render::progress(progress) else { return };
        self.bars.suspend(|| print_line(Stream::Output, &line(at, &text)));
    }
}

/// A line of a log: the time in UTC, then what happened. A line that could be taken for a workflow command is
/// not one, because the time stands before it.
fn line(at: Timestamp, text: &str) -> String {
    format!("{} {}", at.strftime("%H:%M:%S"), one_line(text))
}

fn one_line(text: &str) -> String {
    text.replace(['\n', '\r'], " ")
}

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "this layer is the one that prints")]
fn print_line(stream: Stream, line: &str) {
    match stream {
        Stream::Output => println!("{line}"),
        Stream::Error => eprintln!("{line}"),
    }
}

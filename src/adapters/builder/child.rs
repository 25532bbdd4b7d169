//! One child process from start to end: its output is handed on line by line, its last lines are kept for the
//! error, and it never outlives its time or the one who asked for it.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;

use super::line::Lines;
use super::refused;
use crate::ports::{LineSink, PortResult, Secret};

/// How many of its last lines an error shows.
const LAST: usize = 30;

/// How long output is waited for once the process has ended: what it left running in the background, such as a
/// compiler's server, holds its end of the pipe for ever.
const GRACE: Duration = Duration::from_secs(1);

/// A process to run.
#[derive(Debug)]
pub(super) struct Child {
    /// What it does, for the error.
    pub(super) doing: String,
    pub(super) program: OsString,
    pub(super) arguments: Vec<String>,
    pub(super) folder: PathBuf,
    pub(super) variables: &'static [(&'static str, &'static str)],
    /// What it is told on its standard input; nothing closes it at once.
    pub(super) input: Option<Secret>,
    /// After this time it is killed.
    pub(super) limit: Duration,
}

impl Child {
    /// Runs it to its end.
    ///
    /// # Errors
    /// It does not start, does not end in time, or does not succeed.
    pub(super) async fn run(self, lines: LineSink<'_>) -> PortResult<()> {
        let mut last = VecDeque::with_capacity(LAST);
        let mut each = |line: String| {
            lines(&line);
            if last.len() == LAST {
                last.pop_front();
            }
            last.push_back(line);
        };
        // The end of the time drops the future, and that kills the process.
        let ended = tokio::time::timeout(self.limit, self.follow(&mut each)).await;
        let why = match ended {
            Ok(Ok(status)) if status.success() => return Ok(()),
            Ok(Ok(status)) => format!("`{}` ended with {status}", self.words()),
            Ok(Err(why)) => format!("`{}`: {why}", self.words()),
            Err(_) => format!("`{}` was stopped after {} s", self.words(), self.limit.as_secs()),
        };
        let shown = last.iter().fold(why, |text, line| text + "\n" + line);
        Err(refused(self.doing, shown))
    }

    async fn follow(&self, each: &mut (dyn FnMut(String) + Send)) -> io::Result<ExitStatus> {
        let mut child = Command::new(&self.program)
            .args(&self.arguments)
            .current_dir(&self.folder)
            .envs(self.variables.iter().copied())
            .stdin(if self.input.is_some() { Stdio::piped() } else { Stdio::null() })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        if let (Some(mut stdin), Some(input)) = (child.stdin.take(), &self.input) {
            // A process that does not read says why with its status.
            drop(stdin.write_all(input.expose().as_bytes()).await);
        }
        let reading = read_both(child.stdout.take(), child.stderr.take(), each);
        tokio::pin!(reading);
        tokio::select! {
            biased;
            () = &mut reading => child.wait().await,
            status = child.wait() => {
                drop(tokio::time::timeout(GRACE, reading).await);
                status
            }
        }
    }

    /// The program and what it is to do, without the values: some are long, none helps.
    fn words(&self) -> String {
        let verbs = self.arguments.iter().take_while(|word| !word.starts_with('-')).take(2);
        let name = Path::new(&self.program).file_name().unwrap_or(&self.program);
        verbs.fold(name.to_string_lossy().into_owned(), |words, verb| words + " " + verb)
    }
}

/// Reads both streams to their ends, the lines as they come. A stream that cannot be read has ended.
async fn read_both(
    out: Option<impl AsyncRead + Unpin>,
    err: Option<impl AsyncRead + Unpin>,
    each: &mut (dyn FnMut(String) + Send),
) {
    let (Some(mut out), Some(mut err)) = (out, err) else { return };
    let (mut out_lines, mut err_lines) = (Lines::default(), Lines::default());
    let (mut out_piece, mut err_piece) = ([0; 4096], [0; 4096]);
    let (mut out_open, mut err_open) = (true, true);
    while out_open || err_open {
        tokio::select! {
            read = out.read(&mut out_piece), if out_open => {
                let read = read.unwrap_or(0);
                out_lines.take(&out_piece[..read], &mut *each);
                out_open = read > 0;
            }
            read = err.read(&mut err_piece), if err_open => {
                let read = read.unwrap_or(0);
                err_lines.take(&err_piece[..read], &mut *each);
                err_open = read > 0;
            }
        }
    }
    out_lines.end(&mut *each);
    err_lines.end(each);
}

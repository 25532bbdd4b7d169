//! Runs an executable of the owner's that judges a wave. It gets no credentials of ours: nothing of the environment
//! but PATH and HOME, and what it is to judge. A gate only looks.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use async_trait::async_trait;
use tokio::io::AsyncReadExt;
use tokio::process::Command;

use crate::domain::gate::CommandAnswer;
use crate::ports::{CommandOrder, CommandRunner};

/// Bytes of its output that are read: a verdict is a line.
const OUTPUT_MAX: u64 = 64 * 1024;

/// What it gets of the environment of this process.
const VARIABLES: [&str; 2] = ["PATH", "HOME"];

/// Executables that are named relative to a folder.
#[derive(Clone, Debug)]
pub struct Commands {
    folder: PathBuf,
}

impl Commands {
    /// Runs them in this folder.
    pub fn in_folder(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    async fn run(&self, order: &CommandOrder) -> Result<CommandAnswer, String> {
        let [program, arguments @ ..] = order.policy.run.as_slice() else { return Err("no program".to_owned()) };
        let mut command = Command::new(program);
        command.args(arguments).current_dir(&self.folder).env_clear();
        #[expect(clippy::disallowed_methods, reason = "handed on to the child, which has no other environment")]
        let kept = VARIABLES.into_iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
        command
            .envs(kept)
            .env("TIDEGATE_FLEET", order.fleet.as_str())
            .env("TIDEGATE_WAVE", &order.wave)
            .env("TIDEGATE_VERSION", order.version.to_string())
            .env("TIDEGATE_TENANTS", order.tenants.join(" "))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .kill_on_drop(true);
        let mut child = command.spawn().map_err(|error| format!("it does not start: {error}"))?;
        let mut output = Vec::new();
        if let Some(stdout) = child.stdout.take() {
            stdout.take(OUTPUT_MAX).read_to_end(&mut output).await.map_err(|error| error.to_string())?;
        }
        let status = child.wait().await.map_err(|error| error.to_string())?;
        Ok(CommandAnswer::Ended { code: status.code(), output: String::from_utf8_lossy(&output).into_owned() })
    }
}

#[async_trait]
impl CommandRunner for Commands {
    async fn ask(&self, order: &CommandOrder) -> CommandAnswer {
        let seconds = order.policy.timeout.as_secs();
        let limit = Duration::from_secs(seconds.unsigned_abs());
        // The end of the time drops the future, and that kills the process.
        match tokio::time::timeout(limit, self.run(order)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(why)) => CommandAnswer::Nothing(why),
            Err(_) => CommandAnswer::Nothing(format!("it was stopped after {seconds} s")),
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::domain::gate::{CommandPolicy, Verdict, judge_command};

    async fn ask(script: &str, seconds: i64) -> (CommandPolicy, CommandAnswer) {
        let run = ["sh", "-c", script].map(str::to_owned).to_vec();
        let policy = CommandPolicy { run, timeout: SignedDuration::from_secs(seconds), observe: false };
        let order = CommandOrder {
            policy: policy.clone(),
            fleet: "prod".parse().unwrap(),
            wave: "canary".to_owned(),
            version: "1.4.0".parse().unwrap(),
            tenants: vec!["acme".to_owned(), "globex".to_owned()],
        };
        (policy, Commands::in_folder(".").ask(&order).await)
    }

    #[tokio::test]
    async fn it_is_told_what_it_judges_and_its_word_counts() {
        let script =
            r#"printf '{"verdict":"fail","why":"%s %s %s"}' "$TIDEGATE_FLEET" "$TIDEGATE_WAVE" "$TIDEGATE_TENANTS""#;
        let (policy, answer) = ask(script, 10).await;
        let Verdict::Fail(reason) = judge_command(&policy, Some(&answer)).verdict else { panic!("{answer:?}") };
        assert_eq!(reason.to_string(), "sh says no: prod canary acme globex");
    }

    #[tokio::test]
    async fn inv_31_it_gets_nothing_else_of_our_environment() {
        let (_, answer) =
            ask("env | grep -c -v -e ^TIDEGATE_ -e ^PATH= -e ^HOME= -e ^PWD= -e ^_= -e ^SHLVL=", 10).await;
        assert_eq!(answer, CommandAnswer::Ended { code: Some(1), output: "0\n".to_owned() });
    }

    #[tokio::test]
    async fn inv_09_one_that_hangs_or_is_not_there_is_unknown() {
        let (policy, hangs) = ask("sleep 60", 1).await;
        assert!(matches!(judge_command(&policy, Some(&hangs)).verdict, Verdict::Unknown(_)), "{hangs:?}");
        let (policy, fails) = ask("exit 3", 10).await;
        assert!(matches!(judge_command(&policy, Some(&fails)).verdict, Verdict::Unknown(_)), "{fails:?}");
    }
}

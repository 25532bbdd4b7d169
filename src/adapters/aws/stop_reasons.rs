//! Why a task stopped, in a sentence that tells whose fault it is and where to look.
//!
//! ECS says it in stop codes and in strings that mix several services' words. The table is that of the Developer
//! Guide ("Stopped task error codes", "CannotPullContainer", "ResourceInitializationError", "Service event
//! messages"); the sentence keeps ECS's own words, because a match on strings can be wrong.

use super::failure::one_line;

/// A stopped task, as far as it explains itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Stop {
    /// ECS's `stopCode`.
    pub(super) code: String,
    /// ECS's `stoppedReason`.
    pub(super) reason: String,
    /// The task's containers.
    pub(super) containers: Vec<StoppedContainer>,
}

/// One container of a stopped task.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct StoppedContainer {
    /// Its name.
    pub(super) name: String,
    /// Its exit code; none if it never ran.
    pub(super) exit_code: Option<i32>,
    /// ECS's words.
    pub(super) reason: String,
    /// What it was to run.
    pub(super) image: String,
}

/// What a stop that shows all these words means. The first row that fits counts.
struct Row {
    /// Each inner list needs one of its words in the code or the reasons.
    shows: &'static [&'static [&'static str]],
    means: Meaning,
}

enum Meaning {
    /// Nothing to tell: ECS replaces tasks all the time.
    Normal,
    /// This.
    Words(&'static str),
    /// This, and which image.
    Image(&'static str),
    /// What the containers' exit codes say.
    ExitCodes,
}

use Meaning::{ExitCodes, Image, Normal, Words};

const ROWS: [Row; 17] = [
    Row { shows: &[&["scaling activity initiated by", "initiated by deployment"]], means: Normal },
    Row {
        shows: &[&["CannotPull"], &["i/o timeout", "request canceled", "ontext canceled", "deadline exceeded"]],
        means: Words("the registry cannot be reached from the task's subnet (NAT or VPC endpoint)"),
    },
    Row {
        shows: &[&["CannotPull"], &["403", "denied", "not authorized"]],
        means: Image("the execution role may not pull the image, or the image is gone"),
    },
    Row {
        shows: &[&["CannotPull"], &["not found", "failed to resolve ref", "manifest unknown", "404"]],
        means: Image("the image is missing or was deleted"),
    },
    Row { shows: &[&["CannotPull"]], means: Image("the image cannot be pulled") },
    Row {
        shows: &[&["ResourceInitializationError"], &["secret", "ssm", "parameter"]],
        means: Words(
            "a secret cannot be read: it is missing, the execution role may not read it, or there is no route",
        ),
    },
    Row {
        shows: &[&["ResourceInitializationError"], &["log", "awslogs"]],
        means: Words("the log group is missing or cannot be reached"),
    },
    Row {
        shows: &[&["ResourceInitializationError"]],
        means: Words("the task could not be set up (registry login, secrets or network)"),
    },
    Row {
        shows: &[&["Network Interface", "InternalError"]],
        means: Words("no network interface: the subnet is out of addresses, or attaching took too long"),
    },
    Row {
        shows: &[&["Capacity is unavailable"]],
        means: Words("Fargate has no capacity in the zone; not the release's fault"),
    },
    Row {
        shows: &[&["limit on the number of vCPUs"]],
        means: Words("the account's quota of Fargate vCPUs is used up; not the release's fault"),
    },
    Row {
        shows: &[&["being throttled"]],
        means: Words("tasks are started faster than the account may; not the release's fault"),
    },
    Row {
        shows: &[&["misconfigured or changed", "unable to assume the role"]],
        means: Words("the task's role does not fit any more"),
    },
    Row { shows: &[&["health check"]], means: Words("the task started but did not become healthy") },
    Row { shows: &[&["EssentialContainerExited", "Essential container"]], means: ExitCodes },
    Row {
        shows: &[&["SpotInterruption", "TerminationNotice", "InfrastructureHealth", "performing maintenance"]],
        means: Words("AWS took the machine away; not the release's fault"),
    },
    Row { shows: &[&["UserInitiated"]], means: Words("somebody stopped it; CloudTrail knows who") },
];

/// The sentence; none where there is nothing to tell.
pub(super) fn sentence(stop: &Stop) -> Option<String> {
    let shown = shown(stop);
    let fits = |row: &&Row| row.shows.iter().all(|words| words.iter().any(|word| shown.contains(&word.to_lowercase())));
    let means = match ROWS.iter().find(fits).map(|row| &row.means) {
        Some(Normal) => return None,
        Some(Words(words)) => (*words).to_owned(),
        Some(Image(words)) => {
            format!("{words}{}", culprit(stop).map(|c| format!(" ({})", c.image)).unwrap_or_default())
        }
        Some(ExitCodes) => exit_codes(stop),
        None => "a task stopped".to_owned(),
    };
    let words = one_line(if stop.reason.is_empty() { &stop.code } else { &stop.reason });
    Some(if words.is_empty() { means } else { format!("{means}: {words}") })
}

/// All of ECS's words about the stop, in lower case.
fn shown(stop: &Stop) -> String {
    let containers = stop.containers.iter().map(|container| container.reason.as_str());
    [stop.code.as_str(), stop.reason.as_str()]
        .into_iter()
        .chain(containers)
        .collect::<Vec<_>>()
        .join(" ")
        .to_lowercase()
}

/// The container that has something to explain.
fn culprit(stop: &Stop) -> Option<&StoppedContainer> {
    let explains = |container: &&StoppedContainer| !container.reason.is_empty() && !container.image.is_empty();
    stop.containers.iter().find(explains)
}

fn exit_codes(stop: &Stop) -> String {
    let exited = stop.containers.iter().find(|c| c.exit_code.is_some_and(|code| code != 0));
    let Some(container) = exited.or(stop.containers.first()) else { return "a container ended".to_owned() };
    let name = &container.name;
    match (container.exit_code, container.reason.contains("OutOfMemory")) {
        (_, true) => format!("container {name} ran out of memory"),
        (Some(137), _) => format!("container {name} was killed (137), most often for its memory limit"),
        (Some(139), _) => format!("container {name} crashed with a segmentation fault (139)"),
        (Some(0), _) => format!("container {name} ended by itself, without an error"),
        (Some(code), _) => format!("container {name} ended with error {code}; its log tells why"),
        (None, _) => format!("container {name} never ran"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stop(code: &str, reason: &str, exit: Option<i32>, container_reason: &str) -> Stop {
        let container = StoppedContainer {
            name: "iam".to_owned(),
            exit_code: exit,
            reason: container_reason.to_owned(),
            image: "r/iam@sha256:1".to_owned(),
        };
        Stop { code: code.to_owned(), reason: reason.to_owned(), containers: vec![container] }
    }

    #[test]
    fn stops_become_sentences() {
        let pull =
            |why: &str| format!("CannotPullContainerError: pull image manifest has been retried 1 time(s): {why}");
        let start = "TaskFailedToStart";
        for (stop, says) in [
            (
                stop(start, &pull("failed to resolve ref r/iam: not found"), None, "x"),
                "the image is missing or was deleted (r/iam@sha256:1)",
            ),
            (stop(start, &pull("dial tcp: i/o timeout"), None, "x"), "the registry cannot be reached"),
            (stop(start, &pull("unexpected status code 403 Forbidden"), None, "x"), "the execution role may not pull"),
            (stop(start, &pull("no such thing as before"), None, ""), "the image cannot be pulled:"),
            (
                stop(start, "ResourceInitializationError: unable to pull secrets or registry auth", None, ""),
                "a secret cannot be read",
            ),
            (
                stop(start, "ResourceInitializationError: failed to validate logger args", None, ""),
                "the log group is missing",
            ),
            (
                stop(start, "Unexpected EC2 error while attempting to Create Network Interface", None, ""),
                "no network interface",
            ),
            (stop(start, "Capacity is unavailable at this time", None, ""), "Fargate has no capacity"),
            (
                stop(start, "You've reached the limit on the number of vCPUs you can run", None, ""),
                "the account's quota",
            ),
            (
                stop("EssentialContainerExited", "Essential container in task exited", Some(137), "OutOfMemoryError"),
                "container iam ran out of memory",
            ),
            (
                stop("EssentialContainerExited", "Essential container in task exited", Some(137), ""),
                "container iam was killed (137)",
            ),
            (
                stop("EssentialContainerExited", "Essential container in task exited", Some(139), ""),
                "container iam crashed",
            ),
            (
                stop("EssentialContainerExited", "Essential container in task exited", Some(1), ""),
                "container iam ended with error 1",
            ),
            (
                stop("ServiceSchedulerInitiated", "Task failed ELB health checks in (target-group x)", Some(0), ""),
                "the task started but did not become healthy",
            ),
            (stop("SpotInterruption", "Your Spot Task was interrupted.", None, ""), "AWS took the machine away"),
            (stop("UserInitiated", "Task stopped by user", Some(0), ""), "somebody stopped it"),
            (stop("SomethingNew", "words of next year", None, ""), "a task stopped: words of next year"),
        ] {
            let sentence = sentence(&stop).unwrap();
            assert!(sentence.starts_with(says), "{sentence}");
        }
    }

    #[test]
    fn replacing_a_task_is_nothing_to_tell() {
        let reason = "Scaling activity initiated by (deployment ecs-svc/123)";
        assert_eq!(sentence(&stop("ServiceSchedulerInitiated", reason, Some(0), "")), None);
    }
}

//! Promotion of a pull request by its label. A label is a wish of a moment: between it and the approval the pull request
//! can change, so everything that it said is asked of GitHub again right before anything happens.

use super::promote::promote;
use super::rollout::Outcome;
use super::{App, Stop};
use crate::domain::fleet::{Approval, DeployOn, Fleet};
use crate::domain::ids::{CommitSha, ContentHash};
use crate::domain::merged::PullRequest;
use crate::domain::reason::Reason;

/// What was seen of a pull request when it was labelled.
#[derive(Clone, Debug)]
pub struct Seen<'a> {
    /// The commit that merging it made.
    pub commit: &'a CommitSha,
    /// The newest commit of its branch.
    pub head: &'a CommitSha,
}

/// Releases a labelled pull request to the fleet of its label; with an approval that reviewers of the fleet's environment
/// gave to this workflow run.
///
/// # Errors
/// The pull request is not what was labelled any more, nobody else approved it, or as [`promote`].
pub async fn by_label(
    app: &App,
    fleet: &Fleet,
    pull: u64,
    seen: &Seen<'_>,
    approved: Option<&ContentHash>,
) -> Result<Outcome, Stop> {
    let pull = still_asks(app, fleet, pull, Some(seen)).await?;
    if let (Some(policy), Some(_), Some(run)) = (&fleet.approval, approved, app.owner.run) {
        approved_in_run(app, policy, &pull, run).await?;
    }
    release(app, fleet, &pull, approved).await
}

/// Releases a labelled pull request whose plan somebody approved by name.
///
/// # Errors
/// They wrote it themselves, or as [`by_label`].
pub async fn by_comment(app: &App, fleet: &Fleet, pull: u64, plan: &ContentHash, by: &str) -> Result<Outcome, Stop> {
    let pull = still_asks(app, fleet, pull, None).await?;
    if fleet.approval.as_ref().is_some_and(|approval| approval.not_author) && is_author(&pull, by) {
        return Err(Reason::OwnApproval { user: by.to_owned(), pull: pull.number }.into());
    }
    release(app, fleet, &pull, Some(plan)).await
}

async fn release(
    app: &App,
    fleet: &Fleet,
    pull: &PullRequest,
    approved: Option<&ContentHash>,
) -> Result<Outcome, Stop> {
    let none = || Reason::NoSuchRelease { wanted: format!("#{}, which has no merge commit", pull.number) };
    let commit = pull.merge_commit.as_ref().ok_or_else(none)?;
    let release = app.readers.ledger.release_of(commit).await?;
    let release = release.ok_or_else(|| Reason::NoSuchRelease { wanted: format!("commit {}", commit.short()) })?;
    promote(app, fleet, &release, approved, None).await
}

/// The pull request as it is now, if it still asks for what the label asked for.
async fn still_asks(app: &App, fleet: &Fleet, number: u64, seen: Option<&Seen<'_>>) -> Result<PullRequest, Stop> {
    let withdrawn = |why: &str| Stop::from(Reason::Withdrawn { pull: number, why: why.to_owned() });
    let pull = app.readers.pulls.pull(number).await?.ok_or_else(|| withdrawn("there is no such pull request"))?;
    let DeployOn::Label(label) = &fleet.deploy_on else {
        return Err(withdrawn("the fleet is not released by a label"));
    };
    if !pull.merged {
        return Err(withdrawn("it is not merged"));
    }
    if !pull.labels.contains(label) {
        return Err(withdrawn(&format!("its label `{label}` was taken off")));
    }
    match seen {
        Some(seen) if pull.head != *seen.head => Err(withdrawn("its branch has another head now")),
        Some(seen) if pull.merge_commit.as_ref() != Some(seen.commit) => {
            Err(withdrawn("it was merged as another commit"))
        }
        _ => Ok(pull),
    }
}

/// Holds that somebody let this run go on, and not only whoever wrote it. GitHub asks the reviewers; an environment
/// without any lets everything pass, which is not known before it is looked for.
async fn approved_in_run(app: &App, policy: &Approval, pull: &PullRequest, run: u64) -> Result<(), Stop> {
    if !policy.not_author {
        return Ok(());
    }
    let approvers = app.readers.people.approvers(run).await?;
    let mut of_environment = approvers.iter().filter(|approver| approver.environments.contains(&policy.environment));
    match of_environment.clone().next() {
        None => Err(Reason::NobodyApproved { environment: policy.environment.clone() }.into()),
        Some(_) if of_environment.any(|approver| !is_author(pull, &approver.login)) => Ok(()),
        Some(author) => Err(Reason::OwnApproval { user: author.login.clone(), pull: pull.number }.into()),
    }
}

/// GitHub's names are the same in any case of letters.
fn is_author(pull: &PullRequest, login: &str) -> bool {
    pull.author.eq_ignore_ascii_case(login)
}

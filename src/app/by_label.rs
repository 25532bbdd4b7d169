//! Promotion of a pull request by its label. A label is a wish of a moment: between it and the approval the pull request
//! can change, so everything that it said is asked of GitHub again right before anything happens.

use super::promote::promote;
use super::rollout::Outcome;
use super::{App, Stop};
use crate::domain::approved::{Approved, ApprovedPlan};
use crate::domain::fleet::{DeployOn, Fleet};
use crate::domain::ids::{CommitSha, ContentHash};
use crate::domain::merged::PullRequest;
use crate::domain::reason::Reason;
use crate::ports::Approver;

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
    number: u64,
    seen: &Seen<'_>,
    plan: Option<&ContentHash>,
) -> Result<Outcome, Stop> {
    let gone = || Reason::Withdrawn { pull: number, why: "there is no such pull request".to_owned() };
    let pull = app.readers.pulls.pull(number).await?.ok_or_else(gone)?;
    still_asks(fleet, &pull, Some(seen))?;
    let approved = match plan {
        Some(plan) => Some(approved_here(app, fleet, plan, Some(&pull)).await?),
        None => None,
    };
    release(app, fleet, &pull, approved.as_ref()).await
}

/// Releases a labelled pull request, as it was read just now, whose plan somebody approved by name.
///
/// # Errors
/// They wrote it themselves, or as [`by_label`].
pub async fn by_comment(
    app: &App,
    fleet: &Fleet,
    pull: &PullRequest,
    plan: &ContentHash,
    by: &str,
) -> Result<Outcome, Stop> {
    still_asks(fleet, pull, None)?;
    if fleet.approval.as_ref().is_some_and(|approval| approval.not_author) && is_author(pull, by) {
        return Err(Reason::OwnApproval { user: by.to_owned(), pull: pull.number }.into());
    }
    let by = Approved::Comment { pull: pull.number, by: by.to_owned(), at: app.readers.clock.now() };
    release(app, fleet, pull, Some(&ApprovedPlan { plan: plan.clone(), by })).await
}

async fn release(
    app: &App,
    fleet: &Fleet,
    pull: &PullRequest,
    approved: Option<&ApprovedPlan>,
) -> Result<Outcome, Stop> {
    let none = || Reason::NoSuchRelease { wanted: format!("#{}, which has no merge commit", pull.number) };
    let commit = pull.merge_commit.as_ref().ok_or_else(none)?;
    let release = app.readers.ledger.release_of(commit).await?;
    let release = release.ok_or_else(|| Reason::NoSuchRelease { wanted: format!("commit {}", commit.short()) })?;
    promote(app, fleet, &release, approved, None).await
}

/// Whether the pull request still asks for what the label asked for.
fn still_asks(fleet: &Fleet, pull: &PullRequest, seen: Option<&Seen<'_>>) -> Result<(), Reason> {
    let withdrawn = |why: &str| Err(Reason::Withdrawn { pull: pull.number, why: why.to_owned() });
    let DeployOn::Label(label) = &fleet.deploy_on else { return withdrawn("the fleet is not released by a label") };
    if !pull.merged {
        return withdrawn("it is not merged");
    }
    if !pull.labels.contains(label) {
        return withdrawn(&format!("its label `{label}` was taken off"));
    }
    match seen {
        Some(seen) if pull.head != *seen.head => withdrawn("its branch has another head now"),
        Some(seen) if pull.merge_commit.as_ref() != Some(seen.commit) => withdrawn("it was merged as another commit"),
        _ => Ok(()),
    }
}

/// The approval of a plan whose hash this process was given: of the reviewers who let its workflow run go on, or of
/// whoever typed it. An environment without reviewers lets everything pass, which is not known before it is looked for,
/// so where a fleet wants somebody other than the author of `pull`, GitHub must name them.
///
/// # Errors
/// Nobody else approved it, or GitHub does not answer.
pub async fn approved_here(
    app: &App,
    fleet: &Fleet,
    plan: &ContentHash,
    pull: Option<&PullRequest>,
) -> Result<ApprovedPlan, Stop> {
    let (plan, at) = (plan.clone(), app.readers.clock.now());
    let (Some(policy), Some(run)) = (&fleet.approval, app.owner.run) else {
        return Ok(ApprovedPlan::on_the_command_line(plan, &app.owner.actor, at));
    };
    let approvers = app.readers.people.approvers(run).await;
    let of_environment = |approvers: Vec<Approver>| -> Vec<String> {
        let ours = approvers.into_iter().filter(|approver| approver.environments.contains(&policy.environment));
        ours.map(|approver| approver.login).collect()
    };
    let environment = policy.environment.clone();
    let by = match pull.filter(|_| policy.not_author) {
        None => approvers.map(of_environment).unwrap_or_default(),
        Some(pull) => {
            let by = of_environment(approvers?);
            let Some(first) = by.first() else { return Err(Reason::NobodyApproved { environment }.into()) };
            if by.iter().all(|login| is_author(pull, login)) {
                return Err(Reason::OwnApproval { user: first.clone(), pull: pull.number }.into());
            }
            by
        }
    };
    Ok(ApprovedPlan { plan, by: Approved::Reviewers { environment, by, at } })
}

/// GitHub's names are the same in any case of letters.
fn is_author(pull: &PullRequest, login: &str) -> bool {
    pull.author.eq_ignore_ascii_case(login)
}

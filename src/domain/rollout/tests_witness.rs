//! What the two witnesses of a deployment say together, and when the second one is asked.

use proptest::prelude::*;

use super::tests::{MINUTE, at, change, done, halted_by, key, live, plan, seen};
use super::*;
use crate::domain::calendar::Calendar;
use crate::domain::plan::Change;
use crate::domain::snapshot::{DeploymentSeen, Live, RolloutState};

const API: &str = "acme/api";
const OURS: &str = "ecs-svc/2";

/// One service whose wave began at 0.
fn rollout() -> (Rollout, Change) {
    let change = change(API, &[]);
    let waves = vec![Wave { name: "all".to_owned(), bake: MINUTE * 5, changes: vec![change.clone()] }];
    let plan = Plan { waves, ..plan() };
    (Rollout::replay(plan, at(0), [Event::WaveStarted { wave: 0 }], at(0)).unwrap(), change)
}

/// Our deployment as DescribeServices shows it.
fn ours(state: RolloutState) -> Live {
    Live { began: at(1), ..live("new", OURS, state) }
}

fn lost() -> DeploymentSeen {
    DeploymentSeen::Lost { why: "ECS rolled it back: alarm app-5xx".to_owned() }
}

fn unreadable() -> DeploymentSeen {
    DeploymentSeen::Unreadable { why: "throttled".to_owned() }
}

/// One look, and how the service stands after it.
fn look(
    rollout: &mut Rollout,
    change: &Change,
    live: &Live,
    history: Option<DeploymentSeen>,
    minutes: i64,
) -> Standing {
    let mut snapshot = seen(&[(API, live.clone())]);
    snapshot.history.extend(history.map(|history| (key(API), history)));
    rollout.note_seen(&snapshot);
    rollout.standing(change, &snapshot, at(minutes))
}

fn once(live: &Live, history: Option<DeploymentSeen>, minutes: i64) -> String {
    let (mut rollout, change) = rollout();
    match look(&mut rollout, &change, live, history, minutes) {
        Standing::Failed(reason) | Standing::Unknown(reason) => reason.code(),
        other => format!("{other:?}"),
    }
}

fn asks(rollout: &Rollout, live: Live) -> Vec<String> {
    let services = seen(&[(API, live)]).services;
    rollout.needs_history(&services).into_iter().map(|(_, deployment)| deployment.to_string()).collect()
}

#[test]
fn a_success_takes_both_witnesses_and_a_failure_one() {
    use DeploymentSeen::{Done, NoHistory, UnderWay};
    use RolloutState::{Completed, Failed, InProgress, Unknown, Unsaid};
    let starting = |state| Live { running: 1, ..ours(state) };
    for (live, history, soon, late) in [
        (ours(Completed), Some(Done), "OnTarget", "OnTarget"),
        (ours(Completed), Some(UnderWay), "Moving", "deadline_passed"),
        (ours(Completed), Some(lost()), "deployment_failed", "deployment_failed"),
        (ours(Completed), Some(unreadable()), "Moving", "gate_unknown"),
        (ours(Completed), Some(NoHistory), "Moving", "gate_unknown"),
        (ours(Completed), None, "Moving", "gate_unknown"),
        (starting(Completed), Some(Done), "Moving", "deadline_passed"),
        (ours(Unsaid), Some(Done), "OnTarget", "OnTarget"),
        (ours(Unsaid), Some(UnderWay), "Moving", "deadline_passed"),
        (ours(Unsaid), Some(lost()), "deployment_failed", "deployment_failed"),
        (ours(InProgress), None, "Moving", "deadline_passed"),
        (ours(Unknown), Some(Done), "Moving", "deadline_passed"),
        (ours(Failed), Some(Done), "deployment_failed", "deployment_failed"),
    ] {
        let what = format!("{:?} {} {history:?}", live.rollout, live.running);
        assert_eq!(once(&live, history.clone(), 2), soon, "{what}");
        assert_eq!(once(&live, history, 16), late, "{what}, past the deadline");
    }
}

#[test]
fn history_is_asked_when_a_verdict_is_due_and_of_this_rollouts_deployments_alone() {
    let (mut rollout, change) = rollout();
    assert_eq!(asks(&rollout, ours(RolloutState::Completed)), [OURS]);
    assert_eq!(asks(&rollout, ours(RolloutState::Unsaid)), [OURS]);
    assert!(asks(&rollout, ours(RolloutState::InProgress)).is_empty(), "on its way");
    assert!(asks(&rollout, Live { running: 1, ..ours(RolloutState::Completed) }).is_empty(), "a task is missing");
    assert!(asks(&rollout, Live { desired: 0, ..ours(RolloutState::Completed) }).is_empty(), "nothing is proven");
    assert!(asks(&rollout, done("new")).is_empty(), "it ran the target before");
    assert!(asks(&rollout, done("old")).is_empty(), "nothing was sent");
    rollout.note_sent(&change.service, OURS.parse().unwrap(), at(1));
    assert_eq!(asks(&rollout, done("old")), [OURS], "it is as before, though it was updated");
    look(&mut rollout, &change, &ours(RolloutState::Completed), Some(DeploymentSeen::Done), 2);
    assert!(asks(&rollout, ours(RolloutState::Completed)).is_empty(), "done is done");
    let again = Live { deployment: "ecs-svc/3".parse().unwrap(), ..ours(RolloutState::Completed) };
    assert_eq!(asks(&rollout, again), ["ecs-svc/3"], "deployed once more, by somebody");
}

#[test]
fn what_ecs_took_back_fails_at_the_first_look() {
    let (mut rollout, change) = rollout();
    rollout.note_sent(&change.service, OURS.parse().unwrap(), at(1));
    assert_eq!(look(&mut rollout, &change, &done("old"), Some(DeploymentSeen::UnderWay), 2), Standing::Moving);
    let Standing::Failed(reason) = look(&mut rollout, &change, &done("old"), Some(lost()), 2) else { panic!() };
    assert!(reason.to_string().contains("alarm app-5xx"), "{reason}");
}

#[test]
fn without_any_history_after_three_looks_describe_services_judges_alone() {
    let (mut rollout, change) = rollout();
    let live = ours(RolloutState::Completed);
    let mut stands = |history| look(&mut rollout, &change, &live, Some(history), 2);
    assert_eq!(stands(DeploymentSeen::NoHistory), Standing::Moving);
    assert_eq!(stands(DeploymentSeen::NoHistory), Standing::Moving);
    assert_eq!(stands(unreadable()), Standing::Moving, "not counted");
    assert_eq!(stands(DeploymentSeen::NoHistory), Standing::OnTarget);
    assert!(asks(&rollout, live).is_empty());
}

#[test]
fn a_history_that_speaks_late_is_heard() {
    let (mut rollout, change) = rollout();
    let live = ours(RolloutState::Completed);
    look(&mut rollout, &change, &live, Some(DeploymentSeen::NoHistory), 2);
    look(&mut rollout, &change, &live, Some(DeploymentSeen::NoHistory), 2);
    look(&mut rollout, &change, &live, Some(DeploymentSeen::UnderWay), 2);
    assert_eq!(
        look(&mut rollout, &change, &live, Some(DeploymentSeen::NoHistory), 2),
        Standing::Moving,
        "from 1 again"
    );
    assert!(matches!(look(&mut rollout, &change, &live, Some(lost()), 2), Standing::Failed(_)));
}

#[test]
fn a_wave_halts_for_what_history_alone_shows() {
    let (rollout, _) = rollout();
    let mut snapshot = seen(&[(API, ours(RolloutState::Completed))]);
    snapshot.history.insert(key(API), lost());
    let decision = rollout.decide(&snapshot, &Calendar::default(), at(2));
    assert_eq!(halted_by(&decision), "deployment_failed");
}

#[test]
fn what_goes_back_is_not_asked_about() {
    let (rollout, _) = rollout();
    let events = [
        Event::WaveStarted { wave: 0 },
        Event::Quarantined { wave: 0, set: key(API).set, reason: crate::domain::reason::Reason::Interrupted },
    ];
    let behind = Rollout::replay(rollout.plan().clone(), at(0), events, at(0)).unwrap();
    let back = Live { began: at(2), ..live("old", "ecs-svc/3", RolloutState::Completed) };
    assert!(behind.needs_history(&seen(&[(API, back)]).services).is_empty());
}

fn any_history() -> impl Strategy<Value = Option<DeploymentSeen>> {
    prop_oneof![
        Just(None),
        Just(Some(DeploymentSeen::Done)),
        Just(Some(DeploymentSeen::UnderWay)),
        Just(Some(DeploymentSeen::NoHistory)),
        Just(Some(lost())),
        Just(Some(unreadable())),
    ]
}

proptest! {
    /// Whatever was read in whatever order: our deployment counts as done only if history said so, or showed nothing at
    /// all in three looks.
    #[test]
    fn inv_09_a_deployment_is_done_only_if_history_says_so_or_there_is_none(
        looks in proptest::collection::vec(any_history(), 1..8), minutes in 0i64..30,
    ) {
        let (mut rollout, change) = rollout();
        for (index, history) in looks.iter().enumerate() {
            let standing = look(&mut rollout, &change, &ours(RolloutState::Completed), history.clone(), minutes);
            let so_far = &looks[..=index];
            let silent = so_far.iter().filter(|h| **h == Some(DeploymentSeen::NoHistory)).count();
            let done = so_far.contains(&Some(DeploymentSeen::Done));
            if standing == Standing::OnTarget {
                prop_assert!(done || silent >= 3, "{so_far:?}");
            }
            prop_assert!(!done || standing == Standing::OnTarget, "{so_far:?}: {standing:?}");
            // After three looks without any history, nobody asks any more.
            if silent >= 3 {
                break;
            }
        }
    }
}

//! What comes next in a move: each step from what is seen, nothing skipped, and nothing done on what is not known.

use jiff::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::domain::directive::{Decided, Directive, Directives, Holding, Kept, Moving};
use crate::domain::fleet::Rds;
use crate::domain::ids::ContentHash;

fn cell(name: &str) -> CellName {
    name.parse().unwrap()
}

fn holding(at: &str) -> Holding {
    Holding {
        fleet: "prod".parse().unwrap(),
        set: "acme".parse().unwrap(),
        cell: cell(at),
        cluster: format!("c-{at}"),
        bucket: format!("evidence-{at}"),
        prefix: "tenants/acme/".to_owned(),
        archive: format!("archive-{at}"),
        role: "role".to_owned(),
        shard: "s1".to_owned(),
        tasks: "shop-prod-s1".to_owned(),
        rds: Rds::Schema,
        user: "t_acme".to_owned(),
    }
}

fn list() -> ContentHash {
    ContentHash::of(b"list")
}

/// What is recorded after these steps.
fn recorded(steps: impl IntoIterator<Item = Moving>) -> Option<Move> {
    let decided: Vec<Decided> = (1_u32..)
        .zip(steps)
        .map(|(seq, step)| Decided {
            seq,
            at: Timestamp::from_second(i64::from(seq) * 60).unwrap(),
            by: "ana".to_owned(),
            why: "room".to_owned(),
            directive: Directive::Moving { set: "acme".parse().unwrap(), step: Box::new(step) },
        })
        .collect();
    Directives::fold(&decided).moves.remove(&"acme".parse().unwrap())
}

fn decided() -> Moving {
    Moving::Decided { from: holding("one"), to: holding("two") }
}

fn copied() -> Moving {
    Moving::Copied { kept: Kept { list: list(), objects: 2, bytes: 10 } }
}

/// The first so many steps of a move.
fn forward_steps(count: usize) -> Vec<Moving> {
    let all = [decided(), Moving::Halted, copied(), Moving::Raised, Moving::Switched, Moving::Arrived];
    all.into_iter().take(count).collect()
}

fn asleep() -> Site {
    Site { sleeps: Known::Yes, serves: Known::No, open: Known::No }
}

fn awake() -> Site {
    Site { sleeps: Known::No, serves: Known::Yes, open: Known::Yes }
}

/// What a test needs to live as long as its standing.
struct Seen {
    set: SetId,
    cell: CellName,
    second: Option<SecondPlace>,
    record: Option<Move>,
}

impl Seen {
    fn new(at: &str, second: Option<SecondPlace>, steps: Vec<Moving>) -> Self {
        Self { set: "acme".parse().unwrap(), cell: cell(at), second, record: recorded(steps) }
    }

    fn standing(&self, old: Site, new: Site) -> Standing<'_> {
        Standing {
            set: &self.set,
            line: Line { cell: &self.cell, second: self.second.as_ref() },
            record: self.record.as_ref(),
            paused: false,
            made: Known::Yes,
            old,
            new,
            routed: Known::Yes,
            today: "2026-12-01".parse().unwrap(),
        }
    }
}

fn also(at: &str) -> Option<SecondPlace> {
    Some(SecondPlace::Also(cell(at)))
}

fn words(reasons: Vec<Reason>) -> Vec<String> {
    reasons.iter().map(ToString::to_string).collect()
}

#[test]
fn each_step_of_a_move_follows_from_what_is_seen() {
    let to = cell("two");
    let goal = Goal::Move(&to);
    let step = |seen: &Seen, old: Site, new: Site| next(&seen.standing(old, new), &goal).unwrap();
    let bare = Seen::new("one", None, Vec::new());
    let line = |cell: &str, other: &str| Step::Line { cell: self::cell(cell), other: self::cell(other), keep: true };
    assert_eq!(step(&bare, awake(), asleep()), line("one", "two"));
    let at = |count| Seen::new("one", also("two"), forward_steps(count));
    assert_eq!(step(&at(0), awake(), asleep()), Step::Decide);
    assert_eq!(step(&at(1), awake(), asleep()), Step::Halt);
    let behind = Seen::new("one", also("two"), forward_steps(2));
    let unrouted = Standing { routed: Known::No, ..behind.standing(awake(), asleep()) };
    assert_eq!(next(&unrouted, &goal), Ok(Step::Route(Way::Closed)));
    assert_eq!(step(&at(2), awake(), asleep()), Step::Sleep);
    assert_eq!(step(&at(2), asleep(), awake()), Step::Lower);
    assert_eq!(step(&at(2), asleep(), asleep()), Step::Copy);
    assert_eq!(step(&at(3), asleep(), asleep()), Step::Raise);
    assert_eq!(step(&at(4), asleep(), asleep()), Step::Raise, "what passed the gate is gone");
    assert_eq!(step(&at(4), asleep(), Site { open: Known::No, ..awake() }), Step::Open);
    assert_eq!(step(&at(4), asleep(), awake()), Step::Switch);
    let switched = at(5);
    let unrouted = Standing { routed: Known::No, ..switched.standing(asleep(), awake()) };
    assert_eq!(next(&unrouted, &goal), Ok(Step::Route(Way::New)));
    assert_eq!(step(&at(5), asleep(), awake()), Step::Verify);
    assert_eq!(step(&at(6), asleep(), awake()), line("two", "one"));
    assert_eq!(step(&Seen::new("two", also("one"), forward_steps(6)), asleep(), awake()), Step::Nothing);
}

#[test]
fn each_step_back_follows_from_what_is_seen() {
    let back = |count: usize, old: Site, new: Site, paused: bool| {
        let seen = Seen::new("one", also("two"), forward_steps(count).into_iter().chain([Moving::Returning]).collect());
        next(&Standing { paused, ..seen.standing(old, new) }, &Goal::Back(None)).unwrap()
    };
    for count in 1..=4 {
        let seen = Seen::new("one", also("two"), forward_steps(count));
        assert_eq!(next(&seen.standing(asleep(), asleep()), &Goal::Back(None)), Ok(Step::Return), "{count}");
    }
    assert_eq!(back(1, awake(), asleep(), false), Step::Settle, "its requests were never stopped");
    assert_eq!(back(4, asleep(), awake(), true), Step::Lower);
    assert_eq!(back(6, asleep(), awake(), true), Step::Lower);
    assert_eq!(back(6, asleep(), asleep(), true), Step::Wake);
    assert_eq!(back(6, awake(), asleep(), false), Step::Settle);
    let ended: Vec<Moving> = forward_steps(6).into_iter().chain([Moving::Returning, Moving::Returned]).collect();
    let seen = Seen::new("two", also("one"), ended);
    let step = next(&seen.standing(awake(), asleep()), &Goal::Back(None)).unwrap();
    assert_eq!(step, Step::Line { cell: cell("one"), other: cell("two"), keep: true });
}

#[test]
fn what_was_written_at_the_new_place_is_lost_only_by_name() {
    let seen = Seen::new("two", also("one"), forward_steps(6));
    let at = seen.standing(asleep(), awake());
    let since = seen.record.as_ref().unwrap().switched;
    let told = words(next(&at, &Goal::Back(None)).unwrap_err());
    assert_eq!(told, ["whatever `acme` has written in two since 1970-01-01T00:05:00Z would be lost"]);
    let other = Some(Timestamp::from_second(299).unwrap());
    assert!(next(&at, &Goal::Back(other)).is_err());
    assert_eq!(next(&at, &Goal::Back(since)), Ok(Step::Return));
}

#[test]
fn the_old_place_is_given_up_only_when_the_new_one_is_proven_and_it_is_approved() {
    let seen = Seen::new("two", also("one"), forward_steps(6));
    let at = seen.standing(asleep(), awake());
    let loss = retirement(&holding("one"), &list());
    let good = Approval {
        schema: 1,
        plan: loss.digest(),
        lost: loss.lost.iter().cloned().collect(),
        reason: "it has moved".to_owned(),
        expires: "2027-02-01".parse().unwrap(),
        requested_by: "ada".to_owned(),
        approved_by: "grace".to_owned(),
    };
    assert_eq!(next(&at, &Goal::Retire(Some(&good))), Ok(Step::Retire));
    let told = words(next(&at, &Goal::Retire(None)).unwrap_err());
    assert_eq!(told, ["3 things would be lost, and nothing approves it"]);
    let early = Seen::new("one", also("two"), forward_steps(5));
    let told = words(next(&early.standing(asleep(), awake()), &Goal::Retire(Some(&good))).unwrap_err());
    assert_eq!(
        told,
        ["tenant `acme` cannot be moved: its new place is not proven: its old one is given up after that"]
    );
    let unsaid = Seen::new("one", also("two"), forward_steps(6));
    let step = next(&unsaid.standing(asleep(), awake()), &Goal::Retire(Some(&good))).unwrap();
    assert!(matches!(step, Step::Line { .. }), "its line first: {step:?}");
    let steps = forward_steps(6).into_iter().chain([Moving::Retired { approved: loss.digest() }]).collect();
    let retired = Seen::new("two", also("one"), steps);
    let step = next(&retired.standing(asleep(), awake()), &Goal::Retire(None)).unwrap();
    assert_eq!(step, Step::Line { cell: cell("two"), other: cell("one"), keep: false });
    let told = words(next(&retired.standing(asleep(), awake()), &Goal::Back(None)).unwrap_err());
    assert_eq!(told, ["tenant `acme` cannot be moved: its place in one is given up: only a move leads there again"]);
}

#[test]
fn refusals_are_told() {
    let to = cell("two");
    let told = |seen: &Seen, change: fn(&mut Standing<'_>)| {
        let mut at = seen.standing(awake(), asleep());
        change(&mut at);
        words(next(&at, &Goal::Move(&to)).unwrap_err()).concat()
    };
    let seen = Seen::new("one", also("two"), Vec::new());
    let unknown = || Known::Unknown("no answer".to_owned());
    assert_eq!(
        [
            told(&seen, |at| at.made = Known::No),
            told(&seen, |at| at.made = Known::Unknown("no answer".to_owned())),
            told(&seen, |at| at.new = awake()),
            told(&seen, |at| at.old = asleep()),
            told(&Seen::new("two", also("one"), Vec::new()), |_| {}),
            told(&Seen::new("one", also("two"), forward_steps(5)), |_| {}),
            told(&Seen::new("one", also("two"), [forward_steps(2), vec![Moving::Returning]].concat()), |_| {}),
        ],
        [
            "tenant `acme` cannot be moved: its new place is not there: export its line and apply Terraform's plan in that cell first",
            "tenant `acme` cannot be moved: whether its new place is there is not known: no answer",
            "tenant `acme` cannot be moved: it has tasks at its new place already: somebody has started them",
            "tenant `acme` cannot be moved: not every service of it has its tasks",
            "tenant `acme` cannot be moved: it is in two",
            "tenant `acme` cannot be moved: its old place has tasks: somebody has woken it; put it to sleep, since its data are not the newest",
            "tenant `acme` cannot be moved: it is on its way back; `--back` goes on with that",
        ]
    );
    assert_eq!(unknown(), Known::Unknown("no answer".to_owned()));
}

#[test]
fn every_step_survives_being_written_down() {
    let all =
        forward_steps(6).into_iter().chain([Moving::Returning, Moving::Returned, Moving::Retired { approved: list() }]);
    for step in all {
        let directive = Directive::Moving { set: "acme".parse().unwrap(), step: Box::new(step) };
        let (at, by, why) = (Timestamp::UNIX_EPOCH, "ana".to_owned(), "room".to_owned());
        let entry = Decided { seq: 1, at, by, why, directive };
        let json = serde_json::to_string(&entry).unwrap();
        assert_eq!(serde_json::from_str::<Decided>(&json).unwrap(), entry, "{json}");
    }
}

#[test]
fn what_is_in_the_way_of_a_move_that_has_not_begun_is_told_all_at_once() {
    let file = "schema: 1\napp: shop\ndomain: shop.example\nimages: { repository: \"shop/{service}\" }\n\
        services: { web: { build: web, port: 8080, health: /up } }\n\
        cells:\n  one: { account: \"111111111111\", region: eu-west-1, clusters: [a, b] }\n  \
        two: { account: \"222222222222\", region: eu-west-1, clusters: [c] }\n\
        gates:\n  default: { rollout: { deadline: 15m } }\n\
        fleets:\n  dev: { cells: [one, two], deploy_on: merge, waves: { plan: auto }, gate: default, on_failure: stop }\n\
        tenants:\n  entries:\n    - { id: acme, fleet: dev, cell: one, cluster: b, state: paused }\n";
    let sources = [crate::domain::manifest::Source { name: "fleet.yaml".to_owned(), bytes: file.into() }];
    let app = crate::domain::manifest::read(&sources).unwrap();
    let (at, by, why) = (Timestamp::UNIX_EPOCH, "ana".to_owned(), "storm".to_owned());
    let held = Directives::fold(&[Decided { seq: 1, at, by, why, directive: Directive::Hold }]);
    let told = may_begin(&app, &app.fleets[0], &app.fleets[0].sets[0], &held, &cell("two"));
    assert_eq!(
        words(told),
        [
            "dev is on hold since 1970-01-01T00:00:00Z, by ana: storm",
            "dev has no `routing` in fleet.yaml",
            "tenant `acme` cannot be moved: its line says `state: paused`",
            "tenant `acme` cannot be moved: its line names a cluster of its cell: take that out, or move it by hand",
            "tenant `acme` cannot be moved: cells.two has no `manifest` in fleet.yaml, so nothing says what its services run",
        ]
    );
}

fn known() -> impl Strategy<Value = Known> {
    prop_oneof![Just(Known::Yes), Just(Known::No), Just(Known::Unknown("no answer".to_owned()))]
}

fn site() -> impl Strategy<Value = Site> {
    (known(), known(), known()).prop_map(|(sleeps, serves, open)| Site { sleeps, serves, open })
}

proptest! {
    /// Whatever is seen: what a step rests on is known to be so, and what must come before it is recorded.
    #[test]
    fn inv_09_no_step_is_skipped_and_nothing_is_done_on_what_is_not_known(
        count in 0_usize..7, returning in any::<bool>(), at_new in any::<bool>(), paused in any::<bool>(),
        made in known(), old in site(), new in site(), routed in known(), back in any::<bool>(), lose in any::<bool>(),
    ) {
        let mut steps = forward_steps(count);
        if returning && count > 0 {
            steps.push(Moving::Returning);
        }
        let (line, second) = if at_new { ("two", also("one")) } else { ("one", also("two")) };
        let seen = Seen::new(line, second, steps);
        let record = seen.record.as_ref();
        let at = Standing { paused, made, routed, ..seen.standing(old, new) };
        let to = cell("two");
        let since = record.and_then(|of| of.switched).filter(|_| lose);
        let goal = if back { Goal::Back(since) } else { Goal::Move(&to) };
        let Ok(step) = next(&at, &goal) else { return Ok(()) };
        let (yes, has) = (Known::Yes, |what: fn(&Move) -> bool| record.is_some_and(what));
        match step {
            Step::Decide => prop_assert!(at.made == yes && at.new.sleeps == yes && at.old.serves == yes && record.is_none()),
            Step::Halt => prop_assert!(at.made == yes && has(|of| !of.halted)),
            Step::Sleep => prop_assert!(at.routed == yes && has(|of| of.halted)),
            Step::Copy => {
                prop_assert!(at.routed == yes && at.old.sleeps == yes && at.new.sleeps == yes);
                prop_assert!(has(|of| of.halted && of.copied.is_none() && of.switched.is_none()));
            }
            Step::Raise => prop_assert!(at.old.sleeps == yes && at.routed == yes && has(|of| of.copied.is_some())),
            Step::Open => prop_assert!(at.new.serves == yes && at.routed == yes && has(|of| of.raised)),
            Step::Switch => {
                prop_assert!(at.old.sleeps == yes && at.new.serves == yes && at.new.open == yes && at.routed == yes);
                prop_assert!(has(|of| of.raised && of.copied.is_some() && of.switched.is_none() && !of.returning));
            }
            Step::Verify => prop_assert!(at.old.sleeps == yes && at.routed == yes && has(|of| of.is_at_new())),
            Step::Return => prop_assert!(back && (since.is_some() || has(|of| of.switched.is_none()))),
            Step::Wake => {
                prop_assert!(at.new.sleeps == yes && at.routed == yes && at.paused && has(|of| of.returning));
            }
            Step::Settle => {
                prop_assert!(at.old.serves == yes && !at.paused | has(|of| !of.halted) && has(|of| of.returning));
                prop_assert!(has(|of| !of.halted) || (at.new.sleeps == yes && at.routed == yes));
            }
            Step::Retire => prop_assert!(false, "nobody wants that"),
            Step::Line { .. } | Step::Route(_) | Step::Lower | Step::Nothing => {}
        }
    }
}

//! Alarms of a tenant: none may ring, and at least one must be known not to.

use serde::{Deserialize, Serialize};

use super::policy::AlarmPolicy;
use super::verdict::{Evidence, Finding, GateName, Subject, Verdict};
use crate::domain::ids::SetId;
use crate::domain::mutant::{Mutant, breaks};
use crate::domain::reason::Reason;

/// An alarm, of one metric or composed of others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alarm {
    /// Its name.
    pub name: String,
    /// How it stands.
    pub state: AlarmState,
    /// CloudWatch's words for that.
    pub why: String,
}

/// How an alarm stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlarmState {
    /// `OK`.
    Quiet,
    /// `ALARM`.
    Ringing,
    /// `INSUFFICIENT_DATA`: usual where a metric is sent only when something happens.
    NoData,
    /// A word this program does not know.
    Other(String),
}

/// What was seen of a tenant's alarms.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlarmsSeen {
    /// All of them.
    All(Vec<Alarm>),
    /// Those that ring; the others were not asked for.
    Ringing(Vec<Alarm>),
    /// They cannot be told.
    Unknown(String),
}

/// Judges a tenant's alarms.
pub fn judge_alarms(policy: &AlarmPolicy, set: &SetId, seen: Option<&AlarmsSeen>) -> Finding {
    let subject = Subject::Set(set.clone());
    let finding =
        |verdict, evidence| Finding::new(GateName::Alarms, subject.clone(), verdict, policy.observe, evidence);
    let unknown = |why: String| Verdict::Unknown(Reason::GateUnknown { what: format!("alarms of {set}"), why });
    let words = |why: &str| Evidence::words(why);
    let (alarms, all) = match seen {
        None => return finding(unknown("they were never read".to_owned()), words("not read")),
        Some(AlarmsSeen::Unknown(_)) if breaks(Mutant::StaleAlarmIsQuiet) => {
            return finding(Verdict::Pass, words("as before"));
        }
        Some(AlarmsSeen::Unknown(why)) => return finding(unknown(why.clone()), words(why)),
        Some(AlarmsSeen::All(alarms)) => (alarms, true),
        Some(AlarmsSeen::Ringing(alarms)) => (alarms, false),
    };
    let rings = |alarm: &&Alarm| alarm.state == AlarmState::Ringing;
    let ringing: Vec<String> = alarms.iter().filter(rings).map(|alarm| alarm.name.clone()).collect();
    let evidence = Evidence::Alarms { there: alarms.len(), ringing };
    if let Some(first) = alarms.iter().find(rings) {
        let (alarm, why) = (first.name.clone(), first.why.clone());
        return finding(Verdict::Fail(Reason::AlarmRings { set: set.clone(), alarm, why }), evidence);
    }
    let odd = alarms.iter().find_map(|alarm| match &alarm.state {
        AlarmState::Other(word) => Some(format!("{} is in state {word}", alarm.name)),
        AlarmState::Quiet | AlarmState::Ringing | AlarmState::NoData => None,
    });
    match odd {
        Some(why) => finding(unknown(why), evidence),
        None if !all => finding(unknown("only alarms that ring were asked for".to_owned()), evidence),
        None if alarms.iter().any(|alarm| alarm.state == AlarmState::Quiet) => finding(Verdict::Pass, evidence),
        None if alarms.is_empty() => {
            finding(unknown(format!("no alarm's name begins with {}", policy.prefix)), evidence)
        }
        None => finding(unknown("no alarm has data".to_owned()), evidence),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(seen: Option<AlarmsSeen>) -> Verdict {
        let policy = AlarmPolicy { prefix: "shop-{tenant}-".to_owned(), observe: false };
        judge_alarms(&policy, &"acme".parse().unwrap(), seen.as_ref()).verdict
    }

    fn alarm(state: AlarmState) -> Alarm {
        Alarm { name: "shop-acme-5xx".to_owned(), state, why: "Threshold Crossed".to_owned() }
    }

    #[test]
    fn one_that_rings_fails_and_one_that_is_quiet_passes() {
        use AlarmState::{NoData, Quiet, Ringing};
        assert_eq!(judge(Some(AlarmsSeen::All(vec![alarm(Quiet), alarm(NoData)]))), Verdict::Pass);
        let rings = judge(Some(AlarmsSeen::Ringing(vec![alarm(Ringing)])));
        assert!(matches!(rings, Verdict::Fail(Reason::AlarmRings { .. })), "{rings:?}");
    }

    #[test]
    fn inv_09_alarms_that_tell_nothing_do_not_pass() {
        let other = AlarmState::Other("MUTED".to_owned());
        for seen in [
            None,
            Some(AlarmsSeen::Unknown("throttled".to_owned())),
            Some(AlarmsSeen::All(Vec::new())),
            Some(AlarmsSeen::All(vec![alarm(AlarmState::NoData)])),
            Some(AlarmsSeen::All(vec![alarm(AlarmState::Quiet), alarm(other)])),
            Some(AlarmsSeen::Ringing(Vec::new())),
        ] {
            assert!(matches!(judge(seen.clone()), Verdict::Unknown(_)), "{seen:?}");
        }
    }
}

//! Alarms by the beginning of their names, a hundred a page, those composed of others too.

use aws_sdk_cloudwatch::types::{AlarmType, StateValue};

use super::budget::Group;
use super::cells::{Clients, doing};
use super::failure::{failure, one_line};
use crate::domain::gate::{Alarm, AlarmState};
use crate::domain::ids::CellName;
use crate::ports::{Fault, PortError, PortResult};

/// Alarms of one page (API Reference).
const PER_PAGE: i32 = 100;
/// Pages that are read: 20,000 alarms.
const PAGES_MAX: usize = 200;

/// All alarms with such names, or those that ring.
pub(super) async fn alarms(
    clients: &Clients,
    cell: &CellName,
    prefix: &str,
    only_ringing: bool,
) -> PortResult<Vec<Alarm>> {
    let doing = doing(format!("reading alarms {prefix}*"), cell);
    let (mut alarms, mut next) = (Vec::new(), None);
    for _ in 0..PAGES_MAX {
        clients.pace(Group::AlarmsRead).await;
        let call = clients
            .cloudwatch
            .describe_alarms()
            .alarm_name_prefix(prefix)
            .alarm_types(AlarmType::MetricAlarm)
            .alarm_types(AlarmType::CompositeAlarm)
            .max_records(PER_PAGE)
            .set_state_value(only_ringing.then_some(StateValue::Alarm))
            .set_next_token(next.take());
        let answer = call.send().await.map_err(|error| failure(&doing, &error))?;
        let of_metrics = answer.metric_alarms().iter();
        alarms.extend(of_metrics.map(|a| alarm(a.alarm_name(), a.state_value(), a.state_reason())));
        let composed = answer.composite_alarms().iter();
        alarms.extend(composed.map(|a| alarm(a.alarm_name(), a.state_value(), a.state_reason())));
        match answer.next_token {
            None => return Ok(alarms),
            token => next = token,
        }
    }
    Err(PortError::new(Fault::Refused, doing, format!("there are more than {PAGES_MAX} pages of them")))
}

fn alarm(name: Option<&str>, state: Option<&StateValue>, why: Option<&str>) -> Alarm {
    let state = match state {
        Some(StateValue::Ok) => AlarmState::Quiet,
        Some(StateValue::Alarm) => AlarmState::Ringing,
        Some(StateValue::InsufficientData) => AlarmState::NoData,
        other => AlarmState::Other(one_line(other.map_or("no state", StateValue::as_str))),
    };
    Alarm { name: one_line(name.unwrap_or("an alarm without a name")), state, why: one_line(why.unwrap_or_default()) }
}

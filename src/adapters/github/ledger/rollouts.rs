//! The rollouts of a fleet, put together from one list of deployments with their statuses. The list is what every
//! command begins with, so it is one call for fifty rollouts; exact reasons cost a call each and are read for
//! those stops only that a decision may rest on.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::GitHubLedger;
use crate::adapters::github::files::{self, BRANCH, EventFile};
use crate::adapters::github::history::{Noted, Status, has_lines, history};
use crate::adapters::github::payload::{DEPLOY, Payload, ROLLBACK, Waves};
use crate::adapters::github::remembered_reason::remembered;
use crate::adapters::github::status_line::{Said, Stop};
use crate::domain::ids::FleetName;
use crate::domain::ledger::{Entry, Intent, RolloutId, RolloutRecord};
use crate::domain::rollout::{Event, Phase};
use crate::ports::{Fault, LedgerReader, PortError, PortResult};

const ROLLOUTS: &str = include_str!("../queries/rollouts.graphql");

/// Pages of fifty deployments that are read: rollouts before the newest five hundred count no more.
const PAGES: usize = 10;

/// Stops whose exact reason is read from its file, in one listing of rollouts.
const EXACT_REASONS: usize = 20;

/// A deployment as the query gives it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Listed {
    pub(super) database_id: RolloutId,
    task: Option<String>,
    payload: Option<Value>,
    created_at: Timestamp,
    latest_status: Option<LatestStatus>,
    statuses: Statuses,
}

#[derive(Clone, Debug, Deserialize)]
struct LatestStatus {
    state: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Statuses {
    nodes: Vec<Status>,
    page_info: PageInfo,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    nodes: Vec<Listed>,
    page_info: PageInfo,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PageInfo {
    has_next_page: bool,
    #[serde(default)]
    end_cursor: Option<String>,
}

impl Listed {
    /// Whether it is a record of ours, by the one mark that others do not set.
    fn is_ours(&self) -> bool {
        matches!(self.task.as_deref(), Some(DEPLOY | ROLLBACK))
    }

    /// Whether GitHub shows it as the one that is deployed.
    pub(super) fn is_shown_as_success(&self) -> bool {
        self.is_ours() && self.latest_status.as_ref().is_some_and(|latest| latest.state == "SUCCESS")
    }
}

/// A rollout whose stops are as its lines tell them.
struct Told {
    id: RolloutId,
    opened_at: Timestamp,
    intent: Intent,
    noted: Vec<Noted>,
    /// That of the request that created it.
    key: String,
    has_lines: bool,
}

impl GitHubLedger {
    pub(super) async fn recorded_rollouts(&self, fleet: &FleetName) -> PortResult<Vec<RolloutRecord>> {
        let mut told = Vec::new();
        for listed in self.deployments(fleet, PAGES).await?.into_iter().filter(Listed::is_ours) {
            told.push(self.told(fleet, listed).await?);
        }
        drop_copies(&mut told);
        told.sort_by_key(|told| Reverse((told.opened_at, told.id)));
        let exact = stops_worth_a_call(&told);
        let mut records = Vec::new();
        for (index, told) in told.into_iter().enumerate() {
            let Told { id, opened_at, intent, noted, .. } = told;
            let mut entries = Vec::new();
            for (place, noted) in noted.into_iter().enumerate() {
                entries.push(self.entry(id, noted, exact.contains(&(index, place))).await?);
            }
            records.push(RolloutRecord { id, opened_at, intent, entries });
        }
        Ok(records)
    }

    /// The newest deployments to a fleet, whoever made them.
    pub(super) async fn deployments(&self, fleet: &FleetName, pages: usize) -> PortResult<Vec<Listed>> {
        let doing = format!("listing the rollouts of {fleet}");
        let (mut listed, mut after) = (Vec::new(), None);
        for _page in 0..pages {
            let (owner, name) = (self.github.owner(), self.github.name());
            let variables = json!({ "owner": owner, "name": name, "environment": fleet, "after": after });
            let data = self.github.query(&doing, ROLLOUTS, &variables).await?;
            let page = data.pointer("/repository/deployments").cloned().unwrap_or_default();
            let page: Page = serde_json::from_value(page).map_err(|error| unreadable(&doing, error))?;
            listed.extend(page.nodes);
            after = page.page_info.end_cursor;
            if !page.page_info.has_next_page {
                break;
            }
        }
        Ok(listed)
    }

    async fn told(&self, fleet: &FleetName, listed: Listed) -> PortResult<Told> {
        let id = listed.database_id;
        let doing = reading(id);
        let payload = Payload::read(&listed.payload.unwrap_or_default()).map_err(|why| unreadable(&doing, why))?;
        let statuses = match listed.statuses.page_info.has_next_page {
            true => self.github.statuses(id).await?,
            false => listed.statuses.nodes,
        };
        let waves = self.waves(&payload).await?;
        let noted = self.noted(id, &statuses, waves.len()).await?;
        let (opened_at, intent, has_lines) = (listed.created_at, payload.intent(fleet, waves), has_lines(&statuses));
        Ok(Told { id, opened_at, intent, noted, key: payload.key, has_lines })
    }

    /// The waves of the intent; from the plan, where they were too many for the payload.
    async fn waves(&self, payload: &Payload) -> PortResult<Vec<(String, usize)>> {
        match &payload.waves {
            Waves::Listed(waves) => Ok(waves.clone()),
            Waves::Counted(_) => {
                let plan = self.plan(payload.plan()).await?;
                Ok(plan.waves.iter().map(|wave| (wave.name.clone(), wave.sets().len())).collect())
            }
        }
    }

    /// The events of one rollout, as its lines tell them, and the beginning of a wave after the last line.
    async fn noted(&self, id: RolloutId, statuses: &[Status], waves: usize) -> PortResult<Vec<Noted>> {
        let doubt = |why: String| unreadable(&reading(id), why);
        let mut noted = history(statuses).map_err(doubt)?;
        let phase = check(&noted, waves).map_err(doubt)?;
        let seq = noted.last().map_or(0, |last| last.seq) + 1;
        if let Phase::Baking { wave, .. } = phase
            && wave + 1 < waves
            && let Some((began, at)) = self.beginning(id, seq).await?
        {
            noted.push(Noted::beginning(seq, began, at));
            check(&noted, waves).map_err(doubt)?;
        }
        Ok(noted)
    }

    /// The wave whose beginning is recorded under this number by a file alone, and when that was; none if it is not. The
    /// file of another event is part of the record only if a line says so.
    pub(super) async fn beginning(&self, id: RolloutId, seq: u32) -> PortResult<Option<(usize, Timestamp)>> {
        let path = files::event(id, seq);
        let Some(file) = self.github.record::<EventFile>(&path, BRANCH).await? else { return Ok(None) };
        match (file.event, file.at) {
            _ if file.schema != files::SCHEMA || file.seq != seq => {
                Err(unreadable(&format!("reading {path}"), "it is not what its name says"))
            }
            (Event::WaveStarted { wave }, Some(at)) => Ok(Some((wave, at))),
            _ => Ok(None),
        }
    }

    /// The entries of one rollout of so many waves, every reason exact.
    pub(super) async fn entries(&self, id: RolloutId, statuses: &[Status], waves: usize) -> PortResult<Vec<Entry>> {
        let mut entries = Vec::new();
        for noted in self.noted(id, statuses, waves).await? {
            entries.push(self.entry(id, noted, true).await?);
        }
        Ok(entries)
    }

    async fn entry(&self, id: RolloutId, noted: Noted, exactly: bool) -> PortResult<Entry> {
        let Noted { seq, at, said, has_file } = noted;
        let event = match said {
            Said::Whole(event) => event,
            Said::Short(stop) if exactly && has_file => self.event(id, seq, &stop).await?,
            Said::Short(stop) => nearest(stop),
        };
        Ok(Entry { seq, at, event })
    }

    async fn event(&self, id: RolloutId, seq: u32, stop: &Stop) -> PortResult<Event> {
        let path = files::event(id, seq);
        let file: Option<EventFile> = self.github.record(&path, BRANCH).await?;
        match file {
            Some(file) if file.schema == files::SCHEMA && file.seq == seq && stop.fits(&file.event) => Ok(file.event),
            Some(_) => Err(unreadable(&format!("reading {path}"), "it is not what the status says")),
            None => Err(unreadable(&format!("reading {path}"), "a status names it and it is not there")),
        }
    }
}

/// Leaves out deployments that were created twice because the answer was lost and the list lagged. Nothing was ever
/// done for one without a line: a rollout begins when its first line is there. Where none has one, it will be the newest.
fn drop_copies(told: &mut Vec<Told>) {
    told.sort_by_key(|told| (!told.has_lines, Reverse(told.id)));
    let mut known = BTreeSet::new();
    told.retain(|told| known.insert(told.key.clone()) || told.has_lines);
}

/// Where a rollout of so many waves is to which this has happened. A success that does not follow from waves that began
/// and baked is none.
fn check(noted: &[Noted], waves: usize) -> Result<Phase, String> {
    let mut phase = Phase::Opened;
    for noted in noted {
        let event = match &noted.said {
            Said::Whole(event) => event.clone(),
            Said::Short(stop) => nearest(stop.clone()),
        };
        phase = phase.after(&event, waves).ok_or_else(|| format!("{event:?} cannot follow {phase:?}"))?;
    }
    Ok(phase)
}

fn reading(id: RolloutId) -> String {
    format!("reading deployment {}", id.0)
}

/// Which stops get their exact reason: last events first, since a decision rests on those, and newer ones first.
fn stops_worth_a_call(told: &[Told]) -> Vec<(usize, usize)> {
    let mut stops = Vec::new();
    for (index, told) in told.iter().enumerate() {
        for (place, noted) in told.noted.iter().enumerate() {
            if matches!(noted.said, Said::Short(_)) {
                stops.push((place + 1 < told.noted.len(), index, place));
            }
        }
    }
    stops.sort_unstable();
    stops.truncate(EXACT_REASONS);
    stops.into_iter().map(|(_, index, place)| (index, place)).collect()
}

fn nearest(stop: Stop) -> Event {
    let reason = remembered(&stop.code, &stop.words);
    stop.with_reason(reason)
}

/// A record that is there and makes no sense: unknown, which is not the same as absent.
fn unreadable(doing: &str, why: impl std::fmt::Display) -> PortError {
    PortError::new(Fault::Refused, doing, format!("record does not check: {why}"))
}

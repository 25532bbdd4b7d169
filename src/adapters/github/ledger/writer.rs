//! Adding to the records. Every method may be called again after it failed: what is recorded already is found,
//! not recorded twice.

use async_trait::async_trait;
use jiff::Timestamp;

use super::GitHubLedger;
use crate::adapters::github::branch::File;
use crate::adapters::github::deployments::{State, Wanted};
use crate::adapters::github::files::{self, CommitFile, EventFile, FinalFile};
use crate::adapters::github::history::Status;
use crate::adapters::github::payload::Payload;
use crate::adapters::github::state_branch::Addition;
use crate::adapters::github::status_line::{Line, Said, written};
use crate::domain::directive::Decided;
use crate::domain::ids::{FleetName, Version};
use crate::domain::ledger::{Intent, RolloutId, RolloutRecord, WaveResult};
use crate::domain::plan::Plan;
use crate::domain::release::Release;
use crate::domain::rollout::Event;
use crate::ports::{Fault, LedgerWriter, OpenRollout, PortError, PortResult};

#[async_trait]
impl LedgerWriter for GitHubLedger {
    async fn publish(&self, release: &Release) -> PortResult<()> {
        let built = CommitFile { version: release.version.clone() };
        let files = vec![
            File::json(files::release(&release.version), release)?,
            File::json(files::commit(&release.commit), &built)?,
        ];
        self.add_once(format!("release {}", release.version), files).await
    }

    async fn finalise(&self, release: &Release, version: &Version) -> PortResult<()> {
        let file =
            FinalFile { version: version.clone(), release: release.version.clone(), commit: release.commit.clone() };
        let files = vec![File::json(files::final_version(version), &file)?];
        self.add_once(format!("{version} is {}", release.version), files).await
    }

    async fn open(&self, plan: &Plan, intent: &Intent) -> PortResult<RolloutRecord> {
        self.add_once(format!("plan {}", intent.plan.short()), vec![plan_file(plan, intent)?]).await?;
        let payload = Payload::of(plan, intent, self.github.environment().own.attempt);
        let wanted = Wanted { fleet: &intent.fleet, commit: intent.commit.as_str(), payload: &payload };
        let (deployment, statuses) = match self.github.find_open(&wanted).await? {
            Some(known) => known,
            None => (self.github.create_deployment(&wanted).await?, Vec::new()),
        };
        let entries = self.entries(deployment.id, &statuses, intent.waves.len()).await?;
        Ok(RolloutRecord { id: deployment.id, opened_at: deployment.created_at, intent: intent.clone(), entries })
    }

    async fn decide(&self, fleet: &FleetName, decided: &Decided) -> PortResult<()> {
        self.github.add_decision(fleet, decided).await
    }

    async fn append(
        &self,
        proof: &OpenRollout,
        seq: u32,
        event: &Event,
        result: Option<&WaveResult>,
    ) -> PortResult<()> {
        let (id, intent) = (proof.id(), &proof.record().intent);
        let lines: Vec<Line> = self.github.statuses(id).await?.iter().filter_map(Status::read).collect();
        match self.recorded(id, seq, &lines).await? {
            Some(said) if said.is(event) => {}
            Some(said) => {
                let why = format!("it is recorded as {said:?}");
                return Err(PortError::new(Fault::Conflict, format!("recording event {seq} of rollout {}", id.0), why));
            }
            None => {
                let commit = self.add_event(id, intent, seq, event, result).await?;
                if !is_file_alone(event) {
                    let began = self.began_without_line(id, seq, &lines).await?;
                    let line = written(seq, event, &intent.waves, began, commit.as_deref());
                    self.github.add_status(id, state(event), &line).await?;
                }
            }
        }
        if *event == Event::Succeeded {
            self.supersede(id, intent).await;
        }
        Ok(())
    }
}

impl GitHubLedger {
    async fn add_once(&self, headline: String, files: Vec<File>) -> PortResult<()> {
        self.github.add(&Addition { headline, files, may_replace: false, result: None, decision: None }).await?;
        Ok(())
    }

    /// Writes the event's file, and answers its commit. None where the line has all of it.
    async fn add_event(
        &self,
        id: RolloutId,
        intent: &Intent,
        seq: u32,
        event: &Event,
        result: Option<&WaveResult>,
    ) -> PortResult<Option<String>> {
        let whole_in_line = matches!(event, Event::WaveStarted { .. } | Event::Baking { .. } | Event::TestsDone { .. });
        if whole_in_line && result.is_none() && !is_file_alone(event) {
            return Ok(None);
        }
        // GitHub's times count whole seconds, and so does this one.
        let at = Timestamp::from_second(self.github.now().as_second()).ok().filter(|_| is_file_alone(event));
        let file = EventFile { schema: files::SCHEMA, seq, event: event.clone(), at, result: result.cloned() };
        let addition = Addition {
            headline: format!("{} rollout {} event {seq}", intent.fleet, id.0),
            files: vec![File::json(files::event(id, seq), &file)?],
            // No line names a file of this number, and it is no beginning: it was never part of the record.
            may_replace: true,
            result: result.map(|result| (intent.fleet.clone(), result.clone())),
            decision: None,
        };
        self.github.add(&addition).await.map(Some)
    }

    /// What is recorded under this number, by a line or by a file alone.
    async fn recorded(&self, id: RolloutId, seq: u32, lines: &[Line]) -> PortResult<Option<Said>> {
        if let Some(line) = lines.iter().find(|line| line.seq == seq) {
            return Ok(Some(line.said.clone()));
        }
        let beginning = self.beginning(id, seq).await?;
        Ok(beginning.map(|(wave, _)| Said::Whole(Event::WaveStarted { wave })))
    }

    /// When the wave began, if that is the event before this number and no line tells it.
    async fn began_without_line(&self, id: RolloutId, seq: u32, lines: &[Line]) -> PortResult<Option<Timestamp>> {
        let before = seq.saturating_sub(1);
        if before == 0 || lines.iter().any(|line| line.seq == before) {
            return Ok(None);
        }
        Ok(self.beginning(id, before).await?.map(|(_, at)| at))
    }

    /// Takes the mark of being deployed from the rollout before, which GitHub would only do for environments that
    /// are not production. For people only, and nothing depends on it: what is not done now is done with the next.
    async fn supersede(&self, id: RolloutId, intent: &Intent) {
        let listed = self.deployments(&intent.fleet, 1).await.unwrap_or_default();
        for older in listed.iter().filter(|older| older.database_id != id && older.is_shown_as_success()) {
            let line = format!("superseded by rollout {}", id.0);
            if self.github.add_status(older.database_id, State::Inactive, &line).await.is_err() {
                return;
            }
        }
    }
}

/// The plan's canonical JSON: the very bytes that its hash is of.
fn plan_file(plan: &Plan, intent: &Intent) -> PortResult<File> {
    let doing = || format!("writing plan {}", intent.plan.short());
    let json = serde_json::to_value(plan).map_err(|error| PortError::new(Fault::Refused, doing(), error))?;
    Ok(File { path: files::plan(&intent.plan), bytes: json.to_string().into_bytes() })
}

/// Whether an event has no line of its own. Every process that goes on from it writes one, which tells it.
fn is_file_alone(event: &Event) -> bool {
    matches!(event, Event::WaveStarted { wave: 1.. })
}

/// How GitHub shows a rollout after an event.
fn state(event: &Event) -> State {
    match event {
        Event::WaveStarted { .. }
        | Event::TasksDone { .. }
        | Event::Baking { .. }
        | Event::TestsDone { .. }
        | Event::Held { .. }
        | Event::Quarantined { .. } => State::InProgress,
        Event::Succeeded => State::Success,
        Event::Halted { .. } => State::Failure,
    }
}

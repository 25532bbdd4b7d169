//! What the jobs of a story called at AWS, laid beside what their roles may: infra/test/actions.py judges, as it judges
//! the calls of the source.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::stage::Stage;
use crate::world::{Problem, Result, Trying};

/// Prints the table, and fails if a job called what its role may not, or a gate anything that changes something.
pub(super) async fn compare(stage: &mut Stage<'_>) -> Result<()> {
    let mut jobs: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for cell in [&stage.world.dev, &stage.world.prod] {
        for (session, actions) in cell.proxy.actions() {
            let job = stage.repository.job(&session).trying(format!("calls of a session `{session}`"))?;
            jobs.entry(job).or_default().extend(actions);
        }
    }
    let recorded = stage.world.save("recorded-actions.json", &serde_json::to_string_pretty(&jobs).trying("JSON")?)?;
    let judge = Path::new(env!("CARGO_MANIFEST_DIR")).join("infra/test/actions.py");
    let judged = tokio::process::Command::new("python3").arg(judge).arg(recorded).output().await.trying("python3")?;
    let said = String::from_utf8_lossy(&judged.stdout).into_owned();
    stage.story.step("what the jobs called, and what their roles may");
    stage.story.rows(said.lines());
    let failed = || Problem::new(format!("{said}\n{}", String::from_utf8_lossy(&judged.stderr)));
    if judged.status.success() { Ok(()) } else { Err(failed()) }
}

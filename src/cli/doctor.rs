//! `doctor`: what is missing around a fleet.yaml, and the command that mends it.

use serde_json::json;

use super::exit::Exit;
use super::render::row_table;
use super::run::Report;
use crate::domain::doctor::{Finding, Health, Surroundings, diagnose, repositories};
use crate::domain::fleet::Application;
use crate::ports::{AccountsReader, CheckoutReader, PortResult, RepositoryReader};

/// Looks at everything there is and reports it. What cannot be reached is unknown and stops nothing.
pub async fn doctor(
    application: &Application,
    repository: Result<&dyn RepositoryReader, String>,
    accounts: &dyn AccountsReader,
    checkout: &dyn CheckoutReader,
) -> Report {
    let mut clusters = std::collections::BTreeMap::new();
    for cell in application.cells.keys() {
        clusters.insert(cell.clone(), told(accounts.clusters(cell).await));
    }
    let seen = Surroundings {
        repository: match repository {
            Ok(repository) => told(repository.repository().await),
            Err(why) => Err(why),
        },
        clusters,
        registry: told(accounts.repositories(&repositories(application)).await),
        workflows: checkout.texts(".github/workflows", "yml").await.unwrap_or_default(),
        terraform: checkout.texts("infra", "tf").await.unwrap_or_default(),
    };
    report(&diagnose(application, &seen))
}

fn told<T>(asked: PortResult<T>) -> Result<T, String> {
    asked.map_err(|error| error.to_string())
}

fn report(findings: &[Finding]) -> Report {
    let word = |health| match health {
        Health::Fine => "fine",
        Health::Unknown => "UNKNOWN",
        Health::Missing => "MISSING",
    };
    let rows =
        findings.iter().map(|finding| [word(finding.health).to_owned(), finding.what.clone(), finding.seen.clone()]);
    let mut text = row_table(&["", "what", "seen"], rows);
    for finding in findings.iter().filter(|finding| !finding.mend.is_empty()) {
        text += &format!("\n{}:\n  {}\n", finding.what, finding.mend);
    }
    let any = |health| findings.iter().any(|finding| finding.health == health);
    let exit = match (any(Health::Missing), any(Health::Unknown)) {
        (true, _) => Exit::BadInput,
        (false, true) => Exit::Held,
        (false, false) => Exit::Done,
    };
    let json = json!({"schema": 1, "exit_code": exit as u8, "findings": findings});
    Report { json, ..Report::plain(exit, &text) }
}

//! Reading a lease: where the branch is, then the record in that very commit.

use async_trait::async_trait;

use super::{RECORD, branch};
use crate::adapters::github::client::GitHub;
use crate::domain::ids::FleetName;
use crate::domain::lease::{LEASE_SCHEMA, LeaseMark, LeaseRecord, LeaseSeen, Life, Owner};
use crate::ports::{LeaseReader, PortResult};

#[async_trait]
impl LeaseReader for GitHub {
    async fn lease(&self, fleet: &FleetName) -> PortResult<LeaseSeen> {
        let branch = branch(fleet);
        let Some(commit) = self.branch_head(&branch).await? else { return Ok(LeaseSeen::Never) };
        let bytes = self.file(RECORD, &commit).await?;
        Ok(match bytes.ok_or_else(|| "the file is missing".to_owned()).and_then(|bytes| read(&bytes, fleet)) {
            Ok(record) => LeaseSeen::Recorded { mark: LeaseMark(commit), record },
            Err(why) => LeaseSeen::Unreadable { why: format!("{RECORD} on {branch}: {why}") },
        })
    }

    async fn life(&self, owner: &Owner) -> Life {
        self.life_of(owner).await
    }
}

fn read(bytes: &[u8], fleet: &FleetName) -> Result<LeaseRecord, String> {
    let record: LeaseRecord = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    if record.schema != LEASE_SCHEMA {
        return Err(format!("it has form {}, and this tidegate reads form {LEASE_SCHEMA}", record.schema));
    }
    if record.fleet != *fleet {
        return Err(format!("it is the lease of {}", record.fleet));
    }
    Ok(record)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn why(change: impl Fn(&mut Value)) -> String {
        let mut record = json!({ "schema": 1, "fleet": "prod", "number": 3, "holder": null });
        change(&mut record);
        read(record.to_string().as_bytes(), &"prod".parse().unwrap()).unwrap_err()
    }

    #[test]
    fn what_is_no_lease_of_this_fleet_is_not_read_as_one() {
        assert!(why(|record| record["schema"] = 2.into()).contains("form 2"));
        assert!(why(|record| record["fleet"] = "dev".into()).contains("lease of dev"));
        assert!(why(|record| record["extra"] = 1.into()).contains("extra"));
        assert!(why(|record| record["number"] = "three".into()).contains("invalid type"));
    }
}

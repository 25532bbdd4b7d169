//! Whether a secret is still there, from DescribeSecret. Its value is nobody's business here: GetSecretValue is
//! not called, and the role that tidegate works with should not be allowed to.

use std::collections::HashMap;

use aws_sdk_secretsmanager::config::{Builder, Region};
use aws_sdk_secretsmanager::error::ProvideErrorMetadata;
use aws_sdk_secretsmanager::operation::describe_secret::DescribeSecretOutput;

use super::budget::Group;
use super::cells::{Clients, doing};
use super::failure::failure;
use super::secret_names::SecretVersion;
use crate::domain::ids::CellName;
use crate::domain::snapshot::Availability;

/// The label of the version that ECS takes when none is named (Developer Guide, "Pass Secrets Manager secrets
/// through Amazon ECS environment variables").
const CURRENT: &str = "AWSCURRENT";

/// Whether ECS could still take this secret for a task in this cell. Whether the task's role may read it, and
/// whether the value has the key that is named, is not looked at.
pub(super) async fn usable(clients: &Clients, cell: &CellName, secret: &SecretVersion) -> Availability {
    clients.pace(Group::SecretRead).await;
    let mut place = Builder::new();
    place.set_region(secret.region.clone().map(Region::new));
    let answer =
        clients.secrets.describe_secret().secret_id(&secret.id).customize().config_override(place).send().await;
    match answer {
        Ok(described) => judge(secret, &described),
        Err(error) => match error.code() {
            Some("ResourceNotFoundException") => no(format!("the secret {secret} does not exist any more")),
            Some("AccessDeniedException") => unknown(format!(
                "the secret {secret} may not be looked at: grant secretsmanager:DescribeSecret, which shows no value"
            )),
            _ => unknown(failure(doing(format!("looking for the secret {secret}"), cell), &error).to_string()),
        },
    }
}

/// What its description says of the version that is named. Versions without a label are not described, and may
/// be deleted at any time (API Reference, DescribeSecret).
fn judge(secret: &SecretVersion, described: &DescribeSecretOutput) -> Availability {
    if described.deleted_date().is_some() {
        return no(format!("the secret {secret} is deleted; RestoreSecret brings it back while its window lasts"));
    }
    let none = HashMap::new();
    let versions = described.version_ids_to_stages().unwrap_or(&none);
    let has = |stage: &str| versions.values().flatten().any(|label| label == stage);
    match (secret.version.as_deref(), secret.stage.as_deref()) {
        (None, stage) if has(stage.unwrap_or(CURRENT)) => Availability::Yes,
        (None, stage) => no(format!("the secret {secret} has no version {}", stage.unwrap_or(CURRENT))),
        (Some(version), stage) => match versions.get(version) {
            Some(labels) if stage.is_none_or(|stage| labels.iter().any(|label| label == stage)) => Availability::Yes,
            Some(_) => no(format!("version {version} of the secret {secret} is not {}", stage.unwrap_or_default())),
            None => unknown(format!("version {version} of the secret {secret} has no label, and may be deleted")),
        },
    }
}

fn no(why: String) -> Availability {
    Availability::No { why }
}

fn unknown(why: String) -> Availability {
    Availability::Unknown { why }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::aws::loopback::{Loopback, Reply, cell_name, error};
    use serde_json::json;

    const ARN: &str = "arn:aws:secretsmanager:eu-central-1:1:secret:acme/db-AbCdEf";

    fn secret(stage: Option<&str>, version: Option<&str>) -> SecretVersion {
        let (stage, version) = (stage.map(str::to_owned), version.map(str::to_owned));
        SecretVersion { id: ARN.to_owned(), region: Some("eu-central-1".to_owned()), stage, version }
    }

    async fn seen(name: &SecretVersion, answer: Reply) -> (Availability, Loopback) {
        let aws = Loopback::serve(move |_| answer.clone()).await;
        let cells = aws.cells().await;
        let usable = usable(cells.clients(&cell_name()).await.unwrap(), &cell_name(), name).await;
        (usable, aws)
    }

    #[tokio::test]
    async fn versions_are_judged_by_their_labels() {
        let versions = json!({"v1": ["AWSPREVIOUS"], "v2": ["AWSCURRENT", "blue"]});
        let there = json!({"ARN": ARN, "VersionIdsToStages": versions, "aFieldOfNextYear": 1});
        let deleted = json!({"ARN": ARN, "DeletedDate": 1.7e9, "VersionIdsToStages": versions});
        let empty = json!({"ARN": ARN});
        let of = "of the secret acme/db-AbCdEf";
        for (name, answer, usable) in [
            (secret(None, None), &there, Availability::Yes),
            (secret(Some("AWSPREVIOUS"), None), &there, Availability::Yes),
            (secret(Some("green"), None), &there, no("the secret acme/db-AbCdEf has no version green".to_owned())),
            (secret(None, Some("v1")), &there, Availability::Yes),
            (secret(Some("blue"), Some("v2")), &there, Availability::Yes),
            (secret(Some("blue"), Some("v1")), &there, no(format!("version v1 {of} is not blue"))),
            (secret(None, Some("v0")), &there, unknown(format!("version v0 {of} has no label, and may be deleted"))),
            (secret(None, None), &empty, no("the secret acme/db-AbCdEf has no version AWSCURRENT".to_owned())),
            (
                secret(None, None),
                &deleted,
                no("the secret acme/db-AbCdEf is deleted; RestoreSecret brings it back while its window lasts"
                    .to_owned()),
            ),
        ] {
            assert_eq!(seen(&name, (200, answer.to_string())).await.0, usable, "{name:?}");
        }
    }

    #[tokio::test]
    async fn it_is_asked_for_by_its_arn_in_the_region_that_has_it() {
        let (_, aws) = seen(&secret(None, None), (200, "{}".to_owned())).await;
        let asked = aws.asked().remove(0);
        assert_eq!((asked.action(), asked.json()), ("DescribeSecret".to_owned(), json!({"SecretId": ARN})));
        let signed = asked.headers["authorization"].to_str().unwrap();
        assert!(signed.contains("/eu-central-1/secretsmanager/aws4_request"), "{signed}");
    }

    #[tokio::test]
    async fn gone_is_no_and_forbidden_or_broken_is_unknown() {
        let name = secret(None, None);
        let (gone, _) = seen(&name, error(400, "ResourceNotFoundException", "can't find the specified secret")).await;
        assert_eq!(gone, no("the secret acme/db-AbCdEf does not exist any more".to_owned()));
        let (forbidden, _) = seen(&name, error(400, "AccessDeniedException", "not authorized")).await;
        assert!(
            matches!(forbidden, Availability::Unknown { why } if why.contains("grant secretsmanager:DescribeSecret"))
        );
        let (odd, _) = seen(&name, error(400, "InvalidParameterException", "odd")).await;
        let why = "looking for the secret acme/db-AbCdEf in prod-1: InvalidParameterException: odd (request req-1)";
        assert_eq!(odd, unknown(why.to_owned()));
    }
}

//! The secrets that a task definition names: where they stand in it, and how to read their names.
//!
//! Secrets Manager's ARNs get up to three parts added in a task definition: a key inside of the value, a stage
//! and a version. An unadorned name is a parameter of Systems Manager, or a secret where only secrets can stand
//! (Developer Guide, "Pass sensitive data to an Amazon ECS container"; API Reference, `RepositoryCredentials`).

use std::collections::BTreeSet;
use std::fmt;

use aws_sdk_ecs::types::{ContainerDefinition, TaskDefinition, Volume};

/// Parts of a secret's ARN before those that a task definition may add.
const ARN_PARTS: usize = 7;

/// Something secret, by its name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum SecretName {
    /// Of Secrets Manager.
    Secret(SecretVersion),
    /// Of Systems Manager's Parameter Store.
    Parameter(Parameter),
    /// Neither, as it stands there.
    Odd(String),
}

/// A secret of Secrets Manager and which of its versions.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SecretVersion {
    /// Its ARN, or its name.
    pub(super) id: String,
    /// The Region that the ARN names.
    pub(super) region: Option<String>,
    /// The label of the version; without one and without a version it is the current one.
    pub(super) stage: Option<String>,
    /// The id of the version.
    pub(super) version: Option<String>,
}

/// A parameter of Systems Manager.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Parameter {
    /// Its name. One that was given by an ARN begins with a slash, which the name itself may lack.
    pub(super) name: String,
    /// The Region that the ARN names.
    pub(super) region: Option<String>,
    /// The account that the ARN names.
    pub(super) account: Option<String>,
}

/// All secrets that a task definition names.
pub(super) fn secrets_in(definition: &TaskDefinition) -> BTreeSet<SecretName> {
    let containers = definition.container_definitions().iter().flat_map(of_container);
    containers.chain(definition.volumes().iter().filter_map(of_volume)).collect()
}

fn of_container(container: &ContainerDefinition) -> Vec<SecretName> {
    let logging = container.log_configuration().map(|logging| logging.secret_options()).unwrap_or_default();
    let named = container.secrets().iter().chain(logging).map(|secret| SecretName::parse(secret.value_from()));
    let registry =
        container.repository_credentials().map(|login| SecretName::of_registry(login.credentials_parameter()));
    named.chain(registry).collect()
}

fn of_volume(volume: &Volume) -> Option<SecretName> {
    let access = volume.fsx_windows_file_server_volume_configuration()?.authorization_config()?;
    Some(SecretName::parse(access.credentials_parameter()))
}

impl SecretName {
    /// Reads a `valueFrom`.
    fn parse(text: &str) -> Self {
        let parts: Vec<&str> = text.split(':').collect();
        match parts.as_slice() {
            ["arn", _, "secretsmanager", region, _, "secret", _, rest @ ..] if rest.len() <= 3 => {
                let part = |at: usize| rest.get(at).filter(|part| !part.is_empty()).map(|part| (*part).to_owned());
                let id = parts.iter().take(ARN_PARTS).copied().collect::<Vec<_>>().join(":");
                // The first of the added parts is a key inside of the value, which only the value could tell.
                Self::Secret(SecretVersion { id, region: Some((*region).to_owned()), stage: part(1), version: part(2) })
            }
            // What may follow after one more colon picks a version by its number or label.
            ["arn", _, "ssm", region, account, resource, ..] if resource.starts_with("parameter/") => {
                let name = resource.trim_start_matches("parameter").to_owned();
                let (region, account) = (Some((*region).to_owned()), Some((*account).to_owned()));
                Self::Parameter(Parameter { name, region, account })
            }
            ["arn", ..] | [""] => Self::Odd(text.to_owned()),
            [name, ..] => Self::Parameter(Parameter { name: (*name).to_owned(), ..Parameter::default() }),
            [] => Self::Odd(text.to_owned()),
        }
    }

    /// Reads a registry's `credentialsParameter`: where an ARN may be left out, it is a secret's.
    fn of_registry(text: &str) -> Self {
        match Self::parse(text) {
            Self::Parameter(Parameter { name, region: None, .. }) => {
                Self::Secret(SecretVersion { id: name, ..SecretVersion::default() })
            }
            other => other,
        }
    }
}

impl Parameter {
    /// The names that it may have. ARNs put a slash before every name, and only a name with further slashes must
    /// have one of its own (User Guide, "Working with parameter hierarchies").
    pub(super) fn spellings(&self) -> Vec<&str> {
        match self.name.strip_prefix('/') {
            Some(bare) if self.region.is_some() && !bare.contains('/') => vec![&self.name, bare],
            _ => vec![&self.name],
        }
    }
}

impl fmt::Display for SecretVersion {
    /// By name alone: the rest of an ARN is the same for all.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id.rsplit(':').next().unwrap_or(&self.id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws-cn:secretsmanager:cn-north-1:1:secret:acme/db-AbCdEf";

    fn secret(stage: Option<&str>, version: Option<&str>) -> SecretName {
        let (stage, version) = (stage.map(str::to_owned), version.map(str::to_owned));
        SecretName::Secret(SecretVersion { id: ARN.to_owned(), region: Some("cn-north-1".to_owned()), stage, version })
    }

    #[test]
    fn names_are_read_as_ecs_reads_them() {
        let parameter = |name: &str| SecretName::Parameter(Parameter { name: name.to_owned(), ..Parameter::default() });
        let by_arn = SecretName::Parameter(Parameter {
            name: "/acme/db".to_owned(),
            region: Some("eu-west-1".to_owned()),
            account: Some("1".to_owned()),
        });
        let odd = |text: &str| SecretName::Odd(text.to_owned());
        for (text, name) in [
            (ARN.to_owned(), secret(None, None)),
            (format!("{ARN}:password::"), secret(None, None)),
            (format!("{ARN}:password:AWSPREVIOUS:"), secret(Some("AWSPREVIOUS"), None)),
            (format!("{ARN}:::9d4cb84b"), secret(None, Some("9d4cb84b"))),
            ("/acme/db".to_owned(), parameter("/acme/db")),
            ("/acme/db:3".to_owned(), parameter("/acme/db")),
            ("arn:aws:ssm:eu-west-1:1:parameter/acme/db".to_owned(), by_arn.clone()),
            ("arn:aws:ssm:eu-west-1:1:parameter/acme/db:live".to_owned(), by_arn),
            ("arn:aws:ssm:eu-west-1:1:document/d".to_owned(), odd("arn:aws:ssm:eu-west-1:1:document/d")),
            ("arn:aws:s3:::bucket".to_owned(), odd("arn:aws:s3:::bucket")),
            (format!("{ARN}:a:b:c:d"), odd(&format!("{ARN}:a:b:c:d"))),
            (String::new(), odd("")),
        ] {
            assert_eq!(SecretName::parse(&text), name, "{text}");
        }
    }

    #[test]
    fn a_registrys_password_is_a_secret_by_name_or_by_arn() {
        let by_name = SecretVersion { id: "hub".to_owned(), ..SecretVersion::default() };
        assert_eq!(SecretName::of_registry("hub"), SecretName::Secret(by_name));
        assert_eq!(SecretName::of_registry(ARN), secret(None, None));
    }

    #[test]
    fn an_arn_does_not_tell_whether_a_name_begins_with_a_slash() {
        let spelt = |text: &str| match SecretName::parse(text) {
            SecretName::Parameter(parameter) => parameter.spellings().join(" "),
            other => panic!("{other:?}"),
        };
        assert_eq!(spelt("arn:aws:ssm:eu-west-1:1:parameter/db"), "/db db");
        assert_eq!(spelt("arn:aws:ssm:eu-west-1:1:parameter/acme/db"), "/acme/db");
        assert_eq!((spelt("db"), spelt("/db")), ("db".to_owned(), "/db".to_owned()));
    }

    #[test]
    fn words_name_a_secret_without_account_and_region() {
        let SecretName::Secret(secret) = secret(None, None) else { panic!() };
        assert_eq!(secret.to_string(), "acme/db-AbCdEf");
    }
}

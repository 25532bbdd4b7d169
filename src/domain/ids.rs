//! The names everything else is written in. Each kind of name has a type of its own, so that a tenant can
//! never be passed where a service is meant, and a value that exists is a value that was checked.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Why a text is not a name of the wanted kind: one sentence that says what is allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind} `{text}`: {rule}")]
pub struct BadName {
    /// What the text was meant to be, such as "tenant id".
    pub kind: &'static str,
    /// The text, with control and non-ASCII characters escaped.
    pub text: String,
    /// What is allowed.
    pub rule: &'static str,
}

/// Declares a checked string type: `Name: "kind", "rule", predicate`.
macro_rules! names {
    ($($(#[$doc:meta])* $name:ident: $kind:literal, $rule:literal, $check:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The text of the name.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = BadName;
            fn try_from(text: String) -> Result<Self, BadName> {
                let check: fn(&str) -> bool = $check;
                if check(&text) {
                    Ok(Self(text))
                } else {
                    Err(BadName { kind: $kind, text: text.escape_default().to_string(), rule: $rule })
                }
            }
        }

        impl FromStr for $name {
            type Err = BadName;
            fn from_str(text: &str) -> Result<Self, BadName> {
                Self::try_from(text.to_owned())
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", self.0)
            }
        }
    )*};
}

names! {
    /// The application that is released, such as `accessos`.
    AppName: "application name", "2 to 32 of a-z, 0-9 and single hyphens, beginning with a letter", |t| is_slug(t, 32);
    /// A fleet: the tenants of one environment, such as `prod`. Also the name of its GitHub environment.
    FleetName: "fleet name", "2 to 32 of a-z, 0-9 and single hyphens, beginning with a letter", |t| is_slug(t, 32);
    /// An account and Region, such as `prod-1`.
    CellName: "cell name", "2 to 32 of a-z, 0-9 and single hyphens, beginning with a letter", |t| is_slug(t, 32);
    /// One service of a service set, such as `iam-service`. Also the name of its container.
    ServiceName: "service name", "2 to 40 of a-z, 0-9 and single hyphens, beginning with a letter", |t| is_slug(t, 40);
    /// A service set: a tenant's, named by the tenant, or the control plane's, named `control-plane`.
    SetId: "tenant id", "2 to 31 of a-z, 0-9 and single hyphens, beginning with a letter", |t| is_slug(t, 31);
    /// A full commit id in lower case.
    CommitSha: "commit", "40 hexadecimal digits in lower case", |t| t.len() == 40 && is_lower_hex(t);
    /// The identity of an image: `sha256:` and 64 hexadecimal digits. A tag is never one.
    ImageDigest: "image digest", "`sha256:` and 64 hexadecimal digits in lower case",
        |t| t.strip_prefix("sha256:").is_some_and(|hex| hex.len() == 64 && is_lower_hex(hex));
    /// A label on an image; it names, it does not identify. The pattern is the OCI distribution specification's.
    ImageTag: "image tag", "1 to 128 of letters, digits, `_`, `.` and `-`, not beginning with `.` or `-`", is_oci_tag;
    /// A revision of a task definition as ECS names it, with account, Region, family and number.
    TaskDefinitionArn: "task definition ARN", "`arn:...:task-definition/family:revision`",
        |t| t.starts_with("arn:") && t.rsplit_once(":task-definition/").is_some_and(|(_, r)| r.contains(':'));
    /// A task as ECS names it, one that runs or has run.
    TaskArn: "task ARN", "`arn:...:task/...`", |t| t.starts_with("arn:") && t.contains(":task/");
    /// The id ECS gives a service deployment, such as `ecs-svc/0123456789`.
    DeploymentId: "ECS deployment id", "a text without blanks", |t| !t.is_empty() && !t.contains(char::is_whitespace);
    /// A SHA-256 in hexadecimal over canonical JSON: of a plan, or of a rendered task definition.
    ContentHash: "content hash", "64 hexadecimal digits in lower case", |t| t.len() == 64 && is_lower_hex(t);
}

fn is_slug(text: &str, longest: usize) -> bool {
    let tail = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (2..=longest).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(tail)
        && !text.contains("--")
        && !text.ends_with('-')
}

fn is_lower_hex(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_digit() || ('a'..='f').contains(&c))
}

fn is_oci_tag(text: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    (1..=128).contains(&text.len()) && text.starts_with(word) && text.chars().all(|c| word(c) || c == '.' || c == '-')
}

/// The one service set that is no tenant's.
const CONTROL_PLANE: &str = "control-plane";

impl SetId {
    /// The service set of the shared control plane.
    pub fn control_plane() -> Self {
        Self(CONTROL_PLANE.to_owned())
    }

    /// Whether this is the control plane's set and not a tenant's.
    pub fn is_control_plane(&self) -> bool {
        self.0 == CONTROL_PLANE
    }

    /// Ids that would read as something else on a command line or in a record.
    pub fn is_reserved(&self) -> bool {
        matches!(self.as_str(), "all" | "none" | "dev" | "prod" | CONTROL_PLANE)
    }
}

impl CommitSha {
    /// The first seven digits, as people write them.
    pub fn short(&self) -> &str {
        &self.0[..7]
    }
}

impl ImageDigest {
    /// The first twelve digits after `sha256:`, for tables.
    pub fn short(&self) -> &str {
        &self.0[7..19]
    }
}

impl ContentHash {
    /// SHA-256 of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        use sha2::{Digest, Sha256};
        use std::fmt::Write;
        let mut hex = String::with_capacity(64);
        for byte in Sha256::digest(bytes) {
            // Writing into a String cannot fail.
            write!(hex, "{byte:02x}").unwrap_or_default();
        }
        Self(hex)
    }

    /// SHA-256 of a value's canonical JSON: no blanks, object keys in byte order, shortest numbers.
    pub fn of_json(value: &serde_json::Value) -> Self {
        // serde_json keeps object keys in a BTreeMap, so its compact form is the canonical one.
        Self::of(value.to_string().as_bytes())
    }

    /// The first twelve digits, for tables and tags.
    pub fn short(&self) -> &str {
        &self.0[..12]
    }
}

impl TaskDefinitionArn {
    /// Family and revision, such as `accessos-prod-globex-iam-service:12`.
    pub fn family_and_revision(&self) -> &str {
        self.0.rsplit_once('/').map_or(&self.0, |(_, name)| name)
    }

    /// The family, without the revision.
    pub fn family(&self) -> &str {
        let name = self.family_and_revision();
        name.rsplit_once(':').map_or(name, |(family, _)| family)
    }
}

/// A release's version, ordered as SemVer orders.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Version(semver::Version);

impl Version {
    /// `major.minor.patch` with an optional prerelease such as `main.57.ab12cd3`.
    ///
    /// # Errors
    /// The prerelease is not dot-separated identifiers as SemVer 2.0.0 section 9 wants them.
    pub fn new(core: (u64, u64, u64), prerelease: &str) -> Result<Self, semver::Error> {
        let mut version = semver::Version::new(core.0, core.1, core.2);
        version.pre = semver::Prerelease::new(prerelease)?;
        Ok(Self(version))
    }

    /// What stands for the version of something that ran before there were records.
    pub fn unrecorded() -> Self {
        let mut version = semver::Version::new(0, 0, 0);
        version.pre = semver::Prerelease::new("unrecorded").unwrap_or_default();
        Self(version)
    }

    /// The three numbers.
    pub fn core(&self) -> (u64, u64, u64) {
        (self.0.major, self.0.minor, self.0.patch)
    }

    /// The version that a prerelease leads to: `1.4.1-main.57.ab12cd3` gives `1.4.1`.
    pub fn without_prerelease(&self) -> Self {
        Self(semver::Version::new(self.0.major, self.0.minor, self.0.patch))
    }

    /// Whether somebody who writes this version means `release`: that very one, or the build that became it.
    pub fn names(&self, release: &Self) -> bool {
        self == release || (!self.is_prerelease() && *self == release.without_prerelease())
    }

    /// Whether it is a version on the way to a release.
    pub fn is_prerelease(&self) -> bool {
        !self.0.pre.is_empty()
    }

    /// The version as an image tag. SemVer's `+` cannot stand in a tag, so build metadata is refused on parsing.
    pub fn tag(&self) -> ImageTag {
        ImageTag(self.0.to_string())
    }
}

impl FromStr for Version {
    type Err = BadName;
    fn from_str(text: &str) -> Result<Self, BadName> {
        let bad = |rule| BadName { kind: "version", text: text.escape_default().to_string(), rule };
        let version = semver::Version::parse(text.strip_prefix('v').unwrap_or(text))
            .map_err(|_| bad("SemVer, such as 1.4.0 or 1.4.1-main.57.ab12cd3"))?;
        if !version.build.is_empty() {
            return Err(bad("no `+build` part: it cannot stand in an image tag"));
        }
        if text.len() > 100 {
            return Err(bad("at most 100 characters"));
        }
        Ok(Self(version))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0.to_string())
    }
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// One service of one service set: the unit that is deployed.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ServiceKey {
    /// Whose.
    pub set: SetId,
    /// Which.
    pub service: ServiceName,
}

impl ServiceKey {
    /// The key of `service` in `set`.
    pub fn new(set: &SetId, service: &ServiceName) -> Self {
        Self { set: set.clone(), service: service.clone() }
    }
}

impl TryFrom<String> for ServiceKey {
    type Error = BadName;
    fn try_from(text: String) -> Result<Self, BadName> {
        let (set, service) = text.split_once('/').ok_or(BadName {
            kind: "service key",
            text: text.escape_default().to_string(),
            rule: "`tenant/service`",
        })?;
        Ok(Self { set: set.parse()?, service: service.parse()? })
    }
}

impl From<ServiceKey> for String {
    fn from(key: ServiceKey) -> String {
        key.to_string()
    }
}

impl fmt::Display for ServiceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}/{}", self.set, self.service))
    }
}

impl fmt::Debug for ServiceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.set, self.service)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_short_plain_ascii() {
        for good in ["acme", "a1", "tenant-9"] {
            assert!(good.parse::<SetId>().is_ok(), "{good}");
        }
        for bad in ["", "a", "-x", "x-", "a--b", "Acme", "аcme", "a\u{200b}b", "9lives", "a b", "a\nb"] {
            assert!(bad.parse::<SetId>().is_err(), "{bad:?}");
        }
        assert!("x".repeat(300).parse::<SetId>().is_err());
    }

    #[test]
    fn a_tag_is_no_digest() {
        assert!("latest".parse::<ImageDigest>().is_err());
        assert!("sha512:abc".parse::<ImageDigest>().is_err());
        assert!(format!("sha256:{}", "A".repeat(64)).parse::<ImageDigest>().is_err());
        assert!(format!("sha256:{}", "a".repeat(64)).parse::<ImageDigest>().is_ok());
    }

    #[test]
    fn versions_order_as_semver_and_refuse_build_metadata() {
        let v = |t: &str| t.parse::<Version>().unwrap();
        assert!(v("1.4.1-main.9.abc") < v("1.4.1-main.10.abc"));
        assert!(v("1.4.1-main.10.abc") < v("1.4.1"));
        assert_eq!(v("v1.4.1-main.10.abc").without_prerelease(), v("1.4.1"));
        assert!("1.4.1+build".parse::<Version>().is_err());
        assert!("1.10".parse::<Version>().is_err());
    }

    #[test]
    fn arn_parts() {
        let arn: TaskDefinitionArn =
            "arn:aws:ecs:eu-west-1:222222222222:task-definition/accessos-prod-globex-iam-service:12".parse().unwrap();
        assert_eq!(arn.family(), "accessos-prod-globex-iam-service");
        assert_eq!(arn.family_and_revision(), "accessos-prod-globex-iam-service:12");
    }
}

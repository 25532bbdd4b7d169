//! Objects in S3 that belong to one service set each, named by a pattern of fleet.yaml.

use super::ids::{FleetName, SetId};

/// An object in S3.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectName {
    /// Its bucket.
    pub bucket: String,
    /// Its key.
    pub key: String,
}

impl ObjectName {
    /// The object that a pattern names for a set: `s3://BUCKET/KEY`, with `{tenant}` in the key and `{fleet}` anywhere.
    /// None if it is no such pattern, by the rules of S3 (User Guide, "General purpose bucket naming rules") and for
    /// keys that need no escaping ("Safe characters").
    pub fn of(pattern: &str, fleet: &FleetName, set: &SetId) -> Option<Self> {
        let (bucket, key) = pattern.strip_prefix("s3://")?.split_once('/')?;
        let bucket = bucket.replace("{fleet}", fleet.as_str());
        let of_each_set = key.contains("{tenant}");
        let key = key.replace("{fleet}", fleet.as_str()).replace("{tenant}", set.as_str());
        let in_bucket = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
        let in_key = |c: char| c.is_ascii_alphanumeric() || "/!-_.*'()".contains(c);
        let is_bucket = (3..=63).contains(&bucket.len()) && bucket.chars().all(in_bucket);
        let is_key = of_each_set && key.len() <= 1024 && key.chars().all(in_key) && !key.starts_with('/');
        (is_bucket && is_key).then_some(Self { bucket, key })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_named_by_a_pattern_and_no_other_way() {
        let name = |pattern| ObjectName::of(pattern, &"dev".parse().unwrap(), &"acme".parse().unwrap());
        let found = name("s3://bucket-{fleet}/sets/{tenant}/manifest.json").unwrap();
        assert_eq!((found.bucket.as_str(), found.key.as_str()), ("bucket-dev", "sets/acme/manifest.json"));
        let bad = [
            "bucket/{tenant}",
            "s3://bucket",
            "s3://b/{tenant}",
            "s3://bucket/fixed",
            "s3://{tenant}/fixed",
            "s3://Bucket/{tenant}",
            "s3://bucket//{tenant}",
            "s3://bucket/{tenant}?{version}",
        ];
        for bad in bad {
            assert_eq!(name(bad), None, "{bad}");
        }
    }
}

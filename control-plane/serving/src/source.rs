//! Where things are published: a prefix of a bucket, or a folder for tests and first steps. Which endpoint and whose
//! credentials is the AWS SDK's usual business (`AWS_ENDPOINT_URL`, the role of the task).

use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_s3::Client;
use aws_sdk_s3::error::{DisplayErrorContext, SdkError};
use tokio::io::AsyncReadExt as _;

use crate::answer::etag;

/// For one attempt.
const ATTEMPT: Duration = Duration::from_secs(5);

/// Most keys of a listing; beyond it there is no telling what it is.
const KEYS_MAX: usize = 100_000;

/// A place with objects.
#[derive(Clone, Debug)]
pub enum Source {
    /// A folder.
    Folder(PathBuf),
    /// A prefix of a bucket; reached when it is first asked.
    Bucket {
        /// The bucket.
        bucket: String,
        /// What every key begins with: empty, or with a slash at its end.
        prefix: String,
        /// The way there, once there is one.
        client: Option<Client>,
    },
}

/// An object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// As it was known.
    Same,
    /// There is none.
    Nothing,
    /// These bytes, or the first beyond what may be read; under this ETag.
    Is(Vec<u8>, String),
}

/// `s3://BUCKET/PREFIX`, or a path that begins with a slash or a dot.
impl FromStr for Source {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.starts_with(['/', '.']) {
            return Ok(Self::Folder(text.into()));
        }
        let rest = text.strip_prefix("s3://").ok_or("it is not s3://BUCKET/PREFIX, and not the path of a folder")?;
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let prefix = prefix.trim_end_matches('/');
        let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
        if bucket.is_empty() {
            return Err("it names no bucket".to_owned());
        }
        Ok(Self::Bucket { bucket: bucket.to_owned(), prefix, client: None })
    }
}

impl Source {
    /// Reaches it with what the surroundings say.
    #[must_use]
    pub async fn reached(self) -> Self {
        let Self::Bucket { bucket, prefix, client: None } = self else { return self };
        let timeouts = TimeoutConfig::builder().connect_timeout(ATTEMPT).operation_attempt_timeout(ATTEMPT).build();
        // Whoever polls asks again by itself.
        let retries = RetryConfig::standard().with_max_attempts(2);
        let settings = aws_config::defaults(BehaviorVersion::v2026_01_12());
        let settings = settings.timeout_config(timeouts).retry_config(retries).load().await;
        let elsewhere = settings.endpoint_url().is_some();
        let config = aws_sdk_s3::config::Builder::from(&settings).force_path_style(elsewhere).build();
        Self::Bucket { bucket, prefix, client: Some(Client::from_conf(config)) }
    }

    /// An object, unless it is still the one with this ETag. Of a longer one than `max` bytes, `max + 1` are given.
    ///
    /// # Errors
    /// There is no answer, in words.
    pub async fn get(&self, key: &str, known: Option<&str>, max: usize) -> Result<Found, String> {
        match self {
            Self::Folder(folder) => {
                let path = inside(folder, key)?;
                let bytes = match read(&path, max).await {
                    Ok(bytes) => bytes,
                    Err(error) if error.kind() == io::ErrorKind::NotFound && folder.is_dir() => {
                        return Ok(Found::Nothing);
                    }
                    Err(error) => return Err(format!("{key}: {error}")),
                };
                let tag = etag(&bytes);
                Ok(if known == Some(tag.as_str()) { Found::Same } else { Found::Is(bytes, tag) })
            }
            Self::Bucket { bucket, prefix, client } => {
                let client = client.as_ref().ok_or("the bucket is not reached yet")?;
                let call = client.get_object().bucket(bucket).key(format!("{prefix}{key}"));
                match call.set_if_none_match(known.map(str::to_owned)).send().await {
                    Ok(answer) => {
                        let tag = answer.e_tag().unwrap_or_default().to_owned();
                        let mut left = answer.body;
                        let mut bytes = Vec::new();
                        while let Some(chunk) = left.next().await {
                            bytes.extend_from_slice(&chunk.map_err(|error| format!("{key}: it broke off: {error}"))?);
                            if bytes.len() > max {
                                bytes.truncate(max + 1);
                                break;
                            }
                        }
                        Ok(Found::Is(bytes, tag))
                    }
                    Err(error) => match status(&error) {
                        Some(304) => Ok(Found::Same),
                        Some(404) => Ok(Found::Nothing),
                        _ => Err(format!("{key}: {}", DisplayErrorContext(&error))),
                    },
                }
            }
        }
    }

    /// The keys below it, in order, each with its ETag if a listing tells.
    ///
    /// # Errors
    /// There is no answer, or too many keys, in words.
    pub async fn list(&self) -> Result<Vec<(String, Option<String>)>, String> {
        let mut keys = match self {
            Self::Folder(folder) => {
                let files = files(folder).await.map_err(|error| format!("it cannot be listed: {error}"))?;
                files.into_iter().map(|key| (key, None)).collect()
            }
            Self::Bucket { bucket, prefix, client } => {
                let client = client.as_ref().ok_or("the bucket is not reached yet")?;
                let mut pages = client.list_objects_v2().bucket(bucket).prefix(prefix).into_paginator().send();
                let mut keys: Vec<(String, Option<String>)> = Vec::new();
                while let Some(page) = pages.next().await {
                    let page = page.map_err(|error| format!("it cannot be listed: {}", DisplayErrorContext(&error)))?;
                    let own = |key: &str| key.strip_prefix(prefix.as_str()).map(str::to_owned);
                    keys.extend(
                        page.contents()
                            .iter()
                            .filter_map(|object| Some((own(object.key()?)?, object.e_tag().map(str::to_owned)))),
                    );
                    if keys.len() > KEYS_MAX {
                        break;
                    }
                }
                keys
            }
        };
        if keys.len() > KEYS_MAX {
            return Err(format!("it has more than {KEYS_MAX} objects"));
        }
        keys.sort();
        Ok(keys)
    }
}

fn status<E>(error: &SdkError<E>) -> Option<u16> {
    error.raw_response().map(|answer| answer.status().as_u16())
}

/// The file of a key. No key leads out of the folder.
fn inside(folder: &Path, key: &str) -> Result<PathBuf, String> {
    let plain = |part: &str| !part.is_empty() && !part.starts_with('.') && !part.contains(['\\', '\0']);
    if key.split('/').all(plain) { Ok(folder.join(key)) } else { Err("no key is like that".to_owned()) }
}

async fn read(path: &Path, max: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    tokio::fs::File::open(path).await?.take(max as u64 + 1).read_to_end(&mut bytes).await?;
    Ok(bytes)
}

/// The files below a folder, as keys; what is hidden is not there.
async fn files(folder: &Path) -> io::Result<Vec<String>> {
    let (mut keys, mut left) = (Vec::new(), vec![(folder.to_path_buf(), String::new())]);
    while let Some((folder, prefix)) = left.pop() {
        let mut entries = tokio::fs::read_dir(folder).await?;
        while let Some(entry) = entries.next_entry().await? {
            let Ok(name) = entry.file_name().into_string() else { continue };
            let kind = entry.file_type().await?;
            if name.starts_with('.') || keys.len() > KEYS_MAX {
                continue;
            }
            if kind.is_dir() {
                left.push((entry.path(), format!("{prefix}{name}/")));
            } else if kind.is_file() {
                keys.push(format!("{prefix}{name}"));
            }
        }
    }
    Ok(keys)
}

#[cfg(test)]
mod tests_bucket;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_a_bucket_or_a_folder() {
        let of = |text: &str| match text.parse::<Source>() {
            Ok(Source::Bucket { bucket, prefix, .. }) => format!("{bucket} {prefix}"),
            Ok(Source::Folder(path)) => path.display().to_string(),
            Err(why) => why,
        };
        assert_eq!(of("s3://b/sets/"), "b sets/");
        assert_eq!(of("s3://b"), "b ");
        assert_eq!(of("./here"), "./here");
        assert_eq!(of("s3:///x"), "it names no bucket");
        assert!(of("https://b/x").starts_with("it is not s3://"));
    }

    #[tokio::test]
    async fn a_folder_has_keys_and_none_leads_out_of_it() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("in/acme")).unwrap();
        std::fs::write(folder.path().join("secret"), "s").unwrap();
        std::fs::write(folder.path().join("in/acme/manifest.json"), "12345").unwrap();
        std::fs::write(folder.path().join("in/.hidden"), "x").unwrap();
        let source = Source::Folder(folder.path().join("in"));
        assert_eq!(source.list().await.unwrap(), [("acme/manifest.json".to_owned(), None)]);
        let Ok(Found::Is(bytes, tag)) = source.get("acme/manifest.json", None, 3).await else { panic!() };
        assert_eq!(bytes, b"1234", "one more than is wanted, so that it is seen to be too long");
        assert_eq!(source.get("acme/manifest.json", Some(&tag), 3).await, Ok(Found::Same));
        assert_eq!(source.get("acme/other.json", None, 3).await, Ok(Found::Nothing));
        for key in ["../secret", "/etc/passwd", "acme/../../secret", "", "a//b", ".hidden"] {
            assert!(source.get(key, None, 3).await.is_err(), "{key}");
        }
        std::fs::rename(folder.path().join("in"), folder.path().join("away")).unwrap();
        assert!(source.get("acme/manifest.json", None, 3).await.is_err(), "a source that is away is not an empty one");
        assert!(source.list().await.is_err());
    }
}

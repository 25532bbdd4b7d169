//! S3: the pointer by its ETag, and the object that it names. Which endpoint and whose credentials is the AWS SDK's usual
//! business (`AWS_ENDPOINT_URL`, the role of the task).

use std::time::Duration;

use accessos_routing::{BYTES_MAX, POINTER, Pointer, RouterReport};
use aws_config::BehaviorVersion;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_s3::Client;
use aws_sdk_s3::error::{DisplayErrorContext, SdkError};

/// For one attempt: of a snapshot of 10,000 tenants two megabytes come in it.
const ATTEMPT: Duration = Duration::from_secs(5);

/// Where the snapshot lies.
#[derive(Clone, Debug)]
pub struct Place {
    /// The bucket.
    pub bucket: String,
    /// What every key begins with: empty, or with a slash at its end.
    pub prefix: String,
}

/// What the pointer said.
#[derive(Debug)]
pub enum Pointed {
    /// What it said before.
    Same,
    /// This, under that ETag.
    To(Vec<u8>, Option<String>),
}

/// The bucket.
#[derive(Clone, Debug)]
pub struct Store {
    client: Client,
    place: Place,
}

/// `s3://BUCKET/PREFIX`.
impl std::str::FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let rest = text.strip_prefix("s3://").ok_or("it is not s3://BUCKET/PREFIX")?;
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let prefix = prefix.trim_end_matches('/');
        let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
        if bucket.is_empty() {
            Err("it names no bucket".to_owned())
        } else {
            Ok(Self { bucket: bucket.to_owned(), prefix })
        }
    }
}

impl Store {
    /// Reaches it with what the surroundings say.
    pub async fn reach(place: Place) -> Self {
        let timeouts = TimeoutConfig::builder().connect_timeout(ATTEMPT).operation_attempt_timeout(ATTEMPT).build();
        // Whoever polls asks again by itself.
        let retries = RetryConfig::standard().with_max_attempts(2);
        let settings =
            aws_config::defaults(BehaviorVersion::v2026_01_12()).timeout_config(timeouts).retry_config(retries);
        let settings = settings.load().await;
        let elsewhere = settings.endpoint_url().is_some();
        let config = aws_sdk_s3::config::Builder::from(&settings).force_path_style(elsewhere).build();
        Self { client: Client::from_conf(config), place }
    }

    /// The pointer, unless it is still the one with this ETag.
    ///
    /// # Errors
    /// There is no answer, in words.
    pub async fn pointer(&self, known: Option<&str>) -> Result<Pointed, String> {
        let call = self.client.get_object().bucket(&self.place.bucket).key(format!("{}{POINTER}", self.place.prefix));
        match call.set_if_none_match(known.map(str::to_owned)).send().await {
            Ok(answer) => {
                let etag = answer.e_tag().map(str::to_owned);
                Ok(Pointed::To(bytes(answer.body).await?, etag))
            }
            Err(error) if status(&error) == Some(304) => Ok(Pointed::Same),
            Err(error) => Err(DisplayErrorContext(&error).to_string()),
        }
    }

    /// The bytes of an object that a pointer names.
    ///
    /// # Errors
    /// There is no answer, in words.
    pub async fn object(&self, pointer: &Pointer) -> Result<Vec<u8>, String> {
        let key = format!("{}{}", self.place.prefix, pointer.object);
        let answer = self.client.get_object().bucket(&self.place.bucket).key(key).send().await;
        bytes(answer.map_err(|error| DisplayErrorContext(&error).to_string())?.body).await
    }

    /// Puts a report in its place.
    ///
    /// # Errors
    /// There is no answer, in words.
    pub async fn report(&self, report: &RouterReport) -> Result<(), String> {
        let key = format!("{}{}", self.place.prefix, report.name());
        let bytes = report.bytes().map_err(|error| error.to_string())?;
        let call = self.client.put_object().bucket(&self.place.bucket).key(key).content_type("application/json");
        let answer = call.body(bytes.into()).send().await;
        answer.map(drop).map_err(|error| DisplayErrorContext(&error).to_string())
    }
}

fn status<E>(error: &SdkError<E>) -> Option<u16> {
    error.raw_response().map(|answer| answer.status().as_u16())
}

/// All bytes, or the first beyond what is read of a snapshot.
async fn bytes(mut body: aws_sdk_s3::primitives::ByteStream) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    while let Some(chunk) = body.next().await {
        bytes.extend_from_slice(&chunk.map_err(|error| format!("the answer broke off: {error}"))?);
        if bytes.len() > BYTES_MAX {
            break;
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_bucket_and_a_prefix() {
        let place = |text: &str| text.parse::<Place>().map(|place| format!("{} {}", place.bucket, place.prefix));
        assert_eq!(place("s3://b/routing/").as_deref(), Ok("b routing/"));
        assert_eq!(place("s3://b").as_deref(), Ok("b "));
        assert!(place("https://b/x").is_err() && place("s3:///x").is_err());
    }
}

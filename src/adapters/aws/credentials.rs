//! Who tidegate is in a cell.
//!
//! In a GitHub job it is the job itself: an identity token, asked for anew each time, is traded for the role of
//! the cell. A rollout outlives any one token and any one session, so what is kept is the way to get the next.
//! Elsewhere it is whoever the surroundings say, in the cell's role if it has one. A task of the control plane has a role of
//! its own, which may do less, and keeps it.

use std::fmt;
use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use aws_config::ecs::EcsCredentialsProvider;
use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::meta::credentials::CredentialsProviderChain;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::web_identity_token::WebIdentityTokenCredentialsProvider;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};

use super::budget::pause;
use super::cells::AwsEnvironment;
use super::failure::failure;
use crate::domain::fleet::Cell;
use crate::ports::{Fault, PortError, PortResult, Secret};

/// Whom the identity token is for.
const AUDIENCE: &str = "sts.amazonaws.com";
/// Longest session name that STS takes.
const SESSION_NAME_MAX: usize = 64;
/// For GitHub to answer with an identity token.
const TOKEN_TIMEOUT: Duration = Duration::from_secs(10);
/// Times that it is asked for one, and the pause after the first, which doubles. The SDK repeats its own calls only.
const TOKEN_ATTEMPTS: u32 = 5;
const TOKEN_PAUSE: Duration = Duration::from_millis(250);

/// The credentials of a cell, as something that can be asked again and again.
///
/// # Errors
/// The HTTP client for identity tokens cannot be made.
pub(super) async fn of_cell(
    cell: &Cell,
    environment: &AwsEnvironment,
    base: &SdkConfig,
) -> PortResult<SharedCredentialsProvider> {
    let session = session_name(environment.run.as_deref());
    let Some(role) = cell.role.as_ref().filter(|_| !environment.own_role) else {
        return Ok(SharedCredentialsProvider::new(ambient(base)));
    };
    let role = environment.job.as_ref().map_or_else(|| role.clone(), |job| format!("{role}-{job}"));
    if let (Some(url), Some(bearer)) = (&environment.id_token_url, &environment.id_token_bearer) {
        let tokens = IdTokens::new(url, bearer)?;
        let sts = aws_sdk_sts::Client::new(base);
        return Ok(SharedCredentialsProvider::new(JobIdentity { tokens, sts, role, session }));
    }
    let role = AssumeRoleProvider::builder(role).session_name(session).configure(base);
    Ok(SharedCredentialsProvider::new(role.build_from_provider(ambient(base)).await))
}

/// The SDK's default chain without its last link, the metadata service of an EC2 instance: where there is none,
/// as on a hosted runner, asking it only delays the answer that there are no credentials.
fn ambient(base: &SdkConfig) -> CredentialsProviderChain {
    let mut surroundings = ProviderConfig::without_region().with_region(base.region().cloned());
    if let Some(http) = base.http_client() {
        surroundings = surroundings.with_http_client(http);
    }
    let web_identity = WebIdentityTokenCredentialsProvider::builder().configure(&surroundings).build();
    let profile = ProfileFileCredentialsProvider::builder().configure(&surroundings).build();
    let container = EcsCredentialsProvider::builder().configure(&surroundings).build();
    CredentialsProviderChain::first_try("Environment", EnvironmentVariableCredentialsProvider::new())
        .or_else("WebIdentityToken", web_identity)
        .or_else("Profile", profile)
        .or_else("EcsContainer", container)
}

/// The name under which CloudTrail shows what a run did.
fn session_name(run: Option<&str>) -> String {
    let allowed = |c: &char| c.is_ascii_alphanumeric() || "+=,.@-_".contains(*c);
    let run: String = run.unwrap_or_default().chars().filter(allowed).collect();
    let name = if run.is_empty() { "tidegate".to_owned() } else { format!("tidegate-{run}") };
    name.chars().take(SESSION_NAME_MAX).collect()
}

/// The role of a cell, taken with the job's own identity.
#[derive(Debug)]
struct JobIdentity {
    tokens: IdTokens,
    sts: aws_sdk_sts::Client,
    role: String,
    session: String,
}

impl ProvideCredentials for JobIdentity {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async { self.assume().await.map_err(CredentialsError::provider_error) })
    }
}

impl JobIdentity {
    async fn assume(&self) -> PortResult<Credentials> {
        let doing = format!("taking role {} with this job's identity", self.role);
        let token = self.tokens.fresh().await?;
        let answer = self
            .sts
            .assume_role_with_web_identity()
            .role_arn(&self.role)
            .role_session_name(&self.session)
            .web_identity_token(token.expose())
            .send()
            .await
            .map_err(|error| failure(&doing, &error))?;
        let given = answer.credentials.ok_or_else(|| PortError::new(Fault::Refused, &doing, "STS gave none"))?;
        let until = SystemTime::try_from(given.expiration)
            .map_err(|_| PortError::new(Fault::Refused, &doing, "STS gave credentials without an end"))?;
        let (id, key, token) = (given.access_key_id, given.secret_access_key, given.session_token);
        Ok(Credentials::new(id, key, Some(token), Some(until), "GitHubJob"))
    }
}

/// Where GitHub gives out tokens that say which job this is.
struct IdTokens {
    url: String,
    bearer: Secret,
    http: reqwest::Client,
}

impl IdTokens {
    fn new(url: &str, bearer: &Secret) -> PortResult<Self> {
        let http = reqwest::Client::builder()
            .timeout(TOKEN_TIMEOUT)
            .build()
            .map_err(|error| PortError::new(Fault::Refused, "making an HTTP client", error))?;
        let separator = if url.contains('?') { '&' } else { '?' };
        Ok(Self { url: format!("{url}{separator}audience={AUDIENCE}"), bearer: bearer.clone(), http })
    }

    /// A new token. GitHub's live for minutes, so none is kept.
    async fn fresh(&self) -> PortResult<Secret> {
        let mut wait = TOKEN_PAUSE;
        for _ in 1..TOKEN_ATTEMPTS {
            match self.ask().await {
                Err(error) if error.fault == Fault::Unavailable => pause(wait).await,
                settled => return settled,
            }
            wait *= 2;
        }
        self.ask().await
    }

    async fn ask(&self) -> PortResult<Secret> {
        let doing = "asking GitHub for an identity token";
        // The URL names the job, so it stays out of errors; the answer is a secret, so it does too.
        let lost = |error: reqwest::Error| PortError::new(Fault::Unavailable, doing, error.without_url());
        let answer = self.http.get(&self.url).bearer_auth(self.bearer.expose()).send().await.map_err(lost)?;
        let status = answer.status();
        if !status.is_success() {
            let passes = status.is_server_error() || matches!(status.as_u16(), 408 | 429);
            let fault = if passes { Fault::Unavailable } else { Fault::Refused };
            return Err(PortError::new(fault, doing, format!("HTTP {}", status.as_u16())));
        }
        let body = answer.bytes().await.map_err(lost)?;
        serde_json::from_slice::<serde_json::Value>(&body)
            .ok()
            .and_then(|answer| answer.get("value")?.as_str().map(Secret::new))
            .ok_or_else(|| PortError::new(Fault::Refused, doing, "an answer without a token"))
    }
}

impl fmt::Debug for IdTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdTokens")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::aws::cells::Cells;
    use crate::adapters::aws::loopback::{Loopback, cell, cell_name, error};
    use std::collections::BTreeMap;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    const ROLE: &str = "arn:aws:iam::111111111111:role/tidegate";

    /// GitHub, STS and ECR at one address; GitHub says no to everybody but the bearer `right`.
    async fn github_and_aws() -> Loopback {
        let sts = "<AssumeRoleWithWebIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
            <AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>ASIAROLE</AccessKeyId>\
            <SecretAccessKey>key</SecretAccessKey><SessionToken>session</SessionToken>\
            <Expiration>2126-11-24T00:00:00Z</Expiration></Credentials></AssumeRoleWithWebIdentityResult>\
            </AssumeRoleWithWebIdentityResponse>";
        Loopback::serve(move |asked| match (asked.path.starts_with("/token"), asked.action().as_str()) {
            (true, _) if asked.headers["authorization"] == "Bearer right" => {
                (200, r#"{"value":"id-token"}"#.to_owned())
            }
            (true, _) => (401, "the bearer `wrong` is not known".to_owned()),
            (_, "AssumeRoleWithWebIdentity") => (200, sts.to_owned()),
            _ => error(400, "RepositoryNotFoundException", ""),
        })
        .await
    }

    fn environment(aws: &Loopback, bearer: &str) -> AwsEnvironment {
        AwsEnvironment {
            id_token_url: Some(format!("{}/token?api-version=2", aws.url)),
            id_token_bearer: Some(Secret::new(bearer)),
            run: Some("42/1".to_owned()),
            job: None,
            own_role: false,
        }
    }

    async fn describe(aws: &Loopback, bearer: &str) -> PortResult<()> {
        describe_as(aws, environment(aws, bearer)).await
    }

    async fn describe_as(aws: &Loopback, environment: AwsEnvironment) -> PortResult<()> {
        let cells = BTreeMap::from([(cell_name(), cell(&aws.url, Some(ROLE)))]);
        let cells = Cells::connect(&cells, &environment);
        let clients = cells.clients(&cell_name()).await?;
        match clients.ecr.describe_images().repository_name("r").send().await {
            Err(error) if error.as_service_error().is_some() => Ok(()),
            Err(error) => Err(failure("describing", &error)),
            Ok(_) => unreachable!("it answers with an error only"),
        }
    }

    #[tokio::test]
    async fn in_a_job_its_identity_is_traded_for_the_role() {
        let aws = github_and_aws().await;
        describe(&aws, "right").await.unwrap();
        let asked = aws.asked();
        assert_eq!(asked[0].path, "/token?api-version=2&audience=sts.amazonaws.com");
        let form = String::from_utf8_lossy(&asked[1].body).into_owned();
        assert!(form.contains("RoleSessionName=tidegate-421"), "{form}");
        assert!(form.contains("WebIdentityToken=id-token"), "{form}");
        assert!(!asked[1].headers.contains_key("authorization"), "the token is the proof, nothing signs");
        let signed = asked[2].headers["authorization"].to_str().unwrap();
        assert!(signed.contains("Credential=ASIAROLE/"), "{signed}");
    }

    #[tokio::test]
    async fn a_job_of_another_kind_takes_another_role() {
        let aws = github_and_aws().await;
        let role = async |job: Option<&str>| {
            let environment = AwsEnvironment { job: job.map(str::to_owned), ..environment(&aws, "right") };
            describe_as(&aws, environment).await.unwrap();
            let form =
                String::from_utf8_lossy(&aws.asked_for("AssumeRoleWithWebIdentity").pop().unwrap().body).into_owned();
            form.split('&').find_map(|pair| pair.strip_prefix("RoleArn=").map(str::to_owned)).unwrap()
        };
        assert!(role(None).await.ends_with("role%2Ftidegate"));
        assert!(role(Some("offboard")).await.ends_with("role%2Ftidegate-offboard"));
    }

    #[tokio::test]
    async fn a_task_with_a_role_of_its_own_takes_none_of_a_cell() {
        let aws = github_and_aws().await;
        let environment = AwsEnvironment { own_role: true, ..environment(&aws, "right") };
        // There is nobody whom the surroundings of a test name, so that the call itself goes wrong, or is signed by somebody.
        drop(describe_as(&aws, environment).await);
        let paths: Vec<String> = aws.asked().iter().map(|asked| asked.path.clone()).collect();
        assert!(!paths.iter().any(|path| path.starts_with("/token")), "{paths:?}");
        assert!(aws.asked_for("AssumeRole").is_empty() && aws.asked_for("AssumeRoleWithWebIdentity").is_empty());
    }

    #[tokio::test]
    async fn a_refused_identity_says_so_without_the_secret() {
        let aws = github_and_aws().await;
        let error = describe(&aws, "wrong").await.unwrap_err();
        assert_eq!(error.fault, Fault::Refused);
        assert_eq!(error.to_string(), "describing: asking GitHub for an identity token: HTTP 401");
        assert!(!format!("{:?} {:?}", environment(&aws, "wrong"), error).contains("wrong"));
    }

    #[tokio::test]
    async fn an_identity_that_is_not_given_at_once_is_asked_for_again() {
        let asked = Arc::new(AtomicUsize::new(0));
        let aws = Loopback::serve(move |_| match asked.fetch_add(1, Ordering::SeqCst) {
            0 => (502, "<html>".to_owned()),
            1 => (429, String::new()),
            _ => (200, r#"{"value":"id-token"}"#.to_owned()),
        })
        .await;
        let tokens = IdTokens::new(&aws.url, &Secret::new("right")).unwrap();
        assert_eq!(tokens.fresh().await.unwrap().expose(), "id-token");
        assert_eq!(aws.asked().len(), 3);
    }

    #[test]
    fn a_session_name_has_only_what_sts_allows() {
        assert_eq!(session_name(None), "tidegate");
        assert_eq!(session_name(Some("12 34/5")), "tidegate-12345");
        assert_eq!(session_name(Some(&"9".repeat(99))).len(), SESSION_NAME_MAX);
    }
}

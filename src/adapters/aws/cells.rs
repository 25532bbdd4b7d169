//! How the accounts and Regions are reached.
//!
//! Every setting that decides how long a call may take or how often it is repeated stands in this file, because
//! the SDK's defaults suit one service that calls another, not one program that moves a fleet: they wait for a
//! silent server for ever, and share one small retry allowance between all tenants of a Region.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use aws_config::identity::IdentityCache;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, ConfigLoader, Region, SdkConfig};
use aws_sdk_ecs::config::SharedHttpClient;
use aws_sdk_ecs::config::retry::{RetryPartition, TokenBucket};
use aws_smithy_http_client::tls;
use tokio::sync::OnceCell;

use super::budget::{Budget, Group};
use super::credentials;
use crate::domain::fleet::Cell;
use crate::domain::ids::CellName;
use crate::ports::{Fault, PortError, PortResult, Secret};

/// To reach a server, TCP and TLS.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// For one attempt.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(15);
/// For a call with all its attempts and the waits between them.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(90);
/// Attempts in all. The waits are drawn from [0, 2^n) s, so three can be over within a second.
const ATTEMPTS: u32 = 6;
/// Retries cost 5 to 14 of these; the SDK's 500 for all clients of a Region run dry after some twenty bad calls.
const RETRY_TOKENS: usize = 5000;
/// To get credentials, which takes two calls with GitHub's identity.
const CREDENTIALS_TIMEOUT: Duration = Duration::from_secs(30);
/// Credentials are renewed when they are this close to their end, so that no call outlives them.
const RENEW_BEFORE: Duration = Duration::from_secs(300);

/// What the surroundings of the process say about AWS. The usual `AWS_*` variables are the SDK's own business.
#[derive(Clone, Debug, Default)]
pub struct AwsEnvironment {
    /// `ACTIONS_ID_TOKEN_REQUEST_URL`: where GitHub gives out identity tokens to this job.
    pub id_token_url: Option<String>,
    /// `ACTIONS_ID_TOKEN_REQUEST_TOKEN`: the right to ask there.
    pub id_token_bearer: Option<Secret>,
    /// The workflow run, for the session name that CloudTrail shows.
    pub run: Option<String>,
    /// `TIDEGATE_JOB`: a kind of job with a role of its own, named after the cell's (`infra/stack/names`), such as
    /// `offboard`. None for a job that releases.
    pub job: Option<String>,
    /// `TIDEGATE_ROLE=own`: the process runs as what it is for, as a task of the control plane does, and takes no role of a
    /// cell.
    pub own_role: bool,
}

/// The accounts and Regions, and the clients of those that were used.
#[derive(Debug)]
pub struct Cells {
    cells: BTreeMap<CellName, Place>,
    environment: AwsEnvironment,
    http: SharedHttpClient,
}

#[derive(Debug)]
struct Place {
    cell: Cell,
    clients: OnceCell<Clients>,
}

/// What one cell is spoken to with.
#[derive(Clone, Debug)]
pub(super) struct Clients {
    pub(super) ecs: aws_sdk_ecs::Client,
    pub(super) ecr: aws_sdk_ecr::Client,
    pub(super) elb: aws_sdk_elasticloadbalancingv2::Client,
    pub(super) cloudwatch: aws_sdk_cloudwatch::Client,
    pub(super) logs: aws_sdk_cloudwatchlogs::Client,
    pub(super) autoscaling: aws_sdk_applicationautoscaling::Client,
    pub(super) secrets: aws_sdk_secretsmanager::Client,
    pub(super) parameters: aws_sdk_ssm::Client,
    pub(super) rds: aws_sdk_rds::Client,
    pub(super) s3: aws_sdk_s3::Client,
    pub(super) quotas: aws_sdk_servicequotas::Client,
    budget: Arc<Budget>,
}

impl Cells {
    /// Makes no connection yet: the clients of a cell are made when it is first asked for.
    pub fn connect(cells: &BTreeMap<CellName, Cell>, environment: &AwsEnvironment) -> Self {
        let place = |cell: &Cell| Place { cell: cell.clone(), clients: OnceCell::new() };
        // One pool for all: each client would else make its own.
        let http = aws_smithy_http_client::Builder::new()
            .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::AwsLc))
            .build_https();
        Self {
            cells: cells.iter().map(|(name, cell)| (name.clone(), place(cell))).collect(),
            environment: environment.clone(),
            http,
        }
    }

    /// The cell as fleet.yaml describes it.
    ///
    /// # Errors
    /// There is none of that name.
    pub(super) fn cell(&self, name: &CellName) -> PortResult<&Cell> {
        self.place(name).map(|place| &place.cell)
    }

    /// The clients of a cell.
    ///
    /// # Errors
    /// There is no cell of that name, or its credentials cannot even be asked for.
    pub(super) async fn clients(&self, name: &CellName) -> PortResult<&Clients> {
        let place = self.place(name)?;
        place.clients.get_or_try_init(|| self.open(&place.cell)).await
    }

    fn place(&self, name: &CellName) -> PortResult<&Place> {
        let unknown = || PortError::new(Fault::Refused, format!("reaching cell {name}"), "fleet.yaml has no such cell");
        self.cells.get(name).ok_or_else(unknown)
    }

    async fn open(&self, cell: &Cell) -> PortResult<Clients> {
        let base = settings(cell, &self.http).no_credentials().load().await;
        let credentials = credentials::of_cell(cell, &self.environment, &base).await?;
        Ok(Clients::new(&base.into_builder().credentials_provider(credentials).build()))
    }
}

#[cfg(test)]
impl Cells {
    /// The same cells, opened with these keys.
    pub(super) async fn with_keys(self, keys: aws_credential_types::Credentials) -> Self {
        for place in self.cells.values() {
            let config = settings(&place.cell, &self.http).credentials_provider(keys.clone()).load().await;
            place.clients.set(Clients::new(&config)).unwrap();
        }
        self
    }
}

/// Everything but the credentials. Without an endpoint of the cell the SDK's own rules hold, `AWS_ENDPOINT_URL`
/// and its kin among them.
fn settings(cell: &Cell, http: &SharedHttpClient) -> ConfigLoader {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(OPERATION_TIMEOUT)
        .build();
    let identities = IdentityCache::lazy().load_timeout(CREDENTIALS_TIMEOUT).buffer_time(RENEW_BEFORE).build();
    let settings = aws_config::defaults(BehaviorVersion::v2026_01_12())
        .region(Region::new(cell.region.clone()))
        .http_client(http.clone())
        .timeout_config(timeouts)
        // Not the adaptive mode: its limiter is shared too, so that one throttled tenant slows all of a Region.
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
        .identity_cache(identities);
    match &cell.endpoint {
        Some(endpoint) => settings.endpoint_url(endpoint),
        None => settings,
    }
}

impl Clients {
    fn new(config: &SdkConfig) -> Self {
        let retries = RetryPartition::custom("tidegate")
            .token_bucket(TokenBucket::builder().capacity(RETRY_TOKENS).build())
            .build();
        let ecs = aws_sdk_ecs::config::Builder::from(config).retry_partition(retries.clone()).build();
        let ecr = aws_sdk_ecr::config::Builder::from(config).retry_partition(retries.clone()).build();
        let elb =
            aws_sdk_elasticloadbalancingv2::config::Builder::from(config).retry_partition(retries.clone()).build();
        let autoscaling =
            aws_sdk_applicationautoscaling::config::Builder::from(config).retry_partition(retries.clone()).build();
        let secrets = aws_sdk_secretsmanager::config::Builder::from(config).retry_partition(retries.clone()).build();
        let cloudwatch = aws_sdk_cloudwatch::config::Builder::from(config).retry_partition(retries.clone()).build();
        let logs = aws_sdk_cloudwatchlogs::config::Builder::from(config).retry_partition(retries.clone()).build();
        let rds = aws_sdk_rds::config::Builder::from(config).retry_partition(retries.clone()).build();
        let parameters = aws_sdk_ssm::config::Builder::from(config).retry_partition(retries.clone()).build();
        let quotas = aws_sdk_servicequotas::config::Builder::from(config).retry_partition(retries.clone()).build();
        // Elsewhere than at AWS a bucket is no part of the host's name.
        let s3 = aws_sdk_s3::config::Builder::from(config)
            .force_path_style(config.endpoint_url().is_some())
            .retry_partition(retries)
            .build();
        Self {
            ecs: aws_sdk_ecs::Client::from_conf(ecs),
            ecr: aws_sdk_ecr::Client::from_conf(ecr),
            elb: aws_sdk_elasticloadbalancingv2::Client::from_conf(elb),
            cloudwatch: aws_sdk_cloudwatch::Client::from_conf(cloudwatch),
            logs: aws_sdk_cloudwatchlogs::Client::from_conf(logs),
            autoscaling: aws_sdk_applicationautoscaling::Client::from_conf(autoscaling),
            secrets: aws_sdk_secretsmanager::Client::from_conf(secrets),
            parameters: aws_sdk_ssm::Client::from_conf(parameters),
            rds: aws_sdk_rds::Client::from_conf(rds),
            s3: aws_sdk_s3::Client::from_conf(s3),
            quotas: aws_sdk_servicequotas::Client::from_conf(quotas),
            budget: Arc::new(Budget::new()),
        }
    }

    /// Comes back when one more call of this group may be made in this cell.
    pub(super) async fn pace(&self, group: Group) {
        self.budget.take(group).await;
    }
}

/// What is being done in a cell, for an error: `reading task definition f:3 in prod-1`.
pub(super) fn doing(what: impl Display, cell: &CellName) -> String {
    format!("{what} in {cell}")
}

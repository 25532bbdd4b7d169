//! The account that the credentials at hand are of, before there is a fleet.yaml that names any.

use std::time::Duration;

use async_trait::async_trait;
use aws_config::BehaviorVersion;
use aws_config::timeout::TimeoutConfig;

use super::failure::failure;
use crate::domain::starter::AccountFound;
use crate::ports::{AccountReader, Fault, PortError, PortResult};

/// Long enough for the chain to look everywhere, and for one answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Whoever the usual credential chain of the SDK finds.
#[derive(Clone, Copy, Debug, Default)]
pub struct OwnAccount;

#[async_trait]
impl AccountReader for OwnAccount {
    async fn account(&self) -> PortResult<AccountFound> {
        let doing = "asking who the AWS credentials are";
        let refused = |why: &str| PortError::new(Fault::Refused, doing, why);
        let timeouts = TimeoutConfig::builder().operation_timeout(PATIENCE).build();
        let config = aws_config::defaults(BehaviorVersion::latest()).timeout_config(timeouts).load().await;
        let region = config.region().ok_or_else(|| refused("no Region is set; AWS_REGION sets it"))?.to_string();
        let identity = aws_sdk_sts::Client::new(&config).get_caller_identity().send().await;
        let identity = identity.map_err(|error| failure(doing, &error))?;
        let id = identity.account().ok_or_else(|| refused("STS names no account"))?.to_owned();
        // An account that may not list clusters is one all the same.
        let listed = aws_sdk_ecs::Client::new(&config).list_clusters().send().await;
        let arns = listed.map(|listed| listed.cluster_arns().to_vec()).unwrap_or_default();
        let name = |arn: &String| arn.rsplit('/').next().unwrap_or_default().to_owned();
        Ok(AccountFound { id, region, clusters: arns.iter().map(name).filter(|name| !name.is_empty()).collect() })
    }
}

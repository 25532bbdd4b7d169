//! Quotas of an account and Region: GetServiceQuota, one call each. Those of IAM are kept in us-east-1, wherever the
//! account works (IAM User Guide, "IAM and AWS STS quotas").

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use aws_config::Region;
use aws_sdk_servicequotas::config::Config;

use super::cells::{Cells, doing};
use super::failure::failure;
use crate::domain::ids::CellName;
use crate::domain::quota::QuotaCode;
use crate::ports::{PortResult, QuotaReader};

/// The quotas of every cell.
#[derive(Clone, Debug)]
pub struct Quotas(Arc<Cells>);

impl Quotas {
    /// Asks nothing yet.
    pub fn new(cells: Arc<Cells>) -> Self {
        Self(cells)
    }
}

#[async_trait]
impl QuotaReader for Quotas {
    async fn applied(&self, cell: &CellName, quotas: &[QuotaCode]) -> PortResult<BTreeMap<QuotaCode, f64>> {
        let client = &self.0.clients(cell).await?.quotas;
        let mut applied = BTreeMap::new();
        for quota in quotas {
            let ask = client.get_service_quota().service_code(quota.service).quota_code(quota.code).customize();
            let ask = match quota.service {
                "iam" => ask.config_override(Config::builder().region(Region::from_static("us-east-1"))),
                _ => ask,
            };
            match ask.send().await {
                Ok(answer) => {
                    let value = answer.quota().and_then(|quota| quota.value());
                    applied
                        .extend(value.filter(|value| value.is_finite() && *value > 0.0).map(|value| (*quota, value)));
                }
                // AWS keeps a value only of what was raised, or what it raises by itself.
                Err(error) if error.as_service_error().is_some_and(|e| e.is_no_such_resource_exception()) => {}
                Err(error) => {
                    let what = format!("reading quota {} of {}", quota.code, quota.service);
                    return Err(failure(doing(what, cell), &error));
                }
            }
        }
        Ok(applied)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::loopback::{Loopback, cell_name, error};
    use super::*;

    const ROLES: QuotaCode = QuotaCode { service: "iam", code: "L-FE177D64" };
    const VCPUS: QuotaCode = QuotaCode { service: "fargate", code: "L-3032A538" };
    const GROUPS: QuotaCode = QuotaCode { service: "elasticloadbalancing", code: "L-B22855CB" };

    #[tokio::test]
    async fn what_aws_keeps_a_value_of_is_told_and_what_it_does_not_has_its_default() {
        let aws = Loopback::serve(|asked| match asked.json()["QuotaCode"].as_str() {
            Some("L-FE177D64") => (200, json!({"Quota": {"QuotaCode": "L-FE177D64", "Value": 5000.0}}).to_string()),
            Some("L-3032A538") => (200, json!({"Quota": {"QuotaCode": "L-3032A538"}}).to_string()),
            _ => error(400, "NoSuchResourceException", "none"),
        })
        .await;
        let quotas = Quotas::new(aws.cells().await);
        let applied = quotas.applied(&cell_name(), &[ROLES, VCPUS, GROUPS]).await.unwrap();
        assert_eq!(applied, BTreeMap::from([(ROLES, 5000.0)]));
        assert_eq!(aws.asked_for("GetServiceQuota").len(), 3);
    }

    #[tokio::test]
    async fn a_call_that_fails_is_no_default() {
        let aws = Loopback::serve(|_| error(400, "AccessDeniedException", "not authorized")).await;
        let failed = Quotas::new(aws.cells().await).applied(&cell_name(), &[ROLES]).await.unwrap_err().to_string();
        assert!(failed.starts_with("reading quota L-FE177D64 of iam in prod-1"), "{failed}");
    }
}

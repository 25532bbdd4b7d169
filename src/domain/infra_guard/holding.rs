//! What is lost with a thing of each type. Every type of `infra/` stands in one of two lists (a test holds that), and
//! a type that stands in none is one nobody has thought about: it counts as something of value.

/// Types that hold what cannot be made again, or carry tenants that would be down, and what is lost with each.
pub(super) const OF_VALUE: [(&str, &str); 34] = [
    ("aws_db_instance", "a database with the rows of up to 20 tenants"),
    ("aws_rds_cluster", "a database cluster with the rows of tenants"),
    ("aws_rds_cluster_instance", "an instance of a database cluster"),
    ("aws_db_snapshot", "a copy to restore a database from"),
    ("aws_db_cluster_snapshot", "a copy to restore a database cluster from"),
    ("aws_dynamodb_table", "a table with its rows"),
    ("aws_s3_bucket", "a bucket with every object in it: evidence, logs, records, or Terraform's state"),
    ("aws_s3_bucket_versioning", "older versions of objects: what is overwritten from then on is gone"),
    ("aws_s3_bucket_object_lock_configuration", "the lock that keeps evidence from being deleted"),
    ("aws_s3_bucket_public_access_block", "what keeps a bucket from the public"),
    ("aws_kms_key", "a key: everything encrypted with it is unreadable after its waiting time"),
    ("aws_kms_alias", "the name that tenants find their key by"),
    ("aws_secretsmanager_secret", "a secret that somebody put in by hand"),
    ("aws_secretsmanager_secret_version", "the value of a secret"),
    ("aws_ssm_parameter", "a value that somebody may have put in by hand"),
    ("aws_ecr_repository", "a repository with the images that tenants run and go back to"),
    ("aws_cloudwatch_log_group", "logs, those of audits among them"),
    ("aws_route53_zone", "a zone: its parent delegates to its name servers, and a new one has others"),
    ("aws_backup_vault", "a vault with backups"),
    ("aws_backup_plan", "the plan that makes backups"),
    ("aws_sqs_queue", "a queue with messages that were not worked on"),
    ("aws_efs_file_system", "a file system with its files"),
    ("aws_ebs_volume", "a disk with its blocks"),
    ("aws_elasticache_replication_group", "a store in memory with its keys"),
    ("aws_opensearch_domain", "an index with its documents"),
    ("aws_cognito_user_pool", "a pool with the people in it"),
    ("aws_iam_policy", "the ceiling over what tenants' roles may do"),
    ("aws_iam_openid_connect_provider", "the way in for every workflow"),
    ("aws_ecs_cluster", "a cluster with the services of every tenant in it"),
    ("aws_ecs_service", "a service that runs: made anew it begins at zero tasks and waits for a release"),
    ("aws_lb", "a load balancer: made anew it has another name, and up to 20 tenants are down"),
    ("aws_vpc", "a network with everything in it"),
    ("aws_cloudtrail", "the record of who did what"),
    ("aws_wafv2_web_acl", "what keeps attacks from the load balancers"),
];

/// Types that hold nothing: Terraform can make them again as they were.
pub(super) const OF_NONE: [&str; 47] = [
    "aws_acm_certificate",
    "aws_acm_certificate_validation",
    "aws_appautoscaling_policy",
    "aws_appautoscaling_target",
    "aws_cloudwatch_dashboard",
    "aws_cloudwatch_event_rule",
    "aws_cloudwatch_event_target",
    "aws_cloudwatch_metric_alarm",
    "aws_db_parameter_group",
    "aws_db_subnet_group",
    "aws_default_security_group",
    "aws_ecr_lifecycle_policy",
    "aws_ecr_repository_policy",
    "aws_ecs_cluster_capacity_providers",
    "aws_ecs_task_definition",
    "aws_eip",
    "aws_flow_log",
    "aws_iam_role",
    "aws_iam_role_policy",
    "aws_internet_gateway",
    "aws_lb_listener",
    "aws_lb_listener_certificate",
    "aws_lb_listener_rule",
    "aws_lb_target_group",
    "aws_nat_gateway",
    "aws_route",
    "aws_route53_record",
    "aws_route_table",
    "aws_route_table_association",
    "aws_s3_bucket_lifecycle_configuration",
    "aws_s3_bucket_logging",
    "aws_s3_bucket_ownership_controls",
    "aws_s3_bucket_policy",
    "aws_s3_bucket_server_side_encryption_configuration",
    "aws_s3_object",
    "aws_security_group",
    "aws_sns_topic",
    "aws_sns_topic_policy",
    "aws_sns_topic_subscription",
    "aws_sqs_queue_policy",
    "aws_sqs_queue_redrive_policy",
    "aws_subnet",
    "aws_vpc_endpoint",
    "aws_vpc_security_group_egress_rule",
    "aws_vpc_security_group_ingress_rule",
    "aws_wafv2_web_acl_association",
    "aws_wafv2_web_acl_logging_configuration",
];

/// What is lost with a thing of this type; none if it holds nothing.
pub(super) fn value_of(kind: &str) -> Option<&'static str> {
    if OF_NONE.contains(&kind) {
        return None;
    }
    let known = OF_VALUE.iter().find(|(name, _)| *name == kind);
    Some(known.map_or("nobody has said yet what a thing of this type holds", |(_, what)| what))
}

/// Whether it is known what a thing of this type holds.
pub fn is_known(kind: &str) -> bool {
    OF_NONE.contains(&kind) || OF_VALUE.iter().any(|(name, _)| *name == kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_type_stands_in_both_lists_and_an_unknown_one_is_of_value() {
        assert!(OF_VALUE.iter().all(|(kind, _)| !OF_NONE.contains(kind)));
        assert_eq!(value_of("aws_route"), None);
        assert!(value_of("aws_something_new").is_some_and(|what| what.starts_with("nobody has said")));
        assert!(!is_known("aws_something_new"));
    }
}

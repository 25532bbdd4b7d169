# Every name that another party must know, in one file, as a pure function of its inputs.
#
# Why: policies, alarms, templates and the release tool all speak of the same things by name. A name that is computed
# twice is a name that differs one day, and a policy made from resource attributes is unknown at plan, which makes it
# untestable without an account. Nothing here reads an API, so everything here is known at plan.
#
# The release tool names services `APP-FLEET-SET-SERVICE` (src/domain/fleet.rs, `ecs_name`); the name of the task
# definition family and of the target role is the same text.
#
# A tenant's id may contain hyphens, so `APP-FLEET-acme-*` also matches a tenant `acme-x`. Therefore no policy may put
# a wildcard behind a hyphen: shared things are separated by `/`, and things named with hyphens are named whole.
#
# Limits (aws.md section 2, and the API references of the services): IAM role 64, target group 32, S3 bucket 63, RDS
# identifier 63, PostgreSQL identifier 63 bytes, SQS queue 80.

locals {
  c      = var.context
  prefix = "${local.c.app}-${local.c.fleet}"
  slash  = "${local.c.app}/${local.c.fleet}"
  arn = {
    iam     = "arn:${local.c.partition}:iam::${local.c.account_id}"
    ecs     = "arn:${local.c.partition}:ecs:${local.c.region}:${local.c.account_id}"
    secret  = "arn:${local.c.partition}:secretsmanager:${local.c.region}:${local.c.account_id}:secret"
    sqs     = "arn:${local.c.partition}:sqs:${local.c.region}:${local.c.account_id}"
    logs    = "arn:${local.c.partition}:logs:${local.c.region}:${local.c.account_id}:log-group"
    rds     = "arn:${local.c.partition}:rds:${local.c.region}:${local.c.account_id}"
    elb     = "arn:${local.c.partition}:elasticloadbalancing:${local.c.region}:${local.c.account_id}"
    rds_db  = "arn:${local.c.partition}:rds-db:${local.c.region}:${local.c.account_id}:dbuser"
    kms     = "arn:${local.c.partition}:kms:${local.c.region}:${local.c.account_id}"
    s3      = "arn:${local.c.partition}:s3:::"
    ecr     = "arn:${local.c.partition}:ecr:${local.c.region}:${local.c.account_id}:repository"
    scaling = "arn:${local.c.partition}:application-autoscaling:${local.c.region}:${local.c.account_id}:scalable-target"
  }

  # `set` is a tenant, or `control-plane`; null outside of a set.
  long = var.set == null ? {} : {
    for name in concat(sort(var.services), ["archive", "execution"]) : name => {
      role   = "${local.prefix}-${var.set}-${name}"
      target = "${local.c.fleet}-${var.set}-${name}"
    }
  }
  # Too long for its limit: cut, and told apart by six hexadecimal digits of the whole. `stack/fleet` refuses a clash.
  role = {
    for name, of in local.long : name => length(of.role) <= 64 ? of.role :
    "${trimsuffix(substr(of.role, 0, 57), "-")}-${substr(sha256(of.role), 0, 6)}"
  }
  target = {
    for name, of in local.long : name => length(of.target) <= 32 ? of.target :
    "${trimsuffix(substr(of.target, 0, 25), "-")}-${substr(sha256(of.target), 0, 6)}"
  }
}

# One tenant: its service set, and everything that makes it a stranger to all others - roles, secrets, queue, network.
#
# No data stands here. The evidence is in stack/data, the database is made by a task, and a secret's value is put in by
# hand: destroying this module takes a tenant's service away and none of its data.

module "names" {
  source   = "../names"
  context  = var.context
  set      = var.tenant
  services = keys(var.services)
}

locals {
  names    = module.names.set
  platform = module.names.platform
  arn      = module.names.arn

  own_bucket      = var.evidence == "bucket"
  evidence_bucket = local.own_bucket ? local.names.evidence_bucket : local.platform.evidence_bucket
  key_alias       = local.own_bucket ? local.names.key_alias : local.platform.data_alias
  database        = var.database == "database" ? local.names.database_user : local.platform.shared_database
  secrets         = toset(flatten([for of in var.services : of.secrets]))
  tags            = { tenant = var.tenant, fleet = var.context.fleet }
}

module "set" {
  source              = "../service-set"
  context             = var.context
  set                 = var.tenant
  services            = var.services
  cluster_name        = var.cluster_name
  cluster_arn         = var.cluster_arn
  placeholders        = var.placeholders
  slot                = var.slot
  routing             = { active = "open", paused = "paused", offboarding = "gone" }[var.state]
  host                = var.host
  wake_host           = var.wake_host
  listener_arn        = var.balancer.listener_arn
  balancer_arn_suffix = var.balancer.arn_suffix
  vpc_id              = var.vpc_id
  subnet_ids          = var.subnet_ids
  security_group_ids  = [aws_security_group.this.id, var.database_client_group_id]
  control_bucket      = var.control_bucket
  kms_key_arn         = var.kms_key_arn
  secret_arns         = { for name, secret in aws_secretsmanager_secret.this : name => secret.arn }
  architecture        = var.architecture
  log_days            = var.log_days
  alarm_topics        = var.alarm_topics
  tags                = local.tags
  environment = {
    DATABASE_HOST   = var.database_at.host
    DATABASE_PORT   = tostring(var.database_at.port)
    DATABASE_NAME   = local.database
    DATABASE_USER   = local.names.database_user
    EVIDENCE_BUCKET = local.evidence_bucket
    EVIDENCE_PREFIX = local.names.evidence_prefix
    QUEUE_URL       = aws_sqs_queue.this.url
  }
  data = {
    database = {
      host   = var.database_at.host
      port   = var.database_at.port
      name   = local.database
      schema = local.names.database_user
      user   = local.names.database_user
    }
    evidence = { bucket = local.evidence_bucket, prefix = local.names.evidence_prefix }
    queue    = aws_sqs_queue.this.url
    secrets  = { for name, secret in aws_secretsmanager_secret.this : name => secret.arn }
  }
}

# Empty: a value in here would be in the state. A service whose secret has no value does not start, and the release
# tool says so before it tries.
resource "aws_secretsmanager_secret" "this" {
  for_each                = local.secrets
  name                    = "${local.names.secret_path}${each.key}"
  description             = "${each.key} of tenant ${var.tenant}"
  kms_key_id              = var.kms_key_arn
  recovery_window_in_days = 30
  tags                    = local.tags
}

resource "aws_sqs_queue" "dead" {
  name                              = local.names.dead_queue
  kms_master_key_id                 = var.kms_key_arn
  kms_data_key_reuse_period_seconds = 3600
  message_retention_seconds         = 1209600
  tags                              = local.tags
}

resource "aws_sqs_queue" "this" {
  name                              = local.names.queue
  kms_master_key_id                 = var.kms_key_arn
  kms_data_key_reuse_period_seconds = 3600
  visibility_timeout_seconds        = 300
  receive_wait_time_seconds         = 20
  tags                              = local.tags
}

resource "aws_sqs_queue_redrive_policy" "this" {
  queue_url = aws_sqs_queue.this.url
  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead.arn
    maxReceiveCount     = 5
  })
}

resource "aws_cloudwatch_metric_alarm" "backlog" {
  alarm_name          = "${local.names.alarm_prefix}queue-backlog"
  alarm_description   = "Work of ${var.tenant} waits for more than a quarter of an hour"
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateAgeOfOldestMessage"
  statistic           = "Maximum"
  period              = 300
  evaluation_periods  = 1
  threshold           = 900
  comparison_operator = "GreaterThanThreshold"
  # A paused tenant's worker sleeps, and its work waits by intent.
  actions_enabled    = var.state == "active"
  treat_missing_data = "notBreaching"
  alarm_actions      = var.alarm_topics
  ok_actions         = var.alarm_topics
  dimensions         = { QueueName = aws_sqs_queue.this.name }
}

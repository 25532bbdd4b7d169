# Who hears of what: one topic a fleet, a dashboard for the operator, and rules for what AWS itself reports.

resource "aws_sns_topic" "alarms" {
  name              = "${var.name}-alarms"
  kms_master_key_id = var.kms_key_arn
}

resource "aws_sns_topic_subscription" "alarms" {
  for_each  = toset(var.alarm_emails)
  topic_arn = aws_sns_topic.alarms.arn
  protocol  = "email"
  endpoint  = each.key
}

# An ECS deployment that fails outside of a rollout is somebody's surprise.
resource "aws_cloudwatch_event_rule" "deployments" {
  name        = "${var.name}-failed-deployments"
  description = "ECS gave a deployment up"
  event_pattern = jsonencode({
    source        = ["aws.ecs"]
    "detail-type" = ["ECS Deployment State Change"]
    detail        = { eventName = ["SERVICE_DEPLOYMENT_FAILED"] }
    resources     = [{ prefix = "${var.ecs_arn}:service/" }]
  })
}

resource "aws_cloudwatch_event_target" "deployments" {
  rule = aws_cloudwatch_event_rule.deployments.name
  arn  = aws_sns_topic.alarms.arn
}

resource "aws_sns_topic_policy" "alarms" {
  arn = aws_sns_topic.alarms.arn
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "AlarmsAndEventsOfThisAccount"
      Effect    = "Allow"
      Principal = { Service = ["cloudwatch.amazonaws.com", "events.amazonaws.com"] }
      Action    = "sns:Publish"
      Resource  = "arn:${var.partition}:sns:${var.region}:${var.account_id}:${var.name}-alarms"
      Condition = { StringEquals = { "aws:SourceAccount" = var.account_id } }
    }]
  })
}

resource "aws_cloudwatch_dashboard" "fleet" {
  dashboard_name = var.name
  dashboard_body = jsonencode({
    widgets = [
      for index, metric in ["RequestCount", "HTTPCode_Target_5XX_Count", "TargetResponseTime"] : {
        type   = "metric"
        x      = 8 * index
        y      = 0
        width  = 8
        height = 6
        properties = {
          title   = metric
          region  = var.region
          stat    = metric == "TargetResponseTime" ? "p99" : "Sum"
          period  = 60
          metrics = [for shard in sort(keys(var.balancers)) : ["AWS/ApplicationELB", metric, "LoadBalancer", var.balancers[shard], { label = shard }]]
        }
      }
    ]
  })
}

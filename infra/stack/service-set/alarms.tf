# What the gate watches, under names that it finds by `alarms.prefix`: APP-FLEET-SET-.
# A paused set has no data, and no data is no alarm.

resource "aws_cloudwatch_metric_alarm" "errors" {
  for_each            = local.balanced
  alarm_name          = "${local.names[each.key].service}-5xx"
  alarm_description   = "${each.key} of ${var.set} answers with errors"
  namespace           = "AWS/ApplicationELB"
  metric_name         = "HTTPCode_Target_5XX_Count"
  statistic           = "Sum"
  period              = 60
  evaluation_periods  = 5
  datapoints_to_alarm = 3
  threshold           = 10
  comparison_operator = "GreaterThanOrEqualToThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_topics
  ok_actions          = var.alarm_topics
  dimensions = {
    LoadBalancer = var.balancer_arn_suffix
    TargetGroup  = aws_lb_target_group.this[each.key].arn_suffix
  }
}

resource "aws_cloudwatch_metric_alarm" "unhealthy" {
  for_each            = local.balanced
  alarm_name          = "${local.names[each.key].service}-unhealthy"
  alarm_description   = "Tasks of ${each.key} of ${var.set} fail their health check"
  namespace           = "AWS/ApplicationELB"
  metric_name         = "UnHealthyHostCount"
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = 5
  datapoints_to_alarm = 3
  threshold           = 1
  comparison_operator = "GreaterThanOrEqualToThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_topics
  ok_actions          = var.alarm_topics
  dimensions = {
    LoadBalancer = var.balancer_arn_suffix
    TargetGroup  = aws_lb_target_group.this[each.key].arn_suffix
  }
}

# A service set: the services of one tenant, or of the control plane. What the release tool moves, and nothing more:
# who a set's roles are and what they may is its caller's business.
#
# Who owns what is in ../ownership.json, and `ignore_changes` below says exactly that: the release tool owns what a
# service runs, how many tasks it has, and whether its scaling sleeps. Terraform owns the rest. A service is born at 0
# tasks on a shared placeholder; its first release, through the gate, brings it up. Hence a new tenant needs one pull
# request, and a pause needs no plan.

locals {
  names    = module.names.set.services
  serving  = { for name, of in var.services : name => of if of.kind != "task" }
  balanced = { for name, of in var.services : name => of if of.kind == "service" }
  # Numbered in the order of names: within one set only, so a new service moves rules of this set and of no other.
  order = { for index, name in sort(keys(local.balanced)) : name => index }
}

module "names" {
  source   = "../names"
  context  = var.context
  set      = var.set
  services = keys(var.services)
}

resource "aws_cloudwatch_log_group" "this" {
  for_each          = var.services
  name              = local.names[each.key].log_group
  retention_in_days = var.log_days
  kms_key_id        = var.kms_key_arn
}

resource "aws_ecs_service" "this" {
  for_each                           = local.serving
  name                               = local.names[each.key].service
  cluster                            = var.cluster_arn
  task_definition                    = var.placeholders[each.key]
  desired_count                      = 0
  launch_type                        = "FARGATE"
  platform_version                   = "LATEST"
  availability_zone_rebalancing      = "ENABLED"
  enable_ecs_managed_tags            = true
  enable_execute_command             = false
  propagate_tags                     = "SERVICE"
  deployment_minimum_healthy_percent = 100
  deployment_maximum_percent         = 200
  health_check_grace_period_seconds  = each.value.kind == "service" ? 60 : null

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  network_configuration {
    subnets          = var.subnet_ids
    security_groups  = var.security_group_ids
    assign_public_ip = false
  }

  dynamic "load_balancer" {
    for_each = each.value.kind == "service" ? [aws_lb_target_group.this[each.key].arn] : []
    content {
      target_group_arn = load_balancer.value
      container_name   = each.key
      container_port   = each.value.port
    }
  }

  # The deploy role may change a service only by this tag (stack/release-roles).
  tags = { tidegate = var.context.fleet }

  # ECS refuses a service on a target group that no load balancer has; the rules are what gives it one.
  depends_on = [aws_lb_listener_rule.service]

  lifecycle {
    ignore_changes = [task_definition, desired_count]
  }
}

resource "aws_appautoscaling_target" "this" {
  for_each           = local.serving
  service_namespace  = "ecs"
  resource_id        = "service/${var.cluster_name}/${aws_ecs_service.this[each.key].name}"
  scalable_dimension = "ecs:service:DesiredCount"
  # Registering a target moves the service into [min, max] at once: with 1 it would start the placeholder.
  min_capacity = 0
  max_capacity = each.value.max

  lifecycle {
    ignore_changes = [min_capacity, suspended_state]
  }
}

resource "aws_appautoscaling_policy" "cpu" {
  for_each           = aws_appautoscaling_target.this
  name               = "cpu"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = each.value.service_namespace
  resource_id        = each.value.resource_id
  scalable_dimension = each.value.scalable_dimension
  target_tracking_scaling_policy_configuration {
    target_value       = 60
    scale_in_cooldown  = 300
    scale_out_cooldown = 60
    predefined_metric_specification {
      predefined_metric_type = "ECSServiceAverageCPUUtilization"
    }
  }
}

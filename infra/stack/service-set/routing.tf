# How requests reach a set: a target group a service, and rules of its shard's listener.
#
# The probe of the gate is https://HOST/SERVICE/HEALTH, so a rule is host and first part of the path. Rules are
# permanent: a pause lays a 503 over them and never swaps them, since a target group without a rule has no load
# balancer and ECS refuses its service.
#
# Two kinds of pause, and who makes them. `state: paused` in fleet.yaml is Terraform's: its 503 is made and taken away.
# A pause at run time is tidegate's and no plan: of a tenant that is open, a 503 lies at rest beneath the routes, where
# nothing reaches it, and tidegate raises it above them. It may move that rule's priority and nothing else of any rule
# (release-roles), since whoever may make rules can send one tenant's requests to another. Its routes answer at
# `wake_host` too, so that a resume can ask them before anybody else may.
#
# Priorities, by the set's slot: 1 to 20 `state: paused`; 21 to 40 a raised 503; 1000 + 40 x slot its routes; from
# 40001 a 503 at rest (src/domain/pause.rs knows these two). A slot is given once and kept.

locals {
  hosts  = compact([var.host, var.wake_host])
  routed = var.routing == "gone" ? {} : local.balanced
  base   = 1000 + 40 * var.slot
}

resource "aws_lb_target_group" "this" {
  for_each             = local.balanced
  name                 = local.names[each.key].target_group
  vpc_id               = var.vpc_id
  port                 = each.value.port
  protocol             = "HTTP"
  target_type          = "ip"
  deregistration_delay = 15 # the default of 300 s is what makes a rollout slow (aws.md section 8)

  health_check {
    path                = each.value.health
    matcher             = "200"
    interval            = 5
    timeout             = 3
    healthy_threshold   = 2
    unhealthy_threshold = 3
  }

  lifecycle {
    precondition {
      condition     = length(local.names[each.key].target_group) <= 32
      error_message = "A target group's name has at most 32 characters: ${local.names[each.key].target_group}"
    }
  }
}

resource "aws_lb_listener_rule" "service" {
  for_each     = local.routed
  listener_arn = var.listener_arn
  priority     = local.base + local.order[each.key]
  action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.this[each.key].arn
  }
  condition {
    host_header {
      values = local.hosts
    }
  }
  condition {
    path_pattern {
      values = ["/${each.key}", "/${each.key}/*"]
    }
  }
}

# Hosts that belong to one service whole, such as the shared one that the router answers.
resource "aws_lb_listener_rule" "whole_host" {
  for_each     = var.routing == "gone" ? {} : var.whole_hosts
  listener_arn = var.listener_arn
  priority     = local.base + 20 + index(sort(keys(var.whole_hosts)), each.key)
  action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.this[each.value].arn
  }
  condition {
    host_header {
      values = [each.key]
    }
  }
}

resource "aws_lb_listener_rule" "paused" {
  count        = var.routing == "paused" ? 1 : 0
  listener_arn = var.listener_arn
  priority     = var.slot
  action {
    type = "fixed-response"
    fixed_response {
      content_type = "application/json"
      message_body = jsonencode({ error = "paused", tenant = var.set })
      status_code  = "503"
    }
  }
  condition {
    host_header {
      values = [var.host]
    }
  }
}

resource "aws_lb_listener_rule" "closed" {
  count        = var.routing == "open" && var.wake_host != null ? 1 : 0
  listener_arn = var.listener_arn
  priority     = 40000 + var.slot
  action {
    type = "fixed-response"
    fixed_response {
      content_type = "application/json"
      message_body = jsonencode({ error = "paused", tenant = var.set })
      status_code  = "503"
    }
  }
  condition {
    host_header {
      values = [var.host]
    }
  }
  # The deploy role may move a rule only by this tag (stack/release-roles).
  tags = { tidegate = var.context.fleet }

  lifecycle {
    ignore_changes = [priority]
  }
}

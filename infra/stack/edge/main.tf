# What the internet reaches: names, one certificate, one load balancer a shard, and the firewall before them.
#
# A shard is an ALB with at most 20 tenants: 100 target groups an ALB cannot be raised, a tenant uses four of them
# ([GR:elb]; aws.md section 2). The control plane has a load balancer of its own, so that 20 tenants fit their shard
# and a fault of one does not take the shared hostname with it.
#
# Fixed answers: a host nobody has is 404, port 80 is a redirect, a paused tenant is 503 (stack/service-set).

locals {
  balancers = toset(concat(["control"], var.shards))
  # ALB names have the target groups' limit of 32.
  balancer_name = { for shard in local.balancers : shard => "${var.name}-${shard}" }
}

resource "aws_security_group" "balancer" {
  for_each    = local.balancers
  name        = "${var.name}-alb-${each.key}"
  description = "The load balancer of shard ${each.key}"
  vpc_id      = var.vpc_id
  tags        = { Name = "${var.name}-alb-${each.key}" }
}

resource "aws_vpc_security_group_ingress_rule" "web" {
  for_each          = { for pair in setproduct(local.balancers, ["80", "443"]) : join("-", pair) => pair }
  security_group_id = aws_security_group.balancer[each.value[0]].id
  description       = each.value[1] == "80" ? "HTTP, only to be sent to HTTPS" : "HTTPS"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = tonumber(each.value[1])
  to_port           = tonumber(each.value[1])
}

resource "aws_vpc_security_group_egress_rule" "to_tasks" {
  for_each          = local.balancers
  security_group_id = aws_security_group.balancer[each.key].id
  description       = "To tasks, which are in the VPC"
  cidr_ipv4         = var.vpc_cidr
  ip_protocol       = "tcp"
  from_port         = 1024
  to_port           = 65535
}

resource "aws_lb" "this" {
  for_each                   = local.balancers
  name                       = local.balancer_name[each.key]
  load_balancer_type         = "application"
  security_groups            = [aws_security_group.balancer[each.key].id]
  subnets                    = var.public_subnet_ids
  drop_invalid_header_fields = true
  enable_deletion_protection = var.protect
  idle_timeout               = 60

  access_logs {
    bucket  = var.logs_bucket
    prefix  = "alb/${each.key}"
    enabled = true
  }

  lifecycle {
    precondition {
      condition     = length(local.balancer_name[each.key]) <= 32
      error_message = "A load balancer's name has at most 32 characters: ${local.balancer_name[each.key]}"
    }
  }
}

resource "aws_lb_listener" "http" {
  for_each          = aws_lb.this
  load_balancer_arn = each.value.arn
  port              = 80
  protocol          = "HTTP"
  default_action {
    type = "redirect"
    redirect {
      port        = "443"
      protocol    = "HTTPS"
      status_code = "HTTP_301"
    }
  }
}

resource "aws_lb_listener" "https" {
  for_each          = aws_lb.this
  load_balancer_arn = each.value.arn
  port              = 443
  protocol          = "HTTPS"
  ssl_policy        = "ELBSecurityPolicy-TLS13-1-2-2021-06"
  certificate_arn   = aws_acm_certificate_validation.this.certificate_arn
  default_action {
    type = "fixed-response"
    fixed_response {
      content_type = "application/json"
      message_body = jsonencode({ error = "no such tenant" })
      status_code  = "404"
    }
  }
}

# The shared part of a fleet: clusters, the control plane's own service set, the bucket that Terraform, the release
# tool and the router speak through, and what each set is born with.

module "names" {
  source   = "../names"
  context  = var.context
  set      = "control-plane"
  services = keys(var.services)
}

locals {
  names    = module.names.set
  platform = module.names.platform
  arn      = module.names.arn
  tags     = { tenant = "control-plane", fleet = var.context.fleet }
  secrets  = toset(flatten([for of in var.services : of.secrets]))
}

resource "aws_ecs_cluster" "this" {
  for_each = toset(var.clusters)
  name     = each.key
  setting {
    name  = "containerInsights"
    value = var.container_insights
  }
}

resource "aws_ecs_cluster_capacity_providers" "this" {
  for_each           = aws_ecs_cluster.this
  cluster_name       = each.value.name
  capacity_providers = ["FARGATE", "FARGATE_SPOT"]
}

# What a service is born with: never run, since it is born at 0 tasks, and ending at once if somebody runs it.
# One a service's name and not one for all: ECS refuses a service whose task definition lacks the container and the
# port that its load balancer names, and two containers of one task cannot have the same port.
resource "aws_ecs_task_definition" "placeholder" {
  for_each                 = merge(var.services, var.tenant_services)
  family                   = "placeholder-${local.platform.prefix}-${each.key}"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = 256
  memory                   = 512
  skip_destroy             = true
  container_definitions = jsonencode([merge(
    {
      name                   = each.key
      image                  = var.placeholder_image
      essential              = true
      readonlyRootFilesystem = true
      command                = ["sh", "-c", "echo 'no release yet: tidegate brings it'; exit 1"]
    },
    each.value.port == null ? {} : { portMappings = [{ containerPort = each.value.port, hostPort = each.value.port, protocol = "tcp" }] },
  )])
}

module "set" {
  source              = "../service-set"
  context             = var.context
  set                 = "control-plane"
  services            = var.services
  cluster_name        = aws_ecs_cluster.this[var.clusters[0]].name
  cluster_arn         = aws_ecs_cluster.this[var.clusters[0]].arn
  placeholders        = { for name in keys(var.services) : name => aws_ecs_task_definition.placeholder[name].arn }
  slot                = 1
  routing             = "open"
  host                = var.domain
  whole_hosts         = var.whole_hosts
  listener_arn        = var.balancer.listener_arn
  balancer_arn_suffix = var.balancer.arn_suffix
  vpc_id              = var.vpc_id
  subnet_ids          = var.subnet_ids
  security_group_ids  = [aws_security_group.this.id]
  control_bucket      = aws_s3_bucket.control.id
  kms_key_arn         = var.kms_key_arn
  secret_arns         = { for name, secret in aws_secretsmanager_secret.this : name => secret.arn }
  architecture        = var.architecture
  log_days            = var.log_days
  alarm_topics        = var.alarm_topics
  tags                = local.tags

  depends_on = [aws_s3_bucket_versioning.control, aws_s3_bucket_policy.control]
}

# Empty, as those of tenants are (stack/tenant): a value in here would be in the state.
resource "aws_secretsmanager_secret" "this" {
  for_each                = local.secrets
  name                    = "${local.names.secret_path}${each.key}"
  description             = "${each.key} of the control plane"
  kms_key_id              = var.kms_key_arn
  recovery_window_in_days = 30
  tags                    = local.tags
}

resource "aws_security_group" "this" {
  name        = "${local.platform.prefix}-control-plane"
  description = "Tasks of the control plane"
  vpc_id      = var.vpc_id
  tags        = { Name = "${local.platform.prefix}-control-plane" }
}

resource "aws_vpc_security_group_ingress_rule" "balancer" {
  for_each                     = toset([for of in var.services : tostring(of.port) if of.kind == "service"])
  security_group_id            = aws_security_group.this.id
  description                  = "From the load balancer of the control plane"
  referenced_security_group_id = var.balancer.security_group_id
  ip_protocol                  = "tcp"
  from_port                    = tonumber(each.key)
  to_port                      = tonumber(each.key)
}

resource "aws_vpc_security_group_egress_rule" "tls" {
  security_group_id = aws_security_group.this.id
  description       = "TLS to AWS, and to the shards' load balancers"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

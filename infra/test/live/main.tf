# Tenants of the stack's own modules on an emulator with real containers: what infra/test/live.py applies, and what the
# release tool then releases on (tests/e2e, scenario `platform`). What MiniStack lacks is not in here: databases,
# certificates, flow logs. Never applied anywhere else.

terraform {
  required_version = ">= 1.11, < 2"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "= 5.100.0"
    }
  }
  backend "local" {}
}

variable "fleet" {
  description = "What `tidegate tenants export` wrote: see stack/fleet."
  type        = any
}

variable "memory" {
  description = "Memory of every service, in MiB: what a template change changes."
  type        = number
}

variable "secrets" {
  description = "Names of secrets that the first service reads: each needs a value before its tasks can start."
  type        = set(string)
  default     = []
}

provider "aws" {
  region                      = var.fleet.region
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
  s3_use_path_style           = true
  max_retries                 = 2
}

locals {
  context = { app = var.fleet.app, fleet = var.fleet.fleet, account_id = var.fleet.account_id, region = var.fleet.region }
  names   = module.names.platform
  # One service uses everything that a tenant has.
  uses     = { iam-service = ["database", "evidence", "send", "receive"] }
  services = { for name, of in var.fleet.services : name => { kind = of.kind, port = of.port, health = of.health } }
  balancer = {
    listener_arn      = aws_lb_listener.this.arn
    security_group_id = aws_security_group.shared.id
    arn_suffix        = aws_lb.this.arn_suffix
    dns_name          = aws_lb.this.dns_name
  }
}

module "names" {
  source  = "../../stack/names"
  context = local.context
}

resource "aws_vpc" "this" {
  cidr_block = "10.20.0.0/16"
}

resource "aws_subnet" "this" {
  count             = 2
  vpc_id            = aws_vpc.this.id
  cidr_block        = "10.20.${count.index}.0/24"
  availability_zone = "${var.fleet.region}${["a", "b"][count.index]}"
}

resource "aws_security_group" "shared" {
  name        = "${local.names.prefix}-shared"
  description = "Stands for the load balancer and for clients of the database"
  vpc_id      = aws_vpc.this.id
}

resource "aws_kms_key" "this" {
  description = "Data of the fleet"
}

resource "aws_kms_alias" "this" {
  name          = local.names.data_alias
  target_key_id = aws_kms_key.this.key_id
}

resource "aws_s3_bucket" "evidence" {
  bucket        = local.names.evidence_bucket
  force_destroy = true
}

resource "aws_s3_bucket" "logs" {
  bucket        = local.names.logs_bucket
  force_destroy = true
}

resource "aws_lb" "this" {
  name            = local.names.prefix
  subnets         = aws_subnet.this[*].id
  security_groups = [aws_security_group.shared.id]
}

resource "aws_lb_listener" "this" {
  load_balancer_arn = aws_lb.this.arn
  port              = 80
  protocol          = "HTTP"
  default_action {
    type = "fixed-response"
    fixed_response {
      content_type = "application/json"
      message_body = jsonencode({ error = "no such tenant" })
      status_code  = "404"
    }
  }
}

module "control_plane" {
  source             = "../../stack/control-plane"
  context            = local.context
  domain             = var.fleet.domain
  whole_hosts        = {}
  clusters           = var.fleet.clusters
  container_insights = "disabled"
  services           = {}
  tenant_services    = { for name, of in var.fleet.services : name => { port = of.port } }
  placeholder_image  = "public.ecr.aws/docker/library/busybox:1.37"
  balancer           = local.balancer
  vpc_id             = aws_vpc.this.id
  subnet_ids         = aws_subnet.this[*].id
  kms_key_arn        = aws_kms_key.this.arn
  logs_bucket        = aws_s3_bucket.logs.id
  repository_arns    = ["${module.names.arn.ecr}/*"]
  architecture       = "X86_64"
  log_days           = 30
  alarm_topics       = []
}

module "tenant" {
  source       = "../../stack/tenant"
  for_each     = var.fleet.tenants
  context      = local.context
  tenant       = each.key
  state        = each.value.state
  slot         = each.value.slot
  host         = each.value.host
  wake_host    = "${each.key}--wake.${var.fleet.domain}"
  database     = each.value.rds
  evidence     = each.value.evidence
  cluster_name = each.value.cluster
  cluster_arn  = module.control_plane.clusters[each.value.cluster]
  placeholders = module.control_plane.placeholders
  services = {
    for name, of in local.services : name => merge(of, {
      cpu     = 256
      memory  = var.memory
      min     = 1
      max     = 2
      uses    = toset(lookup(local.uses, name, []))
      secrets = length(lookup(local.uses, name, [])) > 0 ? var.secrets : toset([])
    })
  }
  balancer                 = local.balancer
  database_at              = { host = "database.invalid", port = 5432 }
  database_client_group_id = aws_security_group.shared.id
  vpc_id                   = aws_vpc.this.id
  subnet_ids               = aws_subnet.this[*].id
  control_bucket           = module.control_plane.control_bucket
  kms_key_arn              = aws_kms_key.this.arn
  ceiling_arn              = module.control_plane.ceiling_arn
  repository_arns          = ["${module.names.arn.ecr}/*"]
  architecture             = "X86_64"
  log_days                 = 30
  alarm_topics             = []
}

resource "aws_iam_openid_connect_provider" "github" {
  url            = "https://token.actions.githubusercontent.com"
  client_id_list = ["sts.amazonaws.com"]
}

module "roles" {
  source          = "../../stack/release-roles"
  context         = local.context
  github          = { repository = "EXAMPLE/accessos", repository_id = "1", owner_id = "2" }
  jobs            = { for role in ["plan", "deploy"] : role => { environments = [role], workflows = ["deploy.yml"] } }
  clusters        = var.fleet.clusters
  tasks           = []
  repository_arns = ["${module.names.arn.ecr}/*"]
  registry_here   = true
  deploy_builds   = true
}

locals {
  context = {
    app        = var.fleet.app
    fleet      = var.fleet.fleet
    account_id = var.fleet.account_id
    region     = var.fleet.region
  }
  all_services = merge(var.fleet.services, var.fleet.control_plane)
}

module "names" {
  source  = "../stack/names"
  context = local.context
}

resource "aws_iam_openid_connect_provider" "github" {
  url            = "https://token.actions.githubusercontent.com"
  client_id_list = ["sts.amazonaws.com"]
  lifecycle {
    prevent_destroy = true
  }
}

module "roles" {
  source          = "../stack/release-roles"
  context         = local.context
  github          = var.github
  jobs            = var.jobs
  clusters        = var.fleet.clusters
  tasks           = [for service, of in local.all_services : service if of.kind == "task"]
  repository_arns = sort(distinct([for of in local.all_services : "arn:aws:ecr:${var.fleet.registry.region}:${var.fleet.registry.account_id}:repository/${of.repository}"]))
  registry_here   = var.fleet.registry.account_id == var.fleet.account_id
  deploy_builds   = var.deploy_builds
}

resource "aws_kms_key" "state" {
  description             = "Terraform's state of ${module.names.platform.prefix}"
  enable_key_rotation     = true
  deletion_window_in_days = 30
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "TheAccountDecides"
      Effect    = "Allow"
      Principal = { AWS = "${module.names.arn.iam}:root" }
      Action    = "kms:*"
      Resource  = "*"
    }]
  })
  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_s3_bucket" "state" {
  bucket        = module.names.platform.state_bucket
  force_destroy = false
  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_s3_bucket_versioning" "state" {
  bucket = aws_s3_bucket.state.id
  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "state" {
  bucket = aws_s3_bucket.state.id
  rule {
    bucket_key_enabled = true
    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = aws_kms_key.state.arn
    }
  }
}

resource "aws_s3_bucket_public_access_block" "state" {
  bucket                  = aws_s3_bucket.state.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_lifecycle_configuration" "state" {
  bucket = aws_s3_bucket.state.id
  rule {
    id     = "old-states"
    status = "Enabled"
    filter {}
    noncurrent_version_expiration {
      noncurrent_days = 365
    }
    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }
}

resource "aws_s3_bucket_policy" "state" {
  bucket = aws_s3_bucket.state.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "OnlyTls"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:*"
      Resource  = ["${module.names.arn.s3}${module.names.platform.state_bucket}", "${module.names.arn.s3}${module.names.platform.state_bucket}/*"]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
  })
}

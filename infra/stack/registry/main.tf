# Where images live: one repository a service, in one account; other accounts pull from it, none copies.
#
# Tags are immutable, since a tag that moves makes an approval worthless. What is deployed must never be cleaned away,
# and a lifecycle policy does not know what ECS runs (aws.md section 7). So it expires only images without a tag, and
# the release tool puts a tag on every digest it deploys: what has run anywhere has one.

locals {
  pull = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:BatchCheckLayerAvailability"]
}

resource "aws_ecr_repository" "this" {
  for_each             = var.repositories
  name                 = each.key
  image_tag_mutability = "IMMUTABLE"
  force_delete         = false
  image_scanning_configuration {
    scan_on_push = true
  }
  encryption_configuration {
    encryption_type = "KMS"
    kms_key         = var.kms_key_arn
  }
  lifecycle {
    prevent_destroy = true # the way back of every tenant is in here
  }
}

resource "aws_ecr_lifecycle_policy" "this" {
  for_each   = aws_ecr_repository.this
  repository = each.value.name
  policy = jsonencode({
    rules = [{
      rulePriority = 1
      description  = "What never got a tag was never deployed"
      selection    = { tagStatus = "untagged", countType = "sinceImagePushed", countUnit = "days", countNumber = 14 }
      action       = { type = "expire" }
    }]
  })
}

resource "aws_ecr_repository_policy" "this" {
  for_each   = length(var.pull_accounts) > 0 ? aws_ecr_repository.this : {}
  repository = each.value.name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "OtherAccountsPull"
      Effect    = "Allow"
      Principal = { AWS = [for account in var.pull_accounts : "arn:${var.partition}:iam::${account}:root"] }
      Action    = concat(local.pull, ["ecr:DescribeImages"])
    }]
  })
}

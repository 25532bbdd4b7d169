# Roles of the control plane: what each service may touch in the control bucket, under the same ceiling as tenants.

locals {
  trust = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "ecs-tasks.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = {
        StringEquals = { "aws:SourceAccount" = var.context.account_id }
        ArnLike      = { "aws:SourceArn" = "${local.arn.ecs}:*" }
      }
    }]
  })

  key = {
    Sid      = "KeyForS3"
    Effect   = "Allow"
    Action   = ["kms:Decrypt", "kms:GenerateDataKey"]
    Resource = "${local.arn.kms}:key/*"
    Condition = {
      "ForAnyValue:StringEquals" = { "kms:ResourceAliases" = [local.platform.data_alias] }
      StringEquals               = { "kms:ViaService" = "s3.${var.context.region}.amazonaws.com" }
    }
  }

  bucket = "${local.arn.s3}${local.platform.control_bucket}"
  policies = {
    for name, of in var.services : name => jsonencode({
      Version = "2012-10-17"
      Statement = concat(
        [for prefixes in [sort(tolist(of.reads))] : { Sid = "Read", Effect = "Allow", Action = "s3:GetObject", Resource = [for prefix in prefixes : "${local.bucket}/${prefix}/*"] } if length(prefixes) > 0],
        [for prefixes in [sort(tolist(of.writes))] : { Sid = "Write", Effect = "Allow", Action = "s3:PutObject", Resource = [for prefix in prefixes : "${local.bucket}/${prefix}/*"] } if length(prefixes) > 0],
        # Who may list all of it is told that an object is not there; everybody else is told that it is denied, which may mean
        # anything (S3 API reference, GetObject). Whoever publishes the first snapshot must know that there is none.
        [for all in [contains(of.lists, "*")] : { Sid = "ListAll", Effect = "Allow", Action = "s3:ListBucket", Resource = local.bucket } if all],
        [for prefixes in [sort(tolist(setsubtract(of.lists, ["*"])))] : {
          Sid       = "List"
          Effect    = "Allow"
          Action    = "s3:ListBucket"
          Resource  = local.bucket
          Condition = { StringLike = { "s3:prefix" = [for prefix in prefixes : "${prefix}/*"] } }
        } if length(prefixes) > 0],
        [local.key],
      )
    }) if length(of.reads) + length(of.writes) > 0
  }

  execution_policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat([
      { Sid = "SignInToTheRegistry", Effect = "Allow", Action = "ecr:GetAuthorizationToken", Resource = "*" },
      {
        Sid      = "PullImages"
        Effect   = "Allow"
        Action   = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:BatchCheckLayerAvailability"]
        Resource = var.repository_arns
      },
      {
        Sid      = "Logs"
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = [for name in sort(keys(var.services)) : "${local.names.services[name].log_group_arn}:*"]
      },
      ], [for of in [local.secrets] : {
        Sid      = "ReadTheSecretsOfItsServices"
        Effect   = "Allow"
        Action   = "secretsmanager:GetSecretValue"
        Resource = [for secret in sort(tolist(of)) : "${local.arn.secret}:${local.names.secret_path}${secret}-*"]
        } if length(of) > 0], [for of in [local.secrets] : {
        Sid      = "KeyOfSecrets"
        Effect   = "Allow"
        Action   = "kms:Decrypt"
        Resource = "${local.arn.kms}:key/*"
        Condition = {
          "ForAnyValue:StringEquals" = { "kms:ResourceAliases" = [local.platform.data_alias] }
          StringEquals               = { "kms:ViaService" = "secretsmanager.${var.context.region}.amazonaws.com" }
        }
    } if length(of) > 0])
  })
}

resource "aws_iam_role" "task" {
  for_each             = var.services
  name                 = local.names.services[each.key].role
  path                 = local.platform.role_path
  description          = "${each.key} of the control plane"
  assume_role_policy   = local.trust
  permissions_boundary = local.platform.ceiling_arn
  tags                 = local.tags
  depends_on           = [aws_iam_policy.ceiling]
}

resource "aws_iam_role_policy" "task" {
  for_each = local.policies
  name     = "own"
  role     = aws_iam_role.task[each.key].name
  policy   = each.value
}

resource "aws_iam_role" "execution" {
  name                 = local.names.execution_role
  path                 = local.platform.role_path
  description          = "Starts the tasks of the control plane"
  assume_role_policy   = local.trust
  permissions_boundary = local.platform.ceiling_arn
  tags                 = local.tags
  depends_on           = [aws_iam_policy.ceiling]
}

resource "aws_iam_role_policy" "execution" {
  name   = "own"
  role   = aws_iam_role.execution.name
  policy = local.execution_policy
}

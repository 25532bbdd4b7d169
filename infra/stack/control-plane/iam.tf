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

  policies = {
    for name, of in var.services : name => jsonencode({
      Version = "2012-10-17"
      Statement = concat(
        [for prefix in sort(tolist(of.reads)) : { Sid = "Read${title(prefix)}", Effect = "Allow", Action = "s3:GetObject", Resource = "${local.arn.s3}${local.platform.control_bucket}/${prefix}/*" }],
        [for prefix in sort(tolist(of.writes)) : { Sid = "Write${title(prefix)}", Effect = "Allow", Action = "s3:PutObject", Resource = "${local.arn.s3}${local.platform.control_bucket}/${prefix}/*" }],
        [local.key],
      )
    }) if length(of.reads) + length(of.writes) > 0
  }

  execution_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
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
    ]
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

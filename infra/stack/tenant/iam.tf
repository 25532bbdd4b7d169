# What a tenant's tasks may: the first of two layers, by name. One role a service, and one that starts them all.
#
# Each right is named for what it is used for, and a service gets those that it uses (`uses`). All of it is text made
# from names, so a plan shows the whole of it before anything exists, and infra/test/isolation.py reads it there.
#
# The second layer is the ceiling (stack/control-plane/ceiling.tf), put on every role below. It is one policy for all
# tenants and knows them by the tag `tenant` of the role that asks.

locals {
  trust = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "ecs-tasks.amazonaws.com" }
      Action    = "sts:AssumeRole"
      # So that ECS acts for nobody else's account (IAM user guide, "The confused deputy problem").
      Condition = {
        StringEquals = { "aws:SourceAccount" = var.context.account_id }
        ArnLike      = { "aws:SourceArn" = "${local.arn.ecs}:*" }
      }
    }]
  })

  key = {
    for service in ["s3", "sqs", "secretsmanager"] : service => {
      Sid      = "KeyFor${title(service)}"
      Effect   = "Allow"
      Action   = ["kms:Decrypt", "kms:GenerateDataKey"]
      Resource = "${local.arn.kms}:key/*"
      Condition = {
        "ForAnyValue:StringEquals" = { "kms:ResourceAliases" = [service == "s3" ? local.key_alias : local.platform.data_alias] }
        StringEquals               = { "kms:ViaService" = "${service}.${var.context.region}.amazonaws.com" }
      }
    }
  }

  # Each right, and what it is for. A tuple and no map: the statements are of different shapes.
  rights = [
    {
      uses = ["database"]
      statement = {
        Sid      = "Database"
        Effect   = "Allow"
        Action   = "rds-db:connect"
        Resource = "${local.arn.rds_db}:*/${local.names.database_user}"
      }
    },
    {
      uses = ["evidence"]
      statement = {
        Sid      = "Evidence"
        Effect   = "Allow"
        Action   = ["s3:GetObject", "s3:PutObject"]
        Resource = "${local.arn.s3}${local.evidence_bucket}/${local.names.evidence_prefix}*"
      }
    },
    {
      uses = ["evidence"]
      statement = {
        Sid       = "EvidenceList"
        Effect    = "Allow"
        Action    = "s3:ListBucket"
        Resource  = "${local.arn.s3}${local.evidence_bucket}"
        Condition = { StringLike = { "s3:prefix" = ["${local.names.evidence_prefix}*"] } }
      }
    },
    { uses = ["evidence"], statement = local.key.s3 },
    {
      uses = ["send"]
      statement = {
        Sid      = "QueueSend"
        Effect   = "Allow"
        Action   = ["sqs:SendMessage", "sqs:GetQueueAttributes"]
        Resource = "${local.arn.sqs}:${local.names.queue}"
      }
    },
    {
      uses = ["receive"]
      statement = {
        Sid      = "QueueReceive"
        Effect   = "Allow"
        Action   = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility", "sqs:GetQueueAttributes"]
        Resource = "${local.arn.sqs}:${local.names.queue}"
      }
    },
    { uses = ["send", "receive"], statement = local.key.sqs },
  ]

  policies = {
    for name, of in var.services : name => jsonencode({
      Version   = "2012-10-17"
      Statement = [for right in local.rights : right.statement if length(setintersection(right.uses, of.uses)) > 0]
    }) if length(of.uses) > 0
  }

  # What saves a tenant's rows when it leaves or moves, and puts them in their place where it has moved to, as nobody but
  # itself: its user signs in, and its folder is written and read.
  archive_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "Database"
        Effect   = "Allow"
        Action   = "rds-db:connect"
        Resource = "${local.arn.rds_db}:*/${local.names.database_user}"
      },
      {
        Sid      = "Archive"
        Effect   = "Allow"
        Action   = ["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload"]
        Resource = "${local.arn.s3}${local.platform.archive_bucket}/${local.names.archive_folder}*"
      },
      merge(local.key.s3, {
        Condition = merge(local.key.s3.Condition, { "ForAnyValue:StringEquals" = { "kms:ResourceAliases" = [local.platform.data_alias] } })
      }),
    ]
  })

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
        Sid      = "SecretsOfThisTenant"
        Effect   = "Allow"
        Action   = "secretsmanager:GetSecretValue"
        Resource = "${local.arn.secret}:${local.names.secret_path}*"
      },
      local.key.secretsmanager,
      {
        Sid      = "LogsOfThisTenant"
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
  description          = "${each.key} of tenant ${var.tenant}"
  assume_role_policy   = local.trust
  permissions_boundary = var.ceiling_arn
  tags                 = local.tags

  lifecycle {
    precondition {
      condition     = length(local.names.services[each.key].role) <= 64
      error_message = "A role's name has at most 64 characters: ${local.names.services[each.key].role}"
    }
    precondition {
      condition     = length(lookup(local.policies, each.key, "")) <= 10240
      error_message = "Inline policies of a role have at most 10,240 characters together."
    }
  }
}

resource "aws_iam_role_policy" "task" {
  for_each = local.policies
  name     = "own"
  role     = aws_iam_role.task[each.key].name
  policy   = each.value
}

resource "aws_iam_role" "archive" {
  name                 = local.names.archive_role
  path                 = local.platform.role_path
  description          = "Saves the rows of tenant ${var.tenant} when it leaves"
  assume_role_policy   = local.trust
  permissions_boundary = var.ceiling_arn
  tags                 = local.tags

  lifecycle {
    precondition {
      condition     = local.names.archive_role == "${local.platform.prefix}-${var.tenant}-archive"
      error_message = "The release tool names this role whole, so it must fit into 64 characters: ${local.platform.prefix}-${var.tenant}-archive"
    }
  }
}

resource "aws_iam_role_policy" "archive" {
  name   = "own"
  role   = aws_iam_role.archive.name
  policy = local.archive_policy
}

resource "aws_iam_role" "execution" {
  name                 = local.names.execution_role
  path                 = local.platform.role_path
  description          = "Starts the tasks of tenant ${var.tenant}"
  assume_role_policy   = local.trust
  permissions_boundary = var.ceiling_arn
  tags                 = local.tags

  lifecycle {
    precondition {
      condition     = length(local.execution_policy) <= 10240
      error_message = "Inline policies of a role have at most 10,240 characters together."
    }
  }
}

resource "aws_iam_role_policy" "execution" {
  name   = "own"
  role   = aws_iam_role.execution.name
  policy = local.execution_policy
}

# The ceiling: what any role of a set can do at most, whatever its own policies say.
#
# The second layer of isolation, and independent of the first: it is one policy of a fixed size for every set of the
# fleet, it names no tenant, and it holds for a role that was given `*:*`. What it does not allow is denied, so a
# service of AWS that nobody thought of is closed.
#
# It hangs on the tag `tenant` of the role (`aws:PrincipalTag`). Nobody but infra-apply may set that tag
# (stack/release-roles), and no task may tag a session: `sts` is not in here.

locals {
  # Of a role without the tag the text has no value, and what it stands in matches nothing (IAM user guide, "Policy
  # variables").
  tag = "$${aws:PrincipalTag/tenant}"
  ceiling = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "OwnSecrets"
        Effect   = "Allow"
        Action   = ["secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"]
        Resource = "${local.arn.secret}:${local.platform.slash}/${local.tag}/*"
      },
      {
        Sid    = "OwnEvidence"
        Effect = "Allow"
        Action = ["s3:GetObject", "s3:GetObjectVersion", "s3:PutObject", "s3:AbortMultipartUpload"]
        Resource = [
          "${local.arn.s3}${local.platform.evidence_bucket}/tenants/${local.tag}/*",
          "${local.arn.s3}${local.platform.evidence_bucket}-${local.tag}/*",
        ]
      },
      {
        Sid       = "OwnPrefixOfTheSharedBucket"
        Effect    = "Allow"
        Action    = "s3:ListBucket"
        Resource  = "${local.arn.s3}${local.platform.evidence_bucket}"
        Condition = { StringLike = { "s3:prefix" = ["tenants/${local.tag}/*"] } }
      },
      {
        Sid      = "OwnBucket"
        Effect   = "Allow"
        Action   = "s3:ListBucket"
        Resource = "${local.arn.s3}${local.platform.evidence_bucket}-${local.tag}"
      },
      {
        Sid      = "OwnFolderOfTheArchive"
        Effect   = "Allow"
        Action   = ["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload"]
        Resource = "${local.arn.s3}${local.platform.archive_bucket}/${local.tag}/*"
      },
      {
        Sid      = "OwnQueue"
        Effect   = "Allow"
        Action   = ["sqs:SendMessage", "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility", "sqs:GetQueueAttributes"]
        Resource = "${local.arn.sqs}:${local.platform.prefix}-${local.tag}-discovery"
      },
      {
        Sid      = "OwnDatabaseUser"
        Effect   = "Allow"
        Action   = "rds-db:connect"
        Resource = "${local.arn.rds_db}:*/t_${local.tag}"
      },
      {
        Sid      = "SharedKeyOrOwn"
        Effect   = "Allow"
        Action   = ["kms:Decrypt", "kms:GenerateDataKey"]
        Resource = "${local.arn.kms}:key/*"
        # The shared key's name holds no tag, so it has to be asked for.
        Condition = {
          Null                       = { "aws:PrincipalTag/tenant" = "false" }
          "ForAnyValue:StringEquals" = { "kms:ResourceAliases" = [local.platform.data_alias, "${local.platform.tenant_alias}${local.tag}"] }
          StringEquals               = { "kms:ViaService" = [for service in ["s3", "sqs", "secretsmanager"] : "${service}.${var.context.region}.amazonaws.com"] }
        }
      },
      {
        Sid      = "OwnLogs"
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = "${local.arn.logs}:/${local.platform.slash}/${local.tag}/*"
      },
      {
        Sid      = "PullImages"
        Effect   = "Allow"
        Action   = ["ecr:GetAuthorizationToken", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:BatchCheckLayerAvailability"]
        Resource = "*"
      },
      {
        Sid       = "ControlPlaneAndItsBucket"
        Effect    = "Allow"
        Action    = ["s3:GetObject", "s3:PutObject", "s3:ListBucket"]
        Resource  = ["${local.arn.s3}${local.platform.control_bucket}", "${local.arn.s3}${local.platform.control_bucket}/*"]
        Condition = { StringEquals = { "aws:PrincipalTag/tenant" = "control-plane" } }
      },
    ]
  })
}

resource "aws_iam_policy" "ceiling" {
  name        = local.platform.ceiling_name
  description = "What any role of a set of ${local.platform.prefix} can do at most"
  policy      = local.ceiling
  lifecycle {
    # Losing it opens every role at once.
    prevent_destroy = true
    precondition {
      condition     = length(replace(local.ceiling, "/\\s/", "")) <= 6144
      error_message = "A managed policy has at most 6,144 characters: this one has ${length(local.ceiling)}."
    }
  }
}

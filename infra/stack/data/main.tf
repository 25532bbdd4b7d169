# Everything that must outlive whoever uses it: the key, the databases, the evidence.
#
# Why apart: destroying a tenant's module must destroy no data. A tenant's database is made by a task
# (tenant-database/), its evidence is a prefix of a bucket here, and even a bucket of its own stands here. Hence all
# that is protected is in one small file set, and each of it with `prevent_destroy`.
#
# That lifecycle word holds when a `for_each` key vanishes and not when a whole block does (infra.md, measured), which
# is why `tidegate infra-guard` reads every plan as well.

locals {
  s3 = "arn:${var.context.partition}:s3:::"
  # The shared bucket under the key "", and those of tenants that have one.
  buckets = merge({ "" = var.names.evidence_bucket }, { for tenant, bucket in var.evidence_buckets : tenant => bucket })
}

module "names" {
  source  = "../names"
  context = var.context
}

resource "aws_kms_key" "data" {
  description             = "Data, secrets, queues and logs of ${var.names.prefix}"
  enable_key_rotation     = true
  deletion_window_in_days = 30
  policy                  = jsonencode({ Version = "2012-10-17", Statement = local.key_statements })
  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_kms_alias" "data" {
  name          = var.names.data_alias
  target_key_id = aws_kms_key.data.key_id
}

# A tenant with a bucket of its own has a key of its own: deleting that key is deleting the data (crypto-shredding).
resource "aws_kms_key" "tenant" {
  for_each                = var.evidence_buckets
  description             = "Evidence of tenant ${each.key} of ${var.names.prefix}"
  enable_key_rotation     = true
  deletion_window_in_days = 30
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [local.key_statements[0], {
      Sid       = "NoOtherTenant"
      Effect    = "Deny"
      Principal = { AWS = "*" }
      Action    = ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"]
      Resource  = "*"
      Condition = {
        Null            = { "aws:PrincipalTag/tenant" = "false" }
        StringNotEquals = { "aws:PrincipalTag/tenant" = each.key }
      }
    }]
  })
  tags = { tenant = each.key }
  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_kms_alias" "tenant" {
  for_each      = var.evidence_buckets
  name          = "${var.names.tenant_alias}${each.key}"
  target_key_id = aws_kms_key.tenant[each.key].key_id
}

locals {
  key_statements = [
    {
      # The account's own policies decide; without this nobody could ever change the key again.
      Sid       = "TheAccountDecides"
      Effect    = "Allow"
      Principal = { AWS = "arn:${var.context.partition}:iam::${var.context.account_id}:root" }
      Action    = "kms:*"
      Resource  = "*"
    },
    {
      Sid       = "LogsOfThisFleet"
      Effect    = "Allow"
      Principal = { Service = "logs.${var.context.region}.amazonaws.com" }
      Action    = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"]
      Resource  = "*"
      Condition = { ArnLike = {
        "kms:EncryptionContext:aws:logs:arn" = [
          "${module.names.arn.logs}:/${var.names.slash}/*",
          "${module.names.arn.logs}:${var.names.log_group.waf}",
          "${module.names.arn.logs}:${var.names.log_group.insights}/*",
        ]
      } }
    },
    {
      Sid       = "AlarmsOfThisAccount"
      Effect    = "Allow"
      Principal = { Service = ["cloudwatch.amazonaws.com", "events.amazonaws.com"] }
      Action    = ["kms:Decrypt", "kms:GenerateDataKey*"]
      Resource  = "*"
      Condition = { StringEquals = { "aws:SourceAccount" = var.context.account_id } }
    },
  ]
}

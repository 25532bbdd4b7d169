# What is kept of tenants that have left: a folder each with their evidence, a dump of their database and a list of both
# with checksums (src/app/offboard.rs). It outlives the tenant, so it stands with the data and nothing here names one.
#
# Write once: versions, and Object Lock over each. The lock is GOVERNANCE and not COMPLIANCE, since a court or the right
# to be forgotten may ask for less than what auditors do; who lifts it must first change the policy below, in the open.
#
# Who may what: a tenant's role `archive` writes into its own folder and reads nothing; the role that offboards
# (release-roles) reads and writes; nobody deletes.

resource "aws_s3_bucket" "archive" {
  bucket              = var.names.archive_bucket
  force_destroy       = false
  object_lock_enabled = true
  lifecycle {
    prevent_destroy = true
    precondition {
      condition     = length(var.names.archive_bucket) <= 63
      error_message = "A bucket's name has at most 63 characters: ${var.names.archive_bucket}"
    }
  }
}

resource "aws_s3_bucket_versioning" "archive" {
  bucket = aws_s3_bucket.archive.id
  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_object_lock_configuration" "archive" {
  bucket = aws_s3_bucket_versioning.archive.bucket
  rule {
    default_retention {
      mode = "GOVERNANCE"
      days = var.evidence_days
    }
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "archive" {
  bucket = aws_s3_bucket.archive.id
  rule {
    bucket_key_enabled = true
    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = aws_kms_key.data.arn
    }
  }
}

resource "aws_s3_bucket_public_access_block" "archive" {
  bucket                  = aws_s3_bucket.archive.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "archive" {
  bucket = aws_s3_bucket.archive.id
  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_logging" "archive" {
  bucket        = aws_s3_bucket.archive.id
  target_bucket = aws_s3_bucket.logs.id
  target_prefix = "s3/${var.names.archive_bucket}/"
  depends_on    = [aws_s3_bucket_policy.logs]
}

resource "aws_s3_bucket_lifecycle_configuration" "archive" {
  bucket = aws_s3_bucket.archive.id
  rule {
    id     = "cold-after-a-quarter"
    status = "Enabled"
    filter {}
    # Read in seconds still: what is kept is checked before a purge.
    transition {
      days          = 90
      storage_class = "GLACIER_IR"
    }
    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }
}

resource "aws_s3_bucket_policy" "archive" {
  bucket = aws_s3_bucket.archive.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      local.only_tls[var.names.archive_bucket],
      {
        Sid       = "EachTenantOnlyInItsOwn"
        Effect    = "Deny"
        Principal = "*"
        Action    = ["s3:*Object*", "s3:*MultipartUpload*"]
        NotResource = [
          "${local.s3}${var.names.archive_bucket}/$${aws:PrincipalTag/tenant}/*",
        ]
        Condition = { Null = { "aws:PrincipalTag/tenant" = "false" } }
      },
      {
        Sid       = "TenantsListNothing"
        Effect    = "Deny"
        Principal = "*"
        Action    = "s3:ListBucket*"
        Resource  = "${local.s3}${var.names.archive_bucket}"
        Condition = { Null = { "aws:PrincipalTag/tenant" = "false" } }
      },
      {
        # A tenant's services have no business with what was saved of it. What puts its rows back has, where it has moved to.
        Sid       = "TenantsReadNothingElse"
        Effect    = "Deny"
        Principal = "*"
        Action    = "s3:GetObject*"
        Resource  = "${local.s3}${var.names.archive_bucket}/*"
        Condition = {
          Null       = { "aws:PrincipalTag/tenant" = "false" }
          ArnNotLike = { "aws:PrincipalArn" = "${module.names.arn.iam}:role/${var.context.app}/${var.context.fleet}/sets/*-archive" }
        }
      },
      {
        Sid       = "NobodyElseReadsOrWrites"
        Effect    = "Deny"
        Principal = "*"
        Action    = ["s3:*Object*", "s3:*MultipartUpload*"]
        Resource  = ["${local.s3}${var.names.archive_bucket}/*"]
        Condition = {
          Null       = { "aws:PrincipalTag/tenant" = "true" }
          ArnNotLike = { "aws:PrincipalArn" = [var.offboard_role_arn] }
        }
      },
      {
        Sid       = "NobodyDeletes"
        Effect    = "Deny"
        Principal = "*"
        Action    = ["s3:BypassGovernanceRetention", "s3:DeleteObject*", "s3:PutObjectRetention", "s3:PutObjectLegalHold"]
        Resource  = ["${local.s3}${var.names.archive_bucket}/*"]
      },
    ]
  })
}

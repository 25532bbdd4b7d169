# The control bucket: `sets/` and `licenses/` are written by Terraform, `routing/` by the publisher and by people with the
# release tool, `routing/reports/` by each router, which says there which generation it serves. Versioned: what was published
# is part of the record.

resource "aws_s3_bucket" "control" {
  bucket        = local.platform.control_bucket
  force_destroy = false
  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_s3_bucket_versioning" "control" {
  bucket = aws_s3_bucket.control.id
  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "control" {
  bucket = aws_s3_bucket.control.id
  rule {
    bucket_key_enabled = true
    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = var.kms_key_arn
    }
  }
}

resource "aws_s3_bucket_public_access_block" "control" {
  bucket                  = aws_s3_bucket.control.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "control" {
  bucket = aws_s3_bucket.control.id
  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_logging" "control" {
  bucket        = aws_s3_bucket.control.id
  target_bucket = var.logs_bucket
  target_prefix = "s3/${local.platform.control_bucket}/"
}

resource "aws_s3_bucket_lifecycle_configuration" "control" {
  bucket = aws_s3_bucket.control.id
  rule {
    id     = "old-versions"
    status = "Enabled"
    filter {}
    noncurrent_version_expiration {
      noncurrent_days = 365
    }
    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }
  rule {
    # A router writes its own every few seconds, and one that is gone writes no more.
    id     = "reports"
    status = "Enabled"
    filter {
      prefix = "routing/reports/"
    }
    expiration {
      days = 1
    }
    noncurrent_version_expiration {
      noncurrent_days = 1
    }
  }
}

# As they were issued and committed: what the service hands out is what was reviewed. A licence is taken back by issuing one
# that has ended, not by taking its object away.
resource "aws_s3_object" "licence" {
  for_each     = var.licences
  bucket       = aws_s3_bucket.control.id
  key          = "licenses/${each.key}.json"
  content      = each.value
  content_type = "application/vnd.dsse+json"
  kms_key_id   = var.kms_key_arn

  lifecycle {
    precondition {
      condition     = can(regex("^[a-z][a-z0-9-]*$", each.key)) && length(each.value) <= 65536
      error_message = "licenses/${each.key}.json is no licence of a tenant."
    }
  }

  depends_on = [aws_s3_bucket_versioning.control, aws_s3_bucket_policy.control]
}

resource "aws_s3_bucket_policy" "control" {
  bucket = aws_s3_bucket.control.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "OnlyTls"
        Effect    = "Deny"
        Principal = "*"
        Action    = "s3:*"
        Resource  = ["${local.arn.s3}${local.platform.control_bucket}", "${local.arn.s3}${local.platform.control_bucket}/*"]
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      },
      {
        # A tenant that could write its template could choose its role.
        Sid       = "NoTenant"
        Effect    = "Deny"
        Principal = "*"
        Action    = "s3:*"
        Resource  = ["${local.arn.s3}${local.platform.control_bucket}", "${local.arn.s3}${local.platform.control_bucket}/*"]
        Condition = {
          Null            = { "aws:PrincipalTag/tenant" = "false" }
          StringNotEquals = { "aws:PrincipalTag/tenant" = "control-plane" }
        }
      },
    ]
  })
}

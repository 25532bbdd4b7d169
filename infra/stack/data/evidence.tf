# Evidence: what auditors ask for. Versioned, encrypted, kept, and shut to everybody but its tenant.
#
# The bucket's policy is a layer of its own beside the roles' policies and the ceiling. It knows no tenant by name: it
# compares the path with the tag of whoever asks, so it never grows (a bucket's policy ends at 20 KB).

resource "aws_s3_bucket" "evidence" {
  for_each      = local.buckets
  bucket        = each.value
  force_destroy = false
  tags          = each.key == "" ? {} : { tenant = each.key }
  lifecycle {
    prevent_destroy = true
    precondition {
      condition     = length(each.value) <= 63
      error_message = "A bucket's name has at most 63 characters: ${each.value}"
    }
  }
}

resource "aws_s3_bucket_versioning" "evidence" {
  for_each = aws_s3_bucket.evidence
  bucket   = each.value.id
  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "evidence" {
  for_each = aws_s3_bucket.evidence
  bucket   = each.value.id
  rule {
    bucket_key_enabled = true
    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = each.key == "" ? aws_kms_key.data.arn : aws_kms_key.tenant[each.key].arn
    }
  }
}

resource "aws_s3_bucket_public_access_block" "evidence" {
  for_each                = aws_s3_bucket.evidence
  bucket                  = each.value.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "evidence" {
  for_each = aws_s3_bucket.evidence
  bucket   = each.value.id
  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_logging" "evidence" {
  for_each      = aws_s3_bucket.evidence
  bucket        = each.value.id
  target_bucket = aws_s3_bucket.logs.id
  target_prefix = "s3/${each.value.id}/"
  depends_on    = [aws_s3_bucket_policy.logs]
}

resource "aws_s3_bucket_lifecycle_configuration" "evidence" {
  for_each = aws_s3_bucket.evidence
  bucket   = each.value.id
  rule {
    id     = "old-versions-to-the-archive"
    status = "Enabled"
    filter {}
    noncurrent_version_transition {
      noncurrent_days = 90
      storage_class   = "GLACIER"
    }
    noncurrent_version_expiration {
      noncurrent_days = var.evidence_days
    }
    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }
}

resource "aws_s3_bucket_policy" "evidence" {
  for_each = aws_s3_bucket.evidence
  bucket   = each.value.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      local.only_tls[local.buckets[each.key]],
      merge(
        {
          Sid       = "EachTenantOnlyInItsOwn"
          Effect    = "Deny"
          Principal = "*"
          Action    = ["s3:*Object*", "s3:*MultipartUpload*"]
          Condition = each.key == "" ? { Null = { "aws:PrincipalTag/tenant" = "false" } } : {
            Null            = { "aws:PrincipalTag/tenant" = "false" }
            StringNotEquals = { "aws:PrincipalTag/tenant" = each.key }
          }
        },
        each.key == ""
        ? { NotResource = ["${local.s3}${local.buckets[""]}/tenants/$${aws:PrincipalTag/tenant}/*"] }
        : { Resource = ["${local.s3}${local.buckets[each.key]}/*"] },
      ),
      {
        Sid       = "NobodyElseReadsOrWrites"
        Effect    = "Deny"
        Principal = "*"
        Action    = ["s3:*Object*", "s3:*MultipartUpload*"]
        Resource  = ["${local.s3}${local.buckets[each.key]}/*"]
        Condition = {
          Null       = { "aws:PrincipalTag/tenant" = "true" }
          ArnNotLike = { "aws:PrincipalArn" = concat([var.offboard_role_arn], var.evidence_readers) }
        }
      },
    ]
  })
}

output "kms_key_arn" {
  description = "The key of the fleet."
  value       = aws_kms_key.data.arn
}

output "logs_bucket" {
  description = "Bucket of access logs; known once it takes them."
  value       = aws_s3_bucket_policy.logs.bucket
}

output "client_security_group_id" {
  description = "What a task wears that may speak to a database."
  value       = aws_security_group.client.id
}

output "databases" {
  description = "Of each shard: where its database answers."
  value       = { for shard, database in aws_db_instance.this : shard => { host = database.address, port = database.port } }
}

output "archive_bucket" {
  description = "What is kept of tenants that have left."
  value       = aws_s3_bucket.archive.id
}

output "database_tasks" {
  description = "Of each shard: family of the one-shot task that makes a tenant's database."
  value       = { for shard, task in aws_ecs_task_definition.tenant_database : shard => task.family }
}

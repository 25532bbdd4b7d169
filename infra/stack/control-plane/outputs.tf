output "clusters" {
  description = "ARNs of the clusters, by name."
  value       = { for name, cluster in aws_ecs_cluster.this : name => cluster.arn }
}

output "placeholders" {
  description = "Of each service of a tenant: the task definition that it is born with."
  value       = { for name in keys(var.tenant_services) : name => aws_ecs_task_definition.placeholder[name].arn }
}

output "control_bucket" {
  description = "The control bucket; known once it is versioned and closed."
  value       = aws_s3_bucket_policy.control.bucket
}

output "ceiling" {
  description = "The ceiling, as text: tests measure it."
  value       = local.ceiling
}

output "manifest" {
  description = "The control plane's own manifest."
  value       = module.set.manifest
}

output "ceiling_arn" {
  description = "The ceiling: its name as an ARN, so that it is known at plan, told once it exists."
  value       = local.platform.ceiling_arn
  depends_on  = [aws_iam_policy.ceiling]
}

output "secrets" {
  description = "Names of its secrets, which are made empty."
  value       = [for secret in sort(tolist(local.secrets)) : "${local.names.secret_path}${secret}"]
}

output "licences" {
  description = "Keys of the licences that are published, by tenant."
  value       = { for tenant, object in aws_s3_object.licence : tenant => object.key }
}

output "manifests" {
  description = "Where each set's manifest stands."
  value       = module.fleet.manifests
}

output "manifest_bodies" {
  description = "The manifests themselves; they hold no secret."
  value       = module.fleet.manifest_bodies
}

output "database_tasks" {
  description = "Of each shard: family of the task that makes a tenant's database."
  value       = module.fleet.database_tasks
}

output "name_servers" {
  description = "What the parent zone must delegate to."
  value       = module.fleet.name_servers
}

output "own_host_records" {
  description = "Records that tenants with hosts of their own must publish."
  value       = module.fleet.own_host_records
}

output "ceiling" {
  description = "The ceiling of all roles of sets, as text."
  value       = module.fleet.ceiling
}

output "ownership" {
  description = "What Terraform leaves to the release tool."
  value       = module.fleet.ownership
}

output "control_plane_needs" {
  description = "What people put in by hand before the control plane's first release."
  value       = module.fleet.control_plane_needs
}

locals {
  sets    = { for tenant, of in module.tenant : tenant => of.names }
  roles   = flatten([for of in local.sets : concat([of.execution_role], [for service in of.services : service.role])])
  targets = flatten([for of in local.sets : [for service in of.services : service.target_group]])
}

output "manifests" {
  description = "Where each set's manifest stands."
  value       = { bucket = module.control_plane.control_bucket, keys = { for tenant, of in module.tenant : tenant => of.manifest_key } }

  # Names are joined by hyphens and may hold hyphens, and long ones are cut: two different things must never meet.
  precondition {
    condition     = length(distinct(local.roles)) == length(local.roles) && length(distinct(local.targets)) == length(local.targets)
    error_message = "Two tenants' names meet: choose another id for the newer one."
  }
}

output "manifest_bodies" {
  description = "The manifests themselves, for tests; they hold no secret."
  value       = merge({ control-plane = module.control_plane.manifest }, { for tenant, of in module.tenant : tenant => of.manifest })
}

output "database_tasks" {
  description = "Of each shard: family of the task that makes a tenant's database."
  value       = module.data.database_tasks
}

output "name_servers" {
  description = "What the parent zone must delegate to."
  value       = module.edge.name_servers
}

output "own_host_records" {
  description = "Records that tenants with hosts of their own must publish."
  value       = module.edge.own_host_records
}

output "ceiling" {
  description = "The ceiling, as text."
  value       = module.control_plane.ceiling
}

output "ownership" {
  description = "What Terraform leaves to the release tool."
  value       = jsondecode(file("${path.module}/../ownership.json"))
}

output "control_plane_needs" {
  description = "What people put in by hand before the control plane's first release: values of secrets, and public keys."
  value = {
    secrets = module.control_plane.secrets
    keys = [for name, of in {
      "fleets.${var.fleet.fleet}.routing.keys in fleet.yaml" = { keys = var.fleet.routing_keys, told = "{routing_keys}" }
      "platform.license_keys"                                = { keys = var.platform.license_keys, told = "{license_keys}" }
    } : name if length(of.keys) == 0 && anytrue([for service in var.platform.control_plane : anytrue([for text in values(service.environment) : strcontains(text, of.told)])])]
  }
}

output "licences" {
  description = "Where each tenant's licence is published."
  value       = module.control_plane.licences
}

output "names" {
  description = "The tenant's names: see stack/names."
  value       = module.set.names
}

output "manifest" {
  description = "The manifest, as it stands in the control bucket."
  value       = module.set.manifest
}

output "manifest_key" {
  description = "Where it stands."
  value       = module.set.manifest_key
}

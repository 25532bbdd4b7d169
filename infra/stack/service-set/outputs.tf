output "names" {
  description = "The set's names: see stack/names."
  value       = module.names.set
}

output "manifest" {
  description = "The manifest, as it stands in the control bucket."
  value       = local.manifest
}

output "manifest_key" {
  description = "Where it stands."
  value       = aws_s3_object.manifest.key
}

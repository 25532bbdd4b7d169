output "role_arns" {
  description = "The roles; `deploy` is what fleet.yaml calls `cells.X.role`."
  value       = module.roles.role_arns
}

output "state_bucket" {
  description = "Where the environment keeps its state."
  value       = aws_s3_bucket.state.id
}

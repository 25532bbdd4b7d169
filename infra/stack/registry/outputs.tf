output "repository_urls" {
  description = "Where each repository is pushed to."
  value       = { for name, repository in aws_ecr_repository.this : name => repository.repository_url }
}

output "role_arns" {
  description = "The roles; `deploy` is what fleet.yaml calls `cells.X.role`."
  value       = { for role, of in aws_iam_role.this : role => of.arn }
}

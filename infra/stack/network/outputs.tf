output "vpc_id" {
  description = "The VPC."
  value       = aws_vpc.this.id
}

output "public_subnet_ids" {
  description = "Where load balancers stand, and nothing else."
  value       = [for zone in var.zones : aws_subnet.public[zone].id]
}

output "private_subnet_ids" {
  description = "Where everything runs."
  value       = [for zone in var.zones : aws_subnet.private[zone].id]
}

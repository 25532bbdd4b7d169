output "balancers" {
  description = "Of each shard, and of `control`: listener, security group, the load balancer's name for metrics."
  value = {
    for shard in local.balancers : shard => {
      listener_arn      = aws_lb_listener.https[shard].arn
      security_group_id = aws_security_group.balancer[shard].id
      arn_suffix        = aws_lb.this[shard].arn_suffix
      dns_name          = aws_lb.this[shard].dns_name
    }
  }
}

output "name_servers" {
  description = "What the parent zone must delegate to."
  value       = aws_route53_zone.this.name_servers
}

output "own_host_records" {
  description = "For each tenant with a host of its own: the record that it must publish, so that its certificate is issued."
  value       = { for tenant, certificate in aws_acm_certificate.own_host : tenant => certificate.domain_validation_options }
}

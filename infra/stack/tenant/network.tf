# A tenant's tasks hear its load balancer and each other, and nobody else: no rule here speaks of another tenant.

resource "aws_security_group" "this" {
  name        = "${local.platform.prefix}-${var.tenant}"
  description = "Tasks of tenant ${var.tenant}"
  vpc_id      = var.vpc_id
  tags        = merge(local.tags, { Name = "${local.platform.prefix}-${var.tenant}" })
}

resource "aws_vpc_security_group_ingress_rule" "balancer" {
  for_each                     = toset([for of in var.services : tostring(of.port) if of.kind == "service"])
  security_group_id            = aws_security_group.this.id
  description                  = "From the load balancer of the shard"
  referenced_security_group_id = var.balancer.security_group_id
  ip_protocol                  = "tcp"
  from_port                    = tonumber(each.key)
  to_port                      = tonumber(each.key)
}

resource "aws_vpc_security_group_ingress_rule" "itself" {
  for_each                     = toset([for of in var.services : tostring(of.port) if of.kind == "service"])
  security_group_id            = aws_security_group.this.id
  description                  = "From the same tenant"
  referenced_security_group_id = aws_security_group.this.id
  ip_protocol                  = "tcp"
  from_port                    = tonumber(each.key)
  to_port                      = tonumber(each.key)
}

resource "aws_vpc_security_group_egress_rule" "itself" {
  for_each                     = toset([for of in var.services : tostring(of.port) if of.kind == "service"])
  security_group_id            = aws_security_group.this.id
  description                  = "To the same tenant"
  referenced_security_group_id = aws_security_group.this.id
  ip_protocol                  = "tcp"
  from_port                    = tonumber(each.key)
  to_port                      = tonumber(each.key)
}

resource "aws_vpc_security_group_egress_rule" "tls" {
  security_group_id = aws_security_group.this.id
  description       = "TLS to AWS and to the systems that integrations speak to"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

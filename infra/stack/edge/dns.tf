# Names and certificates. A tenant's record names its shard, so a tenant moves by one record.
#
# A tenant's own host, outside of the domain, is the tenant's to point here. It gets a certificate of its own: put on
# the wildcard's, a customer who is slow to publish a record would hold up everybody's certificate. It is attached once
# it is known to be issued (`issued_hosts`). A load balancer takes 25 certificates ([UG:acm]), and a shard has 20 tenants.

locals {
  own_hosts   = { for tenant, of in var.hosts : tenant => of if endswith(".${of.host}", ".${var.domain}") }
  alien_hosts = { for tenant, of in var.hosts : tenant => of if !endswith(".${of.host}", ".${var.domain}") }
}

resource "aws_route53_zone" "this" {
  name = var.domain
  lifecycle {
    prevent_destroy = true # the parent zone delegates to these very name servers
  }
}

resource "aws_acm_certificate" "this" {
  domain_name               = var.domain
  subject_alternative_names = ["*.${var.domain}"]
  validation_method         = "DNS"
  lifecycle {
    create_before_destroy = true
  }
}

# The domain's record proves the wildcard too: ACM asks for the same one.
resource "aws_route53_record" "certificate" {
  zone_id         = aws_route53_zone.this.zone_id
  allow_overwrite = true
  name            = one([for option in aws_acm_certificate.this.domain_validation_options : option.resource_record_name if option.domain_name == var.domain])
  type            = one([for option in aws_acm_certificate.this.domain_validation_options : option.resource_record_type if option.domain_name == var.domain])
  records         = [one([for option in aws_acm_certificate.this.domain_validation_options : option.resource_record_value if option.domain_name == var.domain])]
  ttl             = 300
}

resource "aws_acm_certificate_validation" "this" {
  certificate_arn = aws_acm_certificate.this.arn
  depends_on      = [aws_route53_record.certificate]
}

resource "aws_acm_certificate" "own_host" {
  for_each          = local.alien_hosts
  domain_name       = each.value.host
  validation_method = "DNS"
  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_lb_listener_certificate" "own_host" {
  for_each        = { for tenant, of in local.alien_hosts : tenant => of if contains(var.issued_hosts, of.host) }
  listener_arn    = aws_lb_listener.https[each.value.shard].arn
  certificate_arn = aws_acm_certificate.own_host[each.key].arn
}

resource "aws_route53_record" "tenant" {
  for_each = local.own_hosts
  zone_id  = aws_route53_zone.this.zone_id
  name     = each.value.host
  type     = "A"
  alias {
    name                   = aws_lb.this[each.value.shard].dns_name
    zone_id                = aws_lb.this[each.value.shard].zone_id
    evaluate_target_health = false
  }
}

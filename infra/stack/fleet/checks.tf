# What is no mistake yet, said at every plan. What is a mistake stops the plan: see the validations and preconditions.

check "room_in_a_shard" {
  assert {
    condition     = length([for of in var.fleet.tenants : of if of.shard == var.fleet.shards[length(var.fleet.shards) - 1]]) <= 18
    error_message = "The last shard is nearly full: add one to the cell's shards before the 21st tenant comes."
  }
}

check "own_hosts_have_certificates" {
  assert {
    condition     = alltrue([for of in var.fleet.tenants : endswith(of.host, ".${var.fleet.domain}") || contains(var.platform.issued_hosts, of.host)])
    error_message = "Not served over TLS yet: ${join(", ", [for of in var.fleet.tenants : of.host if !endswith(of.host, ".${var.fleet.domain}") && !contains(var.platform.issued_hosts, of.host)])}. The tenant publishes the record of output `own_host_records`; once the certificate is issued, name the host in `issued_hosts`."
  }
}

check "zones_of_the_region" {
  assert {
    condition     = alltrue([for zone in var.platform.zones : startswith(zone, var.fleet.region)])
    error_message = "Zones ${join(", ", var.platform.zones)} are not of ${var.fleet.region}."
  }
}

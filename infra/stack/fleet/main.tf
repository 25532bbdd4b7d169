# One fleet in one account: how the modules hang together. An environment is this module and two files of values.

locals {
  context = {
    app        = var.fleet.app
    fleet      = var.fleet.fleet
    account_id = var.fleet.account_id
    region     = var.fleet.region
  }
  names        = module.names.platform
  repositories = toset([for of in merge(var.fleet.services, var.fleet.control_plane) : of.repository])
  has_registry = var.fleet.registry.account_id == var.fleet.account_id && var.fleet.registry.region == var.fleet.region
  repository_arn = {
    for service, of in merge(var.fleet.services, var.fleet.control_plane) : service =>
    "arn:aws:ecr:${var.fleet.registry.region}:${var.fleet.registry.account_id}:repository/${of.repository}"
  }

  # What the values of the control plane's environment may name, so that no name is written twice.
  told = {
    "{bucket}"       = local.names.control_bucket
    "{domain}"       = var.fleet.domain
    "{fleet}"        = var.fleet.fleet
    "{routing_keys}" = join(",", var.fleet.routing_keys)
    "{license_keys}" = join(",", var.platform.license_keys)
  }
  control_plane = {
    for service, of in var.fleet.control_plane : service => merge(
      { kind = of.kind, port = of.port, health = of.health },
      var.platform.control_plane[service],
      { environment = {
        for name, text in var.platform.control_plane[service].environment : name =>
        join("", [for part in regexall("\\{[a-z_]+\\}|[^{]+|\\{", text) : lookup(local.told, part, part)])
      } },
    )
  }
  # As they were committed, by tenant.
  licences = var.licences == null ? {} : { for file in fileset(var.licences, "*.json") : trimsuffix(file, ".json") => file("${var.licences}/${file}") }

  # As the release tool makes it (src/domain/pause.rs). No tenant's own: an id has no two hyphens in a row.
  wake_hosts = { for tenant in keys(var.fleet.tenants) : tenant => "${tenant}--wake.${var.fleet.domain}" }

  services = {
    for tier, sizes in var.platform.sizes : tier => {
      for service, of in var.fleet.services : service => merge(
        { kind = of.kind, port = of.port, health = of.health },
        sizes[service],
        lookup(var.platform.settings, service, { secrets = [], uses = [], environment = {} }),
      )
    }
  }
}

module "names" {
  source  = "../names"
  context = local.context
}

module "data" {
  source             = "../data"
  context            = local.context
  names              = local.names
  vpc_id             = module.network.vpc_id
  private_subnet_ids = module.network.private_subnet_ids
  shards             = var.fleet.shards
  evidence_buckets   = { for tenant, of in var.fleet.tenants : tenant => "${local.names.evidence_bucket}-${tenant}" if of.evidence == "bucket" }
  evidence_days      = var.platform.evidence_days
  evidence_readers   = var.platform.evidence_readers
  offboard_role_arn  = "${module.names.arn.iam}:role/${local.names.release_roles.offboard}"
  database           = var.platform.database
  database_task      = var.platform.database_task
  protect            = var.platform.protect
}

module "network" {
  source              = "../network"
  name                = local.names.prefix
  account_id          = var.fleet.account_id
  region              = var.fleet.region
  zones               = var.platform.zones
  cidr                = var.platform.cidr
  nat                 = var.platform.nat
  interface_endpoints = var.platform.interface_endpoints
  flow_log_group      = local.names.log_group.flow
  logs_arn            = module.names.arn.logs
  kms_key_arn         = module.data.kms_key_arn
}

module "edge" {
  source            = "../edge"
  name              = local.names.prefix
  domain            = var.fleet.domain
  shards            = var.fleet.shards
  vpc_id            = module.network.vpc_id
  vpc_cidr          = var.platform.cidr
  public_subnet_ids = module.network.public_subnet_ids
  logs_bucket       = module.data.logs_bucket
  waf_log_group     = local.names.log_group.waf
  kms_key_arn       = module.data.kms_key_arn
  protect           = var.platform.protect
  issued_hosts      = var.platform.issued_hosts
  hosts = merge(
    { for tenant, of in var.fleet.tenants : tenant => { host = of.host, shard = of.shard } if of.state != "offboarding" },
    { for tenant, of in var.fleet.tenants : "${tenant}--wake" => { host = local.wake_hosts[tenant], shard = of.shard } if of.state != "offboarding" },
    { for host, service in var.platform.whole_hosts : host => { host = host, shard = "control" } if host != var.fleet.domain },
    { control-plane = { host = var.fleet.domain, shard = "control" } },
  )
}

module "registry" {
  source        = "../registry"
  count         = local.has_registry ? 1 : 0
  repositories  = local.repositories
  pull_accounts = var.platform.pull_accounts
  kms_key_arn   = module.data.kms_key_arn
}

module "observability" {
  source       = "../observability"
  name         = local.names.prefix
  account_id   = var.fleet.account_id
  region       = var.fleet.region
  ecs_arn      = module.names.arn.ecs
  balancers    = { for shard, of in module.edge.balancers : shard => of.arn_suffix }
  alarm_emails = var.platform.alarm_emails
  kms_key_arn  = module.data.kms_key_arn
}

module "control_plane" {
  source             = "../control-plane"
  context            = local.context
  domain             = var.fleet.domain
  whole_hosts        = var.platform.whole_hosts
  clusters           = var.fleet.clusters
  container_insights = var.platform.container_insights
  services           = local.control_plane
  licences           = local.licences
  tenant_services    = { for service, of in var.fleet.services : service => { port = of.port } }
  placeholder_image  = var.platform.placeholder_image
  balancer           = module.edge.balancers["control"]
  vpc_id             = module.network.vpc_id
  subnet_ids         = module.network.private_subnet_ids
  kms_key_arn        = module.data.kms_key_arn
  logs_bucket        = module.data.logs_bucket
  repository_arns    = [for service in sort(keys(var.fleet.control_plane)) : local.repository_arn[service]]
  architecture       = var.platform.architecture
  log_days           = var.platform.log_days
  alarm_topics       = [module.observability.topic_arn]
}

module "tenant" {
  source                   = "../tenant"
  for_each                 = var.fleet.tenants
  context                  = local.context
  tenant                   = each.key
  state                    = each.value.state
  slot                     = each.value.slot
  host                     = each.value.host
  wake_host                = local.wake_hosts[each.key]
  database                 = each.value.rds
  evidence                 = each.value.evidence
  services                 = local.services[each.value.tier]
  cluster_name             = each.value.cluster
  cluster_arn              = module.control_plane.clusters[each.value.cluster]
  placeholders             = module.control_plane.placeholders
  balancer                 = module.edge.balancers[each.value.shard]
  database_at              = module.data.databases[each.value.shard]
  database_client_group_id = module.data.client_security_group_id
  vpc_id                   = module.network.vpc_id
  subnet_ids               = module.network.private_subnet_ids
  control_bucket           = module.control_plane.control_bucket
  kms_key_arn              = module.data.kms_key_arn
  ceiling_arn              = module.control_plane.ceiling_arn
  repository_arns          = [for service in sort(keys(var.fleet.services)) : local.repository_arn[service]]
  architecture             = var.platform.architecture
  log_days                 = var.platform.log_days
  alarm_topics             = [module.observability.topic_arn]
}

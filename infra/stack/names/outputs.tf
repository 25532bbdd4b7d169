output "arn" {
  description = "Beginnings of ARNs, by service."
  value       = local.arn
}

output "platform" {
  description = "What belongs to the whole fleet."
  value = {
    prefix          = local.prefix
    slash           = local.slash
    control_bucket  = "${local.prefix}-control-${local.c.account_id}"
    evidence_bucket = "${local.prefix}-evidence-${local.c.account_id}"
    archive_bucket  = "${local.prefix}-archive-${local.c.account_id}"
    logs_bucket     = "${local.prefix}-logs-${local.c.account_id}"
    state_bucket    = "${local.prefix}-tfstate-${local.c.account_id}"
    data_alias      = "alias/${local.prefix}/data"
    tenant_alias    = "alias/${local.prefix}/tenant/"
    role_path       = "/${local.slash}/sets/"
    ceiling_name    = "${local.prefix}-ceiling"
    ceiling_arn     = "${local.arn.iam}:policy/${local.prefix}-ceiling"
    shared_database = replace(local.c.app, "-", "_")
    # The release tool's roles. `deploy` is what fleet.yaml calls `cells.X.role`.
    release_roles = {
      build       = "tidegate-${local.c.fleet}-build"
      plan        = "tidegate-${local.c.fleet}-plan"
      deploy      = "tidegate-${local.c.fleet}"
      offboard    = "tidegate-${local.c.fleet}-offboard"
      infra_plan  = "tidegate-${local.c.fleet}-infra-plan"
      infra_apply = "tidegate-${local.c.fleet}-infra-apply"
    }
    log_group = {
      flow     = "/${local.slash}/platform/flow"
      waf      = "aws-waf-logs-${local.prefix}"
      database = "/${local.slash}/platform/tenant-database"
      insights = "/aws/ecs/containerinsights"
    }
  }
}

output "set" {
  description = "What belongs to one set; null where no set was named."
  value = var.set == null ? null : {
    id = var.set
    services = {
      for service in var.services : service => {
        service       = "${local.prefix}-${var.set}-${service}"
        role          = local.role[service]
        role_arn      = "${local.arn.iam}:role/${local.slash}/sets/${local.role[service]}"
        target_group  = local.target[service]
        log_group     = "/${local.slash}/${var.set}/${service}"
        log_group_arn = "${local.arn.logs}:/${local.slash}/${var.set}/${service}"
      }
    }
    execution_role     = local.role["execution"]
    execution_role_arn = "${local.arn.iam}:role/${local.slash}/sets/${local.role["execution"]}"
    archive_role       = local.role["archive"]
    archive_folder     = "${var.set}/"
    manifest_key       = "sets/${var.set}/manifest.json"
    alarm_prefix       = "${local.prefix}-${var.set}-"
    secret_path        = "${local.slash}/${var.set}/"
    queue              = "${local.prefix}-${var.set}-discovery"
    dead_queue         = "${local.prefix}-${var.set}-discovery-dead"
    evidence_prefix    = "tenants/${var.set}/"
    evidence_bucket    = "${local.prefix}-evidence-${local.c.account_id}-${var.set}"
    key_alias          = "alias/${local.prefix}/tenant/${var.set}"
    # Hyphens and all: PostgreSQL takes them in quotes, and so that the ceiling can name the user by the role's tag.
    database_user = "t_${var.set}"
  }
}

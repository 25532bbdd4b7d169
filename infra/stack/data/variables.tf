variable "context" {
  description = "Application, fleet, account and Region: see stack/names."
  type = object({
    app        = string
    fleet      = string
    account_id = string
    region     = string
    partition  = optional(string, "aws")
  })
}

variable "names" {
  description = "The output `platform` of stack/names."
  type = object({
    prefix          = string
    slash           = string
    evidence_bucket = string
    archive_bucket  = string
    logs_bucket     = string
    data_alias      = string
    tenant_alias    = string
    shared_database = string
    log_group       = object({ waf = string, insights = string, database = string })
  })
}

variable "vpc_id" {
  description = "The VPC."
  type        = string
}

variable "private_subnet_ids" {
  description = "Where databases stand."
  type        = list(string)
}

variable "shards" {
  description = "One database each."
  type        = list(string)
}

variable "evidence_buckets" {
  description = "Tenants with a bucket of their own, and its name."
  type        = map(string)
}

variable "evidence_days" {
  description = "How long a replaced or deleted piece of evidence is kept, and whatever is kept of a tenant that has left."
  type        = number
  validation {
    condition     = var.evidence_days >= 365
    error_message = "Evidence is kept for a year at least."
  }
}

variable "evidence_readers" {
  description = "Roles without a tenant that may read evidence, such as the one that exports it when a tenant leaves."
  type        = list(string)
  default     = []
}

variable "offboard_role_arn" {
  description = "The role that takes tenants out: it alone reads evidence and the archive."
  type        = string
}

variable "database" {
  description = "Size and class of each database."
  type = object({
    instance_class = string
    engine_version = string
    storage_gib    = number
    multi_az       = bool
    backup_days    = number
  })
  validation {
    condition     = var.database.backup_days >= 1 && var.database.backup_days <= 35
    error_message = "RDS keeps automated backups for 1 to 35 days."
  }
}

variable "database_task" {
  description = "What the tasks on tenants' databases run in: psql, what uploads a dump, and room for one."
  type        = object({ image = string, uploader = string, cpu = number, memory = number, dump_gib = number })
  validation {
    condition     = var.database_task.dump_gib >= 21 && var.database_task.dump_gib <= 200
    error_message = "A task of Fargate has 21 to 200 GiB of its own, where it is not the 20 that all have."
  }
}

variable "protect" {
  description = "Whether AWS refuses to delete the databases."
  type        = bool
}

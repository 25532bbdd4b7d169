# Two inputs, so that each value has one author: `fleet` is rendered from fleet.yaml by the release tool
# (schema/tenant-inputs.schema.json), `platform` is what Terraform's people decide and fleet.yaml does not know.
# This file is the environments' variables.tf as well, by a link: one contract, written once.

variable "fleet" {
  description = "What fleet.yaml says of one fleet in one cell: rendered by `tidegate tenants export`, never by hand."
  type = object({
    schema     = number
    app        = string
    fleet      = string
    domain     = string
    cell       = string
    account_id = string
    region     = string
    clusters   = list(string)
    registry   = object({ account_id = string, region = string })
    shards     = list(string)
    # Public keys that sign the routing snapshot; none where nothing is routed.
    routing_keys = optional(list(string), [])
    services = map(object({
      kind       = string
      port       = optional(number)
      health     = optional(string)
      repository = string
    }))
    control_plane = map(object({
      kind       = string
      port       = optional(number)
      health     = optional(string)
      repository = string
    }))
    tenants = map(object({
      shard    = string
      slot     = number
      cluster  = string
      state    = string
      tier     = string
      host     = string
      rds      = string
      evidence = string
    }))
  })

  validation {
    condition     = var.fleet.schema == 1
    error_message = "This Terraform reads schema 1 of the tenants' inputs, not ${var.fleet.schema}."
  }
  validation {
    condition     = can(regex("^[0-9]{12}$", var.fleet.account_id)) && can(regex("^[0-9]{12}$", var.fleet.registry.account_id))
    error_message = "An account has twelve digits."
  }
  validation {
    condition     = alltrue([for id in keys(var.fleet.tenants) : can(regex("^[a-z][a-z0-9]*(-[a-z0-9]+)*$", id)) && length(id) >= 2 && length(id) <= 31])
    error_message = "Ids of tenants have 2 to 31 of a-z, 0-9 and single hyphens, and begin with a letter: ${join(", ", keys(var.fleet.tenants))}"
  }
  validation {
    condition     = alltrue([for of in var.fleet.tenants : contains(var.fleet.shards, of.shard)])
    error_message = "Shards that are not in `shards`: ${join(", ", distinct([for of in var.fleet.tenants : of.shard if !contains(var.fleet.shards, of.shard)]))}"
  }
  validation {
    condition     = alltrue([for shard in var.fleet.shards : can(regex("^s[1-9][0-9]{0,2}$", shard))])
    error_message = "Shards are s1, s2, and so on; `control` is the control plane's."
  }
  validation {
    condition     = alltrue([for of in var.fleet.tenants : contains(var.fleet.clusters, of.cluster)])
    error_message = "A tenant is in a cluster that is not in `clusters`."
  }
  validation {
    condition     = length(distinct([for of in var.fleet.tenants : "${of.shard} ${of.slot}"])) == length(var.fleet.tenants)
    error_message = "Two tenants have the same slot of a shard: rules of a load balancer have one priority each."
  }
  validation {
    condition     = alltrue([for of in var.fleet.tenants : of.slot >= 1 && of.slot <= 20 && floor(of.slot) == of.slot])
    error_message = "Slots are 1 to 20: a load balancer has 100 target groups, and that cannot be raised."
  }
  validation {
    condition     = length(distinct([for of in var.fleet.tenants : lower(of.host)])) == length(var.fleet.tenants)
    error_message = "Two tenants have the same host."
  }
  validation {
    condition     = length([for of in var.fleet.services : of if of.kind == "service"]) <= 4
    error_message = "More than four services with requests: 20 tenants would need more rules and target groups than a load balancer has."
  }
  validation {
    condition     = length(setintersection(keys(var.fleet.services), keys(var.fleet.control_plane))) == 0
    error_message = "Tenants and control plane must not share the name of a service."
  }
}

variable "platform" {
  description = "What fleet.yaml does not know: network, sizes, guards. Written by hand, one file an environment."
  type = object({
    zones               = list(string)
    cidr                = string
    nat                 = string
    interface_endpoints = optional(set(string), [])
    architecture        = optional(string, "X86_64")
    # Whether AWS itself refuses to delete what holds data, beside Terraform's `prevent_destroy`.
    protect            = bool
    log_days           = number
    evidence_days      = number
    evidence_readers   = optional(list(string), [])
    container_insights = optional(string, "disabled")
    alarm_emails       = optional(list(string), [])
    # Accounts that pull from this registry; hosts that belong whole to one service of the control plane; hosts of
    # tenants' own whose certificates are known to be issued.
    pull_accounts     = optional(list(string), [])
    whole_hosts       = optional(map(string), {})
    issued_hosts      = optional(list(string), [])
    placeholder_image = optional(string, "public.ecr.aws/docker/library/busybox:1.37")
    database = object({
      instance_class = string
      engine_version = string
      storage_gib    = number
      multi_az       = bool
      backup_days    = number
    })
    database_task = optional(object({ image = string, uploader = string, cpu = number, memory = number, dump_gib = number }), {
      image    = "public.ecr.aws/docker/library/postgres:16-alpine"
      uploader = "public.ecr.aws/aws-cli/aws-cli:2.27.50"
      cpu      = 512, memory = 1024, dump_gib = 100
    })
    # By tier, then by service. Every tier names every service.
    sizes = map(map(object({ cpu = number, memory = number, min = number, max = number })))
    # By service: names of secrets, what it uses of the tenant's data, and environment that is no secret.
    settings = optional(map(object({
      secrets     = optional(set(string), [])
      uses        = optional(set(string), [])
      environment = optional(map(string), {})
    })), {})
    # By service of the control plane: its size, parts of the control bucket, names of secrets, and environment that is no
    # secret. In that, {bucket}, {domain}, {fleet}, {routing_keys} and {license_keys} are put in.
    control_plane = map(object({
      cpu         = number
      memory      = number
      min         = number
      max         = number
      reads       = optional(set(string), [])
      writes      = optional(set(string), [])
      lists       = optional(set(string), [])
      secrets     = optional(set(string), [])
      environment = optional(map(string), {})
    }))
    # Public keys that sign licences: one, or two while one is replaced.
    license_keys = optional(list(string), [])
  })

  validation {
    condition     = alltrue([for of in var.fleet.tenants : contains(keys(var.platform.sizes), of.tier)])
    error_message = "Tiers without sizes: ${join(", ", distinct([for of in var.fleet.tenants : of.tier if !contains(keys(var.platform.sizes), of.tier)]))}"
  }
  validation {
    condition     = alltrue([for sizes in var.platform.sizes : length(setsubtract(keys(var.fleet.services), keys(sizes))) == 0])
    error_message = "Every tier must name the size of every service of fleet.yaml."
  }
  validation {
    condition     = length(setsubtract(keys(var.fleet.control_plane), keys(var.platform.control_plane))) == 0
    error_message = "platform.control_plane must name every service of the control plane."
  }
  validation {
    condition     = length(setsubtract(keys(var.platform.settings), keys(var.fleet.services))) == 0
    error_message = "platform.settings names services that fleet.yaml does not have."
  }
  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.platform.log_days)
    error_message = "CloudWatch keeps logs for one of its own numbers of days, such as 30, 90, 365."
  }
}

variable "licences" {
  description = "The folder with the fleet's sealed licences, as `tidegate license issue` keeps them; null for none."
  type        = string
  default     = null
}

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

variable "tenant" {
  description = "The tenant's id: part of every name of what it has, never changed, never given to another one."
  type        = string
  validation {
    condition     = can(regex("^[a-z][a-z0-9]*(-[a-z0-9]+)*$", var.tenant)) && length(var.tenant) >= 2 && length(var.tenant) <= 31
    error_message = "2 to 31 of a-z, 0-9 and single hyphens, beginning with a letter."
  }
  validation {
    condition     = !contains(["control-plane", "platform", "placeholder", "tenant"], var.tenant)
    error_message = "That name is the platform's own."
  }
}

variable "state" {
  description = "What fleet.yaml says that it should be doing: active, paused or offboarding."
  type        = string
  validation {
    condition     = contains(["active", "paused", "offboarding"], var.state)
    error_message = "One of active, paused, offboarding."
  }
}

variable "slot" {
  description = "Its number in its shard."
  type        = number
}

variable "host" {
  description = "Its host."
  type        = string
}

variable "wake_host" {
  description = "Where a resume asks its services while others get a 503."
  type        = string
}

variable "database" {
  description = "Its part of PostgreSQL: `schema` or `database`."
  type        = string
  validation {
    condition     = contains(["schema", "database"], var.database)
    error_message = "One of schema, database."
  }
}

variable "evidence" {
  description = "Its part of S3: `prefix` or `bucket`."
  type        = string
  validation {
    condition     = contains(["prefix", "bucket"], var.evidence)
    error_message = "One of prefix, bucket."
  }
}

variable "services" {
  description = "Its services: see stack/service-set, and what each uses: database, evidence, send, receive."
  type = map(object({
    kind        = string
    port        = optional(number)
    health      = optional(string)
    cpu         = number
    memory      = number
    min         = number
    max         = number
    secrets     = optional(set(string), [])
    environment = optional(map(string), {})
    uses        = optional(set(string), [])
  }))
  validation {
    condition     = alltrue([for of in var.services : length(setsubtract(of.uses, ["database", "evidence", "send", "receive"])) == 0])
    error_message = "A service uses database, evidence, send or receive."
  }
}

variable "cluster_name" {
  description = "The ECS cluster."
  type        = string
}

variable "cluster_arn" {
  description = "Its ARN."
  type        = string
}

variable "placeholders" {
  description = "Of each service: the task definition that it is born with."
  type        = map(string)
}

variable "balancer" {
  description = "The load balancer of its shard."
  type        = object({ listener_arn = string, security_group_id = string, arn_suffix = string, dns_name = string })
}

variable "database_at" {
  description = "Where the database of its shard answers."
  type        = object({ host = string, port = number })
}

variable "database_client_group_id" {
  description = "Security group of whoever may speak to a database."
  type        = string
}

variable "vpc_id" {
  description = "The VPC."
  type        = string
}

variable "subnet_ids" {
  description = "Private subnets."
  type        = list(string)
}

variable "control_bucket" {
  description = "Bucket of templates and manifests."
  type        = string
}

variable "kms_key_arn" {
  description = "The key of the fleet."
  type        = string
}

variable "repository_arns" {
  description = "Repositories that its images come from."
  type        = list(string)
}

variable "architecture" {
  description = "Processor: X86_64 or ARM64."
  type        = string
}

variable "log_days" {
  description = "How long logs are kept."
  type        = number
}

variable "alarm_topics" {
  description = "Who hears of alarms."
  type        = list(string)
}

variable "ceiling_arn" {
  description = "The ceiling of every role: see stack/control-plane."
  type        = string
}

locals {
  # What Fargate sells (ECS Developer Guide, "Task definition parameters for Fargate", task size). Emulators take all.
  fargate = merge(
    { 256 = [512, 1024, 2048] },
    { 512 = range(1024, 4097, 1024) },
    { 1024 = range(2048, 8193, 1024) },
    { 2048 = range(4096, 16385, 1024) },
    { 4096 = range(8192, 30721, 1024) },
    { 8192 = range(16384, 61441, 4096) },
    { 16384 = range(32768, 122881, 8192) },
  )
}

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

variable "set" {
  description = "A tenant's id, or `control-plane`."
  type        = string
}

variable "services" {
  description = "The set's services: what fleet.yaml says of each, and its size. `kind` is service (has requests), worker (has none) or task (one-shot, before or after a release)."
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
  }))

  validation {
    condition     = alltrue([for of in var.services : contains(lookup(local.fargate, of.cpu, []), of.memory)])
    error_message = "Not a size that Fargate has: ${join(", ", [for name, of in var.services : "${name} ${of.cpu}/${of.memory}" if !contains(lookup(local.fargate, of.cpu, []), of.memory)])}."
  }
  validation {
    condition     = alltrue([for of in var.services : contains(["service", "worker", "task"], of.kind)])
    error_message = "A service's kind is service, worker or task."
  }
  validation {
    condition     = alltrue([for of in var.services : of.kind != "service" || (of.port != null && of.health != null)])
    error_message = "What has requests has a port and a health path."
  }
  validation {
    condition     = alltrue([for of in var.services : of.min >= 0 && of.min <= of.max && of.max <= 5000])
    error_message = "0 <= min <= max <= 5000, the tasks of one service."
  }
  validation {
    condition     = length([for of in var.services : of if of.kind == "service"]) <= 20
    error_message = "A set has at most 20 services with requests: the rules of one slot."
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

variable "slot" {
  description = "The set's number in its shard, 1 to 20, never given to another one: decides rule priorities."
  type        = number
  validation {
    condition     = var.slot >= 1 && var.slot <= 20 && floor(var.slot) == var.slot
    error_message = "A slot is a whole number from 1 to 20."
  }
}

variable "routing" {
  description = "`open`, `paused` (503 over the rules), or `gone` (no rules: on its way out)."
  type        = string
  validation {
    condition     = contains(["open", "paused", "gone"], var.routing)
    error_message = "One of open, paused, gone."
  }
}

variable "host" {
  description = "The set's host."
  type        = string
  validation {
    condition     = length(var.host) <= 128
    error_message = "A host condition has at most 128 characters."
  }
}

variable "wake_host" {
  description = "A second host of its routes, which no 503 of a pause covers; null for a set that is never paused."
  type        = string
  default     = null
}

variable "whole_hosts" {
  description = "Hosts that belong whole to one service: host to service."
  type        = map(string)
  default     = {}
}

variable "listener_arn" {
  description = "The HTTPS listener of the set's shard."
  type        = string
}

variable "balancer_arn_suffix" {
  description = "The load balancer of the set's shard, as metrics name it."
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

variable "security_group_ids" {
  description = "Security groups of the tasks."
  type        = list(string)
  validation {
    condition     = length(var.security_group_ids) <= 5
    error_message = "An interface has at most 5 security groups."
  }
}

variable "control_bucket" {
  description = "Bucket of templates and manifests."
  type        = string
}

variable "kms_key_arn" {
  description = "The key of the fleet."
  type        = string
}

variable "secret_arns" {
  description = "ARNs of the set's secrets, by name."
  type        = map(string)
  default     = {}
}

variable "environment" {
  description = "Environment of every service of the set. Never a secret."
  type        = map(string)
  default     = {}
}

variable "data" {
  description = "What the manifest says of the set's data; null for a set that has none."
  type = object({
    database = object({ host = string, port = number, name = string, schema = string, user = string })
    evidence = object({ bucket = string, prefix = string })
    queue    = string
    secrets  = map(string)
  })
  default = null
}

variable "tags" {
  description = "Tags of task definitions."
  type        = map(string)
  default     = {}
}

variable "architecture" {
  description = "Processor: X86_64 or ARM64."
  type        = string
  default     = "X86_64"
}

variable "log_days" {
  description = "How long logs are kept."
  type        = number
}

variable "alarm_topics" {
  description = "Who hears of alarms."
  type        = list(string)
}

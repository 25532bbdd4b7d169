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

variable "domain" {
  description = "The fleet's domain: the control plane's own host."
  type        = string
}

variable "whole_hosts" {
  description = "Hosts that belong whole to one of its services, such as the shared hostname to the router."
  type        = map(string)
}

variable "clusters" {
  description = "ECS clusters; the control plane runs in the first."
  type        = list(string)
}

variable "container_insights" {
  description = "`enabled`, `enhanced` or `disabled`: billed by metric and service."
  type        = string
}

variable "services" {
  description = "Its services: see stack/service-set, and which parts of the control bucket each reads, writes and lists (`*` is all of it)."
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
    reads       = optional(set(string), [])
    writes      = optional(set(string), [])
    lists       = optional(set(string), [])
  }))
}

variable "licences" {
  description = "Sealed licences of the fleet, by tenant: public, signed, and published as they are."
  type        = map(string)
  default     = {}
}

variable "tenant_services" {
  description = "The services that tenants have, for what they are born with."
  type        = map(object({ port = optional(number) }))
}

variable "placeholder_image" {
  description = "Image of what a service is born with; it is never run."
  type        = string
}

variable "balancer" {
  description = "Its load balancer."
  type        = object({ listener_arn = string, security_group_id = string, arn_suffix = string, dns_name = string })
}

variable "vpc_id" {
  description = "The VPC."
  type        = string
}

variable "subnet_ids" {
  description = "Private subnets."
  type        = list(string)
}

variable "kms_key_arn" {
  description = "The key of the fleet."
  type        = string
}

variable "logs_bucket" {
  description = "Bucket of access logs."
  type        = string
}

variable "repository_arns" {
  description = "Repositories that images come from."
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

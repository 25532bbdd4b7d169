variable "name" {
  description = "What the edge and its parts are called."
  type        = string
}

variable "domain" {
  description = "The fleet's domain; tenants are one name below it."
  type        = string
}

variable "shards" {
  description = "Load balancers for tenants."
  type        = list(string)
}

variable "hosts" {
  description = "Host and shard of each tenant that has routes, and of the control plane (shard `control`)."
  type        = map(object({ host = string, shard = string }))
}

variable "vpc_id" {
  description = "The VPC."
  type        = string
}

variable "vpc_cidr" {
  description = "Its address range."
  type        = string
}

variable "public_subnet_ids" {
  description = "Where the load balancers stand."
  type        = list(string)
}

variable "logs_bucket" {
  description = "Bucket that takes access logs."
  type        = string
}

variable "waf_log_group" {
  description = "Name of the firewall's log group."
  type        = string
}

variable "kms_key_arn" {
  description = "The key that logs are encrypted with."
  type        = string
}

variable "requests_per_five_minutes" {
  description = "Requests of one address within five minutes, before it is blocked."
  type        = number
  default     = 10000
}

variable "protect" {
  description = "Whether AWS refuses to delete the load balancers."
  type        = bool
}

variable "issued_hosts" {
  description = "Hosts outside of the domain whose certificates are known to be issued."
  type        = list(string)
  default     = []
}

variable "name" {
  description = "What the VPC and its parts are called."
  type        = string
}

variable "account_id" {
  description = "The account, for trust policies."
  type        = string
}

variable "region" {
  description = "The Region, for the names of endpoints."
  type        = string
}

variable "zones" {
  description = "Three availability zones, in an order that never changes: it decides the subnets' addresses."
  type        = list(string)
  validation {
    condition     = length(var.zones) == 3 && length(distinct(var.zones)) == 3
    error_message = "Three different availability zones are needed."
  }
}

variable "cidr" {
  description = "The VPC's address range, a /16."
  type        = string
  validation {
    condition     = can(cidrsubnet(var.cidr, 4, 15)) && endswith(var.cidr, "/16")
    error_message = "A range of the form 10.1.0.0/16 is needed."
  }
}

variable "nat" {
  description = "Ways out of the private subnets: `per_zone`, `single`, or `none` (an environment that sleeps)."
  type        = string
  validation {
    condition     = contains(["none", "single", "per_zone"], var.nat)
    error_message = "One of none, single, per_zone."
  }
}

variable "interface_endpoints" {
  description = "Services of AWS that are reached without the gateway, such as `ecr.dkr`."
  type        = set(string)
  default     = []
}

variable "flow_log_group" {
  description = "Name of the log group of flow logs."
  type        = string
}

variable "logs_arn" {
  description = "What ARNs of log groups begin with."
  type        = string
}

variable "kms_key_arn" {
  description = "The key that logs are encrypted with."
  type        = string
}

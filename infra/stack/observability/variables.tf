variable "name" {
  description = "What topic, dashboard and rules are called."
  type        = string
}

variable "account_id" {
  description = "The account."
  type        = string
}

variable "region" {
  description = "The Region."
  type        = string
}

variable "partition" {
  description = "AWS partition."
  type        = string
  default     = "aws"
}

variable "ecs_arn" {
  description = "What ARNs of ECS begin with."
  type        = string
}

variable "balancers" {
  description = "Load balancers by shard, as metrics name them."
  type        = map(string)
}

variable "alarm_emails" {
  description = "Addresses that hear of alarms."
  type        = list(string)
}

variable "kms_key_arn" {
  description = "The key of the fleet."
  type        = string
}

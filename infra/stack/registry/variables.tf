variable "repositories" {
  description = "Names of repositories, one a service."
  type        = set(string)
}

variable "pull_accounts" {
  description = "Accounts that may pull."
  type        = list(string)
  default     = []
}

variable "kms_key_arn" {
  description = "The key that images are encrypted with."
  type        = string
}

variable "partition" {
  description = "AWS partition."
  type        = string
  default     = "aws"
}

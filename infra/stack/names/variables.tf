variable "context" {
  description = "Whose names: application, fleet, and the account and Region it lives in."
  type = object({
    app        = string
    fleet      = string
    account_id = string
    region     = string
    partition  = optional(string, "aws")
  })
}

variable "set" {
  description = "A tenant's id, or `control-plane`; null for what belongs to the whole fleet."
  type        = string
  default     = null
}

variable "services" {
  description = "The services of the set."
  type        = list(string)
  default     = []
  validation {
    condition     = !contains(var.services, "execution") && !anytrue([for service in var.services : endswith(service, "archive")])
    error_message = "A set has roles called execution and archive, and the rights of the second go by the end of its name."
  }
}

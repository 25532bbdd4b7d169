variable "fleet" {
  description = "The environment's fleet.auto.tfvars.json: see stack/fleet."
  type = object({
    schema        = number
    app           = string
    fleet         = string
    account_id    = string
    region        = string
    clusters      = list(string)
    registry      = object({ account_id = string, region = string })
    services      = map(object({ kind = string, repository = string }))
    control_plane = map(object({ kind = string, repository = string }))
  })
}

variable "github" {
  description = "The repository whose workflows take these roles: see stack/release-roles."
  type = object({
    repository    = string
    repository_id = string
    owner_id      = string
  })
}

variable "jobs" {
  description = "Which jobs each role is for."
  type        = map(object({ environments = set(string), workflows = set(string) }))
}

variable "deploy_builds" {
  description = "Whether the deploy role may push images too."
  type        = bool
  default     = false
}

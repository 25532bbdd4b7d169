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

variable "github" {
  description = "The repository whose workflows these are, by name and by numbers that no renaming changes."
  type = object({
    repository    = string
    repository_id = string
    owner_id      = string
    branch        = optional(string, "refs/heads/main")
  })
  validation {
    condition     = can(regex("^[A-Za-z0-9-]+/[A-Za-z0-9._-]+$", var.github.repository))
    error_message = "OWNER/NAME."
  }
  validation {
    condition     = can(regex("^[0-9]+$", var.github.repository_id)) && can(regex("^[0-9]+$", var.github.owner_id))
    error_message = "The ids are numbers: `gh api repos/OWNER/NAME --jq '.id, .owner.id'` tells them."
  }
}

variable "jobs" {
  description = "Which jobs each role is for: GitHub environments, and workflow files. A role that is not named is not made."
  type        = map(object({ environments = set(string), workflows = set(string) }))
  validation {
    condition     = length(setsubtract(keys(var.jobs), ["build", "plan", "deploy", "offboard", "infra_plan", "infra_apply"])) == 0
    error_message = "Roles are build, plan, deploy, offboard, infra_plan and infra_apply."
  }
  validation {
    condition     = alltrue([for jobs in var.jobs : length(jobs.environments) > 0 && length(jobs.workflows) > 0])
    error_message = "A role needs an environment and a workflow, or anybody's job could take it."
  }
  validation {
    condition     = alltrue(flatten([for jobs in var.jobs : [for text in setunion(jobs.environments, jobs.workflows) : !strcontains(text, "*") && !strcontains(text, ":")]]))
    error_message = "No wildcards, and no colons, which part the claims of a subject."
  }
}

variable "clusters" {
  description = "The fleet's ECS clusters."
  type        = list(string)
}

variable "tasks" {
  description = "Services that are one-shot tasks: the only ones that the deploy role may run."
  type        = set(string)
}

variable "repository_arns" {
  description = "Repositories of images."
  type        = list(string)
}

variable "registry_here" {
  description = "Whether the images are in this account."
  type        = bool
}

variable "deploy_builds" {
  description = "Whether the deploy role may push images too: for a workflow that builds and deploys in one job."
  type        = bool
  default     = false
}

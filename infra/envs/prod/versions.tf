# One exact provider for everybody: a plan that is approved on one machine is the plan that another one applies.

terraform {
  required_version = ">= 1.11, < 2"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "= 5.100.0"
    }
  }

  # Made by infra/bootstrap. The lock is an object beside the state.
  backend "s3" {
    bucket       = "accessos-prod-tfstate-222222222222"
    key          = "fleet/terraform.tfstate"
    region       = "eu-west-1"
    encrypt      = true
    use_lockfile = true
  }
}

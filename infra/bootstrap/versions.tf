# What must exist before CI can run: the state's bucket, the trust in GitHub's tokens, and the roles of workflows.
#
# Applied by a person with administrator's rights, once an account and when roles change; no workflow can change its
# own rights. The first run keeps its state in a file and then moves it into the bucket that it made: see infra/README.md.

terraform {
  required_version = ">= 1.11, < 2"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "= 5.100.0"
    }
  }
}

provider "aws" {
  region              = var.fleet.region
  allowed_account_ids = [var.fleet.account_id]
  default_tags {
    tags = {
      app         = var.fleet.app
      environment = var.fleet.fleet
      managed-by  = "terraform-bootstrap"
    }
  }
}

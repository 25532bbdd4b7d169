# The prod fleet: values are in fleet.auto.tfvars.json (from fleet.yaml) and platform.auto.tfvars (by hand).

provider "aws" {
  region              = var.fleet.region
  allowed_account_ids = [var.fleet.account_id]
  default_tags {
    tags = {
      app         = var.fleet.app
      environment = var.fleet.fleet
      managed-by  = "terraform"
    }
  }
}

module "fleet" {
  source   = "../../stack/fleet"
  fleet    = var.fleet
  platform = var.platform
  licences = "${path.root}/../../../licenses/prod"
}

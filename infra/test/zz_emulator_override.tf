# Merged over a copy of a root, by its name: the same stack on an emulator. Never beside the real root.
provider "aws" {
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  s3_use_path_style           = true
  max_retries                 = 2
}

terraform {
  backend "local" {}
}

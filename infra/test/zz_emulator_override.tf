# Merged over a copy of a root, by its name: the same stack without an account. Never beside the real root.
provider "aws" {
  access_key                  = "test"
  secret_key                  = "test"
  allowed_account_ids         = null
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
  s3_use_path_style           = true
  max_retries                 = 2
}

terraform {
  backend "local" {}
}

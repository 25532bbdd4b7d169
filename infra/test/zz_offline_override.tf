# And without any API: a plan that asks nobody who it is.
provider "aws" {
  allowed_account_ids        = null
  skip_requesting_account_id = true
}

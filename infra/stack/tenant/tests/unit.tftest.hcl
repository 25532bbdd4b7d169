# A tenant's roles, by what they may and how they are held.

mock_provider "aws" {
  source = "../../test/mocks"
}

variables {
  context                  = { app = "accessos", fleet = "dev", account_id = "111111111111", region = "eu-west-1" }
  tenant                   = "acme"
  state                    = "active"
  slot                     = 1
  host                     = "acme.dev.a3os.app"
  wake_host                = "acme--wake.dev.a3os.app"
  database                 = "schema"
  evidence                 = "prefix"
  cluster_name             = "accessos-dev"
  cluster_arn              = "arn:aws:ecs:eu-west-1:111111111111:cluster/accessos-dev"
  placeholders             = { api = "arn:aws:ecs:eu-west-1:111111111111:task-definition/p:1" }
  balancer                 = { listener_arn = "arn:aws:elasticloadbalancing:eu-west-1:111111111111:listener/app/a/0/0", security_group_id = "sg-1", arn_suffix = "app/a/0", dns_name = "a" }
  database_at              = { host = "db", port = 5432 }
  database_client_group_id = "sg-2"
  vpc_id                   = "vpc-0"
  subnet_ids               = ["subnet-0"]
  control_bucket           = "control"
  kms_key_arn              = "arn:aws:kms:eu-west-1:111111111111:key/00000000-0000-0000-0000-000000000000"
  ceiling_arn              = "arn:aws:iam::111111111111:policy/accessos-dev-ceiling"
  repository_arns          = ["arn:aws:ecr:eu-west-1:111111111111:repository/accessos/api"]
  architecture             = "X86_64"
  log_days                 = 30
  alarm_topics             = []
  services = {
    api = { kind = "service", port = 8080, health = "/healthz", cpu = 256, memory = 512, min = 1, max = 2, uses = ["database", "evidence"], secrets = ["session-signing"] }
  }
}

run "every_role_is_tagged_and_held" {
  command = plan
  assert {
    condition     = alltrue([for role in concat(values(aws_iam_role.task), [aws_iam_role.execution]) : role.tags.tenant == "acme" && role.permissions_boundary == var.ceiling_arn])
    error_message = "A role without its tag or its ceiling."
  }
  assert {
    condition     = length([for s in jsondecode(aws_iam_role_policy.task["api"].policy).Statement : s if s.Effect == "Allow" && s.Resource == "*"]) == 0
    error_message = "A task's own policy names what it is for."
  }
}

run "own_bucket_and_database" {
  command = plan
  variables {
    evidence = "bucket"
    database = "database"
  }
  assert {
    condition     = strcontains(aws_iam_role_policy.task["api"].policy, "accessos-dev-evidence-111111111111-acme/") && strcontains(aws_iam_role_policy.task["api"].policy, "alias/accessos-dev/tenant/acme")
    error_message = "A tenant with a bucket of its own uses that bucket and its key."
  }
}

run "offboarding_shuts_the_door_and_keeps_the_rest" {
  command = plan
  variables {
    state = "offboarding"
  }
  assert {
    condition     = length(aws_secretsmanager_secret.this) == 1 && length(aws_iam_role.task) == 1
    error_message = "Offboarding takes routes and nothing else."
  }
}

run "reserved_name" {
  command = plan
  variables {
    tenant = "control-plane"
  }
  expect_failures = [var.tenant]
}

run "double_hyphen" {
  command = plan
  variables {
    tenant = "a--b"
  }
  expect_failures = [var.tenant]
}

run "no_such_use" {
  command = plan
  variables {
    services = { api = { kind = "service", port = 8080, health = "/healthz", cpu = 256, memory = 512, min = 1, max = 2, uses = ["everything"] } }
  }
  expect_failures = [var.services]
}

# Who may take a role, and what it may never do.

mock_provider "aws" {
  source = "../../test/mocks"
}

variables {
  context         = { app = "accessos", fleet = "prod", account_id = "222222222222", region = "eu-west-1" }
  github          = { repository = "EXAMPLE/accessos", repository_id = "1", owner_id = "2" }
  jobs            = { deploy = { environments = ["prod-approval"], workflows = ["promote.yml"] } }
  clusters        = ["accessos-prod"]
  tasks           = ["migration"]
  repository_arns = ["arn:aws:ecr:eu-west-1:111111111111:repository/accessos/iam-service"]
  registry_here   = false
}

run "trust_names_everything" {
  command = plan
  assert {
    condition = jsondecode(aws_iam_role.this["deploy"].assume_role_policy).Statement[0].Condition.StringEquals == {
      "token.actions.githubusercontent.com:aud"              = "sts.amazonaws.com"
      "token.actions.githubusercontent.com:repository_id"    = "1"
      "token.actions.githubusercontent.com:sub"              = ["repo:EXAMPLE/accessos:environment:prod-approval", "repo:EXAMPLE@2/accessos@1:environment:prod-approval"]
      "token.actions.githubusercontent.com:job_workflow_ref" = ["EXAMPLE/accessos/.github/workflows/promote.yml@refs/heads/main"]
    }
    error_message = "Trust is four claims, by equality."
  }
  assert {
    condition     = length(keys(jsondecode(aws_iam_role.this["deploy"].assume_role_policy).Statement[0].Condition)) == 1
    error_message = "No other condition, and none that an absent claim satisfies."
  }
}

run "runs_only_migrations" {
  command = plan
  assert {
    condition = (
      [for s in jsondecode(aws_iam_role_policy.this["deploy"].policy).Statement : s.NotResource if s.Sid == "RunNothingElse"][0] == ["arn:aws:ecs:eu-west-1:222222222222:task-definition/accessos-prod-*-migration:*"]
    )
    error_message = "RunTask is denied for whatever is no one-shot task of a set."
  }
}

run "runs_nothing_without_tasks" {
  command = plan
  variables {
    tasks = []
  }
  assert {
    condition     = [for s in jsondecode(aws_iam_role_policy.this["deploy"].policy).Statement : s.Resource if s.Sid == "RunNothingElse"][0] == ["*"]
    error_message = "No one-shot task, no RunTask."
  }
}

run "offboards_and_releases_nothing" {
  command = plan
  variables {
    jobs = { offboard = { environments = ["prod-offboard"], workflows = ["offboard.yml"] } }
  }
  assert {
    condition     = keys(aws_iam_role.this) == ["offboard"] && aws_iam_role.this["offboard"].name == "tidegate-prod-offboard"
    error_message = "A role that is named is made, and is named as the release tool asks for it."
  }
  assert {
    condition     = contains([for s in jsondecode(aws_iam_role_policy.this["offboard"].policy).Statement : s.Action if s.Sid == "Never"][0], "ecs:RegisterTaskDefinition")
    error_message = "Whoever takes tenants out brings no release."
  }
}

run "wildcard_environment" {
  command = plan
  variables {
    jobs = { deploy = { environments = ["prod*"], workflows = ["promote.yml"] } }
  }
  expect_failures = [var.jobs]
}

run "role_for_nobody" {
  command = plan
  variables {
    jobs = { deploy = { environments = [], workflows = ["promote.yml"] } }
  }
  expect_failures = [var.jobs]
}

run "ids_are_numbers" {
  command = plan
  variables {
    github = { repository = "EXAMPLE/accessos", repository_id = "main", owner_id = "2" }
  }
  expect_failures = [var.github]
}

# EXAMPLE/accessos and its numbers stand for the repository that adopts this. Nothing is built in prod.
github = { repository = "EXAMPLE/accessos", repository_id = "100000001", owner_id = "200000002" }

jobs = {
  plan   = { environments = ["prod-plan"], workflows = ["drift.yml", "promote.yml"] }
  deploy = { environments = ["prod", "prod-approval"], workflows = ["approve.yml", "drift.yml", "operate.yml", "promote.yml", "rollback.yml"] }
  # Reviewers of their own: it reads evidence, and takes data away.
  offboard    = { environments = ["prod-offboard"], workflows = ["offboard.yml"] }
  infra_plan  = { environments = ["infra-prod-plan"], workflows = ["infra.yml"] }
  infra_apply = { environments = ["infra-prod"], workflows = ["infra.yml"] }
}

# EXAMPLE/accessos and its numbers stand for the repository that adopts this.
github = { repository = "EXAMPLE/accessos", repository_id = "100000001", owner_id = "200000002" }

jobs = {
  build = { environments = ["dev"], workflows = ["deploy.yml"] }
  plan  = { environments = ["dev-plan"], workflows = ["deploy.yml", "drift.yml", "promote.yml"] }
  # Prod's jobs too: the images that they promote are in this account's registry. The other way round is refused.
  deploy = { environments = ["dev", "prod", "prod-approval"], workflows = ["approve.yml", "deploy.yml", "drift.yml", "operate.yml", "promote.yml", "rollback.yml"] }
  # Reviewers of their own: it reads evidence, and takes data away.
  offboard    = { environments = ["dev-offboard"], workflows = ["offboard.yml"] }
  infra_plan  = { environments = ["infra-dev-plan"], workflows = ["infra.yml"] }
  infra_apply = { environments = ["infra-dev"], workflows = ["infra.yml"] }
}

# deploy.yml builds and deploys in one job, with one role a cell.
deploy_builds = true

# The contract, both ways: infra/test/fixture/inputs.json in, infra/test/fixture/manifest-*.json out. The release tool
# tests the same two files from its side. infra/test/run compares what the first run prints, byte by byte.

mock_provider "aws" {
  source = "../../test/mocks"
}

variables {
  licences = "../../test/licenses"
  fleet    = jsondecode(file("../../test/fixture/inputs.json")).fleet
  platform = {
    zones         = ["eu-west-1a", "eu-west-1b", "eu-west-1c"]
    cidr          = "10.10.0.0/16"
    nat           = "none"
    protect       = true
    log_days      = 30
    evidence_days = 365
    issued_hosts  = ["access.umbrella.example"]
    database      = { instance_class = "db.t4g.medium", engine_version = "16.8", storage_gib = 20, multi_az = false, backup_days = 7 }
    sizes = {
      standard = { api = { cpu = 256, memory = 512, min = 1, max = 2 }, work = { cpu = 256, memory = 512, min = 1, max = 2 }, migration = { cpu = 256, memory = 512, min = 0, max = 0 } }
      premium  = { api = { cpu = 512, memory = 1024, min = 2, max = 4 }, work = { cpu = 256, memory = 512, min = 1, max = 2 }, migration = { cpu = 256, memory = 512, min = 0, max = 0 } }
    }
    settings = { api = { uses = ["database", "evidence", "send"], secrets = ["session-signing"] }, work = { uses = ["receive"] }, migration = { uses = ["database"] } }
    control_plane = {
      router = {
        cpu         = 256, memory = 512, min = 1, max = 2, reads = ["routing"], writes = ["routing/reports"], secrets = ["a-secret"]
        environment = { ROUTER_KEYS = "{routing_keys}", ROUTER_SNAPSHOT = "s3://{bucket}/routing", ROUTER_SHARED_HOST = "app.{domain}" }
      }
    }
  }
}

run "round_trip" {
  command = apply

  assert {
    condition     = toset(keys(output.manifest_bodies)) == toset(["control-plane", "acme", "acme-x", "umbrella"])
    error_message = "One manifest a set."
  }
  assert {
    condition     = jsondecode(output.manifest_bodies["acme-x"]).routing == "paused" && jsondecode(output.manifest_bodies["umbrella"]).data.evidence.bucket == "accessos-dev-evidence-111111111111-umbrella"
    error_message = "States and scopes of data reach the manifest."
  }
  assert {
    condition = { for of in jsondecode(jsondecode(output.manifest_bodies["control-plane"]).services.router.template.body).containerDefinitions[0].environment : of.name => of.value if startswith(of.name, "ROUTER_") } == {
      ROUTER_KEYS        = "0VNyvocMoYNzpyFc4PdSrI2y/q+fMqff+kt3Sc6zMaw="
      ROUTER_SNAPSHOT    = "s3://accessos-dev-control-111111111111/routing"
      ROUTER_SHARED_HOST = "app.dev.a3os.app"
    }
    error_message = "What a service of the control plane is told has no placeholder left in it."
  }
  assert {
    condition     = output.licences == { acme = "licenses/acme.json" }
    error_message = "What is committed of licences is published, under the name that the service asks for."
  }
  assert {
    condition     = output.ownership.ignore_changes.aws_ecs_service == ["task_definition", "desired_count"]
    error_message = "What the release tool owns is told."
  }
}

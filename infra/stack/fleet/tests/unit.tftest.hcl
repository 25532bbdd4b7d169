# What a fleet's values must not be.

mock_provider "aws" {
  source = "../../test/mocks"
}

variables {
  fleet = jsondecode(file("../../test/fixture/inputs.json")).fleet
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

run "tier_without_sizes" {
  command = plan
  variables {
    fleet = merge(jsondecode(file("../../test/fixture/inputs.json")).fleet, {
      tenants = { acme = merge(jsondecode(file("../../test/fixture/inputs.json")).fleet.tenants.acme, { tier = "gold" }) }
    })
  }
  expect_failures = [var.platform]
}

run "shard_that_is_not_there" {
  command = plan
  variables {
    fleet = merge(jsondecode(file("../../test/fixture/inputs.json")).fleet, {
      tenants = { acme = merge(jsondecode(file("../../test/fixture/inputs.json")).fleet.tenants.acme, { shard = "s9" }) }
    })
  }
  expect_failures = [var.fleet]
}

run "same_host_twice" {
  command = plan
  variables {
    fleet = merge(jsondecode(file("../../test/fixture/inputs.json")).fleet, {
      tenants = { for id, of in jsondecode(file("../../test/fixture/inputs.json")).fleet.tenants : id => merge(of, { host = "one.dev.a3os.app" }) }
    })
  }
  expect_failures = [var.fleet]
}

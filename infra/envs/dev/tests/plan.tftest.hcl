# The environment as it is committed, planned by the real provider, which asks nobody: infra/test/run lays an override
# beside this root that gives it keys of no account.

run "as_committed" {
  command = plan

  assert {
    condition     = length(replace(output.ceiling, "/\\s/", "")) <= 6144
    error_message = "A managed policy has at most 6,144 characters."
  }
  assert {
    condition     = alltrue([for s in jsondecode(output.ceiling).Statement : s.Effect == "Allow"]) && !strcontains(output.ceiling, "acme")
    error_message = "The ceiling names no tenant."
  }
  assert {
    condition     = tolist(output.control_plane_needs.secrets) == tolist(["accessos/dev/control-plane/github-token", "accessos/dev/control-plane/registry-readers", "accessos/dev/control-plane/tidegate-routing-key"]) && length(output.control_plane_needs.keys) == 2
    error_message = "What is to be put in by hand is told: ${jsonencode(output.control_plane_needs)}"
  }
  assert {
    condition     = output.manifests.keys["acme"] == "sets/acme/manifest.json"
    error_message = "The release tool finds a manifest by the set's name."
  }
}

run "two_tenants_in_one_slot" {
  command = plan
  variables {
    fleet = merge(jsondecode(file("fleet.auto.tfvars.json")).fleet, {
      tenants = { for id, of in jsondecode(file("fleet.auto.tfvars.json")).fleet.tenants : id => merge(of, { slot = 1 }) }
    })
  }
  expect_failures = [var.fleet]
}

run "contract_of_tomorrow" {
  command = plan
  variables {
    fleet = merge(jsondecode(file("fleet.auto.tfvars.json")).fleet, { schema = 2 })
  }
  expect_failures = [var.fleet]
}

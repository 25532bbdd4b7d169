# The environment as it is committed, planned by the real provider, which asks nobody.

run "as_committed" {
  command = plan

  # umbrella's own host waits for its certificate, of which a plan warns, and a warning fails a test.
  variables {
    fleet = merge(jsondecode(file("fleet.auto.tfvars.json")).fleet, {
      tenants = { for id, of in jsondecode(file("fleet.auto.tfvars.json")).fleet.tenants : id => merge(of, { host = "${id}.a3os.app" }) }
    })
  }

  assert {
    condition     = length(replace(output.ceiling, "/\\s/", "")) <= 6144
    error_message = "A managed policy has at most 6,144 characters."
  }
  assert {
    condition     = var.platform.protect && var.platform.database.multi_az && var.platform.nat == "per_zone"
    error_message = "Prod loses no zone and deletes no database."
  }
}

# What fleet.yaml does not know about dev. Small, one way out, and nothing that sleeps costs much.
platform = {
  zones         = ["eu-west-1a", "eu-west-1b", "eu-west-1c"]
  cidr          = "10.10.0.0/16"
  nat           = "single"
  protect       = true
  log_days      = 30
  evidence_days = 365
  pull_accounts = ["222222222222"]
  whole_hosts   = { "app.dev.a3os.app" = "edge-router" }

  database = { instance_class = "db.t4g.medium", engine_version = "16.8", storage_gib = 20, multi_az = false, backup_days = 7 }

  sizes = {
    standard = {
      iam-service          = { cpu = 256, memory = 512, min = 1, max = 2 }
      audit-service        = { cpu = 256, memory = 512, min = 1, max = 2 }
      integrations-service = { cpu = 256, memory = 512, min = 1, max = 2 }
      discovery-service    = { cpu = 256, memory = 512, min = 1, max = 2 }
      discovery-worker     = { cpu = 256, memory = 1024, min = 1, max = 2 }
    }
  }

  settings = {
    iam-service          = { uses = ["database"], secrets = ["session-signing"] }
    audit-service        = { uses = ["database", "evidence"] }
    integrations-service = { uses = ["database", "send"], secrets = ["integrations"] }
    discovery-service    = { uses = ["database", "send"] }
    discovery-worker     = { uses = ["database", "evidence", "receive"] }
  }

  control_plane = {
    tenant-registry   = { cpu = 256, memory = 512, min = 1, max = 2, reads = ["sets"] }
    licensing         = { cpu = 256, memory = 512, min = 1, max = 2 }
    routing-publisher = { cpu = 256, memory = 512, min = 1, max = 1, reads = ["sets", "routing"], writes = ["routing"] }
    edge-router       = { cpu = 256, memory = 512, min = 2, max = 4, reads = ["routing"] }
  }
}

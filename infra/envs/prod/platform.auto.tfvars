# What fleet.yaml does not know about prod.
platform = {
  zones               = ["eu-west-1a", "eu-west-1b", "eu-west-1c"]
  cidr                = "10.20.0.0/16"
  nat                 = "per_zone"
  interface_endpoints = ["ecr.api", "ecr.dkr", "logs", "secretsmanager", "sqs"]
  protect             = true
  log_days            = 365
  evidence_days       = 2555
  container_insights  = "enabled"
  whole_hosts         = { "app.a3os.app" = "edge-router" }

  database = { instance_class = "db.m7g.xlarge", engine_version = "16.8", storage_gib = 100, multi_az = true, backup_days = 35 }

  sizes = {
    standard = {
      iam-service          = { cpu = 256, memory = 512, min = 2, max = 6 }
      audit-service        = { cpu = 256, memory = 512, min = 2, max = 6 }
      integrations-service = { cpu = 256, memory = 512, min = 2, max = 6 }
      discovery-service    = { cpu = 256, memory = 512, min = 2, max = 6 }
      discovery-worker     = { cpu = 512, memory = 1024, min = 1, max = 6 }
    }
    premium = {
      iam-service          = { cpu = 512, memory = 1024, min = 3, max = 12 }
      audit-service        = { cpu = 512, memory = 1024, min = 3, max = 12 }
      integrations-service = { cpu = 512, memory = 1024, min = 3, max = 12 }
      discovery-service    = { cpu = 512, memory = 1024, min = 3, max = 12 }
      discovery-worker     = { cpu = 1024, memory = 2048, min = 2, max = 12 }
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
    tenant-registry   = { cpu = 512, memory = 1024, min = 2, max = 6, reads = ["sets"] }
    licensing         = { cpu = 256, memory = 512, min = 2, max = 6 }
    routing-publisher = { cpu = 256, memory = 512, min = 1, max = 1, reads = ["sets", "routing"], writes = ["routing"] }
    edge-router       = { cpu = 512, memory = 1024, min = 3, max = 12, reads = ["routing"] }
  }
}

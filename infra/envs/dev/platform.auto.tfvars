# What fleet.yaml does not know about dev. Small, one way out, and nothing that sleeps costs much.
platform = {
  zones         = ["eu-west-1a", "eu-west-1b", "eu-west-1c"]
  cidr          = "10.10.0.0/16"
  nat           = "single"
  protect       = true
  log_days      = 30
  evidence_days = 365
  pull_accounts = ["222222222222"]

  # The domain's page, the shared host, and every name of the domain that is nobody's own: the router knows whose it is.
  whole_hosts = { "dev.a3os.app" = "edge-router", "*.dev.a3os.app" = "edge-router" }

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
    tenant-registry = {
      cpu     = 256, memory = 512, min = 1, max = 2
      reads   = ["sets", "routing"], lists = ["sets"]
      secrets = ["registry-readers"]
      environment = {
        REGISTRY_MANIFESTS    = "s3://{bucket}/sets"
        REGISTRY_ROUTING      = "s3://{bucket}/routing"
        REGISTRY_ROUTING_KEYS = "{routing_keys}"
      }
    }
    licensing = {
      cpu   = 256, memory = 512, min = 1, max = 2
      reads = ["licenses", "routing"], lists = ["licenses"]
      environment = {
        LICENSING_SOURCE       = "s3://{bucket}/licenses"
        LICENSING_KEYS         = "{license_keys}"
        LICENSING_ROUTING      = "s3://{bucket}/routing"
        LICENSING_ROUTING_KEYS = "{routing_keys}"
      }
    }
    routing-publisher = {
      cpu     = 256, memory = 512, min = 1, max = 1
      reads   = ["routing"], writes = ["routing"], lists = ["*"]
      secrets = ["tidegate-routing-key", "github-token"]
      environment = {
        TIDEGATE_FLEET    = "{fleet}"
        GITHUB_REPOSITORY = "EXAMPLE/accessos"
      }
    }
    edge-router = {
      cpu   = 256, memory = 512, min = 2, max = 4
      reads = ["routing"], writes = ["routing/reports"]
      environment = {
        ROUTER_ROOT_HOST   = "{domain}"
        ROUTER_SHARED_HOST = "app.{domain}"
        ROUTER_SNAPSHOT    = "s3://{bucket}/routing"
        ROUTER_KEYS        = "{routing_keys}"
      }
    }
  }
}

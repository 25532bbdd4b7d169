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

  # The domain's page, the shared host, and every name of the domain that is nobody's own: the router knows whose it is.
  whole_hosts = { "a3os.app" = "edge-router", "*.a3os.app" = "edge-router" }

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
    tenant-registry = {
      cpu     = 512, memory = 1024, min = 2, max = 6
      reads   = ["sets", "routing"], lists = ["sets"]
      secrets = ["registry-readers"]
      environment = {
        REGISTRY_MANIFESTS    = "s3://{bucket}/sets"
        REGISTRY_ROUTING      = "s3://{bucket}/routing"
        REGISTRY_ROUTING_KEYS = "{routing_keys}"
      }
    }
    licensing = {
      cpu   = 256, memory = 512, min = 2, max = 6
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
      cpu   = 512, memory = 1024, min = 3, max = 12
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

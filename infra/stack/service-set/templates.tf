# The set's manifest, one JSON object in the control bucket, with the templates of its task definitions in it: all of
# each but the image.
#
# Why an object and not `aws_ecs_task_definition`: registrations refill at one a second for a whole account, and 5,000
# of Terraform's would take 83 minutes of what releases need (aws.md section 4). And a template that changes is a
# change like a release: the release tool renders it, shows it in the plan, and takes it through waves and gates.
#
# Why one object: a reader gets all templates of a set as they were at one time, with one request. A template is a text
# in it, so that the hash beside it is one of bytes and asks for no agreement on how JSON is written.
#
# The fields are those of RegisterTaskDefinition, letter for letter; the image is the placeholder that the release
# tool looks for (src/domain/template.rs). What it reads of the rest is in src/domain/published.rs.

locals {
  templates = {
    for name, of in var.services : name => jsonencode({
      family                  = local.names[name].service
      taskRoleArn             = local.names[name].role_arn
      executionRoleArn        = module.names.set.execution_role_arn
      networkMode             = "awsvpc"
      requiresCompatibilities = ["FARGATE"]
      cpu                     = tostring(of.cpu)
      memory                  = tostring(of.memory)
      runtimePlatform         = { cpuArchitecture = var.architecture, operatingSystemFamily = "LINUX" }
      containerDefinitions = [merge(
        {
          name                   = name
          image                  = "@tidegate"
          essential              = true
          readonlyRootFilesystem = true
          stopTimeout            = 30
          environment = [
            for key, value in merge(
              { FLEET = var.context.fleet, SERVICE = name, TENANT = var.set },
              of.port == null ? {} : { PORT = tostring(of.port) },
              var.environment,
              of.environment,
            ) : { name = key, value = value }
          ]
          logConfiguration = {
            logDriver = "awslogs"
            options = {
              awslogs-group         = local.names[name].log_group
              awslogs-region        = var.context.region
              awslogs-stream-prefix = "task"
            }
          }
        },
        of.port == null ? {} : { portMappings = [{ containerPort = of.port, protocol = "tcp" }] },
        length(of.secrets) == 0 ? {} : {
          secrets = [for secret in sort(tolist(of.secrets)) : { name = upper(replace(secret, "-", "_")), valueFrom = var.secret_arns[secret] }]
        },
      )]
      tags = [for key, value in merge(var.tags, { service = name }) : { key = key, value = value }]
    })
  }

  manifest = jsonencode({
    schema  = 1
    app     = var.context.app
    fleet   = var.context.fleet
    set     = var.set
    account = var.context.account_id
    region  = var.context.region
    cluster = var.cluster_name
    host    = var.host
    routing = var.routing
    services = {
      for name, of in var.services : name => {
        kind           = of.kind
        family         = local.names[name].service
        service        = of.kind == "task" ? null : local.names[name].service
        container      = name
        template       = { body = local.templates[name], sha256 = sha256(local.templates[name]) }
        task_role      = local.names[name].role_arn
        execution_role = module.names.set.execution_role_arn
        log_group      = local.names[name].log_group
        port           = of.port
        health         = of.health
        target_group   = of.kind == "service" ? local.names[name].target_group : null
        alarms         = of.kind == "service" ? ["${local.names[name].service}-5xx", "${local.names[name].service}-unhealthy"] : []
        # What the release tool sets when it brings the set up; it owns `min` from then on.
        scaling = of.kind == "task" ? null : { min = of.min, max = of.max }
      }
    }
    network = { subnets = var.subnet_ids, security_groups = var.security_group_ids }
    data    = var.data
  })
}

resource "aws_s3_object" "manifest" {
  bucket       = var.control_bucket
  key          = module.names.set.manifest_key
  content      = local.manifest
  content_type = "application/json"
  kms_key_id   = var.kms_key_arn

  lifecycle {
    precondition {
      condition     = alltrue([for template in local.templates : length(template) <= 65536])
      error_message = "A task definition has at most 64 KiB ([GR:ecs-service]): ${join(", ", [for name, template in local.templates : name if length(template) > 65536])}."
    }
    precondition {
      condition     = length(local.manifest) <= 524288
      error_message = "Readers take manifests of up to 512 KiB: this one has ${length(local.manifest)} bytes."
    }
  }
}

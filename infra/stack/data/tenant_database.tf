# The task that makes a tenant's database or schema and its role: tenant-database/tenant.sql in plain psql.
#
# Why a task: a provider for PostgreSQL needs the database at every plan and its password in its configuration, and
# what a state holds leaks. The task reads the administrator's secret through ECS and says nothing but its last line.
# The statements travel in the task definition, so there is no image to build. Whoever runs it names the tenant:
#   run-task --overrides '{"containerOverrides":[{"name":"tenant-database","environment":[
#     {"name":"TENANT","value":"acme"},{"name":"MODE","value":"schema"},{"name":"CONNECTIONS","value":"50"}]}]}'

locals {
  task_prefix = "tenant-database-${var.names.prefix}"
}

resource "aws_cloudwatch_log_group" "tenant_database" {
  name              = var.names.log_group.database
  retention_in_days = 365
  kms_key_id        = aws_kms_key.data.arn
}

resource "aws_iam_role" "tenant_database" {
  name = local.task_prefix
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "ecs-tasks.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = {
        StringEquals = { "aws:SourceAccount" = var.context.account_id }
        ArnLike      = { "aws:SourceArn" = "${module.names.arn.ecs}:*" }
      }
    }]
  })
}

resource "aws_iam_role_policy" "tenant_database" {
  name = "start"
  role = aws_iam_role.tenant_database.name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        # RDS names its secrets `rds!db-...` and marks each with the instance it belongs to.
        Sid       = "AdministratorOfTheseDatabases"
        Effect    = "Allow"
        Action    = "secretsmanager:GetSecretValue"
        Resource  = "${module.names.arn.secret}:rds!db-*"
        Condition = { ArnLike = { "aws:ResourceTag/aws:rds:primaryDBInstanceArn" = [for shard in var.shards : "arn:${var.context.partition}:rds:${var.context.region}:${var.context.account_id}:db:${var.names.prefix}-${shard}"] } }
      },
      {
        Sid      = "ItsKey"
        Effect   = "Allow"
        Action   = "kms:Decrypt"
        Resource = "${module.names.arn.kms}:key/*"
        Condition = {
          "ForAnyValue:StringEquals" = { "kms:ResourceAliases" = [var.names.data_alias] }
          StringEquals               = { "kms:ViaService" = "secretsmanager.${var.context.region}.amazonaws.com" }
        }
      },
      {
        Sid      = "Log"
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = "${module.names.arn.logs}:${var.names.log_group.database}:*"
      },
    ]
  })
}

resource "aws_ecs_task_definition" "tenant_database" {
  for_each                 = aws_db_instance.this
  family                   = "${local.task_prefix}-${each.key}"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = var.database_task.cpu
  memory                   = var.database_task.memory
  execution_role_arn       = aws_iam_role.tenant_database.arn
  skip_destroy             = true
  container_definitions = jsonencode([{
    name                   = "tenant-database"
    image                  = var.database_task.image
    essential              = true
    readonlyRootFilesystem = true
    entryPoint             = ["sh", "-c"]
    command                = ["printf '%s' \"$STATEMENTS\" | psql --no-psqlrc -v tenant=\"$TENANT\" -v mode=\"$MODE\" -v shared=\"$PGDATABASE\" -v connections=\"$CONNECTIONS\" -f -"]
    environment = [
      { name = "PGDATABASE", value = var.names.shared_database },
      { name = "PGHOST", value = each.value.address },
      { name = "PGPORT", value = tostring(each.value.port) },
      { name = "PGSSLMODE", value = "require" },
      { name = "STATEMENTS", value = file("${path.module}/tenant-database/tenant.sql") },
    ]
    secrets = [
      { name = "PGPASSWORD", valueFrom = "${each.value.master_user_secret[0].secret_arn}:password::" },
      { name = "PGUSER", valueFrom = "${each.value.master_user_secret[0].secret_arn}:username::" },
    ]
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        "awslogs-group"         = var.names.log_group.database
        "awslogs-region"        = var.context.region
        "awslogs-stream-prefix" = each.key
      }
    }
  }])
}

# One-shot tasks on a shard's PostgreSQL, one definition a shard, each told at its start whose part is meant:
#   tenant-database   makes a tenant's database or schema and its role   tenant-database/tenant.sql
#   tenant-dump       saves its rows in the archive                      as the tenant itself
#   tenant-restore    puts what is in the archive in their place         as the tenant itself   tenant-database/restore.sh
#   tenant-drop       takes its part out                                 tenant-database/drop.sql
#
# Why tasks: a provider for PostgreSQL needs the database at every plan and its password in its configuration, and what
# a state holds leaks. These read the administrator's secret through ECS, or none at all. Statements travel in the task
# definition and images are public ones, so there is nothing to build. Whoever runs the first names the tenant so:
#   run-task --overrides '{"containerOverrides":[{"name":"tenant-database","environment":[
#     {"name":"TENANT","value":"acme"},{"name":"MODE","value":"schema"},{"name":"CONNECTIONS","value":"50"}]}]}'
# The others are the release tool's (src/adapters/aws/data_tasks.rs). It runs a dump and a restore under the tenant's role
# `archive`, which signs in as that tenant's user and has its folder alone: the administrator could not even read the rows.

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

locals {
  # Of each shard: how its database is reached, and the administrator of it.
  shard_environment = {
    for shard, of in aws_db_instance.this : shard => [
      { name = "PGDATABASE", value = var.names.shared_database },
      { name = "PGHOST", value = of.address },
      { name = "PGPORT", value = tostring(of.port) },
      { name = "PGSSLMODE", value = "require" },
    ]
  }
  administrator = {
    for shard, of in aws_db_instance.this : shard => [
      { name = "PGPASSWORD", valueFrom = "${of.master_user_secret[0].secret_arn}:password::" },
      { name = "PGUSER", valueFrom = "${of.master_user_secret[0].secret_arn}:username::" },
    ]
  }
  task_log = {
    for shard in var.shards : shard => {
      logDriver = "awslogs"
      options = {
        "awslogs-group"         = var.names.log_group.database
        "awslogs-region"        = var.context.region
        "awslogs-stream-prefix" = shard
      }
    }
  }
  # What psql is told, as statements come in on its standard input.
  psql = "printf '%s' \"$STATEMENTS\" | psql --no-psqlrc -v tenant=\"$TENANT\" -v mode=\"$MODE\" -v shared=\"$PGDATABASE\""
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
    command                = ["${local.psql} -v connections=\"$CONNECTIONS\" -f -"]
    environment            = concat(local.shard_environment[each.key], [{ name = "STATEMENTS", value = file("${path.module}/tenant-database/tenant.sql") }])
    secrets                = local.administrator[each.key]
    logConfiguration       = local.task_log[each.key]
  }])
}

resource "aws_ecs_task_definition" "tenant_drop" {
  for_each                 = aws_db_instance.this
  family                   = "tenant-drop-${var.names.prefix}-${each.key}"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = var.database_task.cpu
  memory                   = var.database_task.memory
  execution_role_arn       = aws_iam_role.tenant_database.arn
  skip_destroy             = true
  container_definitions = jsonencode([{
    name                   = "tenant-drop"
    image                  = var.database_task.image
    essential              = true
    readonlyRootFilesystem = true
    entryPoint             = ["sh", "-c"]
    command                = ["${local.psql} -f -"]
    environment            = concat(local.shard_environment[each.key], [{ name = "STATEMENTS", value = file("${path.module}/tenant-database/drop.sql") }])
    secrets                = local.administrator[each.key]
    logConfiguration       = local.task_log[each.key]
  }])
}

# Three containers and one folder, each after the one before has ended well; the last one's exit code is the task's. A dump
# has a token to sign in with, which is good for 15 minutes of beginning (how long a dump takes is free), then the dump, then
# the upload. A restore has the download first, or a large one would outlast the token. Up to 5 GB are uploaded in one piece:
# of what comes in parts S3 has a checksum of parts, with which no copy of it could be compared.
locals {
  aws_token = "aws rds generate-db-auth-token --hostname \"$PGHOST\" --port \"$PGPORT\" --username \"t_$TENANT\" >/scratch/token"
  shard_steps = {
    tenant-dump = [
      { name = "token", image = var.database_task.uploader, after = null, statement = local.aws_token },
      { name = "dump", image = var.database_task.image, after = "token", statement = file("${path.module}/tenant-database/dump.sh") },
      {
        name      = "tenant-dump"
        image     = var.database_task.uploader
        after     = "dump"
        statement = "aws configure set default.s3.multipart_threshold 5GB\naws s3 cp /scratch/database.dump \"s3://$BUCKET/$KEY\" --checksum-algorithm SHA256 --only-show-errors"
      },
    ]
    tenant-restore = [
      { name = "fetch", image = var.database_task.uploader, after = null, statement = "aws s3 cp \"s3://$BUCKET/$KEY\" /scratch/database.dump --only-show-errors" },
      { name = "token", image = var.database_task.uploader, after = "fetch", statement = local.aws_token },
      { name = "tenant-restore", image = var.database_task.image, after = "token", statement = file("${path.module}/tenant-database/restore.sh") },
    ]
  }
  step_containers = {
    for shard in keys(aws_db_instance.this) : shard => {
      for task, steps in local.shard_steps : task => jsonencode([
        for step in steps : merge(
          {
            name                   = step.name
            image                  = step.image
            essential              = step.name == task
            readonlyRootFilesystem = true
            entryPoint             = ["sh", "-euc"]
            command                = [step.statement]
            environment            = concat(local.shard_environment[shard], [{ name = "AWS_REGION", value = var.context.region }, { name = "HOME", value = "/scratch" }])
            mountPoints            = [{ sourceVolume = "scratch", containerPath = "/scratch", readOnly = false }]
            logConfiguration       = local.task_log[shard]
          },
          step.after == null ? {} : { dependsOn = [{ containerName = step.after, condition = "SUCCESS" }] },
        )
      ])
    }
  }
}

resource "aws_ecs_task_definition" "tenant_dump" {
  for_each                 = aws_db_instance.this
  family                   = "tenant-dump-${var.names.prefix}-${each.key}"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = var.database_task.cpu
  memory                   = var.database_task.memory
  execution_role_arn       = aws_iam_role.tenant_database.arn
  skip_destroy             = true
  ephemeral_storage {
    size_in_gib = var.database_task.dump_gib
  }
  volume {
    name = "scratch"
  }
  container_definitions = local.step_containers[each.key]["tenant-dump"]
}

resource "aws_ecs_task_definition" "tenant_restore" {
  for_each                 = aws_db_instance.this
  family                   = "tenant-restore-${var.names.prefix}-${each.key}"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = var.database_task.cpu
  memory                   = var.database_task.memory
  execution_role_arn       = aws_iam_role.tenant_database.arn
  skip_destroy             = true
  ephemeral_storage {
    size_in_gib = var.database_task.dump_gib
  }
  volume {
    name = "scratch"
  }
  container_definitions = local.step_containers[each.key]["tenant-restore"]
}

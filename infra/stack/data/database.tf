# One PostgreSQL a shard of 20 tenants. Its connections bind at about the same number as a load balancer's target
# groups: LEAST(bytes / 9,531,392, 5000) connections, 50 a tenant (aws.md section 2).
#
# Applications sign in with their role (IAM tokens, 15 minutes), so no database secret exists. The administrator's
# password is made and turned by RDS, in Secrets Manager; only the task in tenant-database/ may read it.

resource "aws_security_group" "database" {
  name        = "${var.names.prefix}-database"
  description = "Databases of ${var.names.prefix}"
  vpc_id      = var.vpc_id
  tags        = { Name = "${var.names.prefix}-database" }
}

# Worn by whatever may speak to a database: one rule, however many tenants (60 rules a group).
resource "aws_security_group" "client" {
  name        = "${var.names.prefix}-database-client"
  description = "May speak to the databases of ${var.names.prefix}"
  vpc_id      = var.vpc_id
  tags        = { Name = "${var.names.prefix}-database-client" }
}

resource "aws_vpc_security_group_ingress_rule" "database" {
  security_group_id            = aws_security_group.database.id
  description                  = "PostgreSQL from clients"
  referenced_security_group_id = aws_security_group.client.id
  ip_protocol                  = "tcp"
  from_port                    = 5432
  to_port                      = 5432
}

resource "aws_vpc_security_group_egress_rule" "client" {
  security_group_id            = aws_security_group.client.id
  description                  = "PostgreSQL to the databases"
  referenced_security_group_id = aws_security_group.database.id
  ip_protocol                  = "tcp"
  from_port                    = 5432
  to_port                      = 5432
}

resource "aws_db_subnet_group" "this" {
  name       = var.names.prefix
  subnet_ids = var.private_subnet_ids
}

resource "aws_db_parameter_group" "this" {
  name   = "${var.names.prefix}-postgres16"
  family = "postgres16"
  parameter {
    name  = "rds.force_ssl"
    value = "1"
  }
  parameter {
    name  = "log_connections"
    value = "1"
  }
  parameter {
    name  = "log_min_duration_statement"
    value = "1000"
  }
  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_db_instance" "this" {
  for_each       = toset(var.shards)
  identifier     = "${var.names.prefix}-${each.key}"
  engine         = "postgres"
  engine_version = var.database.engine_version
  instance_class = var.database.instance_class
  db_name        = var.names.shared_database
  username       = "platform"

  allocated_storage     = var.database.storage_gib
  max_allocated_storage = var.database.storage_gib * 4
  storage_type          = "gp3"
  storage_encrypted     = true
  kms_key_id            = aws_kms_key.data.arn

  multi_az               = var.database.multi_az
  db_subnet_group_name   = aws_db_subnet_group.this.name
  parameter_group_name   = aws_db_parameter_group.this.name
  vpc_security_group_ids = [aws_security_group.database.id]
  publicly_accessible    = false
  ca_cert_identifier     = "rds-ca-rsa2048-g1"

  manage_master_user_password         = true
  master_user_secret_kms_key_id       = aws_kms_key.data.key_id
  iam_database_authentication_enabled = true

  backup_retention_period         = var.database.backup_days
  backup_window                   = "02:00-03:00"
  maintenance_window              = "sun:03:30-sun:04:30"
  copy_tags_to_snapshot           = true
  auto_minor_version_upgrade      = true
  performance_insights_enabled    = true
  performance_insights_kms_key_id = aws_kms_key.data.arn
  enabled_cloudwatch_logs_exports = ["postgresql", "upgrade"]

  # The release tool finds it by this tag, and may start and stop it by it; one that a tenant has alone has `tenant` too.
  tags = { tidegate = var.context.fleet }

  deletion_protection       = var.protect
  skip_final_snapshot       = false
  final_snapshot_identifier = "${var.names.prefix}-${each.key}-final"
  delete_automated_backups  = false

  lifecycle {
    prevent_destroy = true
    precondition {
      condition     = length("${var.names.prefix}-${each.key}-final") <= 63
      error_message = "The name of a database instance has at most 63 characters."
    }
  }
}

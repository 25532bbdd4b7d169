# Who a workflow is in AWS: six roles, each for one kind of job, and what none of them may ever do.
#
# What each may do is written once, in actions.json, by the kind of thing it is done to; this file says which things
# those are. infra/test/actions.py compares that list with the calls that the release tool's source makes.
#
# Trust hangs on four claims of GitHub's token, all of them, none with a wildcard: `sub` with the environment (in both
# of its forms: repositories made since 2026-07-15 have the numbers of owner and repository in it), `repository_id`,
# since a name can be taken over, and `job_workflow_ref`, since any branch can bring a workflow of its own
# (reliability.md section 6).

module "names" {
  source  = "../names"
  context = var.context
}

locals {
  platform = module.names.platform
  arn      = module.names.arn
  actions  = jsondecode(file("${path.module}/actions.json"))

  owner  = split("/", var.github.repository)[0]
  repo   = split("/", var.github.repository)[1]
  issuer = "token.actions.githubusercontent.com"

  trust = {
    for role, jobs in var.jobs : role => jsonencode({
      Version = "2012-10-17"
      Statement = [{
        Effect    = "Allow"
        Principal = { Federated = "${local.arn.iam}:oidc-provider/${local.issuer}" }
        Action    = "sts:AssumeRoleWithWebIdentity"
        Condition = {
          StringEquals = {
            "${local.issuer}:aud"           = "sts.amazonaws.com"
            "${local.issuer}:repository_id" = var.github.repository_id
            "${local.issuer}:sub" = flatten([for environment in sort(tolist(jobs.environments)) : [
              "repo:${var.github.repository}:environment:${environment}",
              "repo:${local.owner}@${var.github.owner_id}/${local.repo}@${var.github.repository_id}:environment:${environment}",
            ]])
            "${local.issuer}:job_workflow_ref" = [for workflow in sort(tolist(jobs.workflows)) : "${var.github.repository}/.github/workflows/${workflow}@${var.github.branch}"]
          }
        }
      }]
    })
  }

  roles    = local.platform.release_roles
  clusters = [for cluster in var.clusters : "${local.arn.ecs}:cluster/${cluster}"]
  of_fleet = concat(local.clusters, flatten([for cluster in var.clusters : [
    "${local.arn.ecs}:service/${cluster}/*", "${local.arn.ecs}:service-deployment/${cluster}/*", "${local.arn.ecs}:service-revision/${cluster}/*",
    "${local.arn.ecs}:task/${cluster}/*", "${local.arn.ecs}:container-instance/${cluster}/*",
  ]]))
  services      = [for cluster in var.clusters : "${local.arn.ecs}:service/${cluster}/${local.platform.prefix}-*"]
  definitions   = "${local.arn.ecs}:task-definition/${local.platform.prefix}-*"
  task_families = [for task in sort(tolist(var.tasks)) : "${local.arn.ecs}:task-definition/${local.platform.prefix}-*-${task}:*"]
  evidence      = ["${local.arn.s3}${local.platform.evidence_bucket}/*", "${local.arn.s3}${local.platform.evidence_bucket}-*/*"]
  archive       = "${local.arn.s3}${local.platform.archive_bucket}"
  # Those of stack/data: of a shard, and told at their start whose part is meant.
  data_families = [for task in ["tenant-dump", "tenant-drop", "tenant-restore"] : "${local.arn.ecs}:task-definition/${task}-${local.platform.prefix}-*"]
  archive_roles = "${local.arn.iam}:role${local.platform.role_path}${local.platform.prefix}-*-archive"
  data_roles    = ["${local.arn.iam}:role/tenant-database-${local.platform.prefix}", local.archive_roles]

  read = [
    { Sid = "ReadAnywhere", Effect = "Allow", Action = local.actions.read.anywhere, Resource = "*" },
    # ListTasks and its kin name their cluster by a condition and not by a resource (service authorization reference).
    { Sid = "ReadTheFleet", Effect = "Allow", Action = local.actions.read.fleet, Resource = concat(local.of_fleet, ["${local.arn.ecs}:container-instance/*"]) },
    { Sid = "ReadImages", Effect = "Allow", Action = local.actions.read.images, Resource = var.repository_arns },
    { Sid = "NamesOfSecrets", Effect = "Allow", Action = local.actions.read.secret_names, Resource = "${local.arn.secret}:${local.platform.slash}/*" },
    { Sid = "LastWordsOfATask", Effect = "Allow", Action = local.actions.read.logs, Resource = "${local.arn.logs}:/${local.platform.slash}/*:log-stream:*" },
    { Sid = "TemplatesAndManifests", Effect = "Allow", Action = local.actions.read.control, Resource = ["${local.arn.s3}${local.platform.control_bucket}/sets/*", "${local.arn.s3}${local.platform.control_bucket}/routing/*"] },
    # So that what is not there is told from what is denied, and routers' reports are found.
    { Sid = "NamesInTheControlBucket", Effect = "Allow", Action = local.actions.read.control_names, Resource = "${local.arn.s3}${local.platform.control_bucket}" },
    {
      Sid      = "KeyOfTheControlBucket"
      Effect   = "Allow"
      Action   = "kms:Decrypt"
      Resource = "${local.arn.kms}:key/*"
      Condition = {
        "ForAnyValue:StringEquals" = { "kms:ResourceAliases" = [local.platform.data_alias] }
        StringEquals               = { "kms:ViaService" = "s3.${var.context.region}.amazonaws.com" }
      }
    },
  ]

  no_data = [
    { Sid = "NoData", Effect = "Deny", Action = local.actions.data_never, Resource = "*" },
    { Sid = "NoEvidence", Effect = "Deny", Action = ["s3:*Object*"], Resource = concat(local.evidence, ["${local.archive}/*"]) },
    { Sid = "GiveNoRoleOfTheArchive", Effect = "Deny", Action = local.actions.deploy.roles, Resource = local.archive_roles },
    {
      Sid       = "NoTenantsKey"
      Effect    = "Deny"
      Action    = ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"]
      Resource  = "*"
      Condition = { "ForAnyValue:StringLike" = { "kms:ResourceAliases" = ["${local.platform.tenant_alias}*"] } }
    },
  ]

  # One role may be given to tasks: those of sets. `iam:PassRole` on anything else is refused in words, not by silence.
  pass = [
    {
      Sid       = "GiveSetsTheirRoles"
      Effect    = "Allow"
      Action    = local.actions.deploy.roles
      Resource  = "${local.arn.iam}:role${local.platform.role_path}*"
      Condition = { StringEquals = { "iam:PassedToService" = "ecs-tasks.amazonaws.com" } }
    },
    { Sid = "GiveNoOtherRole", Effect = "Deny", Action = local.actions.deploy.roles, NotResource = "${local.arn.iam}:role${local.platform.role_path}*" },
  ]

  # What puts tenants to sleep and wakes them, beside the number of their tasks.
  rest = [
    {
      Sid      = "SleepAndWake"
      Effect   = "Allow"
      Action   = local.actions.deploy.scaling
      Resource = "${local.arn.scaling}/*"
      Condition = { StringEquals = {
        "application-autoscaling:service-namespace"  = "ecs"
        "application-autoscaling:scalable-dimension" = "ecs:service:DesiredCount"
      } }
    },
    {
      # The order of rules and nothing else: with CreateRule or ModifyRule it could send one tenant's requests to another.
      Sid       = "LayThe503OverRoutes"
      Effect    = "Allow"
      Action    = local.actions.deploy.routes
      Resource  = "${local.arn.elb}:listener-rule/app/${local.platform.prefix}-*"
      Condition = { StringEquals = { "aws:ResourceTag/tidegate" = var.context.fleet } }
    },
    {
      Sid       = "RestDatabases"
      Effect    = "Allow"
      Action    = local.actions.deploy.databases
      Resource  = "${local.arn.rds}:db:${local.platform.prefix}-*"
      Condition = { StringEquals = { "aws:ResourceTag/tidegate" = var.context.fleet } }
    },
  ]

  deploy = concat(local.read, local.no_data, local.pass,
    [
      {
        Sid      = "MoveServices"
        Effect   = "Allow"
        Action   = local.actions.deploy.services
        Resource = local.services
        Condition = {
          StringEquals = { "aws:ResourceTag/tidegate" = var.context.fleet }
          # Absent when only the number of tasks changes, which is what a pause does.
          ArnLikeIfExists = { "ecs:task-definition" = local.definitions }
        }
      },
      { Sid = "StopDeployments", Effect = "Allow", Action = local.actions.deploy.deployments, Resource = [for cluster in var.clusters : "${local.arn.ecs}:service-deployment/${cluster}/${local.platform.prefix}-*"] },
      # Knows no resource (service authorization reference, ECS); what it may run as is held by PassRole.
      { Sid = "RegisterDefinitions", Effect = "Allow", Action = local.actions.deploy.definitions, Resource = "*" },
      { Sid = "TagThemAsTheyAreMade", Effect = "Allow", Action = local.actions.deploy.tags, Resource = "${local.definitions}:*", Condition = { StringEquals = { "ecs:CreateAction" = "RegisterTaskDefinition" } } },
    ],
    local.rest,
    [
      { Sid = "Never", Effect = "Deny", Action = local.actions.deploy_never, Resource = "*" },
      merge(
        { Sid = "RunNothingElse", Effect = "Deny", Action = local.actions.deploy.tasks },
        length(local.task_families) > 0 ? { NotResource = local.task_families } : { Resource = ["*"] },
      ),
    ],
    [for families in [local.task_families] : {
      Sid       = "RunOneShotTasks"
      Effect    = "Allow"
      Action    = local.actions.deploy.tasks
      Resource  = families
      Condition = { ArnEquals = { "ecs:cluster" = local.clusters } }
    } if length(families) > 0],
    [for arns in [var.repository_arns] : { Sid = "TagWhatIsReleased", Effect = "Allow", Action = local.actions.deploy.tag_images, Resource = arns } if var.registry_here],
    [for statement in local.build : statement if var.deploy_builds],
  )

  # Takes tenants out: to sleep, what is kept of them into the archive, and after that their data away. It moves no
  # release, and which tenant is meant is the release tool's word: the workflow's environment has reviewers for that.
  offboard = concat(local.read, local.rest, [
    {
      Sid      = "NoTasksForServices"
      Effect   = "Allow"
      Action   = local.actions.deploy.services
      Resource = local.services
      Condition = {
        StringEquals = { "aws:ResourceTag/tidegate" = var.context.fleet }
        # Present only when another task definition is sent.
        Null = { "ecs:task-definition" = "true" }
      }
    },
    { Sid = "Evidence", Effect = "Allow", Action = local.actions.offboard.evidence, Resource = local.evidence },
    { Sid = "WhereEvidenceIs", Effect = "Allow", Action = local.actions.offboard.evidence_of_buckets, Resource = [for of in local.evidence : trimsuffix(of, "/*")] },
    { Sid = "Purge", Effect = "Allow", Action = local.actions.offboard.purge, Resource = local.evidence },
    { Sid = "Archive", Effect = "Allow", Action = local.actions.offboard.archive, Resource = "${local.archive}/*" },
    { Sid = "WhatIsInTheArchive", Effect = "Allow", Action = local.actions.offboard.archive_bucket, Resource = local.archive },
    { Sid = "TheArchiveStays", Effect = "Deny", Action = ["s3:BypassGovernanceRetention", "s3:DeleteObject*", "s3:PutObjectRetention", "s3:PutObjectLegalHold"], Resource = "${local.archive}/*" },
    {
      Sid      = "KeysOfBoth"
      Effect   = "Allow"
      Action   = local.actions.offboard.keys
      Resource = "${local.arn.kms}:key/*"
      Condition = {
        "ForAnyValue:StringLike" = { "kms:ResourceAliases" = [local.platform.data_alias, "${local.platform.tenant_alias}*"] }
        StringEquals             = { "kms:ViaService" = "s3.${var.context.region}.amazonaws.com" }
      }
    },
    { Sid = "RunTasksOnDatabases", Effect = "Allow", Action = local.actions.deploy.tasks, Resource = [for family in local.data_families : "${family}:*"], Condition = { ArnEquals = { "ecs:cluster" = local.clusters } } },
    { Sid = "GiveThemTheirRoles", Effect = "Allow", Action = local.actions.deploy.roles, Resource = local.data_roles, Condition = { StringEquals = { "iam:PassedToService" = "ecs-tasks.amazonaws.com" } } },
    { Sid = "GiveNoOtherRole", Effect = "Deny", Action = local.actions.deploy.roles, NotResource = local.data_roles },
    { Sid = "NoData", Effect = "Deny", Action = local.actions.data_never, Resource = "*" },
    { Sid = "Never", Effect = "Deny", Action = concat(local.actions.deploy_never, local.actions.deploy.definitions), Resource = "*" },
  ])

  build = [
    { Sid = "SignInToTheRegistry", Effect = "Allow", Action = local.actions.build.sign_in, Resource = "*" },
    { Sid = "PushImages", Effect = "Allow", Action = local.actions.build.push, Resource = var.repository_arns },
  ]

  infra_plan = concat(local.no_data, [
    {
      Sid      = "LookAtTheStack"
      Effect   = "Allow"
      Action   = flatten([for service in local.actions.infra_services : ["${service}:Describe*", "${service}:Get*", "${service}:List*"]])
      Resource = "*"
    },
    { Sid = "NoLogs", Effect = "Deny", Action = ["logs:GetLogEvents", "logs:FilterLogEvents", "logs:GetQueryResults"], Resource = "*" },
  ])

  infra_apply = concat(local.no_data, [
    { Sid = "BuildTheStack", Effect = "Allow", Action = [for service in local.actions.infra_services : "${service}:*"], Resource = "*" },
    {
      # Whoever can take the ceiling off a role needs no other right.
      Sid       = "RolesOfSetsOnlyUnderTheCeiling"
      Effect    = "Deny"
      Action    = ["iam:CreateRole", "iam:PutRolePermissionsBoundary", "iam:PutRolePolicy", "iam:AttachRolePolicy"]
      Resource  = "${local.arn.iam}:role${local.platform.role_path}*"
      Condition = { StringNotEquals = { "iam:PermissionsBoundary" = local.platform.ceiling_arn } }
    },
    { Sid = "CeilingsStay", Effect = "Deny", Action = "iam:DeleteRolePermissionsBoundary", Resource = "*" },
    {
      # These are infra/bootstrap's: a person with administrator's rights applies it.
      Sid      = "NotItself"
      Effect   = "Deny"
      Action   = ["iam:Add*", "iam:Attach*", "iam:Create*", "iam:Delete*", "iam:Detach*", "iam:Put*", "iam:Remove*", "iam:Tag*", "iam:Untag*", "iam:Update*", "iam:PassRole"]
      Resource = concat([for role in values(local.roles) : "${local.arn.iam}:role/${role}"], ["${local.arn.iam}:oidc-provider/*", "${local.arn.iam}:user/*", "${local.arn.iam}:group/*"])
    },
    { Sid = "StateStays", Effect = "Deny", Action = ["s3:DeleteBucket*", "s3:PutBucket*", "s3:PutLifecycle*", "s3:DeleteObjectVersion"], Resource = ["${local.arn.s3}${local.platform.state_bucket}", "${local.arn.s3}${local.platform.state_bucket}/*"] },
    { Sid = "NoTasks", Effect = "Deny", Action = ["ecs:RunTask", "ecs:StartTask", "ecs:ExecuteCommand"], Resource = "*" },
  ])

  policies = {
    for role, statements in {
      build       = concat(local.build, local.no_data)
      plan        = concat(local.read, local.no_data)
      deploy      = local.deploy
      offboard    = local.offboard
      infra_plan  = local.infra_plan
      infra_apply = local.infra_apply
    } : role => jsonencode({ Version = "2012-10-17", Statement = statements }) if contains(keys(var.jobs), role)
  }
}

resource "aws_iam_role" "this" {
  for_each             = local.policies
  name                 = local.roles[each.key]
  description          = "The release tool's workflows: ${replace(each.key, "_", " ")}"
  assume_role_policy   = local.trust[each.key]
  max_session_duration = 3600

  lifecycle {
    precondition {
      condition     = length(local.roles[each.key]) <= 64
      error_message = "A role's name has at most 64 characters: ${local.roles[each.key]}"
    }
    precondition {
      condition     = length(replace(each.value, "/\\s/", "")) <= 10240
      error_message = "Inline policies of a role have at most 10,240 characters together: ${each.key} has ${length(each.value)}."
    }
    precondition {
      condition     = length(replace(local.trust[each.key], "/\\s/", "")) <= 2048
      error_message = "A trust policy has at most 2,048 characters, until AWS raises that: name fewer environments and workflows."
    }
  }
}

resource "aws_iam_role_policy" "this" {
  for_each = local.policies
  name     = "own"
  role     = aws_iam_role.this[each.key].name
  policy   = each.value
}

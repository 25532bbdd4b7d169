# What AWS refuses and emulators accept must not pass a plan; and what a service set is made of.

mock_provider "aws" {
  source = "../../test/mocks"
}

variables {
  context             = { app = "accessos", fleet = "dev", account_id = "111111111111", region = "eu-west-1" }
  set                 = "acme"
  cluster_name        = "accessos-dev"
  cluster_arn         = "arn:aws:ecs:eu-west-1:111111111111:cluster/accessos-dev"
  placeholders        = { api = "arn:aws:ecs:eu-west-1:111111111111:task-definition/p:1", work = "arn:aws:ecs:eu-west-1:111111111111:task-definition/w:1" }
  slot                = 3
  routing             = "open"
  host                = "acme.dev.a3os.app"
  listener_arn        = "arn:aws:elasticloadbalancing:eu-west-1:111111111111:listener/app/a/0/0"
  balancer_arn_suffix = "app/a/0"
  vpc_id              = "vpc-0"
  subnet_ids          = ["subnet-0"]
  security_group_ids  = ["sg-0"]
  control_bucket      = "control"
  kms_key_arn         = "arn:aws:kms:eu-west-1:111111111111:key/00000000-0000-0000-0000-000000000000"
  log_days            = 30
  alarm_topics        = []
  services = {
    api  = { kind = "service", port = 8080, health = "/healthz", cpu = 256, memory = 512, min = 1, max = 2 }
    work = { kind = "worker", cpu = 256, memory = 512, min = 1, max = 2 }
    move = { kind = "task", cpu = 256, memory = 512, min = 0, max = 0 }
  }
}

run "born_asleep" {
  command = plan
  assert {
    condition     = alltrue([for service in aws_ecs_service.this : service.desired_count == 0]) && alltrue([for target in aws_appautoscaling_target.this : target.min_capacity == 0])
    error_message = "A service must be born at 0 tasks with a least of 0."
  }
  assert {
    condition     = toset(keys(aws_ecs_service.this)) == toset(["api", "work"]) && toset(keys(jsondecode(aws_s3_object.manifest.content).services)) == toset(["api", "move", "work"])
    error_message = "A one-shot task has a template and no service."
  }
  assert {
    condition     = aws_lb_listener_rule.service["api"].priority == 1120 && length(aws_lb_listener_rule.paused) == 0
    error_message = "Routes of slot 3 begin at 1120."
  }
  assert {
    condition     = alltrue([for alarm in concat(values(aws_cloudwatch_metric_alarm.errors), values(aws_cloudwatch_metric_alarm.unhealthy)) : startswith(alarm.alarm_name, "accessos-dev-acme-")])
    error_message = "The gate finds alarms by APP-FLEET-SET-."
  }
}

run "template_is_a_registration_without_an_image" {
  command = plan
  assert {
    condition     = jsondecode(jsondecode(aws_s3_object.manifest.content).services.api.template.body).family == "accessos-dev-acme-api" && jsondecode(jsondecode(aws_s3_object.manifest.content).services.api.template.body).containerDefinitions[0].name == "api" && jsondecode(jsondecode(aws_s3_object.manifest.content).services.api.template.body).containerDefinitions[0].image == "@tidegate"
    error_message = "The release tool looks for the family, a container named after the service, and the placeholder."
  }
  assert {
    condition     = jsondecode(jsondecode(aws_s3_object.manifest.content).services.api.template.body).taskRoleArn == "arn:aws:iam::111111111111:role/accessos/dev/sets/accessos-dev-acme-api"
    error_message = "A task's role is named by the set and the service."
  }
  assert {
    condition     = jsondecode(aws_s3_object.manifest.content).services.api.template.sha256 == sha256(jsondecode(aws_s3_object.manifest.content).services.api.template.body)
    error_message = "The hash is that of the text beside it."
  }
}

run "paused_lies_over_the_routes" {
  command = plan
  variables {
    routing = "paused"
  }
  assert {
    condition     = aws_lb_listener_rule.paused[0].priority < aws_lb_listener_rule.service["api"].priority && aws_lb_listener_rule.paused[0].action[0].fixed_response[0].status_code == "503" && length(aws_lb_listener_rule.service) == 1
    error_message = "A pause is a 503 above routes that stay."
  }
}

run "a_pause_at_run_time_moves_one_rule" {
  command = plan
  variables {
    wake_host = "acme--wake.dev.a3os.app"
  }
  assert {
    condition     = aws_lb_listener_rule.closed[0].priority == 40003 && aws_lb_listener_rule.closed[0].priority > aws_lb_listener_rule.service["api"].priority && aws_lb_listener_rule.closed[0].action[0].fixed_response[0].status_code == "503"
    error_message = "At rest its 503 lies beneath the routes, where the release tool finds it by the slot."
  }
  assert {
    condition     = aws_lb_listener_rule.closed[0].tags == tomap({ tidegate = "dev" })
    error_message = "The deploy role moves rules with this tag."
  }
  assert {
    condition     = toset(one([for c in aws_lb_listener_rule.service["api"].condition : c.host_header[0].values if length(c.host_header) > 0])) == toset(["acme.dev.a3os.app", "acme--wake.dev.a3os.app"]) && toset(flatten([for c in aws_lb_listener_rule.closed[0].condition : c.host_header[*].values])) == toset(["acme.dev.a3os.app"])
    error_message = "A resume asks where no 503 lies."
  }
}

run "one_503_at_a_time" {
  command = plan
  variables {
    routing   = "paused"
    wake_host = "acme--wake.dev.a3os.app"
  }
  assert {
    condition     = length(aws_lb_listener_rule.closed) == 0 && length(aws_lb_listener_rule.paused) == 1
    error_message = "A paused tenant has Terraform's 503; 100 rules a load balancer are five a tenant."
  }
}

run "gone_has_no_routes" {
  command = plan
  variables {
    routing = "gone"
  }
  assert {
    condition     = length(aws_lb_listener_rule.service) == 0 && length(aws_ecs_service.this) == 2
    error_message = "On its way out: no routes, and services still there."
  }
}

run "no_such_size" {
  command = plan
  variables {
    services = { api = { kind = "service", port = 8080, health = "/healthz", cpu = 256, memory = 8192, min = 1, max = 2 } }
  }
  expect_failures = [var.services]
}

run "no_such_cpu" {
  command = plan
  variables {
    services = { api = { kind = "service", port = 8080, health = "/healthz", cpu = 300, memory = 512, min = 1, max = 2 } }
  }
  expect_failures = [var.services]
}

run "least_above_most" {
  command = plan
  variables {
    services = { api = { kind = "service", port = 8080, health = "/healthz", cpu = 256, memory = 512, min = 3, max = 2 } }
  }
  expect_failures = [var.services]
}

run "service_without_port" {
  command = plan
  variables {
    services = { api = { kind = "service", cpu = 256, memory = 512, min = 1, max = 2 } }
  }
  expect_failures = [var.services]
}

run "slot_21" {
  command = plan
  variables {
    slot = 21
  }
  expect_failures = [var.slot]
}

run "template_too_large" {
  command = plan
  variables {
    services    = { work = { kind = "worker", cpu = 256, memory = 512, min = 1, max = 2 } }
    environment = { LONG = join("", [for n in range(1000) : "seventy characters, a thousand times, are more than 64 KiB: 0123456789."]) }
  }
  expect_failures = [aws_s3_object.manifest]
}

run "long_names_are_cut_and_stay_apart" {
  command = plan
  variables {
    set = "a-customer-with-a-very-long-nam"
  }
  assert {
    condition     = length(aws_lb_target_group.this["api"].name) <= 32 && startswith(aws_lb_target_group.this["api"].name, "dev-a-customer-with-a-ver")
    error_message = "A target group's name has at most 32 characters."
  }
}

"""moto, with what HashiCorp's AWS provider needs and moto 5.2 leaves out, so that a second plan is empty.

Each patch names what is missing. They add a call that it does not know or keep a field that it is given and forgets;
only `bucket_policies` takes a check away, one that reads half of a policy. Usage: shim.py PORT.
"""

import json
import sys

from moto.applicationautoscaling import responses as scaling
from moto.ec2.models import security_groups
from moto.ecs import responses as ecs_answers
from moto.iam.access_control import PermissionResult
from moto.rds import models as rds
from moto.s3 import models as s3
from moto.server import main
from moto.sqs import models as sqs


def scaling_tags() -> None:
    """Application Auto Scaling: no ListTagsForResource, TagResource, UntagResource. The provider waits for minutes."""

    def tags_of(answer):
        backend = answer.applicationautoscaling_backend
        return backend.__dict__.setdefault("shim_tags", {}).setdefault(answer._get_param("ResourceARN"), {})

    def list_tags(self):
        return json.dumps({"Tags": tags_of(self)})

    def tag(self):
        tags_of(self).update(self._get_param("Tags") or {})
        return "{}"

    def untag(self):
        for key in self._get_param("TagKeys") or []:
            tags_of(self).pop(key, None)
        return "{}"

    answers = scaling.ApplicationAutoScalingResponse
    answers.list_tags_for_resource, answers.tag_resource, answers.untag_resource = list_tags, tag, untag

    # Tags given as a target is made.
    register = answers.register_scalable_target

    def register_with_tags(self):
        answer = register(self)
        given = self._get_param("Tags")
        if given:
            backend = self.applicationautoscaling_backend
            backend.__dict__.setdefault("shim_tags", {})[json.loads(answer)["ScalableTargetARN"]] = given
        return answer

    answers.register_scalable_target = register_with_tags


def service_fields() -> None:
    """ECS services: what CreateService is given and forgets."""
    create = ecs_answers.EC2ContainerServiceResponse.create_service

    def create_and_keep(self):
        answer = create(self)
        cluster = self._get_param("cluster", "default").split("/")[-1]
        service = self.ecs_backend.services[f"{cluster}:{self._get_param('serviceName')}"]
        for field, name in {
            "availabilityZoneRebalancing": "availability_zone_rebalancing",
            "deploymentConfiguration": "deployment_configuration",
            "enableECSManagedTags": "enable_ecs_managed_tags",
            "enableExecuteCommand": "enable_execute_command",
            "healthCheckGracePeriodSeconds": "health_check_grace_period_seconds",
        }.items():
            value = self._get_param(field)
            if value is not None:
                setattr(service, name, value)
        return answer

    ecs_answers.EC2ContainerServiceResponse.create_service = create_and_keep


def bucket_policies() -> None:
    """S3: a Deny counts whatever its Condition says, so a rule for untagged strangers shuts Terraform out. And the
    check of a log bucket's policy falls over `"Principal": "*"`, and knows no prefix above that of the logs."""
    s3.FakeBucket.get_permission = lambda self, action, resource: PermissionResult.NEUTRAL

    def may_log(target_bucket, target_prefix):
        statements = json.loads(target_bucket.policy.decode())["Statement"] if target_bucket.policy else []
        wanted = f"arn:{target_bucket.partition}:s3:::{target_bucket.name}/{target_prefix or ''}"
        return any(
            isinstance(s["Principal"], dict) and s["Principal"].get("Service") == "logging.s3.amazonaws.com"
            and s["Effect"] == "Allow" and wanted.startswith(s["Resource"].rstrip("*"))
            for s in statements
        )

    s3.FakeBucket._log_permissions_enabled_policy = staticmethod(may_log)


def rule_descriptions() -> None:
    """EC2: the description of a rule that names a group is lost."""
    rule = security_groups.SecurityGroupRule
    rule.description = property(lambda self: self.ip_range.get("Description") or self.source_group.get("Description"))


def database_fields() -> None:
    """RDS: no Performance Insights, and parameters without the source that the provider asks for."""
    create = rds.RDSBackend.create_db_instance

    def create_and_keep(self, wanted):
        database = create(self, wanted)
        database.performance_insights_enabled = wanted.get("enable_performance_insights", False)
        database.performance_insights_kms_key_id = wanted.get("performance_insights_kms_key_id")
        return database

    rds.RDSBackend.create_db_instance = create_and_keep
    update = rds.DBParameterGroup.update_parameters

    def update_as_user(self, parameters):
        update(self, [{**parameter, "Source": "user"} for parameter in parameters])

    rds.DBParameterGroup.update_parameters = update_as_user


def redrive_whitespace() -> None:
    """SQS answers its redrive policy without blanks, and the provider compares the text."""
    attributes = sqs.Queue.attributes.fget

    def compact(self):
        found = attributes(self)
        if found.get("RedrivePolicy"):
            found["RedrivePolicy"] = json.dumps(json.loads(found["RedrivePolicy"]), separators=(",", ":"))
        return found

    sqs.Queue.attributes = property(compact)


if __name__ == "__main__":
    for patch in (scaling_tags, service_fields, bucket_policies, rule_descriptions, database_fields, redrive_whitespace):
        patch()
    main(["-H", "127.0.0.1", "-p", sys.argv[1]])

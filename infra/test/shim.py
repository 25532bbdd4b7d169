"""moto, with what HashiCorp's AWS provider needs and moto 5.2 leaves out, so that a second plan is empty.

Each patch names what is missing. None of them makes moto accept what it would refuse; they only add a call that it
does not know, or keep a field that it is given and forgets. Usage: shim.py PORT.
"""

import json
import sys

from moto.applicationautoscaling import models as scaling_models
from moto.applicationautoscaling import responses as scaling
from moto.ec2.models import security_groups
from moto.ec2.responses import security_groups as security_group_answers
from moto.ecs import models as ecs
from moto.ecs import responses as ecs_answers
from moto.rds import models as rds
from moto.server import main


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
    kept = {
        "availabilityZoneRebalancing": "availability_zone_rebalancing",
        "deploymentConfiguration": "deployment_configuration",
        "enableECSManagedTags": "enable_ecs_managed_tags",
        "enableExecuteCommand": "enable_execute_command",
        "healthCheckGracePeriodSeconds": "health_check_grace_period_seconds",
    }
    create = ecs_answers.EC2ContainerServiceResponse.create_service

    def create_and_keep(self):
        answer = create(self)
        cluster = self._get_param("cluster", "default").split("/")[-1]
        service = self.ecs_backend.services[f"{cluster}:{self._get_param('serviceName')}"]
        for field, name in kept.items():
            value = self._get_param(field)
            if value is not None:
                service.shim = {**getattr(service, "shim", {}), field: value}
                setattr(service, name, value)
        return answer

    ecs_answers.EC2ContainerServiceResponse.create_service = create_and_keep


if __name__ == "__main__":
    scaling_tags()
    service_fields()
    main(["-H", "127.0.0.1", "-p", sys.argv[1]])

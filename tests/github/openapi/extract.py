#!/usr/bin/env python3
"""Cut GitHub's OpenAPI description down to the endpoints that the fake serves.

Usage: extract.py PACKAGE_DIRECTORY > github.json
where PACKAGE_DIRECTORY is an unpacked npm package @octokit/openapi.

What stays: the operations of OPERATIONS, their parameters, request bodies and answers, and the
schemas reachable from them. What goes: prose and examples. What is rewritten: OpenAPI 3.0's
`nullable`, which JSON Schema does not know, into a type, an enum or an alternative with null.
"""

import json
import pathlib
import sys

REPO = "/repos/{owner}/{repo}"
OPERATIONS = {
    "": ["get"],
    "/deployments": ["get", "post"],
    "/deployments/{deployment_id}": ["get", "delete"],
    "/deployments/{deployment_id}/statuses": ["get", "post"],
    "/deployments/{deployment_id}/statuses/{status_id}": ["get"],
    "/git/blobs": ["post"],
    "/git/blobs/{file_sha}": ["get"],
    "/git/trees": ["post"],
    "/git/trees/{tree_sha}": ["get"],
    "/git/commits": ["post"],
    "/git/commits/{commit_sha}": ["get"],
    "/git/ref/{ref}": ["get"],
    "/git/matching-refs/{ref}": ["get"],
    "/git/refs": ["post"],
    "/git/refs/{ref}": ["patch", "delete"],
    "/contents/{path}": ["get"],
    "/commits/{ref}": ["get"],
    "/commits/{commit_sha}/pulls": ["get"],
    "/pulls/{pull_number}": ["get"],
    "/environments": ["get"],
    "/labels": ["get"],
    "/releases": ["post"],
    "/releases/tags/{tag}": ["get"],
    "/collaborators/{username}/permission": ["get"],
    "/issues/{issue_number}/comments": ["get", "post"],
    "/issues/comments/{comment_id}": ["get", "patch", "delete"],
    "/issues/{issue_number}/labels": ["get", "post"],
    "/issues/{issue_number}/labels/{name}": ["delete"],
    "/actions/runs/{run_id}": ["get"],
    "/actions/runs/{run_id}/approvals": ["get"],
    "/actions/runs/{run_id}/attempts/{attempt_number}": ["get"],
}
PROSE = {"description", "summary", "example", "examples", "externalDocs", "title", "tags",
         "operationId", "deprecated", "headers", "callbacks", "servers"}
NAMED_BY_AUTHORS = {"properties", "patternProperties", "schemas", "parameters", "responses"}


def stripped(node, names_are_data=False):
    """The node without prose; below `properties` and the like, keys are names, never prose."""
    if isinstance(node, list):
        return [stripped(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {
        key: stripped(value, key in NAMED_BY_AUTHORS and not names_are_data)
        for key, value in node.items()
        if names_are_data or not (key in PROSE or key.startswith("x-"))
    }


def with_null(schema):
    """The schema, also accepting null."""
    if "enum" in schema and None not in schema["enum"]:
        schema["enum"] = schema["enum"] + [None]
    if isinstance(schema.get("type"), str):
        schema["type"] = [schema["type"], "null"]
    if any(key in schema for key in ("$ref", "allOf", "anyOf", "oneOf")):
        return {"anyOf": [schema, {"type": "null"}]}
    return schema


def without_nullable(node, names_are_data=False):
    """The node with every OpenAPI 3.0 `nullable: true` said in JSON Schema's words."""
    if isinstance(node, list):
        return [without_nullable(item) for item in node]
    if not isinstance(node, dict):
        return node
    out = {
        key: without_nullable(value, key in NAMED_BY_AUTHORS and not names_are_data)
        for key, value in node.items()
    }
    if names_are_data or not isinstance(out.get("nullable"), bool):
        return out
    return with_null(out) if out.pop("nullable") else out


def references(node):
    """Every `$ref` target in the node."""
    if isinstance(node, list):
        return set().union(*map(references, node), set())
    if not isinstance(node, dict):
        return set()
    here = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
    return here.union(*map(references, node.values()), set())


def subset(full):
    """The operations and, transitively, the components they reach."""
    paths = {
        REPO + tail: {method: full["paths"][REPO + tail][method] for method in methods}
        for tail, methods in OPERATIONS.items()
    }
    components, seen, todo = {}, set(), references(paths)
    while todo:
        target = todo.pop()
        seen.add(target)
        kind, name = target.removeprefix("#/components/").split("/")
        part = full["components"][kind][name]
        components.setdefault(kind, {})[name] = part
        todo |= references(part) - seen
    return {"info": {"version": full["info"]["version"]}, "paths": paths, "components": components}


def main():
    package = pathlib.Path(sys.argv[1])
    full = json.loads((package / "generated" / "api.github.com.json").read_text())
    small = subset(without_nullable(stripped(full)))
    json.dump(small, sys.stdout, indent=1, sort_keys=True, ensure_ascii=False)
    print()


main()

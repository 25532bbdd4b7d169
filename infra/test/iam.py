"""Whether IAM would let a principal do something: the rules of "Policy evaluation logic" (IAM user guide) that our
policies need, and an error for every rule that it does not know. Nothing here reads AWS.

Allowed is what a policy of the principal allows and its ceiling allows too, and no policy denies - of the principal,
of the ceiling, or of the thing itself. What a thing's own policy allows is not counted: ours allow services and the
account, never a role.
"""

import functools
import re
from dataclasses import dataclass, field, replace

VARIABLE = re.compile(r"\$\{([^}]+)\}")


@dataclass(frozen=True)
class Principal:
    arn: str
    tags: dict
    policies: tuple = ()
    ceiling: dict | None = None
    has_ceiling: bool = False

    def with_policies(self, *policies):
        return replace(self, policies=policies)


@dataclass(frozen=True)
class Request:
    action: str
    resource: str
    context: dict = field(default_factory=dict)
    policies: tuple = ()  # of the thing that is asked for


def allowed(principal: Principal, request: Request) -> bool:
    context = {f"aws:principaltag/{key.lower()}": value for key, value in principal.tags.items()}
    context |= {"aws:principalarn": principal.arn, "aws:securetransport": "true"}
    context |= {key.lower(): value for key, value in request.context.items()}
    ceilings = (principal.ceiling,) if principal.ceiling else ()
    every = principal.policies + ceilings + request.policies
    if any(matches(s, request, context, principal) for policy in every for s in policy["Statement"] if s["Effect"] == "Deny"):
        return False
    grants = lambda policy: any(matches(s, request, context, principal) for s in policy["Statement"] if s["Effect"] == "Allow")
    return any(map(grants, principal.policies)) and all(map(grants, ceilings))


def matches(statement: dict, request: Request, context: dict, principal: Principal) -> bool:
    if "Principal" in statement and not names(statement["Principal"], principal):
        return False
    if "NotPrincipal" in statement:
        raise NotImplementedError("NotPrincipal")
    if "NotAction" in statement:
        raise NotImplementedError("NotAction")
    if not any(like(pattern.lower(), request.action.lower()) for pattern in listed(statement["Action"])):
        return False
    if "NotResource" in statement:
        if any(like_resource(p, request.resource, context) for p in listed(statement["NotResource"])):
            return False
    elif not any(like_resource(p, request.resource, context) for p in listed(statement["Resource"])):
        return False
    return all(
        holds(operator, key, listed(values), context)
        for operator, keys in statement.get("Condition", {}).items()
        for key, values in keys.items()
    )


def names(wanted, principal: Principal) -> bool:
    if wanted == "*":
        return True
    account = principal.arn.split(":")[4]
    arns = listed(wanted.get("AWS", []))
    return "*" in arns or principal.arn in arns or f"arn:aws:iam::{account}:root" in arns


def holds(operator: str, key: str, values: list, context: dict) -> bool:
    any_value = operator.startswith("ForAnyValue:")
    if operator.startswith("ForAllValues:"):
        raise NotImplementedError("ForAllValues in an Allow lets through whoever says nothing")
    operator = operator.removeprefix("ForAnyValue:")
    if_exists = operator.endswith("IfExists")
    operator = operator.removesuffix("IfExists")
    actual = context.get(key.lower())
    if operator == "Null":
        return (actual is None) == (str(values[0]).lower() == "true")
    negative = "Not" in operator
    if actual is None:
        return if_exists or negative
    if isinstance(actual, list) and not any_value:
        raise NotImplementedError(f"{key} has several values, and {operator} says not which")
    wanted = [w for w in (fill(str(v), context, operator.endswith("Like")) for v in values) if w is not None]
    test = {
        "StringEquals": lambda a, w: a == w, "StringNotEquals": lambda a, w: a == w,
        "StringLike": lambda a, w: like(w, a), "StringNotLike": lambda a, w: like(w, a),
        "ArnEquals": lambda a, w: like(w, a), "ArnLike": lambda a, w: like(w, a), "ArnNotLike": lambda a, w: like(w, a),
        "Bool": lambda a, w: a.lower() == w.lower(),
    }[operator]
    found = any(test(a, w) for a in listed(actual) for w in wanted)
    return found != negative


def like_resource(pattern: str, resource: str, context: dict) -> bool:
    filled = fill(pattern, context, True)
    return filled is not None and like(filled, resource)


def fill(text: str, context: dict, wild: bool) -> str | None:
    """Variables put in. Where one has no value the text matches nothing. A value's own `*` is no wildcard."""
    wanted = VARIABLE.findall(text)
    if any(not isinstance(context.get(name.lower()), str) for name in wanted):
        return None
    plain = lambda value: re.sub(r"([*?])", "\\\\\\1", value) if wild else value
    return VARIABLE.sub(lambda m: plain(context[m[1].lower()]), text)



@functools.lru_cache(maxsize=None)
def compiled(pattern: str) -> re.Pattern:
    parts = re.findall(r"\\[*?]|\*|\?|[^*?\\]+|\\", pattern)
    return re.compile("".join({"*": ".*", "?": "."}.get(p, re.escape(p[1:] if p in (r"\*", r"\?") else p)) for p in parts), re.S)


def like(pattern: str, text: str) -> bool:
    return compiled(pattern).fullmatch(text) is not None


def listed(value) -> list:
    return list(value) if isinstance(value, (list, tuple)) else [value]

# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The API server's refusals in plain words: what it said, why, and what to do.

Pure functions over the Status object that the API server answers with. The texts recognised here are those of
Kubernetes 1.36 (RBAC and PodSecurity messages, field manager conflicts, quota), seen on its API server.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from .target import Target

ENFORCE_LABEL = "pod-security.kubernetes.io/enforce"

_RBAC = re.compile(
    r'User "(?P<user>[^"]*)" cannot (?P<verb>\S+) resource "(?P<resource>[^"]*)" in API group "(?P<group>[^"]*)"'
    r'(?: in the namespace "(?P<namespace>[^"]*)")?'
)
_POD_SECURITY = re.compile(r'violates PodSecurity "(?P<policy>[^"]+)": (?P<checks>.+)', re.DOTALL)
# Who grants permissions must have them (pkg/registry/rbac/validation/rule.go).
_NOT_HELD = "is attempting to grant RBAC permissions not currently held"
_QUOTA = re.compile(r"exceeded quota: (?P<quota>[^,]+), (?P<figures>.+)", re.DOTALL)
# What is wrong in a manifest that is applied comes as a 500 where its types or fields are (seen from 1.36).
_UNREADABLE = re.compile(
    r"failed to (?:create typed patch object|convert new object) \([^)]*\)(?: to proper version)?:(?P<why>.+)",
    re.DOTALL,
)
# For any field, a PersistentVolumeClaim's, a Pod's, a StatefulSet's and a RoleBinding's (pkg/apis/*/validation), and
# what rules of a CustomResourceDefinition say in the words of its documentation (the last one). Names and values stand
# in the messages too, so the word alone says nothing.
_IMMUTABLE = re.compile(
    r"field is immutable|is immutable after creation|pod updates may not change fields other than"
    r"|pod updates may not add or remove containers"
    r"|updates to statefulset spec for fields other than .+ are forbidden|cannot change roleRef"
    r"|[Vv]alue is immutable"
)
_OWNER = re.compile(r'conflict with "(?P<manager>[^"]+)"')


def pod_security_refusal(message: str, namespace: str | None) -> str | None:
    """PodSecurity's refusal with the label that lifts it; None when the message is about something else."""
    match = _POD_SECURITY.search(message)
    if not match:
        return None
    where = f'namespace "{namespace}"' if namespace else "the namespace"
    return (
        f'PodSecurity "{match["policy"]}" of {where} forbids HostProcess pods: {match["checks"].strip()}. '
        f"Set the label {ENFORCE_LABEL}=privileged on {where}, or use another namespace."
    )


def quota_refusal(message: str) -> str | None:
    """A ResourceQuota's refusal; None when the message is about something else."""
    match = _QUOTA.search(message)
    if not match:
        return None
    return f"quota {match['quota']} is exhausted ({match['figures'].strip()}): raise the quota or ask for less"


def admission_refusal(message: str, namespace: str | None) -> str | None:
    """Why admission refuses a pod, if the message is one of the refusals known here."""
    return pod_security_refusal(message, namespace) or quota_refusal(message)


def is_missing_permission(message: str) -> bool:
    """Whether the user may not make the call at all, whatever the object is."""
    return bool(_RBAC.search(message))


def is_missing_right_to_grant(message: str) -> bool:
    """Whether a role, or the role of a binding, has permissions that the user has not."""
    return _NOT_HELD in message


def is_immutable_field(body: Mapping) -> bool:
    """Whether the refusal is about nothing but fields that an existing object may not change.

    An object that is wrong in another way as well would not come back once it is deleted to be made anew.
    """
    causes = (body.get("details") or {}).get("causes") or [body]
    return all(_IMMUTABLE.search(str(cause.get("message"))) for cause in causes)


def is_about_the_manifest(message: str) -> bool:
    """Whether an error that the API server calls its own (500) is one of the manifest, and so stays."""
    return bool(_UNREADABLE.search(message))


def field_owners(body: Mapping) -> list[str]:
    """Which field is whose, for each that another field manager owns; empty when a conflict is about something else."""
    causes = (body.get("details") or {}).get("causes") or []
    return [
        f"{cause.get('field')} is managed by {_owner(cause)}"
        for cause in causes
        if cause.get("reason") == "FieldManagerConflict"
    ]


def explain_refusal(status: int, body: Mapping, headers: Mapping, target: Target) -> str:
    """The reason behind an unsuccessful answer, without a leading capital, ready to follow "Failed to …: ".

    Args:
        status: HTTP status.
        body: the Status object, possibly empty.
        headers: the answer's headers.
        target: the object of the call.
    """
    message = str(body.get("message") or body.get("reason") or f"HTTP status {status}")
    explain = _BY_STATUS.get(status, _server_error if status >= 500 else _as_said)
    return explain(message, body, headers, target)


def _as_said(message: str, body: Mapping, headers: Mapping, target: Target) -> str:
    return message


def _unauthorized(message: str, body: Mapping, headers: Mapping, target: Target) -> str:
    return (
        "the API server does not accept the credentials (401 Unauthorized): the token or certificate is wrong "
        "or has expired. Renew it in the kubeconfig, or give another one (kubeconfig, context, api_key)."
    )


def _forbidden(message: str, body: Mapping, headers: Mapping, target: Target) -> str:
    refusal = admission_refusal(message, target.namespace)
    if refusal:
        return refusal
    match = _RBAC.search(message)
    if not match:
        return message
    resource = f"{match['resource']}.{match['group']}" if match["group"] else match["resource"]
    where = f'in namespace "{match["namespace"]}"' if match["namespace"] else "at the cluster scope"
    return (
        f'user "{match["user"]}" may not {match["verb"]} {resource} {where} (403 Forbidden). '
        f'Grant the verb "{match["verb"]}" on "{resource}" to that user by a Role or ClusterRole and its binding.'
    )


def _not_found(message: str, body: Mapping, headers: Mapping, target: Target) -> str:
    details = body.get("details") or {}
    if details.get("kind") == "namespaces" and target.kind != "Namespace":
        return f'namespace "{details.get("name")}" does not exist. Create it, or set create_namespace to true.'
    return message


def _conflict(message: str, body: Mapping, headers: Mapping, target: Target) -> str:
    owned = field_owners(body)
    if not owned:
        return f"{message} (409 Conflict). Another client changed the object meanwhile: run the task again."
    return (
        f"{'; '.join(owned)} (409 Conflict). Leave the field out of the definition, let its manager change it, "
        "or take it over with force_conflicts set to true."
    )


def _owner(cause: Mapping) -> str:
    match = _OWNER.search(str(cause.get("message")))
    return f'"{match["manager"]}"' if match else str(cause.get("message"))


def _invalid(message: str, body: Mapping, headers: Mapping, target: Target) -> str:
    causes = (body.get("details") or {}).get("causes") or []
    said = "; ".join(f"{cause.get('field')}: {cause.get('message')}" for cause in causes) or message
    if not is_immutable_field(body):
        return said
    return (
        f"{said.rstrip('.')}. The API server does not let this field change on an existing {target.kind}: "
        "set recreate to true, remove the object first, or choose another name."
    )


def _too_many_requests(message: str, body: Mapping, headers: Mapping, target: Target) -> str:
    seconds = headers.get("Retry-After") or (body.get("details") or {}).get("retryAfterSeconds")
    when = f"in {seconds} seconds" if seconds else "later"
    return f"the API server has too many requests (429 Too Many Requests: {message}). Run the task again {when}."


def _server_error(message: str, body: Mapping, headers: Mapping, target: Target) -> str:
    unreadable = _UNREADABLE.search(message)
    if unreadable:
        return f"the manifest does not fit its kind: {_in_one_line(unreadable['why'])}. Correct that field."
    code = body.get("code") or "5xx"
    return f"the API server failed ({code}): {message}. Look at its log; the same call may succeed later."


def _in_one_line(text: str) -> str:
    """Several wrong fields come under a heading, a line each."""
    lines = [line.strip() for line in text.strip().removeprefix("errors:").splitlines()]
    return "; ".join(line for line in lines if line)


_BY_STATUS = {
    401: _unauthorized,
    403: _forbidden,
    404: _not_found,
    409: _conflict,
    422: _invalid,
    429: _too_many_requests,
}

# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Status objects are those that kube-apiserver 1.36.3 answered with."""

from __future__ import annotations

import pytest

from ansible_collections.kubewin.hostprocess.plugins.module_utils.cluster.refusals import (
    explain_refusal,
    is_immutable_field,
)
from ansible_collections.kubewin.hostprocess.plugins.module_utils.cluster.target import Target

AGENT = Target("DaemonSet", "agent", "logs")
POD_SECURITY = (
    'pods "x" is forbidden: violates PodSecurity "baseline:latest": host namespaces (hostNetwork=true), hostProcess '
    "(pod must not set securityContext.windowsOptions.hostProcess=true)"
)
RBAC = 'daemonsets.apps "agent" is forbidden: User "bob" cannot patch resource "daemonsets" in API group "apps" in '
CONFLICT = {
    "message": 'Apply failed with 1 conflict: conflict with "kubectl": .spec.minReadySeconds',
    "details": {
        "causes": [
            {
                "reason": "FieldManagerConflict",
                "message": 'conflict with "kubectl" using apps/v1',
                "field": ".spec.minReadySeconds",
            }
        ]
    },
}
INVALID = {
    "message": 'DaemonSet.apps "agent" is invalid',
    "details": {
        "causes": [{"field": "spec.template.spec.hostNetwork", "message": "Invalid value: false: must be true"}]
    },
}
IMMUTABLE = {
    "message": 'DaemonSet.apps "agent" is invalid: spec.selector: Invalid value: {}: field is immutable',
    "details": {"causes": [{"field": "spec.selector", "message": "Invalid value: {}: field is immutable"}]},
}
UNDECLARED = "failed to create typed patch object (logs/agent; apps/v1, Kind=DaemonSet): .spec.nope: field not declared"
UNREADABLE = (
    "failed to convert new object (logs/agent; apps/v1, Kind=DaemonSet) to proper version: unable to convert "
    "unstructured object to apps/v1, Kind=DaemonSet: quantities must match the regular expression"
)
TWO_UNDECLARED = UNDECLARED.replace(".spec.nope: f", "errors:\n  .spec.nope: f") + "\n  .spec.no: field not declared"
QUOTA = 'pods "agent-1" is forbidden: exceeded quota: small, requested: pods=1, used: pods=2, limited: pods=2'


@pytest.mark.parametrize(
    ("status", "body", "headers", "said"),
    [
        (401, {"message": "Unauthorized"}, {}, ["401", "expired", "kubeconfig"]),
        (403, {"message": POD_SECURITY}, {}, ["pod-security.kubernetes.io/enforce=privileged", 'namespace "logs"']),
        (403, {"message": RBAC + 'the namespace "logs"'}, {}, ['"bob" may not patch daemonsets.apps', '"logs"']),
        (403, {"message": RBAC.replace(" in the", "")}, {}, ["at the cluster scope"]),
        (403, {"message": QUOTA}, {}, ["quota small is exhausted", "limited: pods=2"]),
        (403, {"message": "denied by policy x"}, {}, ["denied by policy x"]),
        (404, {"message": "m", "details": {"kind": "namespaces", "name": "logs"}}, {}, ['"logs" does not exist']),
        (409, CONFLICT, {}, ['.spec.minReadySeconds is managed by "kubectl"', "force_conflicts"]),
        (409, {"message": "the object has been modified"}, {}, ["has been modified", "again"]),
        (422, INVALID, {}, ["spec.template.spec.hostNetwork: Invalid value: false: must be true"]),
        (422, IMMUTABLE, {}, ["spec.selector", "recreate"]),
        (429, {"message": "too many"}, {"Retry-After": "7"}, ["429", "in 7 seconds"]),
        (429, {"message": "too many"}, {}, ["429", "later"]),
        (500, {"message": "etcdserver: request timed out", "code": 500}, {}, ["500", "etcdserver: request timed out"]),
        (500, {"message": UNDECLARED}, {}, ["does not fit its kind: .spec.nope: field not declared", "Correct"]),
        (500, {"message": TWO_UNDECLARED}, {}, ["kind: .spec.nope: field not declared; .spec.no: field not declared."]),
        (500, {"message": UNREADABLE}, {}, ["does not fit its kind: unable to convert", "quantities must match"]),
        (418, {}, {}, ["HTTP status 418"]),
    ],
)
def test_a_refusal_says_what_happened_and_what_to_do(status, body, headers, said):
    text = explain_refusal(status, body, headers, AGENT)
    for part in said:
        assert part in text
    assert "\n" not in text


@pytest.mark.parametrize(
    "said",
    [
        'Invalid value: {"matchLabels":{"a":"b"}}: field is immutable',
        "Forbidden: field is immutable when `immutable` is set",
        "Forbidden: spec is immutable after creation except resources.requests",
        "Forbidden: pod updates may not change fields other than `spec.containers[*].image`",
        "Forbidden: updates to statefulset spec for fields other than 'replicas' and 'template' are forbidden",
        "Forbidden: pod updates may not add or remove containers",
        'Invalid value: {"kind":"Role","name":"b"}: cannot change roleRef',
        'Invalid value: "string": Value is immutable',
    ],
)
def test_an_immutable_field_calls_for_recreation(said):
    assert is_immutable_field({"message": f"is invalid: {said}", "details": {"causes": [{"message": said}]}})
    assert is_immutable_field({"message": f"is invalid: {said}"})


def test_nothing_else_calls_for_recreation():
    assert not is_immutable_field(INVALID)
    assert not is_immutable_field({})
    named = {"message": 'DaemonSet.apps "immutable" is invalid: spec.replicas: Invalid value: -1: must be more'}
    assert not is_immutable_field(named)


def test_what_would_not_come_back_is_not_recreated():
    causes = [*IMMUTABLE["details"]["causes"], *INVALID["details"]["causes"]]
    assert not is_immutable_field({**IMMUTABLE, "details": {"causes": causes}})


def test_a_target_is_named_as_people_name_it():
    assert str(AGENT) == "DaemonSet logs/agent"
    assert str(Target("Namespace", "logs")) == "Namespace logs"
    assert str(Target("Pod", namespace="logs")) == "Pod objects of namespace logs"

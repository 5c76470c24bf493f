# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is generated reaches every rule, so a rule that is wrong can't hide."""

from __future__ import annotations

import pytest

from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules import pod_security, validation
from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.pods import find_pod
from differential import cases
from differential.generate import generate
from differential.judges import judged_by_rules
from differential.pod_security_strategies import objects
from differential.strategies import workloads

VERSION = "1.36.3"
COUNT = 400
ENOUGH = 2
LEVELS = ("baseline", "restricted")


@pytest.fixture(scope="module")
def generated():
    return generate(workloads, COUNT, from_seed=1)


def test_the_same_seed_makes_the_same_objects():
    assert generate(workloads, 50, from_seed=7) == generate(workloads, 50, from_seed=7)
    assert generate(workloads, 50, from_seed=8) != generate(workloads, 50, from_seed=7)


def test_about_as_many_are_refused_as_accepted(generated):
    refused = sum(bool(judged_by_rules(each, VERSION).causes) for each in generated)
    assert 0.25 < refused / len(generated) < 0.75


@pytest.mark.parametrize("rule", validation.POD_SPEC_RULES, ids=lambda rule: rule.__name__)
def test_every_rule_has_something_to_say_of_some_pod(generated, monkeypatch, rule):
    monkeypatch.setattr(validation, "POD_SPEC_RULES", (rule,))
    assert sum(bool(validation.validate(each, VERSION, existing=True)) for each in generated) >= ENOUGH


def test_every_check_of_pod_security_fails_for_some_pod():
    pods = [find_pod(each) for each in generate(objects, COUNT, from_seed=1)]
    found = [
        each for pod in pods for level in LEVELS for each in pod_security.violations(pod, level, "latest", VERSION)
    ]
    assert {each.check for each in found} == {row.id for row in pod_security.CHECKS}


# What the API server says of pods, the other tests ask it; here, that a workload's pods are judged like any pod.


def test_the_pods_of_a_template_that_is_taken_are_judged_as_pods_are(generated):
    taken = [each for each in generated if each["kind"] != "Pod" and not judged_by_rules(each, VERSION).causes]
    refused = 0
    for definition in taken:
        path, pod = pod_of(definition)
        of_pods = [(error.field.replace(path, "spec", 1), str(error)) for error in validation.validate_pods(definition)]
        expected = [(error.field, str(error).replace("spec", path, 1)) for error in validation.validate(pod)]
        assert of_pods == expected
        refused += bool(expected)
    assert refused, "no pod was refused whose template was taken"


def test_what_pod_security_makes_of_a_workloads_pods_is_what_it_makes_of_pods():
    labels = {"pod-security.kubernetes.io/enforce": "baseline"}
    made = [each for each in generate(objects, COUNT, from_seed=1) if each["kind"] != "Pod"]
    differing = 0
    for definition in made:
        _path, pod = pod_of(definition)
        of_pods = pod_security.predict(definition, labels, VERSION)
        refusal = pod_security.predict(pod, labels, VERSION).refusal
        assert of_pods.pods_refusal == (refusal and refusal.partition(" is forbidden: ")[2])
        differing += (of_pods.warning or "").partition(": ")[2] != (of_pods.pods_refusal or "").partition(": ")[2]
    assert differing >= ENOUGH, "no pod had a port that its template had not"


def pod_of(definition):
    """The path of a template's spec, and a pod of its own with the same."""
    path, body = [], definition
    while "containers" not in body:
        step = next(step for step in ("template", "jobTemplate", "spec") if step in body)
        path, body = [*path, step], body[step]
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "made"}, "spec": body}
    return ".".join(path), pod


def test_a_case_is_made_as_small_as_its_failure_allows():
    definition = {"spec": {"containers": [{"name": "a", "args": ["x"], "ports": [1, 2]}, {"name": "b"}], "os": {}}}

    def fails(smaller):
        return any(2 in container.get("ports", []) for container in smaller["spec"]["containers"])

    assert cases.shrink(definition, fails) == {"spec": {"containers": [{"name": "a", "ports": [2]}]}}

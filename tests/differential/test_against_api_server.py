# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The rules against the laboratory's API server, briefly; `make differential` does it at length.

The seed of a run is in its output; DIFFERENTIAL_SEED repeats it.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator

import pytest

from differential import cases, pod_security
from differential.generate import generate
from differential.judges import ApiServerJudge, disagreements, judged_by_rules
from differential.strategies import WORKLOADS, workload, workloads

pytestmark = pytest.mark.controlplane

SHORT_RUN = 300
SHORT_POD_SECURITY_RUN = 200
HOSTPROCESS = {"hostProcess": True, "runAsUserName": "NT AUTHORITY\\SYSTEM"}


@pytest.fixture(scope="module")
def api_server(cluster) -> Iterator[ApiServerJudge]:
    with ApiServerJudge(cluster.kubeconfig) as judge:
        yield judge


@pytest.fixture
def seed() -> int:
    number = int(os.environ.get("DIFFERENTIAL_SEED") or random.SystemRandom().randrange(10**6))
    print(f"DIFFERENTIAL_SEED={number}")
    return number


def test_rules_and_api_server_agree_on_generated_workloads(api_server, seed):
    made = generate(workloads, SHORT_RUN, seed)
    assert len(made) >= SHORT_RUN * 9 // 10
    assert disagreements(made, api_server) == []


def test_prediction_and_plugin_agree_on_pod_security(api_server, seed):
    assert pod_security.disagreements(api_server, SHORT_POD_SECURITY_RUN, seed) == []


@pytest.mark.parametrize(("name", "definition"), cases.load(), ids=[name for name, _definition in cases.load()])
def test_rules_and_api_server_agree_where_they_once_did_not(api_server, name, definition):
    assert disagreements([definition], api_server) == []


@pytest.mark.parametrize("kind", WORKLOADS)
def test_every_kind_that_breaks_the_rules_is_refused_in_the_same_words(api_server, kind):
    spec = {
        "securityContext": {"windowsOptions": HOSTPROCESS},
        "containers": [
            {"name": "a", "image": "image:1"},
            {"name": "b", "image": "image:1", "securityContext": {"windowsOptions": {"hostProcess": False}}},
        ],
    }
    definition = workload(kind, spec)
    verdict = api_server.judge(definition)
    assert len(verdict.causes) == 3
    assert verdict == judged_by_rules(definition, api_server.version)


def test_a_value_of_a_wrong_type_is_refused_by_both(api_server):
    from kubernetes import client

    spec = {"securityContext": {"windowsOptions": {"hostProcess": "true"}}, "containers": [{"name": "a", "image": "i"}]}
    definition = workload("Pod", spec)
    assert judged_by_rules(definition, api_server.version).causes
    with pytest.raises(client.ApiException, match="cannot be handled as a Pod"):
        api_server.judge(definition)

# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A sound manifest with one value that does not belong there: whatever it is, the answer is ours and no traceback."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.kubewin.hostprocess.plugins.module_utils.cluster.definitions import definitions_to_apply
from ansible_collections.kubewin.hostprocess.plugins.module_utils.cluster.errors import ClusterError
from ansible_collections.kubewin.hostprocess.plugins.module_utils.manifest.errors import ManifestCheckError
from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.errors import RulesError
from ansible_collections.kubewin.hostprocess.plugins.modules import manifest_check, workload
from ansible_collections.kubewin.hostprocess.plugins.test.hostprocess import hostprocess

OPTIONS = {name: spec.get("default") for name, spec in manifest_check.ARGUMENT_SPEC.items()} | {
    "containerd_version": "1.7.20",
    "windows_build": 17763,
    "pod_annotations": [],
    "namespace_labels": {"agents": {"pod-security.kubernetes.io/enforce": "restricted"}, "default": None},
}
SOUND = yaml.safe_load(r"""
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent, namespace: agents, labels: {app: agent}, annotations: {note: text}}
spec:
  selector: {matchLabels: {app: agent}}
  template:
    metadata: {labels: {app: agent}, annotations: {note: text}}
    spec:
      os: {name: windows}
      hostNetwork: true
      runtimeClassName: runhcs-wcow-process
      securityContext: {windowsOptions: {hostProcess: true, runAsUserName: 'NT AUTHORITY\SYSTEM'}}
      nodeSelector: {kubernetes.io/os: windows}
      affinity:
        nodeAffinity:
          requiredDuringSchedulingIgnoredDuringExecution:
            nodeSelectorTerms: [{matchExpressions: [{key: kubernetes.io/os, operator: In, values: [windows]}]}]
      tolerations: [{key: os, operator: Equal, value: windows}]
      volumes: [{name: host, hostPath: {path: 'C:\x', type: Directory}}, {name: settings, configMap: {name: c}}]
      initContainers: [{name: first, image: i}]
      containers:
        - name: agent
          image: i
          command: [agent.exe]
          env: [{name: A, value: b}]
          ports: [{containerPort: 80, hostPort: 80, protocol: TCP}]
          resources: {limits: {cpu: 1, memory: 1Mi}, requests: {cpu: 1}}
          livenessProbe: {httpGet: {port: 80, path: /}}
          lifecycle: {preStop: {exec: {command: [a]}}}
          securityContext: {windowsOptions: {hostProcess: true}}
          volumeMounts: [{name: host, mountPath: 'C:\m', readOnly: true}]
""")
POD = {"apiVersion": "v1", "kind": "Pod", "metadata": SOUND["metadata"], "spec": SOUND["spec"]["template"]["spec"]}


def places(body: Any, path: tuple = ()) -> Iterator[tuple]:
    if path:
        yield path
    members = body.items() if isinstance(body, dict) else enumerate(body) if isinstance(body, list) else ()
    for key, value in members:
        yield from places(value, (*path, key))


def with_value(body: Any, path: tuple, value: object) -> Any:
    changed = copy.deepcopy(body)
    inner = changed
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return changed


CASES = [(sound, place) for sound in (SOUND, POD) for place in places(sound)]
ODD = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.binary()
    | st.dates()
    | st.recursive(
        st.none() | st.text() | st.integers(),
        lambda inner: (
            st.lists(inner, max_size=2) | st.dictionaries(st.none() | st.text() | st.integers(), inner, max_size=2)
        ),
        max_leaves=4,
    )
)
# What has crashed rules before, each put everywhere.
KNOWN = [None, -1, 1.5, True, "", [], {}, [None], [{}], [[]], {"a": None}, {None: 1}, 10**40, "x" * 100_000, b"x"]


def judge(definition: Any) -> None:
    with suppress(ManifestCheckError, RulesError):
        for form in ("human", "json", "sarif"):
            manifest_check.run({**OPTIONS, "definition": copy.deepcopy(definition), "format": form}, False)
    with suppress(ClusterError):
        params = {"definition": definition, "src": None, "create_namespace": False}
        workload.refuse_what_the_api_would(definitions_to_apply(params), None)
    if isinstance(definition, dict):
        hostprocess(definition)


@given(st.sampled_from(CASES), ODD)
def test_an_odd_value_anywhere_has_an_answer(case, value):
    sound, place = case
    judge(with_value(sound, place, value))


@pytest.mark.parametrize("value", KNOWN, ids=lambda value: f"{value!r:.20}")
def test_values_that_were_not_foreseen_once_have_an_answer_everywhere(value):
    for sound, place in CASES:
        judge(with_value(sound, place, value))


def test_the_sound_manifests_are_sound():
    for sound in (SOUND, POD):
        result = manifest_check.run({**OPTIONS, "definition": sound, "namespace_labels": {}}, False)
        assert not result["summary"]["error"], result["report"]
        assert hostprocess(sound)

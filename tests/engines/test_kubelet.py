"""kubelet.exe judges every KubeletConfiguration that kubelet_config writes, and what it refuses to write."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.errors import ConfigurationError
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.kubelet_config import merge
from engines.judge import Judge
from engines.versions import KUBELETS, line

pytestmark = pytest.mark.wine

DEFAULTS = Path(__file__).resolve().parents[2] / "roles" / "kubelet" / "defaults" / "main.yml"
BASE = yaml.safe_load(DEFAULTS.read_text())["kubelet_base_configuration"]
TAINTS = [{"key": "os", "value": "Windows", "effect": "NoSchedule"}]
ACCEPTED = "Standalone mode, no API client"
HEADER = {"apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration"}
QUIET = {"cgroupsPerQOS": False, "enforceNodeAllocatable": []}


@pytest.mark.parametrize("version", KUBELETS)
@pytest.mark.parametrize(
    "settings",
    [
        {},
        BASE,
        {**BASE, "registerWithTaints": TAINTS, "containerRuntimeEndpoint": "npipe:////./pipe/containerd-containerd"},
        {"shutdownGracePeriod": "60s", "shutdownGracePeriodCriticalPods": "20s"},
    ],
    ids=["nothing", "the role's", "with taints", "graceful shutdown"],
)
def test_what_is_written_is_accepted_without_a_complaint(judge: Judge, version: str, settings: dict):
    answer = judge.kubelet(version, merge(None, settings, {}, version).text)
    assert ACCEPTED in answer.stderr, answer.stderr[-3000:]
    assert "ignored configuration option" not in answer.stderr
    assert "unknown field" not in answer.stderr


REFUSED = {
    "removed gate": ({"featureGates": {"WindowsHostProcessContainers": True}}, "1.28", "unrecognized feature gate"),
    "singleProcessOOMKill": ({"singleProcessOOMKill": False}, "1.32", "singleProcessOOMKill is not supported"),
    "userNamespaces": ({"userNamespaces": {"idsPerPod": 65536}}, "1.33", "userNamespaces is not supported"),
    "defaultPodSysctls": ({"defaultPodSysctls": {"net.ipv4.ip_forward": "1"}}, "1.37", "defaultPodSysctls"),
}


@pytest.mark.parametrize(
    ("version", "case"),
    [(version, case) for version in KUBELETS for case in REFUSED if line(version) >= line(REFUSED[case][1])],
)
def test_what_is_refused_here_is_refused_there(judge: Judge, version: str, case: str):
    settings, _since, words = REFUSED[case]
    with pytest.raises(ConfigurationError):
        merge(None, settings, {}, version)
    answer = judge.kubelet(version, yaml.safe_dump({**HEADER, **QUIET, **settings}))
    assert ACCEPTED not in answer.stderr
    assert answer.exit_code not in (0, None)
    assert words in answer.stderr


@pytest.mark.parametrize("version", KUBELETS)
def test_what_is_called_ignored_here_is_ignored_there(judge: Judge, version: str):
    settings = {"cgroupsPerQOS": True}
    if line(version) < (1, 31):
        with pytest.raises(ConfigurationError):
            merge(None, settings, {}, version)
    else:
        assert merge(None, settings, {}, version).warnings
    answer = judge.kubelet(version, yaml.safe_dump({**HEADER, **QUIET, **settings}))
    assert (ACCEPTED in answer.stderr) == (line(version) >= (1, 31))
    assert "CgroupsPerQOS" in answer.stderr

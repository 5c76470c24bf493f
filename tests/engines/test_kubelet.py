"""kubelet.exe judges every KubeletConfiguration that kubelet_config writes, and what it refuses to write."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.errors import ConfigurationError, PlanError
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.kubelet_config import merge
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.kubelet_labels import require_node_labels
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.kubelet_shutdown import shutdown_fields
from ansible_collections.kubewin.hostprocess.plugins.module_utils.support import gate_history, gates, kubelet_flags
from ansible_collections.kubewin.hostprocess.plugins.module_utils.support.versions import kubernetes
from engines.judge import Judge
from engines.kubelet_parser import KubeletParser
from engines.versions import ALL, KUBELETS, line

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


@pytest.mark.parametrize("version", [version for version in KUBELETS if line(version) >= (1, 34)])
def test_the_roles_graceful_shutdown_is_taken_and_goes_by_the_gates_default(judge: Judge, version: str):
    fields = shutdown_fields("1m30s", "20s", version, {})
    answer = judge.kubelet(version, merge(None, fields, {}, version).text)
    assert ACCEPTED in answer.stderr, answer.stderr[-3000:]
    refused = judge.kubelet(version, yaml.safe_dump({**HEADER, **QUIET, "shutdownGracePeriod": "500ms"}))
    assert ACCEPTED not in refused.stderr


# ------------------------------------------------------------------------------------------------------- values

UNIT = Path(__file__).resolve().parents[1] / "unit" / "plugins" / "module_utils" / "node"
VALUES = yaml.safe_load((UNIT / "kubelet_values.yml").read_text())
# 1.29 wants a program that Wine does not have before it has parsed all of them.
PARSERS = [version for version in KUBELETS if line(version) >= (1, 31)]


@pytest.fixture(scope="module")
def parser(tmp_path_factory: pytest.TempPathFactory, judge: Judge) -> Iterator[KubeletParser]:
    """One for all tests; what it lacks to run, the judge lacks too."""
    with KubeletParser(tmp_path_factory.mktemp("parser") / "prefix") as ready:
        yield ready


@pytest.mark.parametrize("version", PARSERS)
def test_every_value_that_is_refused_here_is_refused_there(parser: KubeletParser, version: str):
    for name, case in VALUES["refused"].items():
        if case.get("only_with_an_api_server"):
            continue
        try:
            merge(None, case["settings"], {}, version)
        except ConfigurationError:
            assert parser.complaint(version, case["settings"]), name


@pytest.mark.parametrize("version", PARSERS)
def test_every_value_that_is_accepted_here_is_accepted_there(parser: KubeletParser, version: str):
    for name, settings in VALUES["accepted"].items():
        merge(None, settings, {}, version)
        assert parser.complaint(version, settings) == "", name


# ------------------------------------------------------------------------------------------------- feature gates

# What is refused stops the kubelet one by one: `make test` asks about a few, `make matrix` about all.
AT_MOST = 10_000 if ALL else 6


def settable(version: str) -> dict[str, bool]:
    """Every gate with the value that is not its default, as far as it alone stops nothing."""
    known = gate_history.gates_at(kubernetes(version))
    turned = {gate: not row.default for gate, row in known.items() if gate not in NOT_ALONE}
    return {gate: enabled for gate, enabled in turned.items() if not refused({gate: enabled}, version)}


def refused(chosen: dict[str, bool], version: str) -> list[str]:
    return [verdict.gate for verdict in gates.check_gates("kubelet", chosen, version) if not verdict.accepted]


# Gates with which the kubelet asks for more in its configuration, or that turn others on: no matter of the gate itself.
NOT_ALONE = {"AllAlpha", "AllBeta"}


@pytest.mark.parametrize("version", KUBELETS)
def test_the_kubelet_knows_every_gate_of_the_table_with_its_default(judge: Judge, version: str):
    known = gate_history.gates_at(kubernetes(version))
    defaults = {gate: row.default for gate, row in known.items()}
    assert refused(defaults, version) == []
    answer = judge.kubelet(version, merge(None, {}, defaults, version).text)
    assert ACCEPTED in answer.stderr, answer.stderr[-3000:]


def complaints(judge: Judge, version: str, chosen: list[tuple[str, bool]]) -> list[str]:
    """What the kubelet says against single gates: all are tried at once, then halves of those that it stops at."""
    answer = judge.kubelet(version, yaml.safe_dump({**HEADER, **QUIET, "featureGates": dict(chosen)}))
    if ACCEPTED in answer.stderr or not chosen:
        return []
    if len(chosen) > 1:
        half = len(chosen) // 2
        return complaints(judge, version, chosen[:half]) + complaints(judge, version, chosen[half:])
    [(gate, _enabled)] = chosen
    return [text for text in answer.stderr.splitlines() if "feature gate" in text and gate in text]


@pytest.mark.parametrize("version", KUBELETS)
def test_every_gate_that_is_accepted_here_is_accepted_there(judge: Judge, version: str):
    """A gate is accepted when the kubelet doesn't complain of it; what else it then wants is not the gate's matter."""
    assert complaints(judge, version, list(settable(version).items())) == []


def refusals(version: str) -> dict[str, bool]:
    """One gate each: removed, not there yet, unknown, locked to the other value."""
    gone = {gate: True for gate in gate_history.names() if not gates.gate_state(gate, version).settable}
    locked = {gate: not row.default for gate, row in gate_history.gates_at(kubernetes(version)).items() if row.locked}
    return {"NoSuchGate": True, **gone, **locked}


@pytest.mark.parametrize("version", KUBELETS)
def test_every_gate_that_is_refused_here_is_refused_there(judge: Judge, version: str):
    candidates = refusals(version)
    for gate, enabled in list(candidates.items())[:: max(1, len(candidates) // AT_MOST)]:
        assert refused({gate: enabled}, version), gate
        answer = judge.kubelet(version, yaml.safe_dump({**HEADER, **QUIET, "featureGates": {gate: enabled}}))
        assert ACCEPTED not in answer.stderr, gate
        assert answer.exit_code not in (0, None)
        assert gate in answer.stderr


@pytest.mark.parametrize("version", [version for version in KUBELETS if line(version) >= (1, 35)])
def test_a_gate_without_one_that_it_needs_is_refused_here_and_there(judge: Judge, version: str):
    chosen = {"GracefulNodeShutdown": False}
    assert "WindowsGracefulNodeShutdown" in refused(chosen, version)
    answer = judge.kubelet(version, yaml.safe_dump({**HEADER, **QUIET, "featureGates": chosen}))
    assert ACCEPTED not in answer.stderr
    assert "GracefulNodeShutdown" in answer.stderr


# ------------------------------------------------------------------------------------------------------- flags


@pytest.mark.parametrize("version", KUBELETS)
def test_flags_that_are_called_removed_are_and_others_are_not(judge: Judge, version: str):
    """The kubelet reads its flags before it prints its version."""
    for flag in kubelet_flags.REMOVED_IN:
        answer = judge.kubelet_flags(version, f"--{flag}=true")
        assert (answer.exit_code == 0) == (kubelet_flags.removed_in(flag, version) is None), (
            flag,
            answer.stderr[-500:],
        )


LABELS_REFUSED = [
    {"node-role.kubernetes.io/windows": ""},
    {"kubernetes.io/role": "windows"},
    {"example.k8s.io/a": "b"},
    {"a b": "c"},
    {"/a": "b"},
    {"-a": "b"},
    {"a": "x y"},
    {"a": "x" * 64},
    {"A.example.com/a": "b"},
]
LABELS_ACCEPTED = [
    {"example.com/pool": "win", "tier": "", "a_B.c-1": "A_b.c-1"},
    {"node.kubernetes.io/pool": "win", "team.node.kubernetes.io/a": "b", "kubelet.kubernetes.io/c": "d"},
    {"topology.kubernetes.io/zone": "a", "kubernetes.io/os": "windows", "beta.kubernetes.io/instance-type": "x"},
    {"notkubernetes.io/a": "b", "k" * 63: "v" * 63},
]


def labels_complaint(parser: KubeletParser, version: str, labels: dict[str, str]) -> str:
    given = ",".join(f"{key}={value}" for key, value in labels.items())
    return parser.complaint(version, {}, f"--node-labels={given}")


@pytest.mark.parametrize("version", PARSERS)
def test_labels_that_are_refused_here_are_refused_there_and_others_are_not(parser: KubeletParser, version: str):
    for labels in LABELS_REFUSED:
        with pytest.raises(PlanError, match="kubelet_node_labels"):
            require_node_labels(labels)
        assert labels_complaint(parser, version, labels), labels
    for labels in LABELS_ACCEPTED:
        require_node_labels(labels)
        assert labels_complaint(parser, version, labels) == "", labels


@pytest.mark.parametrize("version", KUBELETS)
def test_the_flags_that_the_role_gives_exist(judge: Judge, version: str):
    flags = ("config", "bootstrap-kubeconfig", "kubeconfig", "cert-dir", "hostname-override", "node-ip", "node-labels")
    given = [f"--{flag}=" for flag in flags]
    answer = judge.kubelet_flags(
        version, "--windows-service=false", "--windows-priorityclass=HIGH_PRIORITY_CLASS", *given
    )
    assert answer.exit_code == 0, answer.stderr[-500:]

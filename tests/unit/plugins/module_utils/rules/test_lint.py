# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Each rule speaks where it should and is silent beside it."""

from __future__ import annotations

import copy
import re
from pathlib import Path

import pytest

from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.errors import UnknownCodeError
from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.lint import RULES, lint
from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.lint_rule import SEVERITIES
from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.pods import find_pod
from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.release import Release
from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.suppression import IGNORE_ANNOTATION
from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.target import Target

INHERIT = "microsoft.com/hostprocess-inherit-user"
ROOTFS = "microsoft.com/hostprocess-rootfs-location"
# A DaemonSet about which no rule has anything to say.
CLEAN = {
    "apiVersion": "apps/v1",
    "kind": "DaemonSet",
    "metadata": {"name": "agent"},
    "spec": {
        "template": {
            "metadata": {"annotations": {}},
            "spec": {
                "os": {"name": "windows"},
                "hostNetwork": True,
                "nodeSelector": {"kubernetes.io/os": "windows"},
                "tolerations": [{"key": "os", "operator": "Equal", "value": "windows", "effect": "NoSchedule"}],
                "securityContext": {
                    "windowsOptions": {"hostProcess": True, "runAsUserName": "NT AUTHORITY\\Local service"}
                },
                "volumes": [{"name": "logs", "hostPath": {"path": "C:\\logs"}}],
                "containers": [
                    {
                        "name": "agent",
                        "image": "example/agent:1",
                        "command": ["$env:CONTAINER_SANDBOX_MOUNT_POINT/agent.exe"],
                        "ports": [{"name": "metrics", "containerPort": 9182}],
                        "readinessProbe": {"httpGet": {"port": "metrics"}},
                        "resources": {"limits": {"cpu": "500m", "memory": "200Mi"}},
                        "volumeMounts": [{"name": "logs", "mountPath": "C:\\agent\\logs", "readOnly": True}],
                    }
                ],
            },
        }
    },
}
OLD = Target(release=Release(1, 24))
SYMLINK = Target(mount_mode="symlink")
GROUPLESS = Target(local_groups=False)


def changed(path: str, value) -> dict:
    """The clean workload with one value changed, or taken away (None), below its pod spec or its template."""
    made = copy.deepcopy(CLEAN)
    body = made["spec"]["template"] if path.startswith("metadata") else made["spec"]["template"]["spec"]
    *steps, last = [int(step) if step.isdigit() else step for step in path.split("/")]
    for step in steps:
        body = body[step]
    if value is None:
        del body[last]
    else:
        body[last] = value
    return made


UNKNOWN = Target()


def codes(definition: dict, target: Target = UNKNOWN, together=(), ignore=()) -> list[str]:
    pods = [find_pod(each) for each in together]
    return [found.rule.code for found in lint(find_pod(definition), target, pods, ignore)]


ON_CONTAINER = {"hostProcess": True, "runAsUserName": "hpc-localgroup"}
NAME = "securityContext/windowsOptions/runAsUserName"
LIMITS = "containers/0/resources/limits"
MOUNT = "containers/0/volumeMounts/0"
PIPE = [{"name": "logs", "hostPath": {"path": "\\\\.\\pipe\\containerd-containerd"}}]
SLASHED_PIPE = [{"name": "logs", "hostPath": {"path": "//./pipe/csi-proxy"}}]
# Code -> definitions in which it, and only it, is found, with what is known of the nodes.
SPEAKS = {
    "HPL001": [(changed("securityContext", {}) | {}, OLD)],
    "HPL002": [(changed(NAME, "nt authority\\Local service"), Target())],
    "HPL003": [(changed(NAME, "NT AUTHORITY\\SYSTEM"), Target())],
    "HPL004": [(changed(NAME, "hpc-localgroup"), GROUPLESS)],
    "HPL005": [(changed(NAME, None), Target())],
    "HPL006": [
        (changed(NAME, "EXAMPLE\\user"), Target()),
        (changed(NAME, "local service"), Target()),
        (changed(NAME, "NT SERVICE\\x"), Target()),
    ],
    "HPL007": [
        (changed("securityContext/runAsNonRoot", True), Target()),
        (changed("containers/0/securityContext", {"runAsNonRoot": True}), Target()),
    ],
    "HPL008": [
        (changed("securityContext/windowsOptions/gmsaCredentialSpecName", "a"), Target()),
        (changed("containers/0/securityContext", {"windowsOptions": {"gmsaCredentialSpec": "{}"}}), Target()),
    ],
    "HPL009": [
        (changed("metadata/annotations", {INHERIT: "true"}), Target()),
        (changed("metadata/annotations", {INHERIT: "true"}), Target(pod_annotations=("io.microsoft.*",))),
    ],
    "HPL010": [(changed("metadata/annotations", {ROOTFS: "C:\\agent"}), Target(pod_annotations=("microsoft.com/*",)))],
    "HPL011": [(changed(f"{LIMITS}/memory", None), Target()), (changed(f"{LIMITS}/memory", "0"), Target())],
    "HPL012": [(changed(f"{LIMITS}/cpu", None), Target()), (changed(f"{LIMITS}/cpu", 0), Target())],
    "HPL013": [(changed(f"{LIMITS}/memory", "1048575"), Target())],
    "HPL014": [(changed(f"{LIMITS}/memory", "100M"), Target())],
    "HPL015": [(changed(f"{LIMITS}/memory", "200MB"), Target())],
    "HPL016": [
        (changed("nodeSelector", None), Target()),
        (changed("nodeSelector", {"kubernetes.io/os": "linux"}), Target()),
    ],
    "HPL017": [(changed("os", None), Target())],
    "HPL018": [
        (changed("tolerations", None), Target()),
        (changed("tolerations", [{"key": "os", "operator": "Exists", "effect": "NoExecute"}]), Target()),
    ],
    "HPL019": [
        (changed("runtimeClassName", "runhcs-wcow-hyperv"), Target()),
        (changed("metadata/annotations", {"io.microsoft.virtualmachine.computetopology": "x"}), Target()),
    ],
    "HPL020": [
        (
            changed("containers/0/image", "example/agent:1-ltsc2019"),
            Target(windows_build=20348, image_match="ltsc2022_up"),
        ),
        (changed("containers/0/image", "example/agent:1-ltsc2022"), Target(windows_build=17763, image_match="exact")),
        (
            changed("containers/0/image", "example/agent:ltsc2025@sha256:00"),
            Target(windows_build=20348, image_match="ltsc2022_up"),
        ),
        (
            changed("containers/0/image", "example/windows-host-process-containers-base-image:v1.0.0"),
            Target(containerd=(1, 6, 17)),
        ),
    ],
    "HPL021": [(changed("volumes", PIPE), Target()), (changed("volumes", SLASHED_PIPE), Target())],
    "HPL022": [
        (changed("volumes/0/hostPath", {"path": "C:\\x", "type": "Socket"}), Target()),
        (changed("volumes/0/hostPath", {"path": "C:\\csi\\csi.sock"}), Target()),
    ],
    "HPL023": [
        (changed("containers/0/command", ["agent.exe"]) | {}, Target(mount_mode="symlink")),
    ],
    "HPL024": [(changed(f"{MOUNT}/mountPath", path), Target()) for path in ("C:\\", "/", "c:", "C")],
    "HPL025": [
        (changed(f"{MOUNT}/mountPath", path), Target()) for path in ("C:\\Windows", "/ProgramData/", "c:/program files")
    ],
    "HPL026": [
        (changed("containers/0/command", [text]), Target())
        for text in (
            "$(CONTAINER_SANDBOX_MOUNT_POINT)/a",
            "$CONTAINER_SANDBOX_MOUNT_POINT\\a",
            "%container_sandbox_mount_point%\\a",
            "${CONTAINER_SANDBOX_MOUNT_POINT}",
        )
    ],
    "HPL027": [(CLEAN, SYMLINK), (CLEAN, Target(mount_mode="fallback"))],
    "HPL028": [(changed("containers/0/ports/0/containerPort", 10250), Target())],
    "HPL030": [({**CLEAN, "kind": "Deployment"}, Target())],
    "HPL031": [
        (changed("containers/0/readinessProbe", {"tcpSocket": {"port": 80}}), Target()),
        (changed("containers/0/readinessProbe", {"grpc": {"port": 80}}), Target()),
    ],
    "HPL032": [
        (changed("dnsConfig", {"searches": ["a"]}), Target()),
        (changed("hostAliases", [{"ip": "1.2.3.4"}]), Target()),
        (changed("dnsPolicy", "ClusterFirstWithHostNet"), Target()),
    ],
    "HPL033": [
        (changed("metadata/annotations", {IGNORE_ANNOTATION: text}), Target())
        for text in ("HPL0O3", "HPL003 HPL004", "hpl003", "HPL003;HPL004,", "HPA001", "everything")
    ],
}
SPEAKS["HPL001"] = [(changed("containers/0/securityContext", {"windowsOptions": ON_CONTAINER}), OLD)]
del SPEAKS["HPL001"][0][0]["spec"]["template"]["spec"]["securityContext"]
SPEAKS["HPL023"][0][0]["spec"]["template"]["spec"]["containers"][0]["volumeMounts"][0]["readOnly"] = False
CASES = [
    pytest.param(code, definition, target, id=f"{code}-{index}")
    for code, rows in SPEAKS.items()
    for index, (definition, target) in enumerate(rows)
]


@pytest.mark.parametrize(("code", "definition", "target"), CASES)
def test_a_rule_speaks_and_no_other(code, definition, target):
    assert codes(definition, target) == [code]


def test_about_a_clean_workload_no_rule_speaks():
    known = Target(
        release=Release(1, 36),
        containerd=(2, 2, 9),
        local_groups=True,
        mount_mode="bind",
        windows_build=20348,
        image_match="ltsc2022_up",
        pod_annotations=("microsoft.com/*",),
    )
    assert codes(CLEAN, known, [CLEAN]) == codes(CLEAN) == []


def test_two_workloads_that_claim_one_port_are_both_told():
    other = copy.deepcopy(CLEAN)
    other["metadata"]["name"] = "other"
    pods = [find_pod(each) for each in (CLEAN, other)]
    messages = [[found.message for found in lint(pod, Target(), pods)] for pod in pods]
    assert messages == [["DaemonSet other claims TCP port 9182 too"], ["DaemonSet agent claims TCP port 9182 too"]]


@pytest.mark.parametrize(
    ("one", "other", "collide"),
    [
        ({"hostIP": "10.0.0.1"}, {"hostIP": "10.0.0.2"}, False),
        ({"hostIP": "10.0.0.1"}, {"hostIP": "10.0.0.1"}, True),
        ({"hostIP": "10.0.0.1"}, {}, True),
        ({"hostIP": "10.0.0.1"}, {"hostIP": "0.0.0.0"}, True),
        ({"protocol": "UDP"}, {}, False),
        ({"protocol": "TCP"}, {}, True),
    ],
)
def test_two_workloads_may_claim_one_port_of_different_addresses(one, other, collide):
    pods = []
    for name, more in (("one", one), ("other", other)):
        definition = changed("containers/0/ports/0", {"name": "metrics", "containerPort": 9182, **more})
        definition["metadata"]["name"] = name
        pods.append(find_pod(definition))
    told = [found.rule.code for pod in pods for found in lint(pod, Target(), pods)]
    assert told == ["HPL029"] * 2 * collide


SILENT = {
    "a local group where containerd knows them": (changed(NAME, "hpc-localgroup"), Target(local_groups=True)),
    "a local group where nothing is known of containerd": (changed(NAME, "hpc-localgroup"), Target()),
    "an annotation that is passed on": (
        changed("metadata/annotations", {INHERIT: "true"}),
        Target(pod_annotations=("microsoft.com/*",)),
    ),
    "node affinity for Windows": (
        changed(
            "nodeSelector",
            {},
        ),
        Target(),
    ),
    "a toleration of everything": (changed("tolerations", [{"operator": "Exists"}]), Target()),
    "an image of the LTSC before": (
        changed("containers/0/image", "example/agent:ltsc2022"),
        Target(windows_build=26100, image_match="previous_ltsc_up"),
    ),
    "a release named in the repository": (
        changed("containers/0/image", "example/ltsc2019/agent:1"),
        Target(windows_build=20348, image_match="ltsc2022_up"),
    ),
    "a pipe that no container mounts": (
        changed(
            "volumes",
            CLEAN["spec"]["template"]["spec"]["volumes"] + [{"name": "unused", "hostPath": {"path": "\\\\.\\pipe\\x"}}],
        ),
        Target(),
    ),
    "an old kubelet and hostProcess on the pod": (CLEAN, OLD),
    "a pod that asks for a node by name": (changed("nodeSelector", {"kubernetes.io/hostname": "win1"}), Target()),
    "a pod that names its node": (changed("nodeName", "win1"), Target()),
}
del SILENT["a pod that names its node"][0]["spec"]["template"]["spec"]["nodeSelector"]
SILENT["node affinity for Windows"][0]["spec"]["template"]["spec"]["affinity"] = {
    "nodeAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution": {
            "nodeSelectorTerms": [
                {"matchExpressions": [{"key": "kubernetes.io/os", "operator": "In", "values": ["windows"]}]}
            ]
        }
    }
}


@pytest.mark.parametrize(("definition", "target"), SILENT.values(), ids=SILENT)
def test_no_rule_speaks_beside_its_case(definition, target):
    assert codes(definition, target) == []


def test_an_ordinary_pod_is_not_linted():
    definition = changed("securityContext/windowsOptions/hostProcess", False)
    definition["spec"]["template"]["spec"]["nodeSelector"] = {}
    assert codes(definition) == []


def test_a_container_that_inherits_is_counted_once_with_the_others():
    definition = changed(NAME, "NT AUTHORITY\\SYSTEM")
    containers = definition["spec"]["template"]["spec"]["containers"]
    containers.append({**copy.deepcopy(containers[0]), "name": "second", "ports": []})
    containers[1].pop("readinessProbe")
    assert codes(definition) == ["HPL003"]


def test_a_code_is_ignored_by_option_and_by_annotation():
    definition = changed(NAME, "NT AUTHORITY\\SYSTEM")
    assert codes(definition, ignore=["HPL003"]) == []
    definition["metadata"]["annotations"] = {IGNORE_ANNOTATION: "HPL001, HPL003"}
    assert codes(definition) == []
    definition["metadata"]["annotations"] = {IGNORE_ANNOTATION: "HPL001"}
    assert codes(definition) == ["HPL003"]
    definition["metadata"]["annotations"] = {IGNORE_ANNOTATION: "HPL03"}
    [told] = lint(find_pod(definition), Target(), ignore=["HPL003"])
    assert (told.rule.code, told.field) == ("HPL033", f"metadata.annotations[{IGNORE_ANNOTATION}]")
    assert told.message == "HPL03 is not the code of a rule"
    definition["spec"]["template"]["metadata"]["annotations"] = {IGNORE_ANNOTATION: "all"}
    assert codes(definition) == []


def test_a_code_that_does_not_exist_can_not_be_ignored_by_option():
    with pytest.raises(UnknownCodeError, match="HPL999"):
        codes(CLEAN, ignore=["HPL999"])


def test_every_rule_is_tried_above():
    assert set(SPEAKS) | {"HPL029"} == set(RULES)


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_every_rule_says_what_it_is(rule):
    assert re.fullmatch(r"HPL\d{3}", rule.code)
    assert rule.severity in SEVERITIES
    assert rule.title
    assert rule.why.endswith(".")
    assert rule.fix.endswith((".", ")"))


def test_the_documentation_says_what_the_rules_say():
    from ansible_collections.kubewin.hostprocess.plugins.module_utils.manifest.check import API_CODES

    page = Path(__file__).parents[5].joinpath("docs", "lint-codes.md").read_text(encoding="utf-8")
    sections = dict(re.findall(r"^## ((?:HPL|HPA)\d{3})\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL))
    assert list(sections) == [*API_CODES, *RULES]
    for code, (severity, title, fix) in API_CODES.items():
        assert f"**{title}** ({severity})" in sections[code]
        assert f"Fix: {fix}" in sections[code]
    for code, rule in RULES.items():
        assert f"**{rule.title}** ({rule.severity})" in sections[code]
        assert rule.why in sections[code]
        assert f"Fix: {rule.fix}" in sections[code]

# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Each rule speaks where it should and is silent beside it."""

from __future__ import annotations

import copy
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.kubewin.hostprocess.plugins.module_utils.job.limits import memory_bytes
from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.errors import UnknownCodeError
from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.lint import RULES, lint
from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.lint_rule import SEVERITIES
from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.pods import find_pod
from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.release import Release
from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.suppression import IGNORE_ANNOTATION
from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.target import Target

INHERIT = "microsoft.com/hostprocess-inherit-user"
ROOTFS = "microsoft.com/hostprocess-rootfs-location"
DISABLE = "microsoft.com/disable-hostprocess-container"
DISABLE_UNSAFE = "io.microsoft.disable-unsafe-operations"
MOUNT_POINT = "CONTAINER_SANDBOX_MOUNT_POINT"
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
                "tolerations": [{"key": "os", "operator": "Equal", "value": "Windows", "effect": "NoSchedule"}],
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
PASSING = Target(pod_annotations=("microsoft.com/*", "io.microsoft.*"))


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
    "HPL003": [
        (changed(NAME, "NT AUTHORITY\\SYSTEM"), Target()),
        (changed("metadata/annotations", {INHERIT: "true"}), PASSING),
    ],
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
        # Dropped, so it doesn't matter how the folder is written.
        (changed("metadata/annotations", {ROOTFS: "C:\\agent"}), Target()),
        *(
            (changed("metadata/annotations", {name: "1"}), Target(containerd=(2, 4, 2)))
            for name in (
                "io.microsoft.container.memory.sizeinmb",
                "io.microsoft.container.processor.count",
                "io.microsoft.container.processor.limit",
                "io.microsoft.container.processor.weight",
                "io.microsoft.container.storage.qos.bandwidthmaximum",
                "io.microsoft.container.storage.qos.iopsmaximum",
                DISABLE,
                DISABLE_UNSAFE,
            )
        ),
    ],
    "HPL010": [(changed("metadata/annotations", {ROOTFS: "C:\\agent"}), PASSING)],
    "HPL011": [
        (changed(f"{LIMITS}/memory", None), Target()),
        (changed(f"{LIMITS}/memory", "0"), Target()),
        (changed(LIMITS, {"cpu": "500m", "memory": None}), Target()),
    ],
    "HPL012": [(changed(f"{LIMITS}/cpu", None), Target()), (changed(f"{LIMITS}/cpu", 0), Target())],
    "HPL013": [(changed(f"{LIMITS}/memory", "1048575"), Target())],
    "HPL014": [(changed(f"{LIMITS}/memory", "100M"), Target())],
    "HPL015": [
        (changed(f"{LIMITS}/memory", "200MB"), Target()),
        (changed(f"{LIMITS}/memory", "-64Mi"), Target()),
        (changed(f"{LIMITS}/cpu", -1), Target()),
        (changed("containers/0/resources/requests", {"memory": "-1n"}), Target()),
    ],
    "HPL016": [
        (changed("nodeSelector", None), Target()),
        (changed("nodeSelector", {"kubernetes.io/os": "linux"}), Target()),
        (changed("nodeSelector", {"kubernetes.io/hostname": ""}), Target()),
    ],
    "HPL017": [(changed("os", None), Target())],
    "HPL018": [
        (changed("tolerations", None), Target()),
        (changed("tolerations", [{"key": "os", "operator": "Exists", "effect": "NoExecute"}]), Target()),
        (changed("tolerations", [{"key": "os", "operator": "Lt", "value": "Windows"}]), Target()),
        *((changed("tolerations", [{"key": "os", "value": text}]), Target()) for text in ("windows", "WINDOWS", "")),
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
        (changed(f"{MOUNT}/mountPath", path), target)
        for target in (Target(), Target(mount_mode="bind"))
        for path in (
            "C:\\Windows",
            "/ProgramData/",
            "c:/program files",
            "C:\\Windows\\System32",
            "/windows/System32/drivers",
            "c:/WINDOWS\\Temp/",
        )
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
    "HPL034": [(CLEAN, Target(unsupported="containerd 1.5.2 has no HostProcess containers"))],
    "HPL035": [
        (changed("metadata/annotations", {name: value}), PASSING._replace(containerd=(2, 1, 1)))
        for name in (DISABLE, DISABLE_UNSAFE)
        for value in ("true", "True", "1")
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
    "an annotation that is passed on": (changed("metadata/annotations", {ROOTFS: "C:\\agent\\"}), PASSING),
    "an annotation that is passed on and does not inherit": (
        changed("metadata/annotations", {INHERIT: "True"}),
        PASSING,
    ),
    "limits as annotations that are passed on": (
        changed("metadata/annotations", {"io.microsoft.container.processor.limit": "100"}),
        PASSING,
    ),
    "a passed on annotation that an older shim does not know": (
        changed("metadata/annotations", {DISABLE: "true"}),
        PASSING._replace(containerd=(2, 0, 14)),
    ),
    "a passed on annotation where nothing is known of containerd": (
        changed("metadata/annotations", {DISABLE: "true"}),
        PASSING,
    ),
    "a passed on annotation that forbids nothing": (
        changed("metadata/annotations", {DISABLE: "false", DISABLE_UNSAFE: "no"}),
        PASSING._replace(containerd=(2, 4, 2)),
    ),
    "a request of null": (changed("containers/0/resources/requests", {"memory": None, "cpu": None}), Target()),
    "a limit that the kubelet rounds up to 1 MiB": (changed(f"{LIMITS}/memory", "1048575500m"), Target()),
    "a limit that the kubelet rounds up to 2 MiB": (changed(f"{LIMITS}/memory", "2097151500m"), Target()),
    "a mount below the container's folder, whatever it is called": (
        changed(MOUNT, {"name": "logs", "mountPath": "C:\\Windows"}),
        SYMLINK,
    ),
    "the same where bind mounts are missing": (
        changed(MOUNT, {"name": "logs", "mountPath": "C:\\Windows\\System32"}),
        Target(mount_mode="fallback"),
    ),
    "a mount beside Windows' folder": (changed(f"{MOUNT}/mountPath", "C:\\Windows-agent"), Target()),
    "a mount in a folder of programs": (changed(f"{MOUNT}/mountPath", "C:\\ProgramData\\agent"), Target()),
    "a folder of Windows that is mounted where it is": (
        changed(f"{MOUNT}/mountPath", "/windows/System32/drivers/etc/"),
        Target(mount_mode="bind"),
    ),
    "a port that another container of the pod declares": (
        changed("initContainers", [{"name": "probed", "livenessProbe": {"tcpSocket": {"port": 9182}}}]),
        Target(),
    ),
    "a declared port in quotes": (
        changed("containers/0/readinessProbe", {"tcpSocket": {"port": "9182"}}),
        Target(),
    ),
    "a probe of this node by its loopback address": (
        changed("containers/0/readinessProbe", {"httpGet": {"port": 9182, "host": "127.0.0.1"}}),
        Target(),
    ),
    "a probe of another host": (
        changed("containers/0/readinessProbe", {"httpGet": {"port": 443, "host": "example.com"}}),
        Target(),
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
    "a pod that asks for a build": (
        changed("nodeSelector", {"node.kubernetes.io/windows-build": "10.0.20348"}),
        Target(),
    ),
    "a toleration without an operator": (changed("tolerations", [{"key": "os", "value": "Windows"}]), Target()),
    "a pod that names its node": (changed("nodeName", "win1"), Target()),
}
del SILENT["a pod that names its node"][0]["spec"]["template"]["spec"]["nodeSelector"]
hosts = SILENT["a folder of Windows that is mounted where it is"][0]["spec"]["template"]["spec"]
hosts["volumes"][0]["hostPath"]["path"] = "C:\\Windows\\System32\\drivers\\etc"
probed = SILENT["a port that another container of the pod declares"][0]["spec"]["template"]["spec"]["initContainers"][0]
probed["resources"] = CLEAN["spec"]["template"]["spec"]["containers"][0]["resources"]
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


def with_affinity(*terms) -> dict:
    definition = changed("nodeSelector", None)
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": list(terms)}}
    definition["spec"]["template"]["spec"]["affinity"] = {"nodeAffinity": required}
    return definition


def asks(key: str, operator: str = "In", values: object = None) -> dict:
    field = "matchFields" if key == "metadata.name" else "matchExpressions"
    return {field: [{"key": key, "operator": operator, "values": values}]}


@pytest.mark.parametrize(
    ("terms", "bound"),
    [
        ([asks("metadata.name", "In", ["win1"])], True),
        ([asks("kubernetes.io/hostname", "In", ["win1", "win2"])], True),
        ([asks("node.kubernetes.io/windows-build", "In", ["10.0.20348"])], True),
        ([asks("node.kubernetes.io/windows-build", "Exists")], True),
        ([asks("kubernetes.io/os", "In", ["windows"]), asks("metadata.name", "In", ["win1"])], True),
        ([asks("kubernetes.io/hostname", "Exists")], False),
        ([asks("metadata.name", "NotIn", ["linux1"])], False),
        ([asks("metadata.name", "In", [])], False),
        ([asks("metadata.name", "In", "win1")], False),
        ([asks("kubernetes.io/os", "In", ["windows", "linux"])], False),
        ([asks("metadata.name", "In", ["win1"]), asks("example.com/disk", "Exists")], False),
        ([None], False),
        ([{"matchFields": 5}], False),
        ([], False),
    ],
)
def test_affinity_binds_a_pod_where_every_term_does(terms, bound):
    assert codes(with_affinity(*terms)) == ([] if bound else ["HPL016"])


# What the shim replaces, by fact 4.5; what a program reads in its own environment; what nobody does anything with.
REPLACED = (f"$env:{MOUNT_POINT}/x.ps1", f"%{MOUNT_POINT}%\\x.exe")
READ_BY_PROGRAMS = (
    f"& $Env:{MOUNT_POINT}/x.ps1",
    f"$ENV:{MOUNT_POINT.lower()}\\x",
    f"${{env:{MOUNT_POINT}}}/x",
    f"[Environment]::GetEnvironmentVariable('{MOUNT_POINT}')",
    f"$root='{MOUNT_POINT}'",
    f"--mount-root-from-env={MOUNT_POINT}",
    f"%{MOUNT_POINT.lower()}%\\x",
)
READ_BY_NOBODY = (f"$({MOUNT_POINT})/x", f"$({MOUNT_POINT.lower()})", f"${MOUNT_POINT}\\x", f"${{{MOUNT_POINT}}}/x")
PLACES = {
    "program": ("containers/0/command", lambda text: [text]),
    "word": ("containers/0/command", lambda text: ["powershell.exe", "-Command", text]),
    "argument": ("containers/0/args", lambda text: [text]),
    "folder": ("containers/0/workingDir", lambda text: text),
    "value": ("containers/0/env", lambda text: [{"name": "ROOT", "value": text}]),
}


def placed(place: str, text: str) -> dict:
    path, made = PLACES[place]
    return changed(path, made(text))


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("text", REPLACED)
def test_what_the_shim_replaces_is_right_everywhere(place, text):
    assert codes(placed(place, text)) == codes(placed(place, text), Target(containerd=(1, 6, 7))) == []


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("text", READ_BY_NOBODY)
def test_what_nobody_replaces_is_wrong_everywhere(place, text):
    assert codes(placed(place, text), Target(mount_mode="bind")) == codes(placed(place, text)) == ["HPL026"]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("text", READ_BY_PROGRAMS)
def test_what_a_program_reads_is_right_where_a_program_does(place, text):
    only_names_it = text.startswith(("--", "[", "$root"))
    right = place in ("word", "argument") or (place == "value" and only_names_it)
    assert codes(placed(place, text)) == ([] if right else ["HPL026"])


def test_cmd_reads_the_programs_path_where_bind_mounts_have_it_start_the_program():
    definition = placed("program", f"%{MOUNT_POINT.lower()}%\\x.exe")
    told = {mode: "HPL026" in codes(definition, Target(mount_mode=mode)) for mode in ("bind", "symlink", None)}
    assert told == {"bind": False, "symlink": True, None: True}


@pytest.mark.parametrize("text", REPLACED)
@pytest.mark.parametrize(
    ("containerd", "replaced"), [((1, 6, 0), False), ((1, 6, 6), False), ((1, 6, 7), True), ((1, 5, 18), True)]
)
def test_values_of_the_environment_are_replaced_from_1_6_7_on(text, containerd, replaced):
    """Of containerd 1.5, whose shim nobody knows, nothing is said."""
    target = Target(containerd=containerd, mount_mode="symlink")
    definition = placed("value", text)
    container = definition["spec"]["template"]["spec"]["containers"][0]
    container["command"] = ["agent.exe"]
    container["volumeMounts"][0]["readOnly"] = False
    # Where it isn't replaced, the mount is not reached through it either.
    assert codes(definition, target) == ([] if replaced else ["HPL023", "HPL026"])


@pytest.mark.parametrize("text", READ_BY_PROGRAMS)
def test_a_program_that_reads_the_variable_reaches_its_mount(text):
    definition = placed("argument", text)
    container = definition["spec"]["template"]["spec"]["containers"][0]
    container["command"] = ["agent.exe"]
    container["volumeMounts"][0]["readOnly"] = False
    assert codes(definition, SYMLINK) == []


@pytest.mark.parametrize("name", ["NT AUTHORITY\\Local service", "nt authority\\system", "EXAMPLE\\user", None])
def test_an_annotation_counts_where_it_is_passed_on_and_by_default_none_is(name):
    definition = changed(NAME, name)
    definition["spec"]["template"]["metadata"]["annotations"] = {INHERIT: "true"}
    assert codes(definition, PASSING) == ["HPL003"]
    assert codes(definition, Target()) == sorted(["HPL009", *codes(changed(NAME, name))])


def test_who_inherits_is_told_whose_account_it_is():
    definition = changed("metadata/annotations", {INHERIT: "true"})
    [told] = lint(find_pod(definition), PASSING)
    assert told.message == "the pod runs as containerd's own account, normally SYSTEM, whatever runAsUserName says"


def test_a_probes_port_by_name_is_one_of_its_own_container():
    definition = copy.deepcopy(CLEAN)
    containers = definition["spec"]["template"]["spec"]["containers"]
    containers.append({**copy.deepcopy(containers[0]), "name": "second", "ports": []})
    assert codes(definition) == ["HPL031"]


def test_the_name_of_a_port_can_be_anything():
    ports = [{"name": {"a": []}, "containerPort": 9182}, {"name": ["metrics"], "containerPort": 9183}]
    assert codes(changed("containers/0/ports", ports)) == ["HPL031"]


def test_a_negative_limit_is_told_as_the_api_server_tells_it():
    [told] = lint(find_pod(changed(f"{LIMITS}/memory", "-64Mi")), Target())
    assert told.field == "spec.template.spec.containers[0].resources.limits.memory"
    assert told.message == "'-64Mi': must be greater than or equal to 0"


# Amounts of every size, and those just around 1 MiB in thousandths of a byte.
AMOUNTS = st.tuples(st.integers(0, 2**33), st.sampled_from(["", "m", "k", "Ki", "Mi"])) | st.tuples(
    st.integers(2**20 * 1000 - 1500, 2**20 * 1000 + 1500), st.just("m")
)


@given(AMOUNTS)
def test_a_memory_limit_is_missed_where_the_job_has_none(amount):
    limit = "".join(map(str, amount))
    told = set(codes(changed(f"{LIMITS}/memory", limit)))
    assert bool(told & {"HPL011", "HPL013"}) is (memory_bytes(limit) == 0)
    assert told <= {"HPL011", "HPL013", "HPL014"}


NODE_FOLDERS = ["windows", "program files", "program files (x86)", "programdata", "users"]


@given(st.sampled_from(NODE_FOLDERS), st.lists(st.sampled_from(["System32", "x.dll", "Temp"]), max_size=3), st.data())
def test_a_hidden_folder_is_known_however_it_is_written(folder, inner, data):
    slash = st.sampled_from("/\\")
    mixed_case = "".join(data.draw(st.sampled_from([letter.lower(), letter.upper()])) for letter in folder)
    path = data.draw(st.sampled_from(["", "C:", "c:"])) + "".join(
        data.draw(slash) + part for part in [mixed_case, *inner]
    )
    told = codes(changed(f"{MOUNT}/mountPath", path + data.draw(st.sampled_from(["", "/", "\\"]))))
    assert told == (["HPL025"] if folder == "windows" or not inner else [])


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

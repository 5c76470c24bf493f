# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Vectors from the rules as the facts tell them (sections 1.1 to 1.5); tests/differential asks real API servers."""

from __future__ import annotations

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.errors import RulesError
from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.validation import (
    refusal,
    validate,
    validate_pods,
)

ALL_OR_NONE = (
    'Invalid value: "": If pod contains any hostProcess containers then all containers must be HostProcess containers'
)
NETWORK = "spec.hostNetwork: Invalid value: false: hostNetwork must be true if pod contains any hostProcess containers"


def container(name="a", host_process=None, **more):
    body = {"name": name, "image": "image:1", **more}
    if host_process is not None:
        body["securityContext"] = {"windowsOptions": {"hostProcess": host_process}}
    return body


def pod(*containers, host_process=None, host_network=True, **more):
    spec = {"containers": list(containers) or [container()], "hostNetwork": host_network, **more}
    if host_process is not None:
        spec["securityContext"] = {"windowsOptions": {"hostProcess": host_process}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": spec}


def texts(definition, **options):
    return [str(error) for error in validate(definition, **options)]


def disagreement(path, pod_says):
    value = str(not pod_says).lower()
    return (
        f"{path}.securityContext.windowsOptions.hostProcess: Invalid value: {value}:"
        f" pod hostProcess value must be identical if both are specified, was {str(pod_says).lower()}"
    )


VALID = {
    "nothing is said": pod(),
    "the pod says true": pod(host_process=True),
    "the container says true": pod(container(host_process=True)),
    "both say true": pod(container(host_process=True), host_process=True),
    "both say false": pod(container(host_process=False), host_process=False, host_network=False),
    "all containers say true": pod(container("a", True), container("b", True)),
    "one of two inherits": pod(container("a", True), container("b"), host_process=True),
    "init containers inherit": pod(container(), host_process=True, initContainers=[container("i")]),
    "false needs no host network": pod(container(host_process=False), host_network=False),
    "null is nothing": pod(
        container(securityContext=None), host_process=None, securityContext={"windowsOptions": None}
    ),
}


@pytest.mark.parametrize("definition", VALID.values(), ids=VALID)
def test_a_valid_pod_has_no_violation(definition):
    assert texts(definition) == []


def test_a_container_may_not_contradict_its_pod():
    assert texts(pod(container(host_process=False), host_process=True)) == [disagreement("spec.containers[0]", True)]
    assert texts(pod(container(host_process=True), host_process=False)) == [disagreement("spec.containers[0]", False)]


def test_all_containers_must_be_hostprocess_or_none():
    assert texts(pod(container("a", True), container("b"))) == [f"spec: {ALL_OR_NONE}"]
    assert texts(pod(container("a", True), container("b", False))) == [f"spec: {ALL_OR_NONE}"]


def test_an_init_container_counts():
    assert texts(pod(container("a", True), initContainers=[container("i")])) == [f"spec: {ALL_OR_NONE}"]


def test_an_ephemeral_container_counts():
    assert texts(pod(container("a", True), ephemeralContainers=[container("e")]), existing=True) == [
        f"spec: {ALL_OR_NONE}"
    ]
    assert texts(pod(container("a"), ephemeralContainers=[container("e", True)]), existing=True) == [
        f"spec: {ALL_OR_NONE}"
    ]
    assert texts(pod(container("a"), host_process=True, ephemeralContainers=[container("e")]), existing=True) == []


def test_an_ephemeral_container_is_not_created_with_its_pod():
    definition = pod(container("a"), host_process=True, ephemeralContainers=[container("e")])
    assert texts(definition) == ["spec.ephemeralContainers: Forbidden: cannot be set on create"]


def test_host_network_is_required():
    assert texts(pod(host_process=True, host_network=False)) == [NETWORK]
    without = pod(host_process=True)
    del without["spec"]["hostNetwork"]
    assert texts(without) == [NETWORK]


def test_an_api_server_without_allow_privileged_refuses():
    assert texts(pod(host_process=True), allow_privileged=False) == [
        "spec: Forbidden: hostProcess containers are disallowed by cluster policy"
    ]
    assert texts(pod(host_process=False), allow_privileged=False) == []


def test_all_four_rules_speak_in_their_order():
    definition = pod(container("a"), container("b", False), host_process=True, host_network=False)
    assert texts(definition, allow_privileged=False) == [
        disagreement("spec.containers[1]", True),
        f"spec: {ALL_OR_NONE}",
        NETWORK,
        "spec: Forbidden: hostProcess containers are disallowed by cluster policy",
    ]


def test_pod_true_with_every_container_false_breaks_only_the_first_rule():
    definition = pod(container("a", False), container("b", False), host_process=True, host_network=False)
    assert texts(definition) == [disagreement("spec.containers[0]", True), disagreement("spec.containers[1]", True)]


def test_containers_are_visited_init_first():
    definition = pod(container("a", False), host_process=True, initContainers=[container("i", False)])
    assert texts(definition) == [disagreement("spec.initContainers[0]", True), disagreement("spec.containers[0]", True)]


TEMPLATES = {
    "DaemonSet": ("apps/v1", "spec.template.spec"),
    "Deployment": ("apps/v1", "spec.template.spec"),
    "ReplicaSet": ("apps/v1", "spec.template.spec"),
    "StatefulSet": ("apps/v1", "spec.template.spec"),
    "Job": ("batch/v1", "spec.template.spec"),
    "CronJob": ("batch/v1", "spec.jobTemplate.spec.template.spec"),
    "ReplicationController": ("v1", "spec.template.spec"),
    "PodTemplate": ("v1", "template.spec"),
}


@pytest.mark.parametrize(("kind", "api_version", "path"), [(kind, *row) for kind, row in TEMPLATES.items()])
def test_a_template_is_judged_at_its_own_path(kind, api_version, path):
    definition = pod(host_process=True, host_network=False)["spec"]
    for step in reversed(path.split(".")):
        definition = {step: definition}
    definition |= {"apiVersion": api_version, "kind": kind, "metadata": {"name": "w"}}
    assert [error.field for error in validate(definition)] == [f"{path}.hostNetwork"]


@pytest.mark.parametrize(
    "definition",
    [
        {"kind": "Service"},
        {},
        {"apiVersion": "batch.volcano.sh/v1alpha1", "kind": "Job", "spec": {}},
        {"kind": ["Pod"]},
    ],
)
def test_a_kind_without_a_pod_or_of_another_group_is_left_alone(definition):
    assert validate(definition) == []


USER_NAMES = {
    "": ["cannot be an empty string"],
    "a\tb": ["cannot contain control characters"],
    "a\x7f": ["cannot contain control characters"],
    "a\\b\\c": ["cannot contain more than one backslash"],
    "NT AUTHORITY\\SYSTEM": [],
    "nt authority\\system": [],
    "group": [],
    "\\user": ["'s Domain doesn't match the NetBios nor the DNS format"],
    ".a\\user": ["'s Domain doesn't match the NetBios nor the DNS format"],
    "a" * 15 + "\\user": [],
    "a" * 15 + "!\\user": ["'s Domain doesn't match the NetBios nor the DNS format"],
    "a" * 63 + "\\user": [],
    "a" * 64 + "\\user": ["'s Domain doesn't match the NetBios nor the DNS format"],
    "example.com\\user": [],
    "domain\\": ["'s User cannot be empty"],
    "a" * 104: [],
    "a" * 105: ["'s User length must not be longer than 104 characters"],
    "\u00e9" * 52: [],
    "\u00e9" * 53: ["'s User length must not be longer than 104 characters"],
    "...": ["'s User cannot contain only periods or spaces"],
    " . ": ["'s User cannot contain only periods or spaces"],
    "a@b": ["'s User cannot contain the following characters: \"/\\:;|=,+*?<>@[]"],
    ".".join(["a" * 63] * 4) + "\\user": [],
    ".".join(["a" * 63] * 4) + ".a\\user": [
        "'s Domain length must be under 256 characters",
    ],
    "\u00e9" * 128 + "\\": [
        "'s Domain length must be under 256 characters",
        "'s Domain doesn't match the NetBios nor the DNS format",
        "'s User cannot be empty",
    ],
}


@pytest.mark.parametrize(("name", "expected"), USER_NAMES.items())
def test_a_user_name_is_judged_by_its_bytes(name, expected):
    definition = pod(securityContext={"windowsOptions": {"runAsUserName": name}})
    errors = validate(definition)
    assert {error.field for error in errors} <= {"spec.securityContext.windowsOptions.runAsUserName"}
    spoken = ["runAsUserName" + text if text.startswith("'s") else f"runAsUserName {text}" for text in expected]
    assert [error.detail for error in errors] == spoken


def test_the_value_is_shown_as_go_shows_it():
    definition = pod(securityContext={"windowsOptions": {"runAsUserName": 'a<b>&"\u2028\\'}})
    assert 'Invalid value: "a\\u003cb\\u003e\\u0026\\"\\u2028\\\\": ' in texts(definition)[0]


CREDENTIALS = {
    ("gmsaCredentialSpec", ""): "gmsaCredentialSpec cannot be an empty string",
    ("gmsaCredentialSpec", "a" * 65537): "gmsaCredentialSpec size must be under 64 KiB",
    ("gmsaCredentialSpec", "\u00e9" * 32769): "gmsaCredentialSpec size must be under 64 KiB",
    ("gmsaCredentialSpecName", "Upper"): "a lowercase RFC 1123 subdomain must consist of",
    ("gmsaCredentialSpecName", "a" * 254): "must be no more than 253 characters",
}


@pytest.mark.parametrize(("option", "value", "text"), [(*key, text) for key, text in CREDENTIALS.items()])
def test_credential_specs_have_limits(option, value, text):
    errors = validate(pod(securityContext={"windowsOptions": {option: value}}))
    assert [error.field for error in errors] == [f"spec.securityContext.windowsOptions.{option}"]
    assert errors[0].detail.startswith(text)
    assert validate(pod(securityContext={"windowsOptions": {option: "a" * 253}})) == []


def test_a_windows_pod_has_no_linux_options():
    definition = pod(
        container(securityContext={"privileged": False, "runAsUser": 0, "runAsNonRoot": True}),
        os={"name": "windows"},
        hostPID=True,
        securityContext={"seccompProfile": {"type": "RuntimeDefault"}, "runAsNonRoot": True, "fsGroup": 0},
    )
    assert texts(definition, kubernetes_version="1.36") == [
        f"{field}: Forbidden: cannot be set for a windows pod"
        for field in (
            "spec.hostPID",
            "spec.securityContext.seccompProfile",
            "spec.securityContext.fsGroup",
            "spec.containers[0].securityContext.privileged",
            "spec.containers[0].securityContext.runAsUser",
        )
    ]


def test_host_fields_come_later_since_1_37():
    definition = pod(os={"name": "windows"}, hostPID=True, securityContext={"runAsUser": 0})
    fields = ["spec.hostPID", "spec.securityContext.runAsUser"]
    assert [error.field for error in validate(definition, kubernetes_version="1.36")] == fields
    assert [error.field for error in validate(definition, kubernetes_version="1.37")] == fields[::-1]


def test_a_linux_pod_has_no_windows_options_not_even_empty_ones():
    definition = pod(container(securityContext={"windowsOptions": {}}), os={"name": "linux"})
    assert texts(definition) == [
        "spec.containers[0].securityContext.windowsOptions: Forbidden: windows options cannot be set for a linux pod"
    ]


def test_an_operating_system_must_be_one():
    assert texts(pod(os={})) == ["spec.os.name: Required value"]
    assert texts(pod(os={"name": "Windows"})) == [
        'spec.os: Unsupported value: "Windows": supported values: "linux", "windows"'
    ]
    assert texts(pod(os=None)) == []


def test_before_1_34_a_value_is_shown_as_a_go_literal():
    definition = pod(securityContext={"windowsOptions": {"runAsUserName": 'a<"\u2028\x07\\'}})
    assert 'Invalid value: "a<\\"\\u2028\\a\\\\": ' in texts(definition, kubernetes_version="1.33")[0]


def test_before_1_34_a_stateful_set_is_taken_and_its_pods_are_not():
    template = {"spec": pod(host_process=True, host_network=False)["spec"]}
    definition = {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": "s"},
        "spec": {"template": template},
    }
    refused = [NETWORK.replace("spec.", "spec.template.spec.", 1)]
    assert [texts(definition, kubernetes_version=version) for version in ("1.33", "1.34")] == [[], refused]
    of_pods = [validate_pods(definition, kubernetes_version=version) for version in ("1.33", "1.34")]
    assert [[str(error) for error in errors] for errors in of_pods] == [refused, []]


def test_pods_of_a_template_that_is_taken_may_claim_a_port_twice():
    ports = [{"containerPort": 8080}]
    of_pod = pod(container("a", ports=ports), container("b", ports=ports))
    twice = ['spec.containers[1].ports[0].hostPort: Duplicate value: "TCP//8080"']
    definition = {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": "d"},
        "spec": {"template": {"spec": of_pod["spec"]}},
    }
    assert texts(of_pod) == twice
    assert texts(definition) == []
    of_pods = [str(error) for error in validate_pods(definition)]
    assert of_pods == [twice[0].replace("spec.", "spec.template.spec.", 1)]
    assert validate_pods(definition, kubernetes_version="1.27") == [], "there the template itself is refused"
    assert validate_pods(of_pod) == []


@pytest.mark.parametrize("value", ["false", "true", 0, None])
def test_a_gate_that_is_neither_on_nor_off_is_told(value):
    with pytest.raises(RulesError, match="The feature gate WindowsHostProcessContainers is"):
        validate(pod(), kubernetes_version="1.24", feature_gates={"WindowsHostProcessContainers": value})


@pytest.mark.parametrize("option", ["gmsaCredentialSpecName", "gmsaCredentialSpec", "runAsUserName"])
def test_half_a_character_is_judged_as_any_other(option):
    validate(pod(securityContext={"windowsOptions": {option: "\ud800"}}))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("capabilities", {"drop": 5}),
        ("capabilities", {"drop": "ALL"}),
        ("seccompProfile", {"type": 1}),
        ("runAsUser", "0"),
        ("runAsNonRoot", "true"),
        ("allowPrivilegeEscalation", "false"),
    ],
)
def test_a_value_of_a_wrong_type_in_a_security_context_is_told(field, value):
    (text,) = texts(pod(container(securityContext={field: value})))
    assert text.startswith(f"spec.containers[0].securityContext.{field}")
    assert "must be " in text


def test_the_mount_of_proc_is_refused_even_where_its_gate_is_off():
    definition = pod(container(securityContext={"procMount": "Default"}), os={"name": "windows"})
    assert len(texts(definition, kubernetes_version="1.31")) == 1


def test_words_changed_with_1_34():
    assert texts(pod(os={}), kubernetes_version="1.33") == ["spec.os.name: Required value: cannot be empty"]
    assert texts(pod(hostUsers=False), kubernetes_version="1.33") == [
        "spec.hostNetwork: Forbidden: when `pod.Spec.HostUsers` is false"
    ]


@pytest.mark.parametrize(
    ("field", "value", "first"),
    [
        ("appArmorProfile", {"type": "RuntimeDefault"}, "1.30"),
        ("supplementalGroupsPolicy", "Merge", "1.33"),
        ("seLinuxChangePolicy", "Recursive", "1.33"),
    ],
)
def test_a_field_is_refused_from_the_release_in_which_it_exists(field, value, first):
    definition = pod(os={"name": "windows"}, securityContext={field: value})
    before = f"1.{int(first.partition('.')[2]) - 1}"
    assert validate(definition, kubernetes_version=before) == []
    assert [error.field for error in validate(definition, kubernetes_version=first)] == [
        f"spec.securityContext.{field}"
    ]


def test_pod_level_resources_are_refused_on_windows_since_1_34():
    definition = pod(os={"name": "windows"}, resources={"limits": {"cpu": "1"}})
    assert texts(definition, kubernetes_version="1.33") == []
    assert texts(definition, kubernetes_version="1.34") == [
        "spec.resources: Forbidden: may not be set for a windows pod"
    ]


def test_spec_os_is_nothing_to_1_23():
    assert texts(pod(os={"name": "darwin"}), kubernetes_version="1.23") == []


def test_a_stop_signal_is_judged_where_the_gate_is_on():
    definition = pod(container(lifecycle={"stopSignal": "SIGHUP"}), os={"name": "windows"})
    assert texts(definition) == []
    assert texts(definition, feature_gates={"ContainerStopSignals": True}) == [
        'spec.containers[0].lifecycle.stopSignal: Unsupported value: "SIGHUP": supported values: "SIGKILL", "SIGTERM"'
    ]


GATE_OFF = "not allowed when feature gate 'WindowsHostProcessContainers' is not enabled"
NO_HOSTPROCESS_PODS = (
    "pod must not contain Windows hostProcess containers when feature gate"
    " 'WindowsHostProcessContainers' is not enabled"
)


def test_1_22_refuses_the_field_until_its_gate_is_turned_on():
    definition = pod(container(host_process=True))
    assert texts(definition, kubernetes_version="1.22") == [
        f"spec.containers[0].securityContext.windowsOptions.hostProcess: Forbidden: {GATE_OFF}",
        f"spec: Forbidden: {NO_HOSTPROCESS_PODS}",
    ]
    on = {"WindowsHostProcessContainers": True}
    assert texts(definition, kubernetes_version="1.22", feature_gates=on) == []


def test_a_gate_that_is_off_refuses_false_too():
    off = {"WindowsHostProcessContainers": False}
    assert texts(pod(host_process=False), kubernetes_version="1.25", feature_gates=off) == [
        f"spec.securityContext.windowsOptions.hostProcess: Forbidden: {GATE_OFF}"
    ]


def test_a_locked_gate_can_not_be_turned_off():
    off = {"WindowsHostProcessContainers": False}
    assert texts(pod(host_process=True), kubernetes_version="1.26", feature_gates=off) == []


def test_1_22_does_not_look_at_ephemeral_containers():
    definition = pod(container("a", True), ephemeralContainers=[container("e")])
    on = {"WindowsHostProcessContainers": True}
    assert texts(definition, kubernetes_version="1.22", feature_gates=on, existing=True) == []


@pytest.mark.parametrize("version", ["1.21", "0.9", "one", "", None])
def test_a_version_without_hostprocess_is_an_error(version):
    with pytest.raises(RulesError, match="Kubernetes"):
        validate(pod(), kubernetes_version=version)


@pytest.mark.parametrize("version", ["1.36", "v1.36.3", "1.36.3-gke.100", "1.36.3+k3s1"])
def test_a_version_is_read_as_vendors_write_it(version):
    assert texts(pod(host_process=True, host_network=False), kubernetes_version=version) == [NETWORK]


def test_a_port_of_the_host_network_is_the_containers_port():
    (error,) = validate(pod(container(ports=[{"containerPort": 80, "hostPort": 8080}])))
    assert error.field == "spec.containers[0].ports[0].hostPort"
    assert error.message == "Invalid value: 8080: must match `containerPort` when `hostNetwork` is true"
    assert texts(pod(container(ports=[{"containerPort": 80}]))) == []


def test_two_containers_can_not_have_one_port_of_the_host_network():
    same = [{"containerPort": 80}]
    definition = pod(container("a", ports=same), container("b", ports=same))
    assert texts(definition) == ['spec.containers[1].ports[0].hostPort: Duplicate value: "TCP//80"']


def test_host_users_and_hostname_override_exclude_the_host_network():
    assert texts(pod(hostUsers=False)) == ["spec.hostNetwork: Forbidden: when `hostUsers` is false"]
    assert texts(pod(hostUsers=False), kubernetes_version="1.32") == []
    assert texts(pod(hostnameOverride="a")) == [
        "spec.hostnameOverride: Forbidden: may not be specified when hostNetwork is true"
    ]


WRONG_TYPES = {
    "spec.securityContext.windowsOptions.hostProcess": pod(host_process="true"),
    "spec.hostNetwork": pod(hostNetwork="yes"),
    "spec.containers": pod() | {"spec": {"containers": {"name": "a"}}},
    "spec.containers[0].args[0]": pod(container(args=[8080])),
    "spec.containers[0]": pod("a"),
    "spec.containers[0].ports[0].containerPort": pod(container(ports=[{"containerPort": True}])),
    "spec.os": pod(os="windows"),
    "spec": pod() | {"spec": "none"},
    "metadata": pod() | {"metadata": ["a"]},
    "metadata.name": pod() | {"metadata": {"name": 5}},
    "metadata.namespace": pod() | {"metadata": {"namespace": ["a"]}},
    "metadata.annotations[a/b]": pod() | {"metadata": {"annotations": {"a/b": True, "c": "d"}}},
    "metadata.labels": pod() | {"metadata": {"labels": ["a"]}},
    "spec.initContainers[0]": pod(initContainers=[None]),
    "spec.containers[0].ports[0]": pod(container(ports=[None])),
    "spec.containers[0].env[0].value": pod(container(env=[{"name": "A", "value": 1}])),
    "spec.containers[0].volumeMounts[0].name": pod(container(volumeMounts=[{"name": []}])),
    "spec.containers[0].livenessProbe.httpGet.port": pod(container(livenessProbe={"httpGet": {"port": []}})),
    "spec.containers[0].resources.limits[cpu]": pod(container(resources={"limits": {"cpu": True}})),
    "spec.volumes[0]": pod(volumes=[None]),
    "spec.tolerations[0].value": pod(tolerations=[{"key": "a", "value": True}]),
    "spec.nodeSelector[a]": pod(nodeSelector={"a": True}),
}


@pytest.mark.parametrize(("field", "definition"), WRONG_TYPES.items())
def test_a_value_of_a_wrong_type_is_named_and_nothing_else_said(field, definition):
    errors = validate(definition)
    assert [error.field for error in errors] == [field]
    assert "must be" in errors[0].detail


def test_types_around_a_template_count_as_well():
    template = pod() | {"metadata": {"annotations": {"a": 1}}}
    definition = {"apiVersion": "apps/v1", "kind": "DaemonSet", "spec": {"template": template}}
    assert [error.field for error in validate(definition)] == ["spec.template.metadata.annotations[a]"]


def test_what_the_api_server_takes_for_empty_is_no_wrong_type():
    term = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [None]}}}
    definition = pod(container(args=[None], env=None, ports=None), affinity=term, volumes=None)
    assert validate(definition | {"metadata": {"name": "a", "labels": {"a": None}, "annotations": None}}) == []


def test_a_refusal_reads_like_the_api_servers():
    definition = pod(container("a"), container("b", False), host_process=True, host_network=False)
    errors = validate(definition)
    assert refusal(definition, errors).startswith('Pod "p" is invalid: [spec.containers[1].')
    one = pod(host_process=True, host_network=False)
    assert refusal(one, validate(one)) == f'Pod "p" is invalid: {NETWORK}'


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(
                [
                    "spec",
                    "containers",
                    "initContainers",
                    "securityContext",
                    "windowsOptions",
                    "hostProcess",
                    "runAsUserName",
                    "ports",
                    "hostPort",
                    "os",
                    "name",
                    "lifecycle",
                    "metadata",
                    "volumes",
                    "template",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(JUNK)
def test_no_shape_of_input_breaks_the_rules(spec):
    definition = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": spec}
    before = copy.deepcopy(definition)
    assert isinstance(validate(definition), list)
    assert definition == before

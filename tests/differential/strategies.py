# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Pods and workloads at the edges of the Windows rules, and valid in everything else.

So every objection of the API server to one of these is one that the rules must find too.
"""

from __future__ import annotations

from hypothesis import strategies as st

ABSENT = object()


def sometimes(strategy):
    """A field that is left out now and then; null counts as left out for the API server and is tried too."""
    return st.one_of(st.just(ABSENT), st.none(), strategy, strategy, strategy, strategy)


def rarely(strategy):
    """A field that is there in one case of eight."""
    return st.integers(0, 7).flatmap(lambda number: strategy if number == 7 else st.just(ABSENT))


def mapping(**fields):
    """A mapping without the fields that came out absent."""
    return st.fixed_dictionaries(fields).map(lambda made: {k: v for k, v in made.items() if v is not ABSENT})


# --- user names ---------------------------------------------------------------------------------------------------

WELL_KNOWN_NAMES = (
    "NT AUTHORITY\\SYSTEM",
    "NT AUTHORITY\\Local service",
    "NT AUTHORITY\\NetworkService",
    "nt authority\\system",
    "Administrators",
    "hpc-localgroup",
    "ContainerAdministrator",
)
# Everything that a rule mentions, next to letters of one, two, three and four bytes.
EDGE_CHARACTERS = 'aZ09-_. \\/:;*?"<>|=,+@[]\x00\x1f\x7f\x80\u00e9\u20ac\u2028\U0001f600&\u0130'
DOMAIN_LENGTHS = (0, 1, 14, 15, 16, 62, 63, 64, 65, 127, 254, 255, 256, 257)
USER_LENGTHS = (0, 1, 2, 51, 52, 53, 103, 104, 105, 106)
LETTERS = "a.- \u00e9\u20ac"


@st.composite
def sized_text(draw, lengths, letters=LETTERS):
    """Text of an edge length in characters; with two- and three-byte letters its bytes pass another edge."""
    length = draw(st.sampled_from(lengths))
    letter = draw(st.sampled_from(letters))
    text = letter * length
    spice = draw(st.text(EDGE_CHARACTERS, max_size=2))
    return text if not spice or draw(st.booleans()) else (text + spice)[-max(length, 1) :]


@st.composite
def dns_domain(draw):
    """Labels of edge lengths, dots at the wrong places included."""
    labels = draw(st.lists(st.sampled_from([0, 1, 2, 15, 62, 63, 64]), min_size=1, max_size=5))
    ends = draw(st.sampled_from(["", "", "-", ".", "_"]))
    return ".".join("a" * length for length in labels) + ends


user_names = st.one_of(
    st.sampled_from(WELL_KNOWN_NAMES),
    sized_text(USER_LENGTHS),
    st.builds("{}\\{}".format, sized_text(DOMAIN_LENGTHS), sized_text(USER_LENGTHS)),
    st.builds("{}\\{}".format, dns_domain(), st.sampled_from(["user", "", " ", "...", ". .", "a@b"])),
    st.builds(
        "{}\\{}".format,
        st.sampled_from(["NT AUTHORITY", ".", ".a", "a.", "-a", "a:b", "a<b"]),
        sized_text(USER_LENGTHS),
    ),
    st.text(EDGE_CHARACTERS, max_size=6),
)

# --- windowsOptions -----------------------------------------------------------------------------------------------

credential_spec_names = st.one_of(
    st.sampled_from(
        ["gmsa-webapp1", "a.b", "A", "-a", "a-", "a..b", "", "a_b", "a" * 253, "a" * 254, "a" * 64, "\u00e9" * 127]
    ),
    st.text("a.-A", max_size=4),
)
credential_specs = st.sampled_from(["", "{}", "a" * 65536, "a" * 65537, "\u00e9" * 32768, "\u00e9" * 32769])

windows_options = sometimes(
    mapping(
        hostProcess=sometimes(st.booleans()),
        runAsUserName=sometimes(user_names),
        gmsaCredentialSpecName=rarely(credential_spec_names),
        gmsaCredentialSpec=rarely(rarely(credential_specs)),
    )
)
# Mostly options without a fault of their own, so that the rules across containers are reached.
plain_windows_options = sometimes(mapping(hostProcess=sometimes(st.booleans()), runAsUserName=rarely(user_names)))
any_windows_options = st.one_of(plain_windows_options, windows_options)

# --- security contexts --------------------------------------------------------------------------------------------

runtime_default = st.just({"type": "RuntimeDefault"})
container_security_contexts = sometimes(
    mapping(
        windowsOptions=any_windows_options,
        appArmorProfile=rarely(runtime_default),
        seLinuxOptions=rarely(st.just({"level": "s0"}) | st.just({})),
        seccompProfile=rarely(runtime_default),
        capabilities=rarely(st.just({"drop": ["ALL"]}) | st.just({})),
        readOnlyRootFilesystem=rarely(st.booleans()),
        privileged=rarely(st.booleans()),
        allowPrivilegeEscalation=rarely(st.just(True)),  # false contradicts privileged: a fault that isn't ours
        procMount=rarely(st.just("Default")),
        runAsUser=rarely(st.sampled_from([0, 1000])),
        runAsGroup=rarely(st.just(0)),
        runAsNonRoot=rarely(st.booleans()),
    )
)
pod_security_contexts = sometimes(
    mapping(
        windowsOptions=any_windows_options,
        appArmorProfile=rarely(runtime_default),
        seLinuxOptions=rarely(st.just({"level": "s0"}) | st.just({})),
        seccompProfile=rarely(runtime_default),
        fsGroup=rarely(st.just(0)),
        fsGroupChangePolicy=rarely(st.just("Always")),
        sysctls=rarely(st.just([])),
        runAsUser=rarely(st.sampled_from([0, 1000])),
        runAsGroup=rarely(st.just(0)),
        runAsNonRoot=rarely(st.booleans()),
        supplementalGroups=rarely(st.just([]) | st.just([1])),
        supplementalGroupsPolicy=rarely(st.just("Merge")),
        seLinuxChangePolicy=rarely(st.just("Recursive")),
    )
)

# --- containers ---------------------------------------------------------------------------------------------------

ports = mapping(
    containerPort=st.sampled_from([80, 443, 8080]),
    hostPort=sometimes(st.sampled_from([0, 80, 443, 8080])),
    protocol=rarely(st.sampled_from(["TCP", "UDP"])),
    hostIP=rarely(st.just("127.0.0.1")),
)
stop_signals = st.sampled_from([{}, {"stopSignal": "SIGTERM"}, {"stopSignal": "SIGHUP"}])


def containers(largest, with_ports, smallest=0, **fields):
    """Containers whose names are filled in later, when their place is known."""
    body = mapping(
        image=st.just("image:1"),
        securityContext=container_security_contexts,
        ports=(sometimes if with_ports else rarely)(st.lists(ports, max_size=2)),
        **fields,
    )
    return st.lists(body, min_size=smallest, max_size=largest)


def numbered(field, bodies):
    return [{"name": f"{field}-{index}", **body} for index, body in enumerate(bodies)]


# --- pods ---------------------------------------------------------------------------------------------------------

operating_systems = st.sampled_from(
    [None, {}, {"name": ""}, {"name": "linux"}, {"name": "Windows"}, {"name": "darwin<"}] + [{"name": "windows"}] * 5
)
# Each pod has a theme whose fields it mostly has; so the others rarely drown its errors in theirs.
THEMES = ("hostprocess", "names", "ports", "system", "host")
# Option of windowsOptions that a theme makes everybody in the pod say something about.
SAID = {
    "hostprocess": ("hostProcess", st.sampled_from([ABSENT, None, False, True, True, True])),
    "names": ("runAsUserName", st.one_of(st.just(ABSENT), user_names, user_names)),
}


@st.composite
def pod_specs(draw):
    """A pod spec that is valid but for what it says about Windows."""
    theme = draw(st.sampled_from(THEMES))

    def of(*themes):
        return sometimes if theme in themes else rarely

    host = of("host")
    spec = draw(
        mapping(
            os=of("system")(operating_systems),
            securityContext=pod_security_contexts,
            hostNetwork=st.sampled_from([ABSENT, None, False, True, True, True]),
            hostPID=host(st.booleans()),
            hostIPC=host(st.booleans()),
            hostUsers=host(st.booleans()),
            shareProcessNamespace=of("system")(st.booleans()),
            hostnameOverride=host(st.just("a-name")),
            resources=of("system")(st.just({"limits": {"cpu": "1"}}) | st.just({})),
        )
    )
    if spec.get("hostPID") and spec.get("shareProcessNamespace"):
        del spec["shareProcessNamespace"]  # they exclude each other on every system
    if (spec.get("securityContext") or {}).get("sysctls") == [] and not spec.get("hostIPC") and draw(st.booleans()):
        spec["securityContext"]["sysctls"] = [{"name": "kernel.shm_rmid_forced", "value": "1"}]
    with_ports = theme == "ports"
    kinds = {
        "containers": st.just(draw(containers(3, with_ports, smallest=1, lifecycle=rarely(stop_signals)))),
        "initContainers": of("hostprocess", "names", "ports")(
            containers(2, with_ports, restartPolicy=rarely(st.just("Always")))
        ),
        "ephemeralContainers": of("hostprocess", "names")(containers(1, False)),
    }
    for field, strategy in kinds.items():
        bodies = draw(strategy)
        if bodies is not ABSENT:
            spec[field] = bodies if bodies is None else numbered(field[0], bodies)
    for body in spec.get("ephemeralContainers") or []:
        body.pop("ports", None)  # refused for an ephemeral container on every system
    if theme in SAID:
        option, values = SAID[theme]
        for body in [spec, *(body for field in kinds for body in spec.get(field) or [])]:
            say(body, option, draw(values))
    return spec


def say(body, option, value):
    """Set an option of a pod spec's or container's windowsOptions, which are made where there are none."""
    if value is not ABSENT:
        context = body["securityContext"] = dict(body.get("securityContext") or {})
        context["windowsOptions"] = {**(context.get("windowsOptions") or {}), option: value}


def _template(spec):
    return {"metadata": {"labels": {"app": "a"}}, "spec": spec}


def _selected(spec, **more):
    return {"selector": {"matchLabels": {"app": "a"}}, "template": _template(spec), **more}


def _once(spec):
    return {"template": _template({**spec, "restartPolicy": "Never"})}


WORKLOADS = {
    "Pod": ("v1", lambda spec: {"spec": spec}),
    "PodTemplate": ("v1", lambda spec: {"template": _template(spec)}),
    "ReplicationController": ("v1", lambda spec: {"spec": {"selector": {"app": "a"}, "template": _template(spec)}}),
    "DaemonSet": ("apps/v1", lambda spec: {"spec": _selected(spec)}),
    "Deployment": ("apps/v1", lambda spec: {"spec": _selected(spec)}),
    "ReplicaSet": ("apps/v1", lambda spec: {"spec": _selected(spec)}),
    "StatefulSet": ("apps/v1", lambda spec: {"spec": _selected(spec, serviceName="s")}),
    "Job": ("batch/v1", lambda spec: {"spec": _once(spec)}),
    "CronJob": ("batch/v1", lambda spec: {"spec": {"schedule": "0 0 * * *", "jobTemplate": {"spec": _once(spec)}}}),
}


def workload(kind, spec, name="generated"):
    """An object of a kind around a pod spec."""
    api_version, body = WORKLOADS[kind]
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name}, **body(spec)}


kinds = st.sampled_from(["Pod"] * 6 + list(WORKLOADS))
workloads = st.builds(workload, kinds, pod_specs())

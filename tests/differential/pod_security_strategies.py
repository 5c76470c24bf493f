# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Pods that the API server takes and of which PodSecurity may think otherwise, and namespaces to put them in."""

from __future__ import annotations

from hypothesis import strategies as st

from differential.strategies import ABSENT, mapping, numbered, rarely, sometimes, workload

VOLUME_TYPES = st.sampled_from(
    [
        {},
        {"emptyDir": {}},
        {"configMap": {"name": "c"}},
        {"secret": {"secretName": "s"}},
        {"hostPath": {"path": "/a"}},
        {"hostPath": {"path": "C:\\a"}},
        {"nfs": {"server": "a", "path": "/"}},
        {"csi": {"driver": "a.b"}},
    ]
)
hosts = st.sampled_from([ABSENT, "", "127.0.0.1", "a.example"])
handlers = st.one_of(
    mapping(httpGet=mapping(port=st.just(80), host=hosts)),
    mapping(tcpSocket=mapping(port=st.just(80), host=hosts)),
    st.just({"exec": {"command": ["a"]}}),
)
ABSENT_ALWAYS = st.just(ABSENT)


@st.composite
def admissible_pod_specs(draw):
    """HostProcess pods said in every way that is valid, and ordinary Windows and Linux pods beside them."""
    is_hostprocess = draw(st.sampled_from([True, True, True, False]))
    said_by = draw(st.sampled_from(["pod", "containers", "both"])) if is_hostprocess else "nobody"
    is_windows = draw(st.booleans())
    regular = draw(st.lists(_containers(said_by, is_windows), min_size=1, max_size=3))
    init = draw(rarely(st.lists(_containers(said_by, is_windows, probes=False), min_size=1, max_size=2)))
    for body in regular[1:]:
        body.pop("ports", None)  # a port that two containers claim is refused before PodSecurity is asked
    spec = draw(
        mapping(
            hostNetwork=st.just(True) if is_hostprocess else sometimes(st.booleans()),
            hostPID=ABSENT_ALWAYS if is_windows else rarely(st.booleans()),
            hostIPC=ABSENT_ALWAYS if is_windows else rarely(st.booleans()),
            securityContext=mapping(
                windowsOptions=st.just({"hostProcess": True}) if said_by in ("pod", "both") else ABSENT_ALWAYS,
                runAsNonRoot=rarely(st.booleans()),
                runAsUser=ABSENT_ALWAYS if is_windows else rarely(st.sampled_from([0, 1])),
                seccompProfile=ABSENT_ALWAYS if is_windows else rarely(st.just({"type": "RuntimeDefault"})),
            ),
        )
    )
    if is_windows:
        spec["os"] = {"name": "windows"}
    spec["volumes"] = [{"name": f"v{i}", **kind} for i, kind in enumerate(draw(st.lists(VOLUME_TYPES, max_size=3)))]
    spec["containers"] = numbered("c", regular)
    if init is not ABSENT:
        spec["initContainers"] = numbered("i", init)
    return spec


def _containers(said_by, is_windows, probes=True):
    says_so = said_by in ("containers", "both")

    def on_linux(strategy):
        return ABSENT_ALWAYS if is_windows else strategy

    return mapping(
        image=st.just("image:1"),
        ports=rarely(st.just([{"containerPort": 80}]) | st.just([{"containerPort": 443}, {"containerPort": 8080}])),
        livenessProbe=rarely(handlers) if probes else ABSENT_ALWAYS,
        lifecycle=rarely(mapping(preStop=handlers)) if probes else ABSENT_ALWAYS,
        securityContext=mapping(
            windowsOptions=st.just({"hostProcess": True}) if says_so else ABSENT_ALWAYS,
            runAsNonRoot=rarely(st.booleans()),
            runAsUser=on_linux(rarely(st.sampled_from([0, 1]))),
            privileged=on_linux(rarely(st.booleans())),
            capabilities=on_linux(rarely(st.just({"drop": ["ALL"]}))),
            seccompProfile=on_linux(rarely(st.just({"type": "RuntimeDefault"}))),
        ),
    )


def namespace_labels(newest_minor: int):
    """Labels at all levels and in many versions, also newer than the API server."""
    levels = st.sampled_from([ABSENT, "privileged", "baseline", "baseline", "restricted", "restricted"])
    numbers = (0, 1, 7, 8, 18, 19, 21, 22, 23, 24, 25, 33, 34, 35, newest_minor, newest_minor + 3)
    versions = st.sampled_from([ABSENT, ABSENT, "latest"] + [f"v1.{number}" for number in numbers])
    prefix = "pod-security.kubernetes.io"
    return mapping(
        **{
            f"{prefix}/enforce": levels,
            f"{prefix}/enforce-version": versions,
            f"{prefix}/warn": levels,
            f"{prefix}/warn-version": versions,
        }
    )


objects = st.builds(workload, st.sampled_from(["Pod", "Pod", "Pod", "DaemonSet", "Job"]), admissible_pod_specs())

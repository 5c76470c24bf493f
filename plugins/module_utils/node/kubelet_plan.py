# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the kubelet needs on a node, decided from one probe and the role's variables."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.kubewin.hostprocess.plugins.module_utils.node import kubelet_config, kubelet_flags
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.errors import PlanError
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.firewall_plan import kubelet_rule
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.kubelet_join import bootstrap_files, kubeadm_plan
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.kubelet_nssm import nssm_plan
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.kubelet_shutdown import shutdown_fields
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.log_runner import log_runner_plan
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.merging import overlay, plain
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.node_name import (
    refuse_new_name,
    require_node_name,
)
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.probed import (
    file_exists,
    is_here,
    is_running,
    on_path,
    sha256_of,
)
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.release import (
    full_version,
    is_version,
    require_sha256,
)
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.service_plan import (
    service_differs,
    service_wanted,
)
from ansible_collections.kubewin.hostprocess.plugins.module_utils.support import versions

# Flags that a kubelet needed before its configuration had the field: the runtime's endpoint up to 1.26, and the
# choice of a remote runtime while there was another one, up to 1.23. Read in sig-windows-tools; not run here.
_ENDPOINT_FLAG_UP_TO = (1, 26)
_REMOTE_FLAG_UP_TO = (1, 23)

_TAINT = re.compile(r"(?P<key>[^=:]+)(=(?P<value>[^=:]*))?:(?P<effect>NoSchedule|PreferNoSchedule|NoExecute)")


def kubelet_plan(
    node: Mapping,
    version: str | float,
    sha256: str,
    directory: str,
    config_path: str,
    kubeconfig_path: str,
    bootstrap_kubeconfig_path: str,
    certificate_authority_path: str,
    certificate_directory: str,
    api_server: str = "",
    bootstrap_token: str = "",
    cluster_ca: str = "",
    join: str = "bootstrap_token",
    kubeadm_sha256: str = "",
    kubeadm_directory: str = "",
    kubeadm_ignored_checks: Iterable[str] = (),
    runtime_endpoint: str = "npipe:////./pipe/containerd-containerd",
    configuration: Mapping | None = None,
    base_configuration: Mapping | None = None,
    feature_gates: Mapping | None = None,
    shutdown_grace_period: str = "",
    shutdown_grace_period_critical_pods: str = "",
    taints: Iterable[str] = (),
    hostname_override: str = "",
    node_ip: str = "",
    node_labels: Mapping | None = None,
    priority_class: str = "",
    arguments: Iterable[str] = (),
    log_runner_sha256: str = "",
    log_runner_version: str | float = "",
    log_directory: str = "",
    log_file_size: str = "",
    log_file_age: str = "",
    firewall_rule: bool = False,
) -> dict:
    """Return what the kubelet needs: ``install``, ``configuration``, ``files``, ``service``, ``joined`` ...

    ``files`` holds the bootstrap token while the node has not joined. What the kubelet would refuse is refused here,
    before anything stops.
    """
    wanted = full_version(version)
    found = node["kubelet"]
    executable = f"{directory}\\kubelet.exe"
    right = found["sha256"] == sha256.lower() if sha256 else is_version(found["version"], wanted)
    install = not is_here(found, executable) or not right
    if install:
        require_sha256(sha256, "kubelet_sha256", f"kubelet {wanted}")
    from_kubeadm = kubelet_flags.kubeadm_flags((found.get("kubeadm_flags") or {}).get("content"))
    require_node_name(hostname_override, node["computer_name"])
    refuse_new_name(node, hostname_override, from_kubeadm)
    registered = [_taint(taint) for taint in taints]
    gates = feature_gates or {}
    computed = {
        **_computed_fields(wanted, certificate_authority_path, runtime_endpoint, registered),
        **shutdown_fields(shutdown_grace_period, shutdown_grace_period_critical_pods, wanted, gates),
    }
    fields = overlay(plain(base_configuration or {}, "kubelet_base_configuration"), computed)
    fields = overlay(fields, plain(configuration or {}, "kubelet_configuration"), keep_null=True)
    current = found["config"]
    judged = kubelet_config.merge(current["content"], fields, gates, wanted, sha256=current["sha256"])
    ours = {
        "config": config_path,
        "bootstrap-kubeconfig": bootstrap_kubeconfig_path,
        "kubeconfig": kubeconfig_path,
        "cert-dir": certificate_directory,
        "hostname-override": hostname_override,
        "node-ip": node_ip,
        "node-labels": ",".join(f"{key}={value}" for key, value in (node_labels or {}).items()),
        "windows-priorityclass": priority_class,
        **_flags_of_old_kubelets(wanted, runtime_endpoint),
    }
    given = [f"--{flag}={value}" for flag, value in ours.items() if value]
    extra = list(map(str, arguments))
    decided = {flag.name for flag in kubelet_flags.parse([*given, *extra])} | {"container-runtime-endpoint"}
    decided |= {"register-with-taints"} if registered else set()
    kept = kubelet_flags.merged(from_kubeadm, decided, wanted)
    warnings = [
        *judged.warnings,
        *kept.warnings,
        *kubelet_flags.refuse_stopping([*kept.flags, *kubelet_flags.parse(extra)], wanted),
    ]
    command = [executable, "--windows-service", *given, *map(str, kept.flags), *extra]
    runner = log_runner_plan(
        directory, log_directory, log_runner_sha256, log_runner_version or wanted, log_file_size, log_file_age
    )
    service = service_wanted("kubelet", [*runner["command"], *command], ["containerd"])
    wrapped = nssm_plan(node, service["path"])
    running = is_running(node, "kubelet")
    folders = {directory: install, log_directory: bool(runner["program"])}
    joining = _joining(
        node,
        join=join,
        kubeadm_sha256=kubeadm_sha256,
        directory=directory,
        folder=kubeadm_directory,
        version=wanted,
        api_server=api_server,
        cluster_ca=cluster_ca,
        token=bootstrap_token,
        name=hostname_override,
        runtime_endpoint=runtime_endpoint,
        configuration={**kubelet_config.WITHOUT_CGROUPS, **fields, **({"featureGates": gates} if gates else {})},
        taints=registered,
        ignored_checks=[*kubeadm_ignored_checks, *(["Port-10250"] if running else [])],
    )
    files = joining.get("files") or []
    if join == "bootstrap_token":
        files = bootstrap_files(
            found, certificate_authority_path, cluster_ca, bootstrap_kubeconfig_path, api_server, bootstrap_token
        )
    return {
        "version": wanted,
        "install": install,
        "executable": executable,
        "download_to": f"{executable}.new" if running else executable,
        "swap": install and running,
        "running": running,
        "joined": bool(found["kubeconfig_exists"]),
        "kubeadm": joining,
        "folders": [path for path, needed in folders.items() if needed and not file_exists(node, path)],
        "log_runner": runner["program"] if sha256_of(node, runner["program"]) != log_runner_sha256.lower() else "",
        "configuration": fields,
        "warnings": [*warnings, *runner["warnings"], *wrapped["warnings"]],
        "files": files,
        "service": service,
        "service_differs": service_differs(node, service) or bool(wrapped["registry_key"]),
        "nssm_registry_key": wrapped["registry_key"],
        "firewall": kubelet_rule(node, fields.get("port")) if firewall_rule else {"differs": False},
    }


def _joining(node: Mapping, join: str, kubeadm_sha256: str, **options: Any) -> dict:
    """Return what kubeadm has to do on this node; nothing where it has joined, or joins without kubeadm."""
    if join not in ("bootstrap_token", "kubeadm"):
        raise PlanError(f"kubelet_join is {join!r}: write bootstrap_token or kubeadm.")
    if join != "kubeadm" or node["kubelet"]["kubeconfig_exists"]:
        return {}
    require_sha256(kubeadm_sha256, "kubelet_kubeadm_sha256", f"kubeadm {options['version']}")
    program = f"{options['directory']}\\kubeadm.exe"
    there = sha256_of(node, program) == kubeadm_sha256.lower()
    return {
        "download_to": "" if there else program,
        "path": not on_path(node, options["directory"]),
        **kubeadm_plan(node["kubelet"], **options),
    }


def _computed_fields(version: str, certificate_authority: str, endpoint: str, taints: list[dict]) -> dict:
    """Return the fields of KubeletConfiguration that follow from a role's other variables."""
    fields: dict[str, Any] = {"authentication": {"x509": {"clientCAFile": certificate_authority}}}
    if kubelet_config.endpoint_is_a_field(version):
        fields["containerRuntimeEndpoint"] = endpoint
    if taints:
        fields["registerWithTaints"] = taints
    return fields


def _taint(text: str) -> dict[str, str]:
    """Read a taint as kubectl writes it: ``os=Windows:NoSchedule``."""
    parts = _TAINT.fullmatch(text)
    if parts is None:
        raise PlanError(
            f"kubelet_taints: {text!r} is not a taint. Write key=value:Effect, such as os=Windows:NoSchedule."
        )
    return {key: value for key, value in parts.groupdict().items() if value}


def _flags_of_old_kubelets(version: str, endpoint: str) -> dict[str, str]:
    line = versions.parse(version)[:2]
    flags = {}
    if line <= _ENDPOINT_FLAG_UP_TO:
        flags["container-runtime-endpoint"] = endpoint
    if line <= _REMOTE_FLAG_UP_TO:
        flags["container-runtime"] = "remote"
    return flags

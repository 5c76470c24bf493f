# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the kubelet needs on a node, decided from one probe and the role's variables."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.kubewin.hostprocess.plugins.module_utils.node import kubelet_config
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.errors import PlanError
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.merging import overlay, plain
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.probed import (
    file_exists,
    is_here,
    is_running,
    service_of,
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
_HOST_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")


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
    runtime_endpoint: str = "npipe:////./pipe/containerd-containerd",
    configuration: Mapping | None = None,
    base_configuration: Mapping | None = None,
    feature_gates: Mapping | None = None,
    taints: Iterable[str] = (),
    hostname_override: str = "",
    node_ip: str = "",
    node_labels: Mapping | None = None,
    priority_class: str = "",
    arguments: Iterable[str] = (),
    log_runner_sha256: str = "",
    log_directory: str = "",
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
    _refuse_new_name(node, hostname_override)
    computed = _computed_fields(wanted, certificate_authority_path, runtime_endpoint, taints)
    fields = overlay(plain(base_configuration or {}, "kubelet_base_configuration"), computed)
    fields = overlay(fields, plain(configuration or {}, "kubelet_configuration"), keep_null=True)
    current = found["config"]
    judged = kubelet_config.merge(current["content"], fields, feature_gates or {}, wanted, sha256=current["sha256"])
    flags = {
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
    command = [executable, "--windows-service", *(f"--{flag}={value}" for flag, value in flags.items() if value)]
    log_runner = f"{directory}\\kube-log-runner.exe" if log_runner_sha256 else ""
    if log_runner:
        command = [log_runner, f"-log-file={log_directory}\\kubelet.log", *command]
    service = service_wanted("kubelet", [*command, *arguments], ["containerd"])
    running = is_running(node, "kubelet")
    folders = {directory: install, log_directory: bool(log_runner)}
    return {
        "version": wanted,
        "install": install,
        "executable": executable,
        "download_to": f"{executable}.new" if running else executable,
        "swap": install and running,
        "running": running,
        "joined": bool(found["kubeconfig_exists"]),
        "folders": [path for path, needed in folders.items() if needed and not file_exists(node, path)],
        "log_runner": "" if sha256_of(node, log_runner) == log_runner_sha256.lower() else log_runner,
        "configuration": fields,
        "warnings": list(judged.warnings),
        "files": _kubelet_files(
            found, certificate_authority_path, cluster_ca, bootstrap_kubeconfig_path, api_server, bootstrap_token
        ),
        "service": service,
        "service_differs": service_differs(node, service),
    }


def _computed_fields(version: str, certificate_authority: str, endpoint: str, taints: Iterable[str]) -> dict:
    """Return the fields of KubeletConfiguration that follow from a role's other variables."""
    fields: dict[str, Any] = {"authentication": {"x509": {"clientCAFile": certificate_authority}}}
    if kubelet_config.endpoint_is_a_field(version):
        fields["containerRuntimeEndpoint"] = endpoint
    if taints:
        fields["registerWithTaints"] = [_taint(taint) for taint in taints]
    return fields


def _kubelet_files(
    found: Mapping, ca_path: str, cluster_ca: str, bootstrap_path: str, api_server: str, bootstrap_token: str
) -> list[dict]:
    """Return the files beside the configuration, as kubelet_config takes them; a joined node needs no token."""
    files = []
    if cluster_ca:
        if "-----BEGIN CERTIFICATE-----" not in cluster_ca:
            raise PlanError("kubelet_cluster_ca is not the PEM text of a certificate.")
        content = cluster_ca.strip() + "\n"
        files.append({"path": ca_path, "content": content, "sha256": found.get("certificate_authority_sha256") or ""})
    elif not found["certificate_authority_exists"]:
        raise PlanError(
            "kubelet_cluster_ca is empty: give the PEM text of the cluster's CA certificate"
            " (certificate-authority-data of a kubeconfig, decoded)."
        )
    if not found["kubeconfig_exists"]:
        _require_join(api_server, bootstrap_token)
        content = kubelet_config.bootstrap_kubeconfig(api_server, ca_path, bootstrap_token)
        files.append(
            {"path": bootstrap_path, "content": content, "sha256": found.get("bootstrap_kubeconfig_sha256") or ""}
        )
    return files


def _taint(text: str) -> dict[str, str]:
    """Read a taint as kubectl writes it: ``os=Windows:NoSchedule``."""
    parts = _TAINT.fullmatch(text)
    if parts is None:
        raise PlanError(
            f"kubelet_taints: {text!r} is not a taint. Write key=value:Effect, such as os=Windows:NoSchedule."
        )
    return {key: value for key, value in parts.groupdict().items() if value}


def _refuse_new_name(node: Mapping, name: str) -> None:
    """A node keeps the name that it joined with: its certificate is for that name only."""
    if name and not _HOST_NAME.fullmatch(name):
        raise PlanError(
            f"kubelet_hostname_override {name!r} can't be a node's name: Kubernetes takes lower-case letters, digits,"
            " dots and dashes only."
        )
    service = service_of(node, "kubelet")
    if service is None or not node["kubelet"]["kubeconfig_exists"]:
        return
    given = re.search(r"--hostname-override[= ]\"?([^\s\"]+)", service["command_line"])
    joined_as = given[1] if given else node["computer_name"].lower()
    if (name or node["computer_name"].lower()) != joined_as:
        raise PlanError(
            f"{node['computer_name']} joined the cluster as {joined_as} and can't become {name}."
            f" Set kubelet_hostname_override to {joined_as}, or remove the node from the cluster first."
        )


def _flags_of_old_kubelets(version: str, endpoint: str) -> dict[str, str]:
    line = versions.parse(version)[:2]
    flags = {}
    if line <= _ENDPOINT_FLAG_UP_TO:
        flags["container-runtime-endpoint"] = endpoint
    if line <= _REMOTE_FLAG_UP_TO:
        flags["container-runtime"] = "remote"
    return flags


def _require_join(api_server: str, bootstrap_token: str) -> None:
    if not bootstrap_token:
        raise PlanError(
            "kubelet_bootstrap_token is not set, and this node has no kubeconfig yet: it can't join the cluster."
            " Make a token: kubeadm token create."
        )
    if not str(api_server).startswith("https://"):
        raise PlanError(
            f"kubelet_api_server is {api_server!r}: give the API server's URL as the node reaches it,"
            " such as https://api.example.com:6443."
        )

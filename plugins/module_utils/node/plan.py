# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a role has to do on a node, decided from one probe and the role's variables. The roles only carry it out.

* ``windows_plan(node, features)``       which features are missing, whether a reboot is due
* ``containerd_plan(node, ...)``         install or not, what to stop, the service as it should be
* ``kubelet_plan(node, ...)``            the same for the kubelet, and whether the node has joined already
* ``full_version(text)``                 ``"v2.2.9"`` to ``"2.2.9"``; a version without its patch is refused

``node`` is ``node`` of the node_info module. Every function raises PlanError before anything on the node is changed.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.kubewin.hostprocess.plugins.module_utils.node import containerd_config, kubelet_config
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.errors import PlanError
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.merging import overlay, plain
from ansible_collections.kubewin.hostprocess.plugins.module_utils.support import versions, windows

# Steps of a service's recovery. Windows repeats the last one, so a service is never given up, and counts from the
# first again after the reset period. containerd's own registration ends with "none": the third crash in a day is final.
RECOVERY_DELAYS_MILLISECONDS = (5_000, 10_000, 30_000)
RECOVERY_RESET_SECONDS = 300

# Flags that a kubelet needed before its configuration had the field: the runtime's endpoint up to 1.26, and the
# choice of a remote runtime while there was another one, up to 1.23. Read in sig-windows-tools; not run here.
_ENDPOINT_FLAG_UP_TO = (1, 26)
_REMOTE_FLAG_UP_TO = (1, 23)

_SHA256 = re.compile(r"[0-9a-f]{64}")
_TAINT = re.compile(r"(?P<key>[^=:]+)(=(?P<value>[^=:]*))?:(?P<effect>NoSchedule|PreferNoSchedule|NoExecute)")
_HOST_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LOCAL_SYSTEM = {"localsystem", "system", "nt authority\\system"}


def full_version(text: str | float) -> str:
    """Return a version as file names and URLs have it: no v, all three numbers.

    Raises:
        PlanError: it is no version, or it has no patch, so that nothing can be downloaded.
    """
    try:
        version = versions.parse(text)
    except ValueError as exc:
        raise PlanError(str(exc)) from exc
    if not re.search(r"\d+\.\d+\.\d+", str(text)):
        raise PlanError(f'version {text} names no patch. Write all three numbers, in quotes: "{version.line}.0".')
    return str(version)


def windows_plan(node: Mapping, features: Iterable[str]) -> dict:
    """Return ``{features, is_server, reboot}``: features to install, and whether Windows waits for a reboot already.

    A pending reboot is carried out only on a node without a kubelet: one in use is drained first, by the upgrade
    playbook.
    """
    build = windows.windows_build(node["os"]["build"])
    if not build.supported:
        raise PlanError(f"{node['computer_name']}: {build.reason}. Nothing was changed.")
    present = {name.lower(): state for name, state in node["features"].items()}
    missing = [name for name in features if present.get(name.lower()) != "enabled"]
    in_use = _service(node, "kubelet") is not None
    return {
        "features": missing,
        "is_server": "server" in node["os"]["product_name"].lower(),
        "reboot": bool(node["pending_reboot"]["pending"]) and not in_use,
    }


def containerd_plan(
    node: Mapping,
    version: str | float,
    sha256: str,
    directory: str,
    log_file: str,
    config_path: str,
    settings: Mapping | None = None,
    arguments: Iterable[str] = (),
    dependencies: Iterable[str] = (),
    add_to_path: bool = True,
    **wishes: Any,
) -> dict:
    """Return what containerd needs: ``install``, ``stop``, ``service``, ``service_differs``, ``add_to_path`` ...

    An archive that is still in the staging folder is the mark of an installation that was cut off: it is done again.
    Settings and wishes are those of containerd_config; what it would refuse is refused here, before anything stops.
    """
    wanted = full_version(version)
    found = node["containerd"]
    config = found["config"]
    containerd_config.merge(config["content"], settings or {}, wanted, sha256=config["sha256"], **wishes)
    executable = f"{directory}\\containerd.exe"
    staging = f"{directory}\\.staging"
    archive = f"{staging}\\containerd.tar.gz"
    install = (
        not _is_here(found, executable) or not _is_version(found["version"], wanted) or _file_exists(node, archive)
    )
    if install:
        _require_sha256(sha256, "containerd_sha256", f"containerd {wanted}")
        _refuse_running_shims(node, wanted)
    command = [executable, "--run-service", "--service-name", "containerd", "--config", config_path]
    service = _service_wanted("containerd", [*command, "--log-file", log_file, *arguments], dependencies)
    return {
        "version": wanted,
        "install": install,
        "staging": staging,
        "archive": archive,
        "running": _is_running(node, "containerd"),
        "stop": [name for name in ("kubelet", "containerd") if install and _is_running(node, name)],
        "service": service,
        "service_differs": _service_differs(node, service),
        "add_to_path": add_to_path and not _on_path(node, directory),
    }


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
    right = found["sha256"] == sha256.lower() if sha256 else _is_version(found["version"], wanted)
    install = not _is_here(found, executable) or not right
    if install:
        _require_sha256(sha256, "kubelet_sha256", f"kubelet {wanted}")
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
    service = _service_wanted("kubelet", [*command, *arguments], ["containerd"])
    running = _is_running(node, "kubelet")
    folders = {directory: install, log_directory: bool(log_runner)}
    return {
        "version": wanted,
        "install": install,
        "executable": executable,
        "download_to": f"{executable}.new" if running else executable,
        "swap": install and running,
        "running": running,
        "joined": bool(found["kubeconfig_exists"]),
        "folders": [path for path, needed in folders.items() if needed and not _file_exists(node, path)],
        "log_runner": "" if _sha256_of(node, log_runner) == log_runner_sha256.lower() else log_runner,
        "configuration": fields,
        "warnings": list(judged.warnings),
        "files": _kubelet_files(
            found, certificate_authority_path, cluster_ca, bootstrap_kubeconfig_path, api_server, bootstrap_token
        ),
        "service": service,
        "service_differs": _service_differs(node, service),
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
    service = _service(node, "kubelet")
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


def _require_sha256(sha256: str, variable: str, what: str) -> None:
    if not _SHA256.fullmatch(sha256.lower()):
        state = "is not set" if not sha256 else "is not a SHA-256 (64 hexadecimal digits)"
        raise PlanError(
            f"{variable} {state}: {what} is not downloaded without a checksum to verify it by."
            " It is published beside the file: <url>.sha256sum for containerd, <url>.sha256 for the kubelet."
        )


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


def _refuse_running_shims(node: Mapping, wanted: str) -> None:
    """Windows replaces no program that runs: shims of running pods must end before their file can be swapped."""
    shims = [shim["pid"] for shim in node["containerd"].get("shim_processes") or []]
    if shims:
        raise PlanError(
            f"{node['computer_name']}: {len(shims)} shim processes still run pods from the file that containerd"
            f" {wanted} would replace (process {', '.join(map(str, shims))}). Drain the node and end its pods first."
        )


def _service_wanted(name: str, command: Iterable[str], dependencies: Iterable[str]) -> dict:
    """Return a service in the words of ansible.windows.win_service."""
    return {
        "name": name,
        "path": subprocess.list2cmdline(command),
        "dependencies": list(map(str, dependencies)),
        "failure_actions": [{"type": "restart", "delay_ms": delay} for delay in RECOVERY_DELAYS_MILLISECONDS],
        "failure_reset_period_sec": RECOVERY_RESET_SECONDS,
    }


def _service_differs(node: Mapping, wanted: Mapping) -> bool:
    """Tell whether a service is missing, stopped, or configured in another way than wanted."""
    found = _service(node, wanted["name"])
    if found is None:
        return True
    recovery = found.get("failure_actions") or {}
    steps = [("restart", step["delay_ms"]) for step in wanted["failure_actions"]]
    return (
        found["state"] != "running"
        or found["start_mode"] != "auto"
        or found["account"].lower() not in _LOCAL_SYSTEM
        or found["command_line"] != wanted["path"]
        or sorted(map(str.lower, found["dependencies"])) != sorted(map(str.lower, wanted["dependencies"]))
        or [(step["type"], step["delay_milliseconds"]) for step in recovery.get("actions", [])] != steps
        or recovery.get("reset_seconds") != wanted["failure_reset_period_sec"]
        or not recovery.get("on_non_crash")
    )


def _service(node: Mapping, name: str) -> Mapping | None:
    return node["services"].get(name)


def _is_running(node: Mapping, name: str) -> bool:
    return (_service(node, name) or {}).get("state") not in (None, "stopped")


def _is_here(found: Mapping, path: str) -> bool:
    """Tell whether the program that was found is the file that the role takes care of."""
    return bool(found["exists"]) and found["path"].lower() == path.lower()


def _is_version(found: Any, wanted: str) -> bool:
    try:
        return bool(found) and versions.parse(found) == versions.parse(wanted)
    except ValueError:
        return False


def _file(node: Mapping, path: str) -> Mapping:
    """Return what the probe knows of a path that it was asked for; nothing where it was not asked."""
    files = {name.lower(): file for name, file in (node.get("files") or {}).items()}
    return files.get(path.lower()) or {}


def _file_exists(node: Mapping, path: str) -> bool:
    return bool(_file(node, path).get("exists"))


def _sha256_of(node: Mapping, path: str) -> str | None:
    return _file(node, path).get("sha256")


def _on_path(node: Mapping, directory: str) -> bool:
    return directory.rstrip("\\").lower() in {entry.rstrip("\\").lower() for entry in node["path_environment"] or ()}

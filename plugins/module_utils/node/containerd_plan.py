# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What containerd needs on a node, decided from one probe and the role's variables.

* ``containerd_files(...) -> list``       files that the probe has to look at
* ``containerd_plan(node, ...) -> dict``  what to do
* ``containerd_unpacked(node, plan)``     whether what was unpacked is what was wanted, before anything stops
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.kubewin.hostprocess.plugins.module_utils.node import containerd_config
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.containerd_hosts import hosts_files
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.containerd_layout import Layout
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.errors import PlanError
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.probed import (
    file_exists,
    holds_text,
    is_here,
    is_running,
    on_path,
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
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.service_rules import program, same_path
from ansible_collections.kubewin.hostprocess.plugins.module_utils.support import containerd as support

MISMATCHES = ("refuse", "warn")


def _layout(directory: str, version: str | float, hcsshim_version: str | float) -> Layout:
    own_shim = full_version(hcsshim_version) if hcsshim_version else ""
    return Layout(directory.rstrip("\\"), full_version(version), own_shim)


def _registry_path(directory: str, given: str, mirrors: Mapping | None) -> str:
    return given or (f"{directory.rstrip(chr(92))}\\certs.d" if mirrors else "")


def containerd_files(
    version: str | float,
    directory: str,
    program_sha256: Mapping | None = None,
    hcsshim_version: str | float = "",
    registry_config_path: str = "",
    registry_mirrors: Mapping | None = None,
) -> list[str]:
    """Return the files that a plan has to know of."""
    layout = _layout(directory, version, hcsshim_version)
    given = [f"{layout.programs}\\{name}" for name in program_sha256 or {}]
    registry = _registry_path(directory, registry_config_path, registry_mirrors)
    files = [layout.archive, layout.containerd, layout.shim, *given, *filter(None, [layout.hcsshim])]
    return list(dict.fromkeys(files)) + list(hosts_files(registry, registry_mirrors or {}))


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
    program_sha256: Mapping | None = None,
    hcsshim_version: str | float = "",
    hcsshim_sha256: str = "",
    hcsshim_mismatch: str = "refuse",
    registry_config_path: str = "",
    registry_mirrors: Mapping | None = None,
    **wishes: Any,
) -> dict:
    """Return what containerd needs: ``install``, ``install_hcsshim``, ``service``, ``restart``, ``before`` ...

    An archive that is still in the version's folder is the mark of an unpacking that was cut off: it is done again.
    Settings and wishes are those of containerd_config; what it would refuse is refused here, before anything stops.
    ``before`` is what a failed change is taken back to. ``changes`` tells whether a run would do anything.
    """
    layout = _layout(directory, version, hcsshim_version)
    found, wanted = node["containerd"], layout.version
    warnings = _judge_hcsshim(layout, hcsshim_mismatch)
    hashes = {name.lower(): value for name, value in (program_sha256 or {}).items()}
    programs = {layout.containerd: "", layout.shim: ""}
    programs |= {f"{layout.programs}\\{name}": _hash(name, value) for name, value in hashes.items()}
    install = file_exists(node, layout.archive) or not all(_is_there(node, *program) for program in programs.items())
    if install:
        require_sha256(sha256, "containerd_sha256", f"containerd {wanted}")
        _refuse_in_use(node, layout.containerd, layout.shim)
    hcsshim = bool(layout.hcsshim) and sha256_of(node, layout.hcsshim) != hcsshim_sha256.lower()
    if layout.hcsshim:
        require_sha256(hcsshim_sha256, "containerd_hcsshim_sha256", f"hcsshim {layout.hcsshim_version}")
        programs[layout.hcsshim] = hcsshim_sha256.lower()
    if hcsshim:
        _refuse_in_use(node, layout.hcsshim)
    registry = _registry_path(directory, registry_config_path, registry_mirrors)
    config = found["config"]
    wishes |= {"registry_config_path": registry, "opt_path": layout.opt_path}
    merged = containerd_config.merge(config["content"], settings or {}, wanted, sha256=config["sha256"], **wishes)
    hosts = hosts_files(registry, registry_mirrors or {})
    command = [layout.containerd, "--run-service", "--service-name", "containerd", "--config", config_path]
    service = service_wanted("containerd", [*command, "--log-file", log_file, *arguments], dependencies)
    differs = service_differs(node, service)
    path_add = [layout.programs] if add_to_path and not on_path(node, layout.programs) else []
    path_remove = _superseded(node, layout) if add_to_path else []
    return {
        "version": wanted,
        "install": install,
        "folders": [layout.programs] * install + [f"{layout.opt_path}\\bin"] * hcsshim,
        "folder": layout.folder,
        "archive": layout.archive,
        "programs": programs,
        "install_hcsshim": hcsshim,
        "hcsshim": layout.hcsshim,
        "opt_path": layout.opt_path,
        "registry_config_path": registry,
        "running": is_running(node, "containerd"),
        "stop": _kubelet_to_stop(node),
        "kubelet_running": is_running(node, "kubelet"),
        "service": service,
        "service_differs": differs,
        "path_add": path_add,
        "path_remove": path_remove,
        "before": {
            "version": found["version"],
            "command_line": (service_of(node, "containerd") or {}).get("command_line"),
            "config": {"exists": bool(config["exists"]), "content": config["content"]},
        },
        "changes": bool(install or hcsshim or differs or merged.changed or path_add or path_remove)
        or any(not holds_text(node, path, text) for path, text in hosts.items()),
        "warnings": warnings,
    }


def containerd_unpacked(node: Mapping, plan: Mapping, sha256: str = "") -> bool:
    """Check what was unpacked, from a probe of the version's folder; always True, or an error.

    Raises:
        PlanError: a program is missing, is not the one that its hash names, or doesn't say the wanted version.
    """
    expected = {**plan["programs"], **({plan["archive"]: sha256.lower()} if plan["install"] else {})}
    for path, wanted in expected.items():
        if not file_exists(node, path):
            raise PlanError(f"The release holds no {path}. Nothing was stopped.")
        if wanted and sha256_of(node, path) != wanted:
            raise PlanError(
                f"{path} has SHA-256 {sha256_of(node, path)}, {wanted} is wanted. Nothing was stopped. Compare the"
                " checksum with the one that its vendor publishes."
            )
    found = node["containerd"]
    if not is_version(found["version"], plan["version"]):
        errors = [error["message"] for error in node.get("errors") or [] if found["path"] in str(error.get("what"))]
        said = f"calls itself {found['version']}" if found["version"] else "does not start"
        because = f" ({'; '.join(errors)})" if errors else ""
        raise PlanError(f"{found['path']} {said}{because}; {plan['version']} is wanted. Nothing was stopped.")
    return True


def _hash(name: str, value: str) -> str:
    require_sha256(str(value), f"containerd_program_sha256[{name}]", name)
    return str(value).lower()


def _is_there(node: Mapping, path: str, sha256: str) -> bool:
    """Tell whether a program lies where it should; a probe that was not asked for it may know it all the same."""
    if sha256:
        return sha256_of(node, path) == sha256
    found = node["containerd"]
    return file_exists(node, path) or is_here(found, path) or is_here(found.get("shim") or {"exists": False}, path)


def _judge_hcsshim(layout: Layout, mismatch: str) -> list[str]:
    """Return what a person should know of the shim; refuse one that can't work, or that isn't wanted."""
    if mismatch not in MISMATCHES:
        raise PlanError(f"containerd_hcsshim_mismatch is {mismatch!r}. Choose one of {', '.join(MISMATCHES)}.")
    own = layout.hcsshim_version
    pairing = support.check_shim(layout.version, own) if own else support.check_own_shim(layout.version)
    if pairing.state == "supported":
        return []
    if pairing.state == "too_old" or mismatch == "refuse":
        way = "" if pairing.state == "too_old" else " To use it all the same, set containerd_hcsshim_mismatch to warn."
        raise PlanError(f"{pairing.message}. {pairing.fix}{way} Nothing was changed.")
    return [f"{pairing.message}. {pairing.fix}"]


def _refuse_in_use(node: Mapping, *paths: str) -> None:
    """Windows replaces no program that runs. Only an installation in its own folder, damaged, comes here."""
    service = service_of(node, "containerd") or {}
    running = (
        {program(service.get("command_line")) or "": service.get("process_id")} if service.get("process_id") else {}
    )
    running |= {shim["path"] or "": shim["pid"] for shim in node["containerd"].get("shim_processes") or []}
    used = [f"{path} (process {pid})" for path, pid in running.items() if any(same_path(path, mine) for mine in paths)]
    if used:
        raise PlanError(
            f"{node['computer_name']}: this version's folder has to be unpacked again (a file is missing, has another"
            f" SHA-256, or an archive was left there), but programs run from it: {', '.join(used)}. Windows replaces no"
            " program that runs. Drain the node, end its pods and stop containerd; or install another version."
        )


def _kubelet_to_stop(node: Mapping) -> list[str]:
    """Return the kubelet where stopping containerd wouldn't stop it first by itself."""
    kubelet = service_of(node, "kubelet")
    if not is_running(node, "kubelet") or kubelet is None:
        return []
    return [] if "containerd" in map(str.lower, kubelet.get("dependencies") or []) else ["kubelet"]


def _superseded(node: Mapping, layout: Layout) -> list[str]:
    """Return PATH entries of other versions: their folders here, and where the service ran its program from so far."""
    entries = list(node["path_environment"] or [])
    found = node["containerd"]
    before = found["path"].rpartition("\\")[0] if found["exists"] else ""
    old = [entry for entry in entries if before and same_path(entry.rstrip("\\"), before)]
    return [
        entry
        for entry in dict.fromkeys([*layout.superseded(entries), *old])
        if not same_path(entry.rstrip("\\"), layout.programs)
    ]

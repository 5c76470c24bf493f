# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Programs beside containerd and the kubelet (crictl, CNI plugins) and their files, each only when it is asked for.

An archive leaves its SHA-256 in a file of its own beside what was unpacked, written last: an unpacking that was cut
off is done again, and the programs need not say their version. A program that was removed since is unpacked again.
"""

from __future__ import annotations

import json
import ntpath
from collections.abc import Iterable, Mapping, Sequence

try:
    import yaml
except ImportError:
    yaml = None  # ansible-core brings it; only ansible-test's import test goes without

from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.errors import PlanError
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.probed import file_exists, holds_text, on_path
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.release import require_sha256


def node_tools_wanted(
    crictl_url: str | Sequence[str],
    crictl_sha256: str,
    crictl_directory: str,
    crictl_configuration: Mapping,
    cni_url: str | Sequence[str],
    cni_sha256: str,
    cni_directory: str,
    cni_configuration: Mapping,
    cni_configuration_path: str,
    crictl_file: str = "",
    cni_file: str = "",
    cni_programs: Iterable[str] = (),
) -> dict:
    """Return ``{archives, files, probe}``: what is asked for, and the paths to ask node_info about."""
    archives = [
        _archive("crictl", crictl_url, crictl_file, crictl_sha256, crictl_directory, ["crictl.exe"]),
        _archive("cni", cni_url, cni_file, cni_sha256, cni_directory, cni_programs),
    ]
    texts = {
        ntpath.join(crictl_directory, "crictl.yaml"): _yaml(crictl_configuration) if crictl_sha256 else "",
        cni_configuration_path: _json(cni_configuration, cni_configuration_path) if cni_configuration else "",
    }
    archives = [archive for archive in archives if archive["sha256"]]
    files = [{"path": path, "content": text} for path, text in texts.items() if text]
    folders = {archive["directory"] for archive in archives} | {ntpath.dirname(file["path"]) for file in files}
    left = [path for archive in archives for path in (archive["marker"], *archive["programs"])]
    asked = [*sorted(folders), *left, *(file["path"] for file in files)]
    return {"archives": archives, "files": files, "folders": sorted(folders), "probe": asked}


def node_tools_plan(node: Mapping, wanted: Mapping, path_directories: Iterable[str] = ()) -> dict:
    """Return what is missing or differs of ``wanted``: ``archives``, ``files``, ``folders``, ``path``, ``changes``."""
    archives = [archive for archive in wanted["archives"] if not _is_unpacked(node, archive)]
    files = [file for file in wanted["files"] if not _is_there(node, file)]
    with_crictl = any(archive["name"] == "crictl" for archive in wanted["archives"])
    path = [folder for folder in path_directories if not on_path(node, folder)] if with_crictl else []
    folders = [folder for folder in wanted["folders"] if not file_exists(node, folder)]
    return {
        "archives": archives,
        "files": files,
        "folders": folders if archives or files else [],
        "path": path,
        "changes": bool(archives or files or path),
    }


def _archive(
    name: str, url: str | Sequence[str], file: str, sha256: str, directory: str, programs: Iterable[str]
) -> dict:
    if sha256:
        require_sha256(sha256, f"node_tools_{name}_sha256", name)
    if bool(sha256) != bool(url or file):
        raise PlanError(
            f"node_tools_{name}_url (or node_tools_{name}_file) and node_tools_{name}_sha256 go together: give both, or"
            " none."
        )
    return {
        "name": name,
        "url": url,
        "file": file,
        "sha256": sha256.lower(),
        "directory": directory,
        "archive": ntpath.join(directory, f"{name}.download"),
        "marker": ntpath.join(directory, f".{name}.sha256"),
        "programs": [ntpath.join(directory, program) for program in programs],
    }


def _yaml(content: Mapping) -> str:
    return yaml.safe_dump(json.loads(json.dumps(content)), sort_keys=False)


def _json(content: Mapping, path: str) -> str:
    if not content.get("cniVersion") or not content.get("name"):
        raise PlanError(f"node_tools_cni_configuration ({path}) has no cniVersion or no name; CNI needs both.")
    listed = "plugins" in content
    if listed != path.lower().endswith(".conflist"):
        wanted = ".conflist" if listed else ".conf"
        raise PlanError(f"node_tools_cni_configuration_path is {path}: a configuration of this form ends in {wanted}.")
    return json.dumps(content, indent=2) + "\n"


def node_tools_markers(archives: Iterable[Mapping]) -> list[dict]:
    """Return the files that say which archives were unpacked."""
    return [_marker(archive) for archive in archives]


def _marker(archive: Mapping) -> dict:
    return {"path": archive["marker"], "content": archive["sha256"] + "\n"}


def _is_unpacked(node: Mapping, archive: Mapping) -> bool:
    return _is_there(node, _marker(archive)) and all(file_exists(node, path) for path in archive["programs"])


def _is_there(node: Mapping, file: Mapping) -> bool:
    return holds_text(node, file["path"], file["content"])

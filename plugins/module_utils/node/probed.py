# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What one probe knows of a node, by the name that a plan asks for: services, files, the PATH."""

from __future__ import annotations

from collections.abc import Mapping

from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.text_hash import text_sha256


def service_of(node: Mapping, name: str) -> Mapping | None:
    return node["services"].get(name)


def is_running(node: Mapping, name: str) -> bool:
    return (service_of(node, name) or {}).get("state") not in (None, "stopped")


def is_here(found: Mapping, path: str) -> bool:
    """Tell whether the program that was found is the file that the role takes care of."""
    return bool(found["exists"]) and found["path"].lower() == path.lower()


def file_of(node: Mapping, path: str) -> Mapping:
    """Return what the probe knows of a path that it was asked for; nothing where it was not asked."""
    files = {name.lower(): file for name, file in (node.get("files") or {}).items()}
    return files.get(path.lower()) or {}


def file_exists(node: Mapping, path: str) -> bool:
    return bool(file_of(node, path).get("exists"))


def sha256_of(node: Mapping, path: str) -> str | None:
    return file_of(node, path).get("sha256")


def holds_text(node: Mapping, path: str, text: str) -> bool:
    """Tell whether a file that the probe was asked for holds exactly this text."""
    return sha256_of(node, path) == text_sha256(text)


def on_path(node: Mapping, directory: str) -> bool:
    return directory.rstrip("\\").lower() in {entry.rstrip("\\").lower() for entry in node["path_environment"] or ()}


def registry_values_of(node: Mapping, key: str) -> Mapping:
    """Return name to value of a registry key that the probe was asked for; nothing where it isn't there."""
    keys = {name.lower(): found for name, found in (node.get("registry") or {}).items()}
    return (keys.get(key.lower()) or {}).get("values") or {}


def registry_value(node: Mapping, key: str, name: str) -> Mapping | None:
    values = registry_values_of(node, key).items()
    return next((value for known, value in values if known.lower() == name.lower()), None)


def below(path: str, directory: str) -> bool:
    """Tell whether a path lies in a folder, at any depth."""
    return bool(directory) and path.lower().startswith(directory.rstrip("\\").lower() + "\\")

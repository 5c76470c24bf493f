# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""containerd's registry mirrors: which ``hosts.toml`` lies where below the registry ``config_path``.

The folder of ``registry.example.com:5000`` is ``registry.example.com_5000_``, since Windows has no colon in names
(hostPaths in core/remotes/docker/config/config_windows.go); ``_default`` is for every registry without a folder.
containerd reads these files at each pull, so no restart follows a change. It tries the hosts in the file's order.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from ansible_collections.kubewin.hostprocess.plugins.module_utils.node import toml_text
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.errors import ConfigurationError
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.merging import plain

_REGISTRY = re.compile(r"_default|[a-z0-9]([-a-z0-9.]*[a-z0-9])?(:(?P<port>\d+))?", re.IGNORECASE)
_KEYS = {"server", "host", "capabilities", "ca", "client", "skip_verify", "header", "override_path", "dial_timeout"}


def hosts_files(config_path: str, mirrors: Mapping) -> dict[str, str]:
    """Return path to text of each registry's ``hosts.toml``.

    Args:
        config_path: the folder that config.toml names as ``registry.config_path``.
        mirrors: registry name to the content of its file, in the file's own shape (``server``, ``host`` ...).

    Raises:
        ConfigurationError: a registry's name, or a key that containerd would ignore without a word.
    """
    files = {}
    for name, content in mirrors.items():
        registry = _REGISTRY.fullmatch(str(name))
        if registry is None:
            raise ConfigurationError(
                f"containerd_registry_mirrors: {name!r} is no registry. Write its host, with the port if it has one,"
                " without https:// and path; or _default."
            )
        tree = plain(content, f"containerd_registry_mirrors.{name}")
        _refuse_unknown_keys(str(name), tree)
        folder = str(name).replace(":", "_") + ("_" if registry["port"] else "")
        files[f"{config_path}\\{folder}\\hosts.toml"] = toml_text.write(tree)
    return files


def _refuse_unknown_keys(name: str, tree: object) -> None:
    where = f"containerd_registry_mirrors.{name}"
    if not isinstance(tree, dict) or not isinstance(tree.get("host", {}), dict):
        raise ConfigurationError(f"{where} is not shaped as hosts.toml: server, and host with a table for each mirror.")
    tables = {where: tree, **{f"{where}.host.{host}": table for host, table in tree.get("host", {}).items()}}
    for place, table in tables.items():
        unknown = sorted(set(table) - _KEYS) if isinstance(table, dict) else ["no table"]
        if unknown:
            raise ConfigurationError(
                f"{place}: {', '.join(unknown)} is not known to hosts.toml. Known: {', '.join(sorted(_KEYS))}."
            )

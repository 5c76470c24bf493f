# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A node_info node as the rules of readiness read it, and what a rule says."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import Any, NamedTuple

try:
    import yaml
except ImportError:
    yaml = None  # ansible-core brings it; only ansible-test's import test goes without

from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.containerd_layout import (
    SHIM,
    hcsshim_version_of,
)
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.errors import NodeError
from ansible_collections.kubewin.hostprocess.plugins.module_utils.support import containerd, gates, matrix
from ansible_collections.kubewin.hostprocess.plugins.module_utils.support.errors import SupportError
from ansible_collections.kubewin.hostprocess.plugins.module_utils.support.windows import WindowsBuild, windows_build


class Found(NamedTuple):
    """What a rule found: a sentence, what to do, and the facts that it rests on."""

    message: str
    fix: str
    evidence: dict[str, Any]


class Facts:
    """A ``node_info`` node, and the versions that it is judged against; a missing or null fact is None."""

    def __init__(
        self, node: Mapping[str, Any], kubernetes_version: str | float | None, containerd_version: str | float | None
    ) -> None:
        if not isinstance(node, Mapping):
            raise NodeError(
                "The node is not the 'node' of a kubewin.hostprocess.node_info result. Register that module's result"
                " and hand over its key 'node'."
            )
        self.node = node
        self.wanted_kubernetes = kubernetes_version
        self.wanted_containerd = containerd_version

    def get(self, *path: str) -> Any:
        """Return the fact at a path of keys, or None where the path ends early."""
        return _at(self.node, path)

    @cached_property
    def build(self) -> WindowsBuild | None:
        number = self.get("os", "build")
        return None if number is None else windows_build(number)

    @cached_property
    def kubernetes(self) -> str | float | None:
        """The version that is asked for, else that of the installed kubelet; None where the matrix doesn't know it."""
        return _known(self.wanted_kubernetes or self.get("kubelet", "version"), gates.kubernetes_line)

    @cached_property
    def containerd(self) -> str | None:
        """The installed version; None where the matrix doesn't know it."""
        return _known(self.get("containerd", "version"), containerd.line)

    def containerd_setting(self, *path: str) -> Any:
        """Return what config.toml says at a path of keys, or None where it says nothing."""
        return _at(self._containerd_configuration, path)

    @cached_property
    def _containerd_configuration(self) -> dict[str, Any]:
        try:
            return tomllib.loads(self.get("containerd", "config", "content") or "")
        except tomllib.TOMLDecodeError:
            return {}

    @cached_property
    def shim_path(self) -> str | None:
        """The shim that new pods get: below the opt path of containerd's configuration, else beside containerd."""
        path = self.containerd_setting("plugins", matrix.OPT_PLUGIN, "path")
        return f"{path}\\bin\\{SHIM}" if path else self.get("containerd", "shim", "path")

    @cached_property
    def own_shim(self) -> str | None:
        """The hcsshim version where new pods get a shim of one's own; None where they get the release's."""
        return hcsshim_version_of(self.shim_path or "")

    @cached_property
    def kubelet_configuration(self) -> Mapping[str, Any] | None:
        """The kubelet's configuration; None where there is none or it isn't YAML."""
        try:
            content = yaml.safe_load(self.get("kubelet", "config", "content") or "")
        except yaml.YAMLError:
            return None
        return content if isinstance(content, Mapping) else None

    def runs(self, service: str) -> bool:
        return self.get("services", service, "state") == "running"


def _at(value: Any, path: Iterable[str]) -> Any:
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _known(version: Any, look_up: Callable) -> Any:
    try:
        look_up(version)
    except SupportError:
        return None
    return version

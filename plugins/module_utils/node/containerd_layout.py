# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where a containerd and its shim lie on a node: a folder for each version, so that nothing that runs is replaced.

    <directory>\\<version>\\bin\\containerd.exe           the release as it was unpacked, with its own shim
    <directory>\\<version>\\containerd.tar.gz             there while the unpacking is not finished
    <directory>\\hcsshim-<version>\\bin\\containerd-shim-runhcs-v1.exe    a shim of one's own
    <directory>\\config.toml, containerd.log, certs.d    one for all versions

containerd looks for its shim in the PATH, and beside itself only where the PATH has none (resolveRuntimePath in
core/runtime/v2/shim_manager.go, 1.6 to 2.4). Its opt plugin puts ``<opt path>\\bin`` before the PATH, so the opt path
says which shim a version starts, whatever the PATH of the node says.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

PROGRAM = "containerd.exe"
SHIM = "containerd-shim-runhcs-v1.exe"

_VERSION_FOLDER = re.compile(r"v?\d+\.\d+\.\d+[-.0-9a-z]*", re.IGNORECASE)
_HCSSHIM_FOLDER = re.compile(r"\\hcsshim-(?P<version>\d+\.\d+\.\d+[^\\]*)\\bin\\[^\\]+$", re.IGNORECASE)


@dataclass(frozen=True)
class Layout:
    """The paths of one version; ``hcsshim_version`` is empty where the release's own shim is used."""

    directory: str
    version: str
    hcsshim_version: str = ""

    @property
    def folder(self) -> str:
        return f"{self.directory}\\{self.version}"

    @property
    def programs(self) -> str:
        return f"{self.folder}\\bin"

    @property
    def containerd(self) -> str:
        return f"{self.programs}\\{PROGRAM}"

    @property
    def shim(self) -> str:
        """The shim that came with the release."""
        return f"{self.programs}\\{SHIM}"

    @property
    def archive(self) -> str:
        return f"{self.folder}\\containerd.tar.gz"

    @property
    def opt_path(self) -> str:
        """The folder whose ``bin`` holds the shim that this version starts."""
        return f"{self.directory}\\hcsshim-{self.hcsshim_version}" if self.hcsshim_version else self.folder

    @property
    def hcsshim(self) -> str:
        """The shim of one's own; empty where there is none."""
        return f"{self.opt_path}\\bin\\{SHIM}" if self.hcsshim_version else ""

    def superseded(self, entries: list[str]) -> list[str]:
        """Return those entries of a PATH that are the programs' folder of another version."""
        prefix = f"{self.directory}\\".lower()
        found = []
        for entry in entries:
            name, _separator, rest = entry.lower().removeprefix(prefix).rstrip("\\").partition("\\")
            below = entry.lower().startswith(prefix) and rest == "bin" and _VERSION_FOLDER.fullmatch(name)
            if below and name != self.version.lower():
                found.append(entry)
        return found


def hcsshim_version_of(shim_path: str) -> str | None:
    """Return the version of a shim in a folder of its own, or None for one that came with containerd's release."""
    found = _HCSSHIM_FOLDER.search(shim_path)
    return found["version"] if found else None

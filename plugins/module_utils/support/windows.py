# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Windows builds.

* ``windows_build(build) -> WindowsBuild``   name, whether HostProcess containers work there, and why not
* ``optional_feature(name) -> str``           a feature of Get-WindowsFeature as DISM and CIM name it
"""

from __future__ import annotations

from typing import NamedTuple

from ansible_collections.kubewin.hostprocess.plugins.module_utils.support import matrix


class WindowsBuild(NamedTuple):
    """What is known of a Windows build.

    ``bind_mode`` is True, False, or ``"probe"``: bind mounts work if ``matrix.BIND_FILTER_LIBRARY`` is on the node.
    ``image`` says how an image's os.version must match: exact, ltsc2022_up, previous_ltsc_up, or None if unknown.
    ``reason`` is empty where there is nothing to say; it also warns about retired and unlisted builds.
    """

    build: int
    name: str
    supported: bool
    bind_mode: bool | str
    image: str | None
    reason: str


def windows_build(build: int | str) -> WindowsBuild:
    """Look a build number (20348) up; a build that isn't listed is judged by the minimum alone."""
    number = int(build)
    row = matrix.WINDOWS_BUILDS.get(number)
    supported = row["hostprocess"] if row else number >= matrix.MINIMUM_WINDOWS_BUILD
    name = row["name"] if row else f"Windows build {number}"
    bind_mode = row["bind_mode"] if row else ("probe" if supported else False)
    return WindowsBuild(
        number, name, supported, bind_mode, row["image"] if row else None, _reason(name, number, row, supported)
    )


def _reason(name: str, number: int, row: dict | None, supported: bool) -> str:
    if not supported:
        return (
            f"{name} (build {number}) can't run HostProcess containers: they need Windows Server 2019"
            f" (build {matrix.MINIMUM_WINDOWS_BUILD}) or later"
        )
    if row is None:
        return f"build {number} is not in the support matrix; it is new enough, but nothing more is known of it"
    return f"{name} is out of Microsoft's support" if row.get("retired") else ""


# Names of Get-WindowsFeature to those of DISM and Win32_OptionalFeature, where they differ.
_OPTIONAL_FEATURES = {
    "hyper-v": "Microsoft-Hyper-V",
    "hyper-v-powershell": "Microsoft-Hyper-V-Management-PowerShell",
}


def optional_feature(name: str) -> str:
    """Return what DISM calls a feature; a name that isn't known here is taken to be the same."""
    return _OPTIONAL_FEATURES.get(name.lower(), name)

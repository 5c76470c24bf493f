# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What may keep a probe from running on a node, in words that say what to do.

* ``connection_problem(transport, shell_is_windows)``   None, or why no probe can run over this connection
* ``application_control(answer)``                       None, or what shows that the node forbids compiled code
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

CONNECTIONS = ("winrm", "psrp", "ssh")

# How Windows PowerShell (its own texts for the constrained language mode), Windows and ansible-core 2.21 say that
# AppLocker or App Control for Business (WDAC) is in the way.
_APPLICATION_CONTROL = re.compile(
    r"core types (?:are supported )?in this language mode"
    r"|not supported in this language mode"
    r"|in ConstrainedLanguage mode"
    r"|blocked by (?:group|software restriction) polic"
    r"|blocked by your (?:system administrator|organization)"
    r"|Device Guard policy",
    re.IGNORECASE,
)


def connection_problem(transport: str, shell_is_windows: bool) -> str | None:
    """Return None when modules for Windows can run over a connection, else why not and what to set."""
    if transport not in CONNECTIONS:
        return (
            f"This module runs on a Windows node over one of the connections {', '.join(CONNECTIONS)}, not over"
            f" {transport!r}. Set ansible_connection of the host."
        )
    if not shell_is_windows:
        return (
            f"The {transport} connection of this host has no Windows shell. Set ansible_shell_type to powershell (or"
            " cmd) for the host."
        )
    return None


def application_control(answer: Mapping[str, Any]) -> str | None:
    """Return the sentence of a failed module's answer that shows application control, or None."""
    if not answer.get("failed"):
        return None
    for key in ("msg", "exception", "module_stderr", "module_stdout"):
        for line in str(answer.get(key) or "").splitlines():
            if _APPLICATION_CONTROL.search(line):
                return line.strip()
    return None

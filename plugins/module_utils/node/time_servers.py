# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The registry values by which Windows' time service is told where the time comes from.

Source: Microsoft, Windows Time service tools and settings, values ``NtpServer`` and ``Type``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.errors import PlanError

NTP_SERVER, TYPE = "NtpServer", "Type"
# What a machine outside a domain has. The flag differs between Microsoft's pages (0x1, 0x9), so any counts as it.
DEFAULT = {NTP_SERVER: "time.windows.com,0x1", TYPE: "NTP"}
_FROM_DOMAIN = {NTP_SERVER: None, TYPE: "NT5DS"}
_CLIENT = "0x8"


def wanted(servers: Iterable[Any], name: str) -> dict[str, str | None]:
    """Return the values for these servers; None for one that must not be there. No server: the machine's domain.

    A server is a DNS name or an address, with flags of its own (``name,0x9``) or in client mode.

    Raises:
        PlanError: it is no list of servers, or names one twice.
    """
    if isinstance(servers, (str, Mapping)) or not isinstance(servers, Iterable):
        raise PlanError(f"windows_node_tuning: {name} takes servers as a list, not {servers!r}.")
    listed = [str(server) for server in servers]
    names = [server.partition(",")[0].lower() for server in listed]
    wrong = [server for server in listed if not server.partition(",")[0] or len(server.split()) != 1]
    if wrong or len(set(names)) != len(names):
        problem = f"{wrong[0]!r} is no name or address" if wrong else "one is named twice"
        raise PlanError(f"windows_node_tuning: the servers of {name} are {', '.join(map(repr, listed))}: {problem}.")
    if not listed:
        return dict(_FROM_DOMAIN)
    return {NTP_SERVER: " ".join(s if "," in s else f"{s},{_CLIENT}" for s in listed), TYPE: "NTP"}


def is_from_domain(found: Mapping[str, Any]) -> bool:
    """Tell whether the machine takes its time from its domain."""
    return found.get(TYPE) == _FROM_DOMAIN[TYPE]


def is_default(found: Mapping[str, Any]) -> bool:
    """Tell whether these are the values of a machine outside a domain that nobody has changed."""
    server = str(found.get(NTP_SERVER) or "").partition(",")
    return found.get(TYPE) == DEFAULT[TYPE] and server[0] == "time.windows.com" and " " not in server[2].strip()

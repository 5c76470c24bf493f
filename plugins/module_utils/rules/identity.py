# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who a HostProcess container runs as: what hcsshim makes of runAsUserName on the node.

* ``identify(name, inherits=False) -> Identity``

Source: facts section 3 (hcsshim internal/jobcontainers/logon.go). That a name in the wrong case and an ordinary account
fail to log on is inferred from the logon type that hcsshim chooses, not seen on Windows.
"""

from __future__ import annotations

from typing import NamedTuple

AUTHORITY = "NT AUTHORITY"
# User parts that LogonUser knows as services; their case and the space in them don't matter.
SERVICES = {"system": "SYSTEM", "localservice": "Local service", "networkservice": "NetworkService"}

INHERITED = "inherited"
SERVICE = "service"
MISSING = "missing"
LOCAL_GROUP = "local_group"
WRONG_CASE = "wrong_case"
NO_AUTHORITY = "no_authority"
ACCOUNT = "account"


class Identity(NamedTuple):
    """How a name is resolved.

    ``kind``: inherited (the shim's own token), service (a built-in service account), local_group (a temporary member
    of a local group; the group must exist), missing (the image's user, or none), wrong_case and no_authority (a
    service account misspelt, ``should_be`` is the right spelling), account (an ordinary account, whose password nobody
    can give). The last four are expected to fail at start.
    """

    kind: str
    should_be: str = ""


def identify(name: str | None, inherits: bool = False) -> Identity:
    """Tell how hcsshim resolves a runAsUserName.

    Args:
        name: the effective name; None or empty if neither pod nor container has one.
        inherits: whether annotation ``microsoft.com/hostprocess-inherit-user`` is "true" and reaches the shim.
    """
    if inherits:
        return Identity(INHERITED)
    if not name:
        return Identity(MISSING)
    domain, backslash, user = name.rpartition("\\")
    service = SERVICES.get(user.replace(" ", "").casefold())
    if not backslash:
        return Identity(NO_AUTHORITY, f"{AUTHORITY}\\{service}") if service else Identity(LOCAL_GROUP)
    if domain == AUTHORITY:
        return Identity(SERVICE) if service else Identity(ACCOUNT)
    if domain.casefold() == AUTHORITY.casefold():
        return Identity(WRONG_CASE, f"{AUTHORITY}\\{user}")
    return Identity(ACCOUNT)


def is_system(name: str | None) -> bool:
    """Tell whether a name is the SYSTEM account, spelt in any way."""
    domain, _backslash, user = (name or "").rpartition("\\")
    return user.casefold() == "system" and domain.casefold() in ("", AUTHORITY.casefold())

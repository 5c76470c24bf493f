# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether a process runs as the account that a container asked for (facts section 3)."""

from __future__ import annotations

# The account a local group gets: hcsshim internal/jobcontainers/logon.go, UserNameCharLimit.
TEMPORARY_ACCOUNT_LENGTH = 20

SERVICE_ACCOUNTS = {
    "system": "S-1-5-18",
    "local service": "S-1-5-19",
    "localservice": "S-1-5-19",
    "network service": "S-1-5-20",
    "networkservice": "S-1-5-20",
}


def temporary_account(container_id: str) -> str:
    """Return the name of the local user that the shim makes for a container whose user is a local group."""
    return container_id[:TEMPORARY_ACCOUNT_LENGTH].lower()


def runs_as(declared: str, user: str, sid: str | None, container_id: str) -> bool:
    """Return whether a process account is the declared one.

    Names are compared as Windows does, without case; a declared name without a domain fits any domain, because
    Windows names the domain itself. Service accounts are compared by SID where there is one: their names are
    translated on localised systems. A local group stands for the container's temporary account.
    """
    domain, account = _split(declared)
    actual_domain, actual_account = _split(user)
    if actual_account == temporary_account(container_id) and container_id:
        return not domain
    service = SERVICE_ACCOUNTS.get(account) if domain in ("", "nt authority") else None
    if service and sid:
        return sid.upper() == service
    if service:
        return SERVICE_ACCOUNTS.get(actual_account) == service
    return account == actual_account and domain in ("", actual_domain)


def _split(name: str) -> tuple[str, str]:
    domain, _separator, account = name.casefold().rpartition("\\")
    return domain, account

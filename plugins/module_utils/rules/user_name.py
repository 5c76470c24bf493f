# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the API server says of a runAsUserName. Lengths are lengths in bytes of UTF-8.

Source: facts section 1.2 (unchanged from Kubernetes 1.23 to 1.37).
"""

from __future__ import annotations

import re

LONGEST_DOMAIN = 255
LONGEST_USER = 104

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_NETBIOS = re.compile(r"[^\\/:*?\"<>|.][^\\/:*?\"<>|]{0,14}")
_DNS_LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
_DNS = re.compile(rf"{_DNS_LABEL}(?:\.{_DNS_LABEL})*")
_ONLY_PERIODS_OR_SPACES = re.compile(r"[. ]+")
_NOT_IN_USER = re.compile(r'["/\\:;|=,+*?<>@\[\]]')


def problems(name: str) -> list[str]:
    """Return the API server's objections to a user name, in its order; empty if it takes the name."""
    if not name:
        return ["runAsUserName cannot be an empty string"]
    if _CONTROL.search(name):
        return ["runAsUserName cannot contain control characters"]
    if name.count("\\") > 1:
        return ["runAsUserName cannot contain more than one backslash"]
    domain, backslash, user = name.rpartition("\\")
    return _domain_problems(domain, bool(backslash)) + _user_problems(user)


def _domain_problems(domain: str, given: bool) -> list[str]:
    found = []
    if byte_length(domain) > LONGEST_DOMAIN:
        found.append("runAsUserName's Domain length must be under 256 characters")
    if given and not _NETBIOS.fullmatch(domain) and not _DNS.fullmatch(domain):
        found.append("runAsUserName's Domain doesn't match the NetBios nor the DNS format")
    return found


def _user_problems(user: str) -> list[str]:
    found = []
    if not user:
        found.append("runAsUserName's User cannot be empty")
    elif byte_length(user) > LONGEST_USER:
        found.append("runAsUserName's User length must not be longer than 104 characters")
    if _ONLY_PERIODS_OR_SPACES.fullmatch(user):
        found.append("runAsUserName's User cannot contain only periods or spaces")
    if _NOT_IN_USER.search(user):
        found.append("runAsUserName's User cannot contain the following characters: \"/\\:;|=,+*?<>@[]")
    return found


def byte_length(text: str) -> int:
    """Length as the API server counts it; JSON can hold half a character, which UTF-8 can't."""
    return len(text.encode("utf-8", "surrogatepass"))

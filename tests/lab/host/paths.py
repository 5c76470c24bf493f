"""Windows paths and environment references, for code that has a Host and no Windows."""

from __future__ import annotations

import ntpath
import re

from lab.host.interface import Host


def expand(host: Host, text: str) -> str:
    """``%NAME%`` as ExpandEnvironmentVariables does: names without case, unknown ones stay as they are."""
    environment = {name.upper(): value for name, value in host.environment().items()}
    return re.sub(r"%([^%]+)%", lambda match: environment.get(match[1].upper(), match[0]), text)


def normal(path: str) -> str:
    """One spelling of a path: backslashes, no ``.`` or trailing separator, the drive in capitals."""
    path = ntpath.normpath(path.removeprefix("\\\\?\\"))
    drive, rest = ntpath.splitdrive(path)
    return drive.upper() + rest


def same(first: str, second: str) -> bool:
    """Whether two paths name the same file."""
    return normal(first).lower() == normal(second).lower()

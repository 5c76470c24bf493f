"""The laboratory's exception root, and the errors that name what is missing or not modelled."""

from __future__ import annotations


class LabError(Exception):
    """Anything that stops the laboratory. The text says what failed, on which object, why, and what to do next."""


class MissingTool(LabError):
    """A program or file that the laboratory needs is not on this machine."""


class NotModelled(LabError):
    """Somebody asked a node for something that the laboratory does not know. It never answers by guessing."""

    def __init__(self, what: str) -> None:
        super().__init__(f"SIMULATOR: {what} not modelled")


class HostError(LabError):
    """A Windows call failed on a node.

    Args:
        what: the call and its object, for example ``write C:\\k\\kubelet.exe``.
        code: the Win32 error code, for example 32 (ERROR_SHARING_VIOLATION).
    """

    def __init__(self, what: str, code: int, text: str = "") -> None:
        super().__init__(f"{what}: Win32 error {code}{': ' + text if text else ''}")
        self.what = what
        self.code = code
        self.text = text

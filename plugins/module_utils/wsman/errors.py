# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What can go wrong in this package: one root, so that a caller catches one name."""

from __future__ import annotations


class WsmanError(Exception):
    """Root of every WS-Management error; the text is meant for the person who ran the task."""


class MessageError(WsmanError):
    """A reply that can't be taken as a WS-Management message: hostile, truncated, too large, or something else."""


class WsmanFault(WsmanError):
    """The service's own refusal.

    Attributes:
        code: WSManFault code (decimal), or the WMI error code where only that was given; None without either.
        subcode: local name of the SOAP subcode, such as ``CannotProcessFilter``.
        details: everything that the service and its providers said, in their order.
    """

    def __init__(self, message: str, code: int | None, subcode: str | None, details: tuple[str, ...]) -> None:
        super().__init__(message)
        self.code = code
        self.subcode = subcode
        self.details = details

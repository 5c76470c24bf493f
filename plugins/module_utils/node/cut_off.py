# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Files that were cut off while they were first written, by a power failure or a full disk."""

from __future__ import annotations

CUT_OFF = "was cut off while it was written; it is written anew"


def is_cut_off(current: str | None, anew: str) -> bool:
    """Tell whether a file's text is no more than the beginning of what would be written where there is no file.

    Nothing of anybody else is in such a file. One that is changed later is replaced as a whole, so it is never cut off.
    A beginning of whole lines may be a whole file to which fields come; merged as such, it comes to the same.
    """
    begun = (current or "").rstrip("\ufffd")  # half of a character
    return bool(begun) and begun != anew and not begun.endswith("\n") and anew.startswith(begun)

# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Names that may stand in the path of a request.

The client library puts a name into the path as it is. A name such as ".." or "?" would so lead to another object, or
to all objects of a kind, and delete them. The API server knows no object whose name has these characters
(k8s.io/apimachinery pkg/api/validation/path: not "." or "..", no "/" and no "%"), but for a few kinds with "?" and "#".
"""

from __future__ import annotations

from collections.abc import Mapping

from .errors import ClusterError
from .target import Target

_WITH_A_MEANING = frozenset("/%?#")
_STEPS = frozenset({"", ".", ".."})


def check_path_segments(target: Target, metadata: Mapping) -> None:
    """Refuse a name or namespace that would change what a request is about; absent ones are fine.

    Raises:
        ClusterError: it would.
    """
    for field in ("name", "namespace"):
        value = metadata.get(field)
        # No namespace is how a manifest of an object without one may put it.
        if value is None or (field == "namespace" and value == ""):
            continue
        if value in _STEPS or any(one in _WITH_A_MEANING or not one.isprintable() for one in value):
            raise ClusterError(
                f"{target} can't be asked for: its {field} is {value!r:.60}, which is empty, a step in a path, or has "
                "one of / % ? # or a control character. Give a name of lower case letters, digits and hyphens."
            )

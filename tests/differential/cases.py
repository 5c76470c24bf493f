# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Objects on which the rules and an API server once differed: made small, kept, and judged again in every run."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

CASES = Path(__file__).parent / "cases"
# Without these the API server can't make anything of an object.
NEEDED = {"apiVersion", "kind", "metadata", "name", "image", "containers", "spec", "template", "selector", "labels"}


def load() -> list[tuple[str, dict]]:
    """Return the kept cases with their names."""
    return [(path.stem, json.loads(path.read_text())) for path in sorted(CASES.glob("*.json"))]


def keep(definition: dict) -> Path:
    """Write an object among the cases; return where."""
    text = json.dumps(definition, indent=2, ensure_ascii=False) + "\n"
    CASES.mkdir(exist_ok=True)
    path = CASES / f"{hashlib.sha256(text.encode()).hexdigest()[:12]}.json"
    path.write_text(text)
    return path


def shrink(definition: dict, still_fails: Callable[[dict], bool]) -> dict:
    """Return the object without the parts that don't matter to a failure."""
    smallest, changed = definition, True
    while changed:
        changed = False
        for path in list(_parts(smallest)):
            smaller = _without(smallest, path)
            if smaller is not None and still_fails(smaller):
                smallest, changed = smaller, True
    return smallest


def _parts(body: Any, path: tuple = ()) -> Iterator[tuple]:
    """The paths of everything that can be left out, the largest first."""
    members = body.items() if isinstance(body, dict) else enumerate(body) if isinstance(body, list) else ()
    found = [(*path, key) for key, _value in members if key not in NEEDED]
    yield from found
    for key, value in body.items() if isinstance(body, dict) else enumerate(body) if isinstance(body, list) else ():
        yield from _parts(value, (*path, key))


def _without(body: dict, path: tuple) -> dict | None:
    """A copy without one part; None if that is gone already."""
    made = copy.deepcopy(body)
    inside: Any = made
    try:
        for step in path[:-1]:
            inside = inside[step]
        del inside[path[-1]]
    except (KeyError, IndexError, TypeError):
        return None
    return made

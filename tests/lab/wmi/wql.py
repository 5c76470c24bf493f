"""WQL as far as it is modelled: ``SELECT *`` or some properties ``FROM`` a class. Anything else is not modelled."""

from __future__ import annotations

import re
from dataclasses import dataclass

from lab.errors import NotModelled
from lab.wmi.classes import CLASSES, WmiClass

_QUERY = re.compile(r"\s*SELECT\s+(?P<what>\*|\w+(?:\s*,\s*\w+)*)\s+FROM\s+(?P<class>\w+)\s*", re.IGNORECASE)


@dataclass(frozen=True)
class Query:
    """A query: the class, and the properties that are asked for; None for all of them."""

    wmi_class: WmiClass
    properties: tuple[str, ...] | None


def parse(text: str) -> Query:
    """Read a query; names are compared without case.

    Raises:
        NotModelled: the form, the class or a property is not known here, whatever Windows would say.
    """
    match = _QUERY.fullmatch(text)
    if match is None:
        raise NotModelled(f"the WQL {text!r}")
    known = CLASSES.get(match["class"].lower())
    if known is None:
        raise NotModelled(f"the WMI class {match['class']}")
    if match["what"] == "*":
        if not known.complete:
            raise NotModelled(f"every property of {known.name}")
        return Query(known, None)
    spelled = {name.lower(): name for name in known.types}
    asked = [name.strip() for name in match["what"].split(",")]
    unknown = [name for name in asked if name.lower() not in spelled]
    if unknown:
        raise NotModelled(f"the property {unknown[0]} of {known.name}")
    return Query(known, tuple(spelled[name.lower()] for name in asked))

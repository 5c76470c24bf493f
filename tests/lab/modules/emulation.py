"""What an emulated module is, and how it fails."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lab.host.interface import Host

# function(host, parameters, check_mode, diff) -> result; parameters are coerced, every option is present.
Run = Callable[[Host, dict[str, Any], bool, bool], dict[str, Any]]


class ModuleFailure(Exception):
    """The module fails as the real one does: ``failed`` with this message, and what it had already found out."""

    def __init__(self, message: str, **result: Any) -> None:
        super().__init__(message)
        self.result = {"changed": False, **result, "failed": True, "msg": message}


class ModuleSkipped(Exception):
    """The module leaves early with a result that is no failure."""

    def __init__(self, **result: Any) -> None:
        super().__init__(result.get("msg", ""))
        self.result = {"changed": False, **result}


@dataclass(frozen=True)
class Emulation:
    """One emulated module.

    Attributes:
        run: the emulation.
        undocumented: options that the source has and the documentation lacks or describes otherwise, as documented
            ones.
        not_options: names that the documentation lists and the source doesn't have.
        supports_check_mode: what the source says.
        ignores_unknown: the source takes any option.
    """

    run: Run
    undocumented: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    not_options: frozenset[str] = frozenset()
    mutually_exclusive: Sequence[Sequence[str]] = ()
    required_one_of: Sequence[Sequence[str]] = ()
    required_by: Mapping[str, Sequence[str]] = field(default_factory=dict)
    required_if: Sequence[tuple[str, Any, Sequence[str]]] = ()
    supports_check_mode: bool = True
    ignores_unknown: bool = False

# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a lint rule is: a function under ``@rule``. Its docstring says why, the decorator says the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.pods import Pod
from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.target import Target

SEVERITIES = ("error", "warning", "info")


class Problem(NamedTuple):
    """What a rule found: where, and what exactly."""

    field: str
    message: str


Check = Callable[[Pod, Target, "list[Pod]"], Iterator[Problem]]


class Rule(NamedTuple):
    """A rule: its code, how bad, what it is called, why it matters, what to do, and the function that looks."""

    code: str
    severity: str
    title: str
    fix: str
    why: str
    check: Check


RULES: dict[str, Rule] = {}


def rule(code: str, severity: str, title: str, fix: str) -> Callable[[Check], Check]:
    """Make a function a rule. It is called with a HostProcess pod, the target, and all HostProcess pods together."""

    def register(check: Check) -> Check:
        why = " ".join((check.__doc__ or "").split())
        RULES[code] = Rule(code, severity, title, fix, why, check)
        return check

    return register

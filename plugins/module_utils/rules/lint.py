# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Advice beyond what the API server refuses: codes HPL001 and up.

* ``lint(pod, target, together=(), ignore=()) -> list[LintFinding]``
* ``RULES``          code -> Rule, in the order of their codes

The rules are in the files imported here; adding one is one function in one of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules import (
    lint_identity,
    lint_network,
    lint_resources,
    lint_scheduling,
    lint_storage,
    suppression,
)
from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.errors import UnknownCodeError
from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.lint_rule import RULES as _REGISTERED
from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.lint_rule import Rule
from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.pods import Pod, is_hostprocess
from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.suppression import ignored_by
from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.target import Target

# Importing a file registers its rules; this keeps the imports from looking unused.
FILES = (lint_identity, lint_resources, lint_scheduling, lint_storage, lint_network, suppression)
RULES: dict[str, Rule] = dict(sorted(_REGISTERED.items()))


class LintFinding(NamedTuple):
    """A problem with the rule that found it."""

    rule: Rule
    field: str
    message: str


def lint(pod: Pod, target: Target, together: Sequence[Pod] = (), ignore: Iterable[str] = ()) -> list[LintFinding]:
    """Return what the rules have to say about a pod, by code; nothing for one that has no HostProcess container.

    Args:
        pod: of which every value has its field's type (``field_types.type_errors`` finds none in its object).
        target: what is known of the nodes.
        together: the pods that are deployed together with this one, it among them.
        ignore: codes not to report. An object ignores the codes in its annotation ``kubewin.hostprocess/ignore``.

    Raises:
        UnknownCodeError: a code to ignore doesn't exist.
    """
    if not is_hostprocess(pod):
        return []
    ignored = known_codes(ignore) | ignored_by(pod)
    others = [each for each in together if is_hostprocess(each)]
    asked = [rule for rule in RULES.values() if rule.code not in ignored]
    return [LintFinding(rule, *problem) for rule in asked for problem in rule.check(pod, target, others)]


def known_codes(codes: Iterable[str]) -> set[str]:
    """Return codes as a set.

    Raises:
        UnknownCodeError: one of them doesn't exist.
    """
    wanted = set(codes)
    unknown = sorted(wanted - set(RULES))
    if unknown:
        raise UnknownCodeError(f"there is no lint code {', '.join(unknown)}; there are {', '.join(RULES)}")
    return wanted

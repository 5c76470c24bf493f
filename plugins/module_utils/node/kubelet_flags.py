# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A kubelet's command line out of what a role wants and what kubeadm wrote for this node.

kubeadm puts what it wants the kubelet to be given into kubeadm-flags.env, one line in the form that systemd reads:
``KUBELET_KUBEADM_ARGS="--container-runtime-endpoint=... --hostname-override=..."`` (Go's %q; its cmd/kubeadm,
app/phases/kubelet/flags.go, 1.29 to 1.37). A Windows service doesn't read it, so the flags go into its command line.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.errors import ConfigurationError
from ansible_collections.kubewin.hostprocess.plugins.module_utils.support import gates, kubelet_flags

VARIABLE = "KUBELET_KUBEADM_ARGS"


class Flag(NamedTuple):
    """One flag by its name; the value is None for one that is given without."""

    name: str
    value: str | None

    def __str__(self) -> str:
        return f"--{self.name}" if self.value is None else f"--{self.name}={self.value}"


class Merged(NamedTuple):
    """Flags that a command line gets from kubeadm, and what a person should know about the others."""

    flags: list[Flag]
    warnings: list[str]


def parse(words: Iterable[str]) -> list[Flag]:
    """Read flags as Go's pflag does: ``--name=value``, ``--name value``, ``--name``, with one dash or two."""
    flags: list[Flag] = []
    for word in words:
        if word.startswith("-"):
            name, equals, value = word.lstrip("-").partition("=")
            flags.append(Flag(name, value if equals else None))
        elif flags and flags[-1].value is None:
            flags[-1] = Flag(flags[-1].name, word)
    return flags


def kubeadm_flags(text: str | None) -> list[Flag]:
    """Read kubeadm-flags.env; an absent or empty file has no flags.

    Raises:
        ConfigurationError: the file holds something else.
    """
    lines = [line.strip() for line in (text or "").splitlines()]
    lines = [line for line in lines if line and not line.startswith("#")]
    if not lines:
        return []
    name, equals, value = lines[0].partition("=")
    try:
        if len(lines) > 1 or name != VARIABLE or not equals:
            raise ValueError(f"it is not one line {VARIABLE}=...")
        return parse(_words(" ".join(shlex.split(value))))
    except ValueError as exc:
        raise ConfigurationError(
            f"kubeadm's file of kubelet flags can't be read: {exc}. Correct it, or move it away and join again."
        ) from exc


def _words(text: str) -> list[str]:
    """Split what stood in the quotes; a backslash is part of a Windows path here, not an escape."""
    lexer = shlex.shlex(text, posix=True, punctuation_chars=False)
    lexer.whitespace_split, lexer.escape, lexer.commenters = True, "", ""
    return list(lexer)


def merged(found: Iterable[Flag], ours: Iterable[str], kubernetes_version: str) -> Merged:
    """Return kubeadm's flags that a role has no value for and that this kubelet still knows.

    Args:
        found: kubeadm's flags.
        ours: names of the flags that the role decides.
    """
    taken, flags, warnings = set(ours), [], []
    for flag in found:
        line = kubelet_flags.removed_in(flag.name, kubernetes_version)
        if line:
            warnings.append(
                f"--{flag.name} of kubeadm's flags is left out: kubelets have had no such flag since {line}."
            )
        elif flag.name not in taken:
            flags.append(flag)
    return Merged(flags, warnings)


def refuse_stopping(flags: Iterable[Flag], kubernetes_version: str) -> list[str]:
    """Refuse flags and feature gates on a command line with which this kubelet does not start; return warnings.

    Raises:
        ConfigurationError: it names each of them.
    """
    problems, warnings = [], []
    for flag in flags:
        line = kubelet_flags.removed_in(flag.name, kubernetes_version)
        if line:
            problems.append(f"kubelets have had no flag --{flag.name} since {line}: leave it out.")
        if flag.name == "feature-gates":
            for verdict in gates.check_gates("kubelet", _gates(flag.value), kubernetes_version):
                (warnings if verdict.accepted else problems).append(f"{verdict.message}. {verdict.fix}")
    if problems:
        raise ConfigurationError("the kubelet's command line: " + " ".join(problems))
    return warnings


def _gates(value: str | None) -> Mapping[str, bool]:
    pairs = [pair.partition("=") for pair in (value or "").split(",") if pair.strip()]
    return {name.strip(): enabled.strip().lower() in ("true", "1", "t") for name, _equals, enabled in pairs}

# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Values in a KubeletConfiguration with which a kubelet ends at start: it can't decode them, or validates them away.

* ``wrong_kinds(configuration, kubernetes_version) -> list[str]``     text where a number belongs, and the like
* ``wrong_values(configuration, kubernetes_version) -> list[str]``    ranges, choices, and fields that contradict others

Each is a sentence that names the field, its value and what to write. ``wrong_values`` wants the right kinds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ansible_collections.kubewin.hostprocess.plugins.module_utils.node import kubelet_duration
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.kubelet_labels import (
    is_label_value,
    is_qualified_name,
)
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.kubelet_value_kinds import FIELDS, SINCE, Kind
from ansible_collections.kubewin.hostprocess.plugins.module_utils.support import versions

# Field to its lowest and highest value. Zero is the default of the ports and of the lease.
_RANGES: dict[str, tuple[int, float]] = {
    **dict.fromkeys(("eventBurst", "eventRecordQPS", "kubeAPIBurst", "kubeAPIQPS"), (0, float("inf"))),
    **dict.fromkeys(("maxOpenFiles", "maxPods", "nodeLeaseDurationSeconds", "podsPerCore"), (0, float("inf"))),
    **dict.fromkeys(("registryBurst", "registryPullQPS"), (0, float("inf"))),
    **dict.fromkeys(("healthzPort", "port", "readOnlyPort"), (0, 65535)),
    **dict.fromkeys(("imageGCHighThresholdPercent", "imageGCLowThresholdPercent"), (0, 100)),
    **dict.fromkeys(("iptablesDropBit", "iptablesMasqueradeBit"), (0, 31)),
    "containerLogMaxFiles": (2, float("inf")),
    "containerLogMaxWorkers": (1, float("inf")),
    "maxParallelImagePulls": (1, float("inf")),
    "nodeStatusMaxImages": (-1, float("inf")),
    "oomScoreAdj": (-1000, 1000),
}
# Empty is the default of each.
_CHOICES = {
    "authorization.mode": ("AlwaysAllow", "Webhook"),
    "configMapAndSecretChangeDetectionStrategy": ("Cache", "Get", "Watch"),
    "hairpinMode": ("hairpin-veth", "none", "promiscuous-bridge"),
    "topologyManagerPolicy": ("best-effort", "none", "restricted", "single-numa-node"),
    "topologyManagerScope": ("container", "pod"),
}
_AS_YAML = {"True": "true", "False": "false", "None": "null"}
_EFFECTS = ("NoExecute", "NoSchedule", "PreferNoSchedule")


def wrong_kinds(configuration: Mapping, kubernetes_version: str | float) -> list[str]:
    """Return a sentence for every value that is not of its field's kind."""
    return [
        sentence
        for field, kind in FIELDS.items()
        if _knows(kubernetes_version, field) and _is_there(configuration, field)
        for sentence in _wrong_kind(field, _value(configuration, field), kind)
    ]


def wrong_values(configuration: Mapping, kubernetes_version: str | float) -> list[str]:
    """Return a sentence for every value of the right kind that the kubelet does not take."""
    known = {field: value for field, value in configuration.items() if _knows(kubernetes_version, field)}
    version = versions.kubernetes(kubernetes_version)
    return [sentence for since, rule in _RULES if versions.at_least(version, since) for sentence in rule(known)]


def _knows(kubernetes_version: str | float, field: str) -> bool:
    since = SINCE.get(field.partition(".")[0])
    return since is None or versions.at_least(versions.kubernetes(kubernetes_version), since)


def _value(configuration: Mapping, field: str, default: Any = None) -> Any:
    """Return the value of a field with dots; the default where it isn't there, and where it is null."""
    found: Any = configuration
    for name in field.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return default if found is None else found


def _is_there(configuration: Mapping, field: str) -> bool:
    above, _dot, name = field.rpartition(".")
    parent = _value(configuration, above) if above else configuration
    return isinstance(parent, Mapping) and name in parent


def _wrong_kind(field: str, value: Any, kind: Kind) -> Iterator[str]:
    if value is None and kind.takes_null:
        return
    if not kind.accepts(value):
        yield _sentence(field, value, kind.expected)
    elif kind.entries and isinstance(value, Mapping):
        for key, entry in value.items():
            if kind.keys and key not in kind.keys:
                yield f"{field} has {key}, which the kubelet does not know. It knows {', '.join(kind.keys)}."
            else:
                yield from _wrong_kind(f"{field}: {key}", entry, kind.entries)
    elif kind.entries:
        for index, entry in enumerate(value):
            yield from _wrong_kind(f"{field}[{index}]", entry, kind.entries)


def _sentence(field: str, value: Any, expected: str) -> str:
    shown = repr(value) if isinstance(value, str) else _AS_YAML.get(str(value), value)
    return f"{field} is {shown}, and the kubelet does not start with it: write {expected}."


def _ranges(configuration: Mapping) -> Iterator[str]:
    for field, (lowest, highest) in _RANGES.items():
        value = _value(configuration, field, lowest)
        if not lowest <= value <= highest:
            limits = f"{lowest} or more" if highest == float("inf") else f"{lowest} to {highest}"
            yield _sentence(field, value, limits)


def _choices(configuration: Mapping) -> Iterator[str]:
    for field, choices in _CHOICES.items():
        value = _value(configuration, field, "")
        if value and value not in choices:
            yield _sentence(field, value, f"one of {', '.join(choices)}")


def _seconds(configuration: Mapping, field: str, default: str = "0s") -> float:
    return kubelet_duration.seconds(_value(configuration, field, default)) or 0.0


def _image_thresholds(configuration: Mapping) -> Iterator[str]:
    high = _value(configuration, "imageGCHighThresholdPercent", 85)
    low = _value(configuration, "imageGCLowThresholdPercent", 80)
    if low >= high:
        yield (
            f"imageGCLowThresholdPercent is {low} and imageGCHighThresholdPercent {high} (by default 80 and 85), and"
            " the kubelet does not start when the first is not less than the second: write both."
        )


def _image_ages(configuration: Mapping) -> Iterator[str]:
    youngest = _seconds(configuration, "imageMinimumGCAge") or 120.0  # the default, also of zero
    oldest = _seconds(configuration, "imageMaximumGCAge")
    if oldest < 0 or 0 < oldest <= youngest:
        value = _value(configuration, "imageMaximumGCAge")
        yield _sentence("imageMaximumGCAge", value, "0s, or more than imageMinimumGCAge, which is 2m by default")


def _negative_image_age(configuration: Mapping) -> Iterator[str]:
    if _seconds(configuration, "imageMinimumGCAge") < 0:
        yield _sentence("imageMinimumGCAge", _value(configuration, "imageMinimumGCAge"), "a duration of zero or more")


def _parallel_pulls(configuration: Mapping) -> Iterator[str]:
    pulls = _value(configuration, "maxParallelImagePulls", 1)
    if pulls > 1 and _value(configuration, "serializeImagePulls", False):  # what more than one pull comes to alone
        yield (
            f"maxParallelImagePulls is {pulls}, and the kubelet takes that only with serializeImagePulls: false. Write"
            " both."
        )


def _log_interval(configuration: Mapping) -> Iterator[str]:
    if _seconds(configuration, "containerLogMonitorInterval", "10s") < 3:
        value = _value(configuration, "containerLogMonitorInterval")
        yield _sentence("containerLogMonitorInterval", value, "3s or more")


def _shutdown(configuration: Mapping) -> Iterator[str]:
    fields = ("shutdownGracePeriod", "shutdownGracePeriodCriticalPods")
    whole, last = (_seconds(configuration, field) for field in fields)
    for field, value in zip(fields, (whole, last), strict=True):
        if value < 0 or 0 < value < 1:
            yield _sentence(field, _value(configuration, field), "0s, or 1s or more")
    if last > whole:
        yield (
            f"shutdownGracePeriodCriticalPods ({_value(configuration, fields[1])}) is part of shutdownGracePeriod"
            f" ({_value(configuration, fields[0], '0s')}), and the kubelet does not start when it is longer. Give the"
            " latter the time of both."
        )


def _soft_eviction(configuration: Mapping) -> Iterator[str]:
    graces = _value(configuration, "evictionSoftGracePeriod", {})
    for signal, threshold in _value(configuration, "evictionSoft", {}).items():
        if signal not in graces and threshold not in ("0%", "100%"):
            yield (
                f"evictionSoft has {signal} and evictionSoftGracePeriod has not, and the kubelet does not start with"
                " one alone. Write both."
            )


def _taints(configuration: Mapping) -> Iterator[str]:
    for index, taint in enumerate(_value(configuration, "registerWithTaints", [])):
        if not _is_taint(taint):
            expected = f"a mapping with key, value and effect ({', '.join(_EFFECTS)}), such as key: os, value: Windows"
            yield _sentence(f"registerWithTaints[{index}]", taint, expected)


def _is_taint(taint: Any) -> bool:
    if not isinstance(taint, Mapping) or taint.get("timeAdded") is not None:
        return False
    key, value, effect = (_value(taint, field, "") for field in ("key", "value", "effect"))
    return is_qualified_name(key) and is_label_value(value) and effect in ("", *_EFFECTS)


# The line that has a rule for certain, and the rule. 1.29 has the older age of images behind a gate.
_RULES: tuple[tuple[str, Callable[[Mapping], Iterator[str]]], ...] = (
    ("1.22", _ranges),
    ("1.22", _choices),
    ("1.22", _image_thresholds),
    ("1.22", _shutdown),
    ("1.22", _soft_eviction),
    ("1.22", _taints),
    ("1.22", _parallel_pulls),
    ("1.22", _log_interval),
    ("1.30", _image_ages),
    ("1.36", _negative_image_age),
)

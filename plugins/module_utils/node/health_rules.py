# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What keeps a prepared node alive: room on its disk, a certificate that is good, a way to the cluster.

A rule returns None, or what it found.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator

from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.facts import Facts, Found
from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules import quantity
from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.errors import RulesError

# The kubelet's own thresholds on Windows (k8s.io/kubernetes pkg/kubelet/eviction/defaults_windows.go, read in 1.36.3),
# and the drive that each is about: its own folder, and containerd's, which both are on the system drive unless moved.
_EVICTION_DEFAULTS = {"nodefs.available": "10%", "imagefs.available": "15%"}

# A kubelet asks for its next certificate after 70 to 90 % of the present one's time (client-go
# util/certificate/certificate_manager.go, jitteryDuration), so later than that something keeps it from getting one.
_RENEWED_BY = 0.9


def disk_short(facts: Facts) -> Found | None:
    """The kubelet reports DiskPressure below a threshold, evicts pods and takes no new ones."""
    volume = _system_volume(facts)
    if not volume or None in (volume.get("size_bytes"), volume.get("free_bytes")):
        return None
    below = [
        f"{signal}<{text}"
        for signal, text, wanted in _eviction_thresholds(facts, volume["size_bytes"])
        if volume["free_bytes"] < wanted
    ]
    if not below:
        return None
    return Found(
        f"{volume['drive']} has {_gibibytes(volume['free_bytes'])} free of {_gibibytes(volume['size_bytes'])}, less"
        f" than the kubelet keeps free ({', '.join(below)}): it evicts pods and takes no new ones.",
        "Make room: remove unused images (crictl rmi --prune) and old logs, or give the node a larger disk.",
        {**volume, "thresholds": below},
    )


def certificate_expired(facts: Facts) -> Found | None:
    certificate, used = _client_certificate(facts)
    if used is None or used < 1:
        return None
    return Found(
        f"The kubelet's client certificate ended at {certificate['not_after']}: the cluster no longer knows this node.",
        "Remove the kubelet's kubeconfig and certificates on the node and join it again with a new bootstrap token, and"
        " look at the node's clock.",
        certificate,
    )


def certificate_not_renewed(facts: Facts) -> Found | None:
    certificate, used = _client_certificate(facts)
    if used is None or not _RENEWED_BY < used < 1:
        return None
    return Found(
        f"The kubelet's client certificate ends at {certificate['not_after']} and should have been renewed by now.",
        "Look for pending certificate signing requests (kubectl get csr) and for rotateCertificates in the kubelet's"
        " configuration.",
        certificate,
    )


def unreachable(facts: Facts) -> Found | None:
    failed = {
        endpoint: answer
        for endpoint, answer in (facts.get("endpoints") or {}).items()
        if answer and answer.get("reached") is False
    }
    if not failed:
        return None
    reasons = "; ".join(f"{endpoint}: {_why_not_reached(answer)}" for endpoint, answer in failed.items())
    fixes = dict.fromkeys(_RESOLVE_IT if _unresolved(answer) else _REACH_IT for answer in failed.values())
    errors = {endpoint: answer.get("error") for endpoint, answer in failed.items()}
    return Found(f"The node can't reach {reasons}.", " ".join(fixes), errors)


_RESOLVE_IT = "Look at the node's DNS servers, its DNS suffix and its hosts file: the name is looked up on the node."
_REACH_IT = "Look at the node's routes, proxies and firewalls, and at the address: it is opened from the node."


def _unresolved(answer: dict) -> bool:
    """No addresses is what the node found; null is that it never looked, as for a text that names no server."""
    return answer.get("addresses") == []


def _why_not_reached(answer: dict) -> str:
    error = str(answer.get("error")).rstrip(".")
    if _unresolved(answer):
        return f"its name does not resolve ({error})"
    return f"{', '.join(answer['addresses'])} does not answer ({error})" if answer.get("addresses") else error


def _system_volume(facts: Facts) -> dict | None:
    drive = facts.get("paths", "system_drive") or "C:"
    volumes = [
        volume for volume in facts.get("volumes") or [] if (volume.get("drive") or "").casefold() == drive.casefold()
    ]
    return volumes[0] if volumes else None


def _eviction_thresholds(facts: Facts, size: int) -> Iterator[tuple[str, str, float]]:
    """Yield signal, threshold as written, and bytes. What evictionHard leaves out is off, unless it is merged."""
    configuration = facts.kubelet_configuration or {}
    configured = configuration.get("evictionHard")
    merged = not isinstance(configured, dict) or configuration.get("mergeDefaultEvictionSettings") is True
    thresholds = {**(_EVICTION_DEFAULTS if merged else {}), **(configured if isinstance(configured, dict) else {})}
    for signal in _EVICTION_DEFAULTS:
        text = str(thresholds.get(signal, ""))
        try:
            amount = size * float(text[:-1]) / 100 if text.endswith("%") else quantity.value(text) if text else None
        except (RulesError, ValueError):
            amount = None  # the kubelet refuses it, which is another rule's matter
        if amount:
            yield signal, text, amount


def _client_certificate(facts: Facts) -> tuple[dict, float | None]:
    """Return the certificate, and the part of its time that has passed by the node's own clock."""
    certificate = facts.get("kubelet", "client_certificate") or {}
    moments = [
        _moment(text) for text in (certificate.get("not_before"), certificate.get("not_after"), facts.get("time"))
    ]
    if None in moments:
        return certificate, None
    begin, end, now = moments
    return certificate, (now - begin) / (end - begin) if end > begin else None


def _moment(text: str | None) -> datetime.datetime | None:
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")) if text else None


def _gibibytes(size: int) -> str:
    return f"{size / 2**30:.1f} GiB"

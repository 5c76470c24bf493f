# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The kinds of value that KubeletConfiguration has, and which field has which: what the kubelet can decode and parse.

* ``FIELDS``    field, with dots below another one, to its kind
* ``SINCE``     the line that knows a field first; to an older kubelet it is unknown, and says nothing

Names and types are those of v1beta1 in k8s.io/kubelet 0.29.6 to 0.37.2; values are judged as the kubelet's own
parsers do, which tests/engines asks kubelet.exe about. A field that is not here is not judged.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ansible_collections.kubewin.hostprocess.plugins.module_utils.node import kubelet_duration
from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules import quantity
from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.errors import QuantityError


class Kind(NamedTuple):
    """What a value has to be.

    Attributes:
        accepts: tells whether a value is of this kind.
        expected: the end of "write ..." for a person who wrote something else.
        entries: the kind of what a list or a mapping holds.
        keys: the keys that a mapping may have; None for any.
        takes_null: whether the kubelet reads null as if the field were not there.
    """

    accepts: Callable[[Any], bool]
    expected: str
    entries: Kind | None = None
    keys: tuple[str, ...] | None = None
    takes_null: bool = True


def _is_whole(value: Any, bits: int) -> bool:
    """Tell whether the kubelet decodes a number as an integer of its size; 110.0 is one in JSON."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_number and value == value // 1 and -(2 ** (bits - 1)) <= value < 2 ** (bits - 1)


def _is_duration(value: Any) -> bool:
    return isinstance(value, str) and kubelet_duration.seconds(value) is not None


def _amount(value: Any) -> Any:
    """Return what a quantity comes to, or None. Kubernetes takes no space around it; the rules' parser does."""
    if not isinstance(value, str) or value != value.strip():
        return None
    try:
        return quantity.parse(value)
    except QuantityError:
        return None


def is_amount(value: Any) -> bool:
    """Tell whether a text is a Kubernetes quantity of zero or more."""
    amount = _amount(value)
    return amount is not None and amount >= 0


def _is_log_size(value: Any) -> bool:
    """The kubelet wants a whole number before the suffix of a binary size: 1.5Gi is none, 1536Mi is."""
    if value == "":
        return True
    amount = _amount(value)
    return amount is not None and amount.denominator == 1 and not re.search(r"\..*i$", value)


def _share(value: Any) -> float | None:
    """Return a percentage as a number, or None."""
    found = re.fullmatch(r"([+-]?(?:\d+\.?\d*|\.\d+))%+", value, re.ASCII) if isinstance(value, str) else None
    return float(found[1]) if found else None


def _is_threshold(value: Any) -> bool:
    share, amount = _share(value), _amount(value)
    return 0 <= share <= 100 if share is not None else amount is not None and amount > 0


def _is_reclaim(value: Any) -> bool:
    share = _share(value)
    return share > 0 if share is not None else is_amount(value)


def _is_grace(value: Any) -> bool:
    return _is_duration(value) and kubelet_duration.seconds(value) >= 0


def _is_mapping(value: Any) -> bool:
    return isinstance(value, Mapping)


def _is_list(value: Any) -> bool:
    return isinstance(value, (list, tuple))


_SIGNALS = (
    "allocatableMemory.available",
    "containerfs.available",
    "containerfs.inodesFree",
    "imagefs.available",
    "imagefs.inodesFree",
    "memory.available",
    "nodefs.available",
    "nodefs.inodesFree",
    "pid.available",
)
_RESOURCES = ("cpu", "memory", "ephemeral-storage", "pid")
_DURATION_TEXT = "a duration such as 60s or 2m30s"

BOOLEAN = Kind(lambda value: isinstance(value, bool), "true or false")
INTEGER = Kind(lambda value: _is_whole(value, 32), "a whole number, without quotes and of 32 bits at most")
LARGE_INTEGER = Kind(lambda value: _is_whole(value, 64), "a whole number, without quotes")
NUMBER = Kind(lambda value: isinstance(value, (int, float)) and not isinstance(value, bool), "a number, without quotes")
TEXT = Kind(lambda value: isinstance(value, str), "text, a number or true in quotes")
DURATION = Kind(_is_duration, _DURATION_TEXT, takes_null=False)
OPTIONAL_DURATION = Kind(_is_duration, _DURATION_TEXT)
LOG_SIZE = Kind(_is_log_size, "a quantity in quotes that is a whole number of bytes, such as 50Mi")
LIST = Kind(_is_list, "a list")
TEXTS = Kind(_is_list, "a list of texts", TEXT)
MAPPING = Kind(_is_mapping, "a mapping")
NAMED_TEXTS = Kind(_is_mapping, "a mapping", TEXT)
_THRESHOLD = Kind(_is_threshold, "a quantity above zero or a percentage, such as 100Mi or 10%", takes_null=False)
_RECLAIM = Kind(_is_reclaim, "a quantity or a percentage above zero, in quotes", takes_null=False)
_GRACE = Kind(_is_grace, f"{_DURATION_TEXT}, not below zero", takes_null=False)
_RESERVED = Kind(is_amount, "a quantity in quotes, such as 500m or 2Gi, not below zero", takes_null=False)
_BY_SIGNAL = "a mapping of signals such as memory.available"
THRESHOLDS = Kind(_is_mapping, _BY_SIGNAL, _THRESHOLD, _SIGNALS)
RECLAIMS = Kind(_is_mapping, _BY_SIGNAL, _RECLAIM, _SIGNALS)
GRACES = Kind(_is_mapping, _BY_SIGNAL, _GRACE, _SIGNALS)
RESERVED = Kind(_is_mapping, "a mapping of resources to quantities", _RESERVED, _RESOURCES)

_FIELDS_BY_KIND: tuple[tuple[Kind, str], ...] = (
    (BOOLEAN, """
        authentication.anonymous.enabled authentication.webhook.enabled cgroupsPerQOS cpuCFSQuota
        enableContentionProfiling enableControllerAttachDetach enableDebugFlagsHandler enableDebuggingHandlers
        enableProfilingHandler enableServer enableSystemLogHandler enableSystemLogQuery failCgroupV1 failSwapOn
        kernelMemcgNotification localStorageCapacityIsolation makeIPTablesUtilChains mergeDefaultEvictionSettings
        protectKernelDefaults registerNode rotateCertificates runOnce seccompDefault serializeImagePulls
        serverTLSBootstrap singleProcessOOMKill"""),
    (INTEGER, """
        containerLogMaxFiles containerLogMaxWorkers eventBurst eventRecordQPS evictionMaxPodGracePeriod healthzPort
        imageGCHighThresholdPercent imageGCLowThresholdPercent iptablesDropBit iptablesMasqueradeBit kubeAPIBurst
        kubeAPIQPS maxParallelImagePulls maxPods nodeLeaseDurationSeconds nodeStatusMaxImages oomScoreAdj podsPerCore
        port readOnlyPort registryBurst registryPullQPS"""),
    (LARGE_INTEGER, "maxOpenFiles podPidsLimit"),
    (NUMBER, "memoryThrottlingFactor"),
    (TEXT, """
        address authentication.x509.clientCAFile authorization.mode cgroupDriver cgroupRoot clusterDomain
        configMapAndSecretChangeDetectionStrategy containerRuntimeEndpoint contentType cpuManagerPolicy hairpinMode
        healthzBindAddress imagePullCredentialsVerificationPolicy imageServiceEndpoint kubeReservedCgroup
        kubeletCgroups memoryManagerPolicy memoryReservationPolicy memorySwap.swapBehavior podCIDR podLogsDir
        providerID reservedSystemCPUs resolvConf showHiddenMetricsForVersion staticPodPath staticPodURL systemCgroups
        systemReservedCgroup tlsCertFile tlsMinVersion tlsPrivateKeyFile topologyManagerPolicy topologyManagerScope
        volumePluginDir"""),
    (DURATION, """
        authentication.webhook.cacheTTL authorization.webhook.cacheAuthorizedTTL
        authorization.webhook.cacheUnauthorizedTTL cpuManagerReconcilePeriod evictionPressureTransitionPeriod
        fileCheckFrequency httpCheckFrequency imageMaximumGCAge imageMinimumGCAge nodeStatusReportFrequency
        nodeStatusUpdateFrequency runtimeRequestTimeout shutdownGracePeriod shutdownGracePeriodCriticalPods
        streamingConnectionIdleTimeout syncFrequency volumeStatsAggPeriod"""),
    (OPTIONAL_DURATION, "containerLogMonitorInterval cpuCFSQuotaPeriod crashLoopBackOff.maxContainerRestartPeriod"),
    (LOG_SIZE, "containerLogMaxSize"),
    (LIST, "registerWithTaints reservedMemory shutdownGracePeriodByPodPriority tlsCurvePreferences"),
    (TEXTS, """
        allowedUnsafeSysctls clusterDNS enforceNodeAllocatable preloadedImagesVerificationAllowlist tlsCipherSuites"""),
    (MAPPING, """
        authentication authentication.anonymous authentication.webhook authentication.x509 authorization
        authorization.webhook crashLoopBackOff featureGates logging memorySwap staticPodURLHeader tracing
        userNamespaces"""),
    (NAMED_TEXTS, "cpuManagerPolicyOptions defaultPodSysctls qosReserved topologyManagerPolicyOptions"),
    (THRESHOLDS, "evictionHard evictionSoft"),
    (RECLAIMS, "evictionMinimumReclaim"),
    (GRACES, "evictionSoftGracePeriod"),
    (RESERVED, "kubeReserved systemReserved"),
)  # fmt: skip
FIELDS = {field: kind for kind, fields in _FIELDS_BY_KIND for field in fields.split()}

# A line that was not read between two that were counts as one that does not know the field yet.
SINCE = {
    "registerNode": "1.23",
    "registerWithTaints": "1.23",
    "shutdownGracePeriodByPodPriority": "1.23",
    "localStorageCapacityIsolation": "1.25",
    "tracing": "1.25",
    "topologyManagerPolicyOptions": "1.26",
    "containerRuntimeEndpoint": "1.27",
    "enableSystemLogQuery": "1.27",
    "imageServiceEndpoint": "1.27",
    "maxParallelImagePulls": "1.27",
    "imageMaximumGCAge": "1.29",
    "containerLogMaxWorkers": "1.31",
    "containerLogMonitorInterval": "1.31",
    "failCgroupV1": "1.31",
    "podLogsDir": "1.31",
    "crashLoopBackOff": "1.32",
    "singleProcessOOMKill": "1.32",
    "imagePullCredentialsVerificationPolicy": "1.34",
    "mergeDefaultEvictionSettings": "1.34",
    "preloadedImagesVerificationAllowlist": "1.34",
    "userNamespaces": "1.34",
    "memoryReservationPolicy": "1.36",
    "tlsCurvePreferences": "1.36",
    "defaultPodSysctls": "1.37",
}

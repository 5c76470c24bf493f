# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The job limits that a declared container must come to.

The way of a limit: kubelet calculateWindowsResources and calculateCPUMaximum (pkg/kubelet/kuberuntime/
kuberuntime_container_windows.go) -> CRI -> containerd's OCI spec -> hcsshim specToLimits
(internal/jobcontainers/oci.go). Facts sections 4.2 and 4.3; tests/oracle holds what the real functions answer.
"""

from __future__ import annotations

from ansible_collections.kubewin.hostprocess.plugins.module_utils.job.model import NO_LIMIT
from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.quantity import milli_value, value

WHOLE_MACHINE = 10000
MEBIBYTE = 2**20
LARGEST_INT64 = 2**63 - 1
# runtime.NumCPU() sees one processor group, and a group has at most this many (facts section 4.3).
LARGEST_PROCESSOR_GROUP = 64
# The first kubelet that counts the processors of all groups: winstats.ProcessorCount().
ALL_GROUPS_SINCE = (1, 27)


def cpu_rate(limit: str | None, processors: int) -> int:
    """Return the CPU rate in hundredths of a percent of the whole machine, or NO_LIMIT.

    Args:
        limit: the container's CPU limit as declared, None when it has none.
        processors: the node's logical processors over all groups.

    Raises:
        QuantityError: for a limit that is no quantity.
    """
    millicores = milli_value(limit) if limit is not None else 0
    if millicores == 0:
        return NO_LIMIT
    return min(max(_wrapped(10 * _held(millicores)) // processors, 1), WHOLE_MACHINE)


def memory_bytes(limit: str | None) -> int:
    """Return the memory limit of the whole job in bytes, or NO_LIMIT. Whole mebibytes, so less than one is none.

    Raises:
        QuantityError: for a limit that is no quantity.
    """
    declared = _held(value(limit)) if limit is not None else 0
    return declared // MEBIBYTE * MEBIBYTE


def _held(number: int) -> int:
    """Return what Quantity.Value and MilliValue answer: 0 for what 64 bits can't hold."""
    return number if number <= LARGEST_INT64 else 0


def _wrapped(number: int) -> int:
    """Return a product as the kubelet's 64-bit arithmetic has it: it wraps, so 1P processors come to the least rate."""
    return (number + LARGEST_INT64 + 1) % 2**64 - LARGEST_INT64 - 1


def counted_processors(processors: int | None, kubelet: tuple[int, int] | None) -> int | None:
    """Return how many processors the node's kubelet divided by, or None when that can't be known.

    Up to 1.26 the kubelet counted its own processor group only; which group it ran in, and how large that is,
    nobody can say afterwards. With 64 processors or fewer there is one group and all versions agree.
    """
    if processors is None or processors <= LARGEST_PROCESSOR_GROUP:
        return processors
    return processors if kubelet is not None and kubelet >= ALL_GROUPS_SINCE else None

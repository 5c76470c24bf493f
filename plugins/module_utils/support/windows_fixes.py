# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Registry values that turn fixes and changes of Windows updates on, as data: for which Windows, from which update on.

Windows updates bring changes that are off until a value in the registry turns them on. Azure/AgentBaker sets these on
its node images. What few entries do is public; of most nothing is known but the month of the update.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

SERVER_2022, SERVER_23H2 = 20348, 25398

_HNS = r"HKLM:\SYSTEM\CurrentControlSet\Services\hns\State"
_VFP = r"HKLM:\SYSTEM\CurrentControlSet\Services\VfpExt\Parameters"
_OVERRIDES = r"HKLM:\SYSTEM\CurrentControlSet\Policies\Microsoft\FeatureManagement\Overrides"
_CONTAINERS = r"HKLM:\SYSTEM\CurrentControlSet\Control\Windows Containers"
_WINTRUST = r"HKLM:\SOFTWARE\Microsoft\Cryptography\Wintrust\Config"
_WINTRUST_32 = r"HKLM:\SOFTWARE\Wow6432Node\Microsoft\Cryptography\Wintrust\Config"

SOURCE = "Azure/AgentBaker, vhdbuilder/packer/windows/windows_settings.json at 03c63687b"
REVISIONS_SOURCE = (
    "Microsoft, Windows Server release information (20348); MicrosoftDocs/azure-stack-docs, security updates of Azure"
    " Local, which has the same updates (25398)"
)


class Fix(NamedTuple):
    """One value of the registry, of type dword.

    Attributes:
        name: the word for it in ``windows_node_fixes``.
        build: the Windows build that it is for.
        month: of the update that brought it, as ``2024-04``; empty where that is not known.
        revision: update revision (UBR) of that month's security update; a Windows before it is left alone. 0: any.
        path: key of the registry.
        value_name: name of the value there.
        value: what is written.
    """

    name: str
    build: int
    month: str
    revision: int
    path: str
    value_name: str
    value: int
    reason: str
    source: str


# Update revision of the security update (second Tuesday) of a month, by build.
_REVISIONS: dict[int, dict[str, int]] = {
    SERVER_2022: {
        "2022-10": 1129, "2023-04": 1668, "2023-05": 1726, "2023-06": 1787, "2023-07": 1850, "2023-08": 1906,
        "2023-09": 1970, "2023-10": 2031, "2023-11": 2113, "2024-02": 2322, "2024-03": 2340, "2024-04": 2402,
        "2024-06": 2527, "2024-07": 2582, "2024-08": 2655, "2024-09": 2700, "2024-11": 2849, "2025-02": 3207,
        "2025-04": 3453, "2025-06": 3807, "2025-07": 3932, "2025-08": 4052, "2025-10": 4294, "2025-11": 4405,
    },
    SERVER_23H2: {
        "2024-08": 1085, "2025-02": 1425, "2025-04": 1551, "2025-05": 1611, "2025-06": 1665, "2025-07": 1732,
        "2025-10": 1913, "2025-11": 1965,
    },
}  # fmt: skip

# Build, month, key, the values' names, what is written, why (empty: nobody says).
_TABLE: tuple[tuple[int, str, str, str, int, str], ...] = (
    (SERVER_2022, "", _WINTRUST, "EnableCertPaddingCheck", 1,
     "Programs with data hidden in their signature no longer count as signed (CVE-2013-3900)."),
    (SERVER_2022, "", _WINTRUST_32, "EnableCertPaddingCheck", 1,
     "The same for 32-bit programs (CVE-2013-3900)."),
    (SERVER_2022, "2022-10", _OVERRIDES, "2629306509", 1,
     "Turns on a fix of the containers' file system filter (WCIFS) that the update of 2022-10 brought."),
    (SERVER_2022, "2023-04", _HNS, "HnsPolicyUpdateChange HnsNatAllowRuleUpdateChange HnsAclUpdateChange", 1, ""),
    (SERVER_2022, "2023-04", _OVERRIDES, "3508525708", 1, ""),
    (SERVER_2022, "2023-05", _HNS, "HnsNpmRefresh", 1, ""),
    (SERVER_2022, "2023-05", _VFP, "VfpEvenPodDistributionIsEnabled", 1, ""),
    (SERVER_2022, "2023-05", _OVERRIDES, "1995963020 189519500", 1, ""),
    (SERVER_2022, "2023-06", _OVERRIDES, "3398685324", 1, ""),
    (SERVER_2022, "2023-07", _HNS, "HnsNodeToClusterIpv6 HNSNpmIpsetLimitChange HNSLbNatDupRuleChange", 1, ""),
    (SERVER_2022, "2023-07", _VFP, "VfpIpv6DipsPrintingIsEnabled", 1, ""),
    (SERVER_2022, "2023-08", _HNS, "HNSUpdatePolicyForEndpointChange HNSFixExtensionUponRehydration", 1, ""),
    (SERVER_2022, "2023-08", _OVERRIDES, "87798413", 1, ""),
    (SERVER_2022, "2023-09", _HNS, "RemoveSourcePortPreservationForRest", 1, ""),
    (SERVER_2022, "2023-09", _OVERRIDES, "4289201804 1355135117 2214038156", 1, ""),
    (SERVER_2022, "2023-10", _HNS, "FwPerfImprovementChange", 1, ""),
    (SERVER_2022, "2023-10", _VFP, "VfpNotReuseTcpOneWayFlowIsEnabled", 1, ""),
    (SERVER_2022, "2023-10", _OVERRIDES, "1673770637", 1, ""),
    (SERVER_2022, "2023-11", _HNS, "CleanupReservedPorts", 1, ""),
    (SERVER_2022, "2023-11", _OVERRIDES, "527922829", 1, "What DeltaHivePolicy needs."),
    (SERVER_2022, "2023-11", _CONTAINERS, "DeltaHivePolicy", 2,
     "With feature_override_527922829: containers' registries are kept as differences, without roll-ups."),
    (SERVER_2022, "2023-11", _OVERRIDES, "2193453709 3331554445", 1, ""),
    (SERVER_2022, "2024-02", _OVERRIDES, "1327590028", 1, ""),
    (SERVER_2022, "2024-03", _HNS, "HnsPreallocatePortRange", 1, ""),
    (SERVER_2022, "2024-03", _OVERRIDES, "4154935436 124082829", 1, ""),
    (SERVER_2022, "2024-04", _OVERRIDES,
     "3744292492 3838270605 851795084 26691724 3834988172 1535854221 3632636556 1552261773 4186914956 3173070476"
     " 3958450316", 1, ""),
    (SERVER_2022, "2024-06", _OVERRIDES, "2540111500 50261647 1475968140", 1, ""),
    (SERVER_2022, "2024-07", _OVERRIDES, "747051149", 1, ""),
    (SERVER_2022, "2024-08", _OVERRIDES, "260097166", 1, ""),
    (SERVER_2022, "2024-09", _OVERRIDES, "4288867982", 1, ""),
    (SERVER_2022, "2024-11", _OVERRIDES, "1825620622 684111502 1455863438", 1, ""),
    (SERVER_2022, "2025-02", _OVERRIDES, "1971481230", 1, ""),
    (SERVER_2022, "2025-04", _OVERRIDES, "569665166 3785507983 2263771791", 1, ""),
    (SERVER_2022, "2025-06", _OVERRIDES, "424033934", 1, ""),
    (SERVER_2022, "2025-07", _OVERRIDES, "1846288527", 1, ""),
    (SERVER_2022, "2025-08", _OVERRIDES, "222700687", 1, ""),
    (SERVER_2022, "2025-10", _OVERRIDES, "140377743", 0, ""),
    (SERVER_2022, "2025-11", _OVERRIDES, "2113538702 2854356110 300542606", 1, ""),
    (SERVER_23H2, "", _HNS, "PortExclusionChange", 0,
     "Keeps the change off that 23H2 made to the ports that the host network service excludes."),
    (SERVER_23H2, "2024-08", _OVERRIDES, "1800977551 3197800078 340036751 2020509326", 1, ""),
    (SERVER_23H2, "2025-02", _OVERRIDES, "1155685006", 1, ""),
    (SERVER_23H2, "2025-04", _OVERRIDES, "502826639 677922958", 1, ""),
    (SERVER_23H2, "2025-05", _HNS, "FwPerfImprovementChange", 1, ""),
    (SERVER_23H2, "2025-05", _OVERRIDES, "2336372879", 1, ""),
    (SERVER_23H2, "2025-06", _OVERRIDES, "296495759", 1, ""),
    (SERVER_23H2, "2025-07", _OVERRIDES, "502146190", 1, ""),
    (SERVER_23H2, "2025-10", _OVERRIDES, "66715279", 0, ""),
    (SERVER_23H2, "2025-10", _OVERRIDES, "403177103", 1, ""),
    (SERVER_23H2, "2025-11", _OVERRIDES, "1898182287 916190351 3063948942 2112481934", 1, ""),
)  # fmt: skip


def _fixes() -> Iterator[Fix]:
    for build, month, path, names, value, reason in _TABLE:
        unknown = f"{'Turns on' if value else 'Keeps off'} a change that the update of {month} brought."
        for name in names.split():
            yield Fix(
                name=f"feature_override_{name}" if path == _OVERRIDES else name,
                build=build,
                month=month,
                revision=_REVISIONS[build][month] if month else 0,
                path=path,
                value_name=name,
                value=value,
                reason=reason or f"{unknown} The vendor does not say what it does.",
                source=SOURCE,
            )


FIXES: tuple[Fix, ...] = tuple(_fixes())
MONTHS: tuple[str, ...] = tuple(sorted({fix.month for fix in FIXES} - {""}))


def named(word: str) -> tuple[Fix, ...]:
    """Return the fixes of a name, whatever its case, or of a month; empty where there is none."""
    return tuple(fix for fix in FIXES if word and word.lower() in (fix.name.lower(), fix.month))


def for_windows(fix: Fix, build: int, revision: int) -> bool:
    """Tell whether a Windows of this build and update revision has what the fix turns on."""
    return fix.build == build and revision >= fix.revision

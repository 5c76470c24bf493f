# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a Windows node may be tuned by, as data: each entry with its reason and its source.

Hardly any entry is on by default: what every node needs and no update brings. Fixes that Windows updates have
turned on since are kept for nodes that lag behind, and are off.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

REGISTRY, REGISTRY_BITS, REGISTRY_VALUES = "registry", "registry_bits", "registry_values"
SERVICE, PORT_RANGE, PAGE_FILE = "service", "port_range", "page_file"
TIME_SERVERS, POWER_PLAN, PORT_EXCLUSIONS = "time_servers", "power_plan", "port_exclusions"

_HNS = r"HKLM:\SYSTEM\CurrentControlSet\Services\hns\State"
_OVERRIDES = r"HKLM:\SYSTEM\CurrentControlSet\Policies\Microsoft\FeatureManagement\Overrides"
_IMAGE_BUILDER = "kubernetes-sigs/image-builder, images/capi/ansible/windows/roles"
_AGENT_BAKER = "Azure/AgentBaker, vhdbuilder/packer/configure-windows-vhd.ps1"
_PORTS_ARTICLE = "Microsoft knowledge base 929851"

SERVER_2019, SERVER_2022, SERVER_2025 = 17763, 20348, 26100


class Tuning(NamedTuple):
    """One entry of the catalogue.

    Attributes:
        name: the word for it in ``windows_node_tuning``.
        kind: REGISTRY, REGISTRY_BITS (bits that are set beside those that are there), REGISTRY_VALUES (several values,
            none of which is there without it), SERVICE, PORT_RANGE, PORT_EXCLUSIONS, PAGE_FILE, TIME_SERVERS or
            POWER_PLAN.
        target: what it is set on: path, name and type of a registry value; name of a service; protocol of a range.
        value: what ``true`` stands for; of REGISTRY_VALUES, a `RegistryValue` each.
        otherwise: what Windows has without it; None where a registry value isn't there then, and where nobody knows
            what a service has then.
        builds: Windows builds that it is for; empty for all.
        default: whether it is on where nobody says otherwise.
        restart: whether Windows reads it at its start only.
    """

    name: str
    kind: str
    target: Mapping[str, str]
    value: Any
    otherwise: Any
    reason: str
    source: str
    builds: tuple[int, ...] = ()
    default: bool = False
    restart: bool = False


class RegistryValue(NamedTuple):
    """One value of an entry that is several."""

    path: str
    name: str
    type: str
    data: Any


def _dword(path: str, name: str) -> dict[str, str]:
    return {"path": path, "name": name, "type": "dword"}


# Microsoft's registry reference of Schannel: Enabled=0 turns a version off, DisabledByDefault=1 also for programs that
# ask for no version; neither is there without it.
_SCHANNEL = r"HKLM:\SYSTEM\CurrentControlSet\Control\SecurityProviders\SCHANNEL\Protocols"
_OLD_PROTOCOLS = tuple(
    RegistryValue(rf"{_SCHANNEL}\{protocol}\{side}", name, "dword", data)
    for protocol in ("SSL 3.0", "TLS 1.0", "TLS 1.1")
    for side in ("Client", "Server")
    for name, data in (("Enabled", 0), ("DisabledByDefault", 1))
)

BALANCED, HIGH_PERFORMANCE = "381b4222-f694-41f0-9685-ff5bb260df2e", "8c5e7fda-e8bf-4a96-9a85-a6e23a8c635c"

CATALOGUE: tuple[Tuning, ...] = (
    Tuning(
        "long_paths",
        REGISTRY,
        _dword(r"HKLM:\SYSTEM\CurrentControlSet\Control\FileSystem", "LongPathsEnabled"),
        1,
        0,
        "Paths of pod volumes and image layers grow beyond 260 characters. Programs that ask for long paths get them.",
        "Microsoft, Maximum Path Length Limitation",
    ),
    Tuning(
        "time_service",
        SERVICE,
        {"service": "W32Time"},
        {"start_mode": "auto", "state": "started"},
        {"start_mode": "manual"},
        "Certificates and tokens fail on a clock that is wrong. Outside a domain Windows starts its time service by"
        " hand or by trigger only.",
        "Microsoft, Windows Time service; image-builder leaves it to cloudbase-init",
        default=True,
    ),
    Tuning(
        "time_servers",
        TIME_SERVERS,
        {"path": r"HKLM:\SYSTEM\CurrentControlSet\Services\W32Time\Parameters", "service": "W32Time"},
        {"servers": ["time.windows.com"]},
        {"servers": ["time.windows.com"]},
        "Nodes of one cluster have to agree on the time. With an empty list the time comes from the machine's domain. A"
        " policy of the domain wins over both. absent is for machines outside a domain, and leaves one alone that takes"
        " its time from its domain. The role remove leaves the servers and says so: whether a domain gave the time"
        " before is not known.",
        "Microsoft, Windows Time service tools and settings (NtpServer, Type; flag 0x8 is client mode); image-builder"
        " leaves it to cloudbase-init",
    ),
    Tuning(
        "power_plan",
        POWER_PLAN,
        {
            "path": r"HKLM:\SYSTEM\CurrentControlSet\Control\Power\User\PowerSchemes",
            "name": "ActivePowerScheme",
        },
        {"plan": "high performance", "guid": HIGH_PERFORMANCE},
        {"plan": "balanced", "guid": BALANCED},
        "The balanced plan, Windows' default, lowers the processors' clock between bursts. On virtual machines the"
        " host decides.",
        "Microsoft, powercfg (the identifiers); documentation of community.windows.win_power_plan (the throttling);"
        " that the registry value holds the active plan is known from public scripts (inferred)",
    ),
    Tuning(
        "old_tls_off",
        REGISTRY_VALUES,
        {},
        _OLD_PROTOCOLS,
        None,
        "Turns SSL 3.0, TLS 1.0 and TLS 1.1 off in Windows' own TLS, for clients and servers, WinRM over HTTPS"
        " included. Programs that run keep their old settings until they start anew. Go's TLS, as in the kubelet, is"
        " another.",
        "Microsoft, Transport Layer Security (TLS) registry settings",
    ),
    Tuning(
        "winrm_delayed_start",
        SERVICE,
        {"service": "WinRM"},
        {"start_mode": "delayed"},
        {"start_mode": "auto"},
        "With Hyper-V, Windows rebuilds its network adapters after a start, which breaks early connections.",
        f"{_IMAGE_BUILDER}/systemprep/tasks/main.yml",
    ),
    Tuning(
        "smb_names_in_containers",
        REGISTRY,
        _dword(_HNS, "EnableCompartmentNamespace"),
        1,
        None,
        "Pods with a network of their own reach SMB shares by host name, not by address only.",
        "Kubernetes, Configure GMSA for Windows Pods and containers; kubernetes-sigs/windows-gmsa issue 30",
    ),
    Tuning(
        "dynamic_tcp_ports",
        PORT_RANGE,
        {"protocol": "tcp"},
        {"start": 34000, "count": 31536},
        {"start": 49152, "count": 16384},
        "Many pods behind one address run out of the 16384 ports that Windows has for outgoing connections.",
        f"{_IMAGE_BUILDER}/systemprep/tasks/main.yml; default and limits: {_PORTS_ARTICLE}",
    ),
    Tuning(
        "dynamic_udp_ports",
        PORT_RANGE,
        {"protocol": "udp"},
        {"start": 34000, "count": 31536},
        {"start": 49152, "count": 16384},
        "As for TCP, where pods send many UDP requests. The figures are those of TCP; nobody publishes others.",
        f"default and limits: {_PORTS_ARTICLE}",
    ),
    Tuning(
        "excluded_udp_ports",
        PORT_EXCLUSIONS,
        {"protocol": "udp"},
        {"ranges": [{"start": 65330, "count": 1}]},
        {"ranges": []},
        "Azure's virtual networks drop what comes from UDP port 65330, such as a DNS query that Windows sends from it."
        " absent takes this one port back, not ranges of your own.",
        f"{_AGENT_BAKER}; Azure/AKS issue 2988",
    ),
    Tuning(
        "excluded_tcp_ports",
        PORT_EXCLUSIONS,
        {"protocol": "tcp"},
        {"ranges": []},
        {"ranges": []},
        "Ports of your own services that no other program is to be given by chance. Nobody publishes any for all"
        " nodes, so true excludes none, and absent is refused.",
        "Microsoft, netsh interface ipv4 add excludedportrange",
    ),
    Tuning(
        "page_file",
        PAGE_FILE,
        {},
        {"drive": "C", "initial_megabytes": 8096, "maximum_megabytes": 8096},
        "automatic",
        "Windows has no out-of-memory killer: memory that is promised has to be in RAM or in the page file. A fixed"
        " size can't fail to grow.",
        "Azure/AgentBaker (8096 MB, fixed)",
        restart=True,
    ),
    Tuning(
        "hns_control_flags",
        REGISTRY_BITS,
        _dword(_HNS, "HNSControlFlag"),
        0x50,
        None,
        "Turns on two fixes of the host network service that came with the updates of November 2022. Later updates turn"
        " them on by themselves.",
        f"{_IMAGE_BUILDER}/systemprep/tasks/main.yml (0x40 and 0x10); {_AGENT_BAKER}",
        builds=(SERVER_2019,),
    ),
    Tuning(
        "wcifs_stream_fix",
        REGISTRY,
        _dword(r"HKLM:\SYSTEM\CurrentControlSet\Services\wcifs", "WcifsSOPCountDisabled"),
        0,
        None,
        "Turns on a fix of the containers' file system filter that came with the updates of October 2022.",
        f"{_IMAGE_BUILDER}/systemprep/tasks/main.yml; {_AGENT_BAKER}",
        builds=(SERVER_2019,),
    ),
    Tuning(
        "feature_override_1114842764",
        REGISTRY,
        _dword(_OVERRIDES, "1114842764"),
        0,
        None,
        "Keeps a change of the updates of March 2024 off. The two projects disagree: image-builder sets 0, AgentBaker"
        " 1, and neither says what it does. Set windows_node_registry for 1.",
        f"kubernetes-sigs/image-builder at ae63061ef (0); {_AGENT_BAKER} (1)",
        builds=(SERVER_2022,),
        restart=True,
    ),
    Tuning(
        "feature_override_520997518",
        REGISTRY,
        _dword(_OVERRIDES, "520997518"),
        1,
        None,
        "Turns on a change that image-builder has on its images of Server 2025; it does not say what it does.",
        "kubernetes-sigs/image-builder at ae63061ef",
        builds=(SERVER_2025,),
        restart=True,
    ),
    Tuning(
        "hns_recovery",
        SERVICE,
        {"service": "hns"},
        {
            "failure_actions": [{"type": "restart", "delay_ms": delay} for delay in (5_000, 10_000, 30_000)],
            "failure_reset_period_sec": 300,
        },
        None,
        "Pods lose their network when the host network service crashes. With this Windows starts it again each time, as"
        " the roles have it for containerd. What Windows has without it is not published, so it can't be taken back."
        " kube-proxy has to start anew after it: see workload_kube_proxy_restart_with_hns.",
        "Azure/AgentBaker, hnsremediator.ps1; microsoft/Windows-Containers issue 278 (the crashes; neither sets this)",
    ),
)

# The policy behind "Path Exclusions" and "Process Exclusions" of Microsoft Defender Antivirus (windowsdefender.admx): a
# switch each, and a text value per exclusion, whose name is the path and whose data is "0".
DEFENDER_POLICY = r"HKLM:\SOFTWARE\Policies\Microsoft\Windows Defender\Exclusions"
DEFENDER_SERVICE = "WinDefend"


class Exclusion(NamedTuple):
    """A program or a folder that Defender leaves out.

    Attributes:
        kind: ``Processes`` or ``Paths``, the policy's words.
        path: where it is; ``{containerd}``, ``{kubelet}`` and ``{data}`` stand for the folders of containerd's
            programs, of the kubelet and of containerd's data.
        minimal: whether it belongs to the minimal set; all belong to the full one.
    """

    kind: str
    path: str
    minimal: bool
    reason: str
    source: str


_DEFENDER_SOURCES = f"{_IMAGE_BUILDER}/runtimes/tasks/containerd.yml; Azure/AgentBaker; WMCO"
DEFENDER_EXCLUSIONS: tuple[Exclusion, ...] = (
    Exclusion(
        "Processes",
        r"{containerd}\containerd.exe",
        True,
        "Defender takes processor time for every file that containerd unpacks of an image.",
        f"{_DEFENDER_SOURCES}; microsoft/Windows-Containers issue 92",
    ),
    Exclusion(
        "Processes",
        r"{containerd}\containerd-shim-runhcs-v1.exe",
        True,
        "The shim sets up the root file system of each container.",
        "Azure/AgentBaker",
    ),
    Exclusion(
        "Processes",
        r"{containerd}\ctr.exe",
        False,
        "Images that are imported by hand.",
        f"{_IMAGE_BUILDER}/runtimes/tasks/containerd.yml",
    ),
    Exclusion(
        "Processes",
        r"{kubelet}\kubelet.exe",
        False,
        "The kubelet writes volumes and reads container logs all the time.",
        "Azure/AgentBaker",
    ),
    Exclusion(
        "Paths",
        "{data}",
        False,
        "Image content and snapshots. Files in it are no longer scanned, whoever writes them.",
        "Azure/AgentBaker (its snapshot folder)",
    ),
)


def entry(name: str) -> Tuning | None:
    """Return the entry of a name, or None."""
    return next((tuning for tuning in CATALOGUE if tuning.name == name), None)


def for_build(tuning: Tuning, build: int) -> bool:
    return not tuning.builds or build in tuning.builds

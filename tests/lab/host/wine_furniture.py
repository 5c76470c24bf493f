"""What a bare node has from its installation: who it is, what the laboratory runs on it, and a user's own settings.

There is no containerd, no kubelet and no shim: those are made by whoever prepares the node.
"""

from __future__ import annotations

import json

from lab.host.interface import Identity
from lab.host.toolchain import Toolchain
from lab.host.wine_prefix import WinePrefix, registry_section

# Ours on the node, apart from what a role could ever touch.
PROGRAMS = r"C:\ProgramData\kubewin-lab"
AGENT_ADDRESS = rf"{PROGRAMS}\agent.json"
AGENT_LOG = rf"{PROGRAMS}\agent.log"
SNAPSHOTTER = "plainfolder"
AGENT = "agent"  # before containerd in the alphabet: Wine starts services in that order
MIRRORS = r"C:\Program Files\containerd\certs.d"
JOB_STATES = r"C:\windows\temp\kubewin-lab-jobs"

LABORATORY_KEY = r"Software\kubewin-lab"  # the agent names the computer after it at each boot
VERSION_KEY = r"Software\Microsoft\Windows NT\CurrentVersion"
CONTROL_KEY = r"System\CurrentControlSet\Control"
SERVICES_KEY = r"System\CurrentControlSet\Services"
AUTOMATIC, MANUAL = 2, 3

# The user brings these to containerd's configuration, and a role must keep them: the proxy snapshotter (no image is
# unpacked here), where images come from, and containerd 2.1's and 2.2's cimfs snapshotter off (it asks for a virtual
# disk, which Wine has not, and the CRI plugin refuses to load when a snapshotter failed).
CONTAINERD_CONFIGURATION = r"""# This node's own settings. Keep them.
version = 3
disabled_plugins = ['io.containerd.snapshotter.v1.cimfs']

[proxy_plugins.plainfolder]
  type = 'snapshot'
  address = '\\.\pipe\plainfolder'
  [proxy_plugins.plainfolder.exports]
    root = 'C:\ProgramData\plainfolder'

[plugins.'io.containerd.cri.v1.images']
  snapshotter = 'plainfolder'
  [plugins.'io.containerd.cri.v1.images'.registry]
    config_path = 'C:\Program Files\containerd\certs.d'

[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runhcs-wcow-process]
  runtime_type = 'io.containerd.runhcs.v1'
  snapshotter = 'plainfolder'

[[plugins.'io.containerd.transfer.v1.local'.unpack_config]]
  platform = 'windows/amd64'
  snapshotter = 'plainfolder'
"""
# A CNI network must be configured for the kubelet to be Ready; pods in the host's network never call it.
CNI_NETWORK = {
    "cniVersion": "0.3.0",
    "name": "nat",
    "type": "nat",
    "master": "Ethernet",
    "ipam": {"subnet": "10.244.1.0/24"},
}


def hosts_file(registry_url: str) -> str:
    """hosts.toml for every registry there is: images come from the laboratory's."""
    return f"server = '{registry_url}'\n\n[host.'{registry_url}']\n  capabilities = ['pull', 'resolve']\n"


def service_section(name: str, title: str, command_line: str, start: int = AUTOMATIC) -> str:
    """A service's registry key."""
    values = {
        "DisplayName": title,
        "ErrorControl": 1,
        "ImagePath": command_line,
        "ObjectName": "LocalSystem",
        "Start": start,
        "Type": 16,
    }
    return registry_section(rf"{SERVICES_KEY}\{name}", values)


def identity_sections(identity: Identity) -> str:
    """Who the node is: what winver, the kubelet (node labels, osImage, boot and machine id) and probes read."""
    version = {
        "ProductName": identity.product_name,
        "CurrentBuild": str(identity.build),
        "CurrentBuildNumber": str(identity.build),
        "CurrentMajorVersionNumber": 10,
        "CurrentMinorVersionNumber": 0,
        "CurrentVersion": "6.3",
        "UBR": identity.revision,
    }
    hardware = {"LastConfig": "{" + _machine_id(identity.computer_name) + "}"}
    return "".join(
        registry_section(key, values)
        for key, values in {
            VERSION_KEY: version,
            LABORATORY_KEY: {"ComputerName": identity.computer_name.upper()},
            r"System\HardwareConfig": hardware,
            rf"{CONTROL_KEY}\Session Manager\Memory Management\PrefetchParameters": {"BootId": 1},
        }.items()
    )


def _machine_id(name: str) -> str:
    """A stable GUID of a computer's name."""
    digits = name.encode().hex()[:12].rjust(12, "0")
    return f"00000000-0000-4000-8000-{digits}"


def service_environment_sections() -> str:
    """Service processes get C:\\ProgramData as ProgramData: Wine makes it of the value Public, whose use that is."""
    return registry_section(rf"{VERSION_KEY}\ProfileList", {"Public": r"C:\ProgramData"}) + registry_section(
        # A loaded machine starts a service slower than Wine's 10 s allow.
        CONTROL_KEY,
        {"ServicesPipeTimeout": 60000},
    )


def user_sections() -> str:
    """The user of all services: TEMP as LocalSystem has it on Windows, and our pdh.dll instead of Wine's."""
    return registry_section("Environment", {"TEMP": r"C:\windows\temp", "TMP": r"C:\windows\temp"}) + registry_section(
        r"Software\Wine\DllOverrides", {"pdh": "native"}
    )


def furnish(prefix: WinePrefix, identity: Identity, toolchain: Toolchain, registry_url: str) -> None:
    """Make a bare node of a copy of the template, which is off."""
    for dll in toolchain.gaps.glob("*.dll"):
        prefix.place(rf"C:\windows\system32\{dll.name}", dll)
    prefix.place(r"C:\windows\system32\tar.exe", toolchain.tar)
    prefix.place(rf"{PROGRAMS}\nodeagent.exe", toolchain.agent)
    prefix.place(rf"{PROGRAMS}\plainfolder.exe", toolchain.snapshotter)
    prefix.place(r"C:\Program Files\containerd\config.toml", CONTAINERD_CONFIGURATION.encode())
    prefix.place(r"C:\Program Files\containerd\cni\conf\10-nat.conf", json.dumps(CNI_NETWORK, indent=2).encode())
    if registry_url:
        prefix.place(rf"{MIRRORS}\_default\hosts.toml", hosts_file(registry_url).encode())
    prefix.merge_registry(
        identity_sections(identity)
        + service_environment_sections()
        + registry_section(rf"{CONTROL_KEY}\FileSystem", {"LongPathsEnabled": 0})
        + service_section("W32Time", "Windows Time", rf"{PROGRAMS}\nodeagent.exe idle W32Time", MANUAL)
        + registry_section(rf"{SERVICES_KEY}\W32Time\Parameters", {"NtpServer": "time.windows.com,0x1", "Type": "NTP"})
        + service_section(AGENT, "Laboratory agent", rf"{PROGRAMS}\nodeagent.exe")
        + service_section(SNAPSHOTTER, "Plain folder snapshotter", rf"{PROGRAMS}\plainfolder.exe")
    )
    prefix.merge_registry(user_sections(), "user.reg")

# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What works with what: Kubernetes, containerd, hcsshim and Windows, as data. The look-ups are in the files beside it.

Compiled 2026-11-23 from the projects' sources and release notes: kubernetes v1.23.1 to v1.37.2, containerd v1.5 to
v2.4.2 (RELEASES.md, script/setup/runhcs-version), hcsshim v0.8.16 to v0.15.0, KEP-1981. A comment says where an
entry is inferred or was measured instead of read.
"""

from __future__ import annotations

# --- Kubernetes --------------------------------------------------------------------------------------------------
# minimum_containerd: up to 1.25 what HostProcess needs, 1.26 to 1.31 CRI v1, from 1.32 on containerd's own Kubernetes
# matrix ("recommended", not a hard limit). containerd_lines: oldest patch of each line in that matrix.
# required_containerd: below it the pair can't run HostProcess containers at all.
# mechanism: how the kubelet marks HostProcess containers; by a field of CRI where nothing is said (1.23 and later).
# 1.22 and 1.24 sources were not available: documentation only.

_REMOVED = {
    "gate": "removed",
    "default": None,
    "locked": False,
    "settable": False,
    "hostprocess": True,
    "required_containerd": "1.6.15",
}
_BETA = {"gate": "beta", "default": True, "locked": False, "settable": True, "hostprocess": True}
_STABLE = {
    "gate": "ga",
    "default": True,
    "locked": True,
    "settable": True,
    "hostprocess": True,
    "required_containerd": "1.6.15",
}
_CRI_V1 = {"minimum_containerd": "1.6.15", "recommended_containerd": "1.7.0"}
_FIELD = {"minimum_containerd": "1.6.0", "required_containerd": "1.6.0", "recommended_containerd": "1.7.0"}

KUBERNETES: dict[str, dict] = {
    "1.21": {"gate": "absent", "default": None, "locked": False, "settable": False, "hostprocess": False},
    "1.22": {
        **_BETA,
        "gate": "alpha",
        "default": False,
        "gate_needed_on": ("kube-apiserver", "kubelet"),
        "minimum_containerd": "1.5.4",
        "required_containerd": "1.5.4",
        "mechanism": "cri_annotation",
        "shim_override_required": True,
    },
    "1.23": {**_BETA, **_FIELD, "pod_level_required": True},
    "1.24": {**_BETA, **_FIELD, "pod_level_required": True},
    "1.25": {**_BETA, **_FIELD},
    "1.26": {**_STABLE, **_CRI_V1},
    "1.27": {**_STABLE, **_CRI_V1},
    "1.28": {**_REMOVED, **_CRI_V1},
    "1.29": {**_REMOVED, **_CRI_V1},
    "1.30": {**_REMOVED, **_CRI_V1},
    "1.31": {**_REMOVED, **_CRI_V1},
    "1.32": {
        **_REMOVED,
        "minimum_containerd": "1.6.36",
        "containerd_lines": {"2.1": "2.1.0", "2.0": "2.0.1", "1.7": "1.7.24", "1.6": "1.6.36"},
    },
    "1.33": {
        **_REMOVED,
        "minimum_containerd": "1.6.36",
        "containerd_lines": {"2.1": "2.1.0", "2.0": "2.0.4", "1.7": "1.7.24", "1.6": "1.6.36"},
    },
    "1.34": {
        **_REMOVED,
        "minimum_containerd": "1.6.39",
        "containerd_lines": {"2.1": "2.1.3", "2.0": "2.0.6", "1.7": "1.7.28", "1.6": "1.6.39"},
    },
    "1.35": {
        **_REMOVED,
        "minimum_containerd": "1.7.28",
        "containerd_lines": {"2.2": "2.2.0", "2.1": "2.1.5", "1.7": "1.7.28"},
    },
    "1.36": {
        **_REMOVED,
        "minimum_containerd": "2.2.0",
        "containerd_lines": {"2.3": "2.3.0", "2.2": "2.2.0"},
    },
    "1.37": {
        **_REMOVED,
        "minimum_containerd": "2.3.0",
        "containerd_lines": {"2.4": "2.4.0", "2.3": "2.3.0"},
    },
}

# The kubelet counts the processors of its own group only (at most 64) up to here, of all groups from the next line on.
PROCESSORS_OF_ONE_GROUP_UP_TO = "1.26"

# --- feature gates -----------------------------------------------------------------------------------------------
# stages: first line of each stage. default: first line of each default. A gate is unknown to lines before its first.

FEATURE_GATES: dict[str, dict] = {
    "WindowsHostProcessContainers": {
        "components": ("kube-apiserver", "kubelet"),
        "stages": {"1.22": "alpha", "1.23": "beta", "1.26": "ga", "1.28": "removed"},
        "default": {"1.22": False, "1.23": True},
        "locked_since": "1.26",
    },
    "WindowsHostNetwork": {  # not needed for HostProcess; its enhancement was withdrawn in 2025
        "components": ("kubelet",),
        "stages": {"1.26": "alpha", "1.33": "deprecated"},
        "default": {"1.26": True, "1.33": False},
        "never_set": "HostProcess pods don't need it, containerd ignores it, and KEP-3503 is withdrawn",
    },
    "WindowsGracefulNodeShutdown": {
        "components": ("kubelet",),
        "stages": {"1.32": "alpha", "1.34": "beta"},
        "default": {"1.32": False, "1.34": True},
    },
    "WindowsCPUAndMemoryAffinity": {
        "components": ("kubelet",),
        "stages": {"1.32": "alpha"},
        "default": {"1.32": False},
    },
    "IdentifyPodOS": {
        "components": ("kube-apiserver", "kubelet"),
        "stages": {"1.23": "alpha", "1.24": "beta", "1.25": "ga", "1.27": "removed"},
        "default": {"1.23": False, "1.24": True},
    },
    "WinDSR": {
        "components": ("kube-proxy",),
        "stages": {"1.34": "ga"},
        "default": {"1.34": True},
        "locked_since": "1.34",
    },
    "WinOverlay": {
        "components": ("kube-proxy",),
        "stages": {"1.34": "ga"},
        "default": {"1.34": True},
        "locked_since": "1.34",
    },
}

# --- KubeletConfiguration on Windows -----------------------------------------------------------------------------
# refused: the kubelet does not start. ignored: it logs a warning. Lines are inclusive.
# unset_value: what to write so that the default doesn't count as set. pointer: counts as set when it is there at all,
# even empty or false. Ignoring was measured on 1.37.2.

KUBELET_FIELDS: dict[str, dict] = {
    "cgroupsPerQOS": {"refused_up_to": "1.30", "ignored_since": "1.31", "unset_value": False, "default": True},
    "enforceNodeAllocatable": {
        "refused_up_to": "1.30",
        "ignored_since": "1.31",
        "silent_value": ["none"],
        "unset_value": [],
        "default": ["pods"],
    },
    "singleProcessOOMKill": {"refused_since": "1.32", "pointer": True},
    "userNamespaces": {"refused_since": "1.33", "pointer": True},
    "defaultPodSysctls": {"refused_since": "1.37"},
}

# --- Kubernetes' rules for pods that name their system -----------------------------------------------------------
# First line in which spec.os.name: windows forbids the field; fields not named here are older than 1.29.

SPEC_OS_WINDOWS_SINCE: dict[str, str] = {
    "appArmorProfile": "1.30",
    "supplementalGroupsPolicy": "1.31",
    "seLinuxChangePolicy": "1.32",
    "stopSignal": "1.33",
    "resources": "1.34",
}
HOST_FIELDS_AFTER_SECURITY_CONTEXT_SINCE = "1.37"

# --- Windows -----------------------------------------------------------------------------------------------------
# bind_mode: True, False, or "probe": decided by the presence of BIND_FILTER_LIBRARY on the node.
# image: how containerd (1.6.23+, 1.7.6+, 2.x) matches an image's os.version to this host.
# 18362, 18363 are inferred from the build rule, 25398 and 26100 from the constants.

MINIMUM_WINDOWS_BUILD = 17763
BIND_FILTER_LIBRARY = "C:\\Windows\\System32\\bindfltapi.dll"
REQUIRED_WINDOWS_FEATURES = ("Containers",)

WINDOWS_BUILDS: dict[int, dict] = {
    14393: {"name": "Windows Server 2016", "hostprocess": False, "bind_mode": False, "image": None},
    17763: {"name": "Windows Server 2019", "hostprocess": True, "bind_mode": "probe", "image": "exact"},
    18362: {"name": "Windows Server 1903", "hostprocess": True, "bind_mode": False, "image": "exact", "retired": True},
    18363: {"name": "Windows Server 1909", "hostprocess": True, "bind_mode": False, "image": "exact", "retired": True},
    19041: {"name": "Windows Server 2004", "hostprocess": True, "bind_mode": True, "image": "exact", "retired": True},
    19042: {"name": "Windows Server 20H2", "hostprocess": True, "bind_mode": True, "image": "exact", "retired": True},
    20348: {"name": "Windows Server 2022", "hostprocess": True, "bind_mode": True, "image": "ltsc2022_up"},
    25398: {"name": "Windows Server 23H2", "hostprocess": True, "bind_mode": True, "image": "previous_ltsc_up"},
    26100: {"name": "Windows Server 2025", "hostprocess": True, "bind_mode": True, "image": "previous_ltsc_up"},
}

# --- containerd --------------------------------------------------------------------------------------------------
# shims: patch range -> hcsshim in the release. scrub_logs_since: default runtime options gain ScrubLogs = true.
# config_versions: read without losing settings. 1.5 also takes any later version, in silence and without its settings
# (measured on 1.5.18); 1.6 and later refuse it.
# hostprocess_since: patch from which HostProcess containers can run at all, where it isn't the first.
# lost_config_version: read without an error, but the CRI settings in it are lost (measured on Linux builds).
# cni_bin_key: the key in a file of version 3 or 4; a version 2 file says bin_dir with every line.
# end_of_life: a day, or a month where the project names only a month.

_BIND_IF_AVAILABLE = {
    "hostprocess": True,
    "mount_mode": "bind_if_available",
    "local_groups": True,
    "rootfs": "C:\\hpc\\",
}

CONTAINERD: dict[str, dict] = {
    "1.5": {
        "hostprocess": "needs_newer_shim",
        "hostprocess_since": "1.5.4",
        "mount_mode": None,
        "local_groups": False,
        "rootfs": None,
        "config_versions": (1, 2),
        "native_config_version": 2,
        "sandbox_image": "registry.k8s.io/pause:3.5",
        "end_of_life": "2023-02-28",
        "latest_patch": "1.5.18",
        "shims": {
            "0-2": "v0.8.16",
            "3-5": "v0.8.18",
            "6-7": "v0.8.21",
            "8-10": "v0.8.23",
            "11-16": "v0.8.24",
            "17-18": "v0.8.25",
        },
    },
    "1.6": {
        "hostprocess": True,
        "mount_mode": "symlink",
        "local_groups": False,
        "rootfs": "C:\\C\\<id>\\",
        "config_versions": (1, 2),
        "native_config_version": 2,
        "sandbox_image": "registry.k8s.io/pause:3.6",
        "end_of_life": "2025-08-23",
        "latest_patch": "1.6.39",
        "shims": {
            "0-4": "v0.9.2",
            "5-6": "v0.9.3",
            "7-9": "v0.9.4",
            "10-12": "v0.9.5",
            "13-18": "v0.9.6",
            "19": "v0.9.7",
            "20-22": "v0.9.8",
            "23-31": "v0.9.10",
            "32-33": "v0.9.11",
            "34-39": "v0.9.12",
        },
    },
    "1.7": {
        **_BIND_IF_AVAILABLE,
        "config_versions": (1, 2),
        "native_config_version": 2,
        "sandbox_image": "registry.k8s.io/pause:3.8",
        "end_of_life": "2026-09",
        "latest_patch": "1.7.36",
        "scrub_logs_since": "1.7.35",
        "shims": {
            "0": "v0.10.0-rc.7",
            "1-5": "v0.10.0-rc.8",
            "6": "v0.11.0",
            "7-8": "v0.11.1",
            "9-16": "v0.11.4",
            "17-18": "v0.11.5",
            "19-36": "v0.11.7",
        },
    },
    "2.0": {
        **_BIND_IF_AVAILABLE,
        "config_versions": (2, 3),
        "lost_config_version": 1,
        "native_config_version": 3,
        "cni_bin_key": "bin_dir",
        "sandbox_image": "registry.k8s.io/pause:3.10",
        "end_of_life": "2027-03",
        "latest_patch": "2.0.14",
        "scrub_logs_since": "2.0.13",  # absent in 2.0.11; 2.0.12 could not be read
        "shims": {"0-11": "v0.12.9", "13-14": "v0.12.9"},  # 2.0.12 could not be read
    },
    "2.1": {
        **_BIND_IF_AVAILABLE,
        "config_versions": (2, 3),
        "lost_config_version": 1,
        "native_config_version": 3,
        "cni_bin_key": "bin_dirs",
        "sandbox_image": "registry.k8s.io/pause:3.10",
        "end_of_life": "2026-07-03",
        "latest_patch": "2.1.9",
        "shims": {"0": "v0.13.0-rc.3", "1-9": "v0.13.0"},
    },
    "2.2": {
        **_BIND_IF_AVAILABLE,
        "config_versions": (2, 3),
        "lost_config_version": 1,
        "native_config_version": 3,
        "cni_bin_key": "bin_dirs",
        "default_drop_ins": True,
        "sandbox_image": "registry.k8s.io/pause:3.10.1",
        "end_of_life": "2026-11-06",
        "latest_patch": "2.2.9",
        "scrub_logs_since": "2.2.7",
        "shims": {"0-2": "v0.14.0-rc.1", "3-9": "v0.14.1"},
    },
    "2.3": {
        **_BIND_IF_AVAILABLE,
        "config_versions": (1, 2, 3, 4),
        "native_config_version": 4,
        "cni_bin_key": "bin_dirs",
        "default_drop_ins": True,
        "sandbox_image": "registry.k8s.io/pause:3.10.2",
        "long_term_support": True,
        "end_of_life": "2028-04-30",
        "latest_patch": "2.3.7",
        "scrub_logs_since": "2.3.4",
        "shims": {"0-2": "v0.15.0-rc.1", "3-4": "v0.15.0-rc.3", "5-7": "v0.15.0-rc.4"},
    },
    "2.4": {
        **_BIND_IF_AVAILABLE,
        "config_versions": (1, 2, 3, 4),
        "native_config_version": 4,
        "cni_bin_key": "bin_dirs",
        "removed_config_keys": ("cni.bin_dir", "enable_cdi", "enable_experimental_restore_via_create"),
        "default_drop_ins": True,
        "sandbox_image": "registry.k8s.io/pause:3.10.2",
        "end_of_life": "2027-05-16",
        "latest_patch": "2.4.2",
        "scrub_logs_since": "2.4.0",
        "shims": {"0-2": "v0.15.0-rc.4"},
    },
}

CONFIG_VERSION_SINCE: dict[int, str] = {1: "1.0.0", 2: "1.3.0", 3: "2.0.0", 4: "2.3.0"}
# A byte order mark stops containerd from reading its file from here on; 1.7 still takes it (measured).
BYTE_ORDER_MARK_REFUSED_SINCE = "2.0"

DEFAULT_RUNTIME_HANDLER = "runhcs-wcow-process"
OPT_PLUGIN = "io.containerd.internal.v1.opt"  # the same in every version of the file

CONFIG_PLUGINS: dict[int, dict[str, str]] = {
    2: {
        "images": "io.containerd.grpc.v1.cri",
        "runtime": "io.containerd.grpc.v1.cri",
        "streaming": "io.containerd.grpc.v1.cri",
        "opt": OPT_PLUGIN,
        "sandbox_image_key": "sandbox_image",
    },
    3: {
        "images": "io.containerd.cri.v1.images",
        "runtime": "io.containerd.cri.v1.runtime",
        "streaming": "io.containerd.grpc.v1.cri",
        "opt": OPT_PLUGIN,
        "sandbox_image_key": "pinned_images.sandbox",
    },
    4: {
        "images": "io.containerd.cri.v1.images",
        "runtime": "io.containerd.cri.v1.runtime",
        "streaming": "io.containerd.grpc.v1.cri",
        "opt": OPT_PLUGIN,
        "sandbox_image_key": "pinned_images.sandbox",
    },
}

CONTAINERD_PATHS: dict[str, str] = {
    "config": "%ProgramFiles%\\containerd\\config.toml",
    "drop_ins": "%ProgramFiles%\\containerd\\conf.d\\*.toml",
    "root": "%ProgramData%\\containerd\\root",
    "state": "%ProgramData%\\containerd\\state",
    "bundles": "%ProgramData%\\containerd\\state\\io.containerd.runtime.v2.task\\k8s.io",
    "cni_bin": "%ProgramFiles%\\containerd\\cni\\bin",
    "cni_conf": "%ProgramFiles%\\containerd\\cni\\conf",
    "pipe": "\\\\.\\pipe\\containerd-containerd",
    "cri_endpoint": "npipe:////./pipe/containerd-containerd",
}
CONTAINERD_ACCOUNTS = ("LocalSystem", "LocalService")

# --- hcsshim -----------------------------------------------------------------------------------------------------

HCSSHIM_SINCE: dict[str, str] = {
    "job_container": "v0.9.0-rc.0",
    "tty": "v0.9.2",
    "io_attribution": "v0.9.4",
    "bind_mode": "v0.10.0-rc.0",
    "local_group_user": "v0.10.0-rc.0",
    "rootfs_location_annotation": "v0.10.0-rc.0",
    "readonly_mounts": "v0.10.0-rc.2",
    "cpu_affinity_single_group": "v0.15.0-rc.1",
    "cpu_affinity_multi_group": "v0.15.0-rc.2",
    "hyperv_isolated_hostprocess": "v0.15.0-rc.2",
}

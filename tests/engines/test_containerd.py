"""containerd.exe judges every config.toml that containerd_config writes, and what it refuses to write."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.containerd_config import merge
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.containerd_handlers import (
    MARK,
    lets_through,
    own_handlers,
)
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.errors import ConfigurationError
from engines.judge import Judge
from engines.versions import CONTAINERDS, line

pytestmark = pytest.mark.wine

CRI = "io.containerd.grpc.v1.cri"
IMAGES, RUNTIME = "io.containerd.cri.v1.images", "io.containerd.cri.v1.runtime"
WISHES = {
    "sandbox_image": "registry.example.com/pause:9.9",
    "cni_bin_directory": "C:\\opt\\cni\\bin",
    "cni_conf_directory": "C:\\etc\\cni\\net.d",
    "registry_config_path": "C:\\certs.d",
    "opt_path": "C:\\Program Files\\containerd\\2.2.9",
}
SETTINGS = {"root": "C:\\data\\root", "proxy_plugins": {"mine": {"type": "snapshot", "address": "\\\\.\\pipe\\mine"}}}
FOREIGN = "# by hand\ndisabled_plugins = ['io.containerd.snapshotter.v1.cimfs'] # kept\n"
CONTAINERD_1_5 = [version for version in CONTAINERDS if line(version) < (1, 6)] or [
    pytest.param("1.5", marks=pytest.mark.skip(reason="make matrix has a containerd 1.5 as judge"))
]
# A file that another tool wrote, by the version that it is in; each sets CNI, so that the merge has to find it.
FILES = {
    None: None,
    2: f"version = 2\n{FOREIGN}[plugins.'{CRI}'.cni]\n  conf_template = 'C:\\t'\n",
    3: f"version = 3\n{FOREIGN}[plugins.'{RUNTIME}'.cni]\n  conf_template = 'C:\\t'\n",
    4: f"version = 4\n{FOREIGN}[plugins.'{RUNTIME}'.cni]\n  conf_template = 'C:\\t'\n",
}


def readable(containerd: str) -> tuple[int, ...]:
    """The file versions that an engine reads whole and that are merged; as its release notes have it."""
    if line(containerd) < (2, 0):
        return (2,)
    return (2, 3) if line(containerd) < (2, 3) else (2, 3, 4)


def effective(dump: dict) -> dict[str, Any]:
    """The wishes, as a dump in whatever version has them."""
    plugins = dump["plugins"]
    if dump["version"] == 2:
        images = runtime = plugins[CRI]
        sandbox = images["sandbox_image"]
    else:
        images, runtime = plugins[IMAGES], plugins[RUNTIME]
        sandbox = images["pinned_images"]["sandbox"]
    cni = runtime["cni"]
    # 2.1 to 2.3 show the default of bin_dirs beside a bin_dir that is set, and go by bin_dir.
    folders = [cni["bin_dir"]] if cni.get("bin_dir") else cni["bin_dirs"]
    return {
        "sandbox_image": sandbox,
        "cni_bin_directory": "|".join(folders),
        "cni_conf_directory": cni["conf_dir"],
        "registry_config_path": images["registry"]["config_path"],
        "opt_path": plugins["io.containerd.internal.v1.opt"]["path"],
    }


def handlers(dump: dict) -> dict[str, Any]:
    """The runtime handlers of a dump; options that are empty or false left out."""
    plugins = dump["plugins"]
    found = plugins[CRI if dump["version"] == 2 else RUNTIME]["containerd"]["runtimes"]
    return {name: {key: value for key, value in one.items() if value} for name, one in found.items()}


CASES = [(containerd, version) for containerd in CONTAINERDS for version in (None, *readable(containerd))]


@pytest.mark.parametrize(("containerd", "version"), CASES)
def test_what_is_written_is_accepted_and_comes_to_what_was_meant(judge: Judge, containerd: str, version: int | None):
    before = FILES[version]
    merged = merge(before, SETTINGS, containerd, **WISHES)
    verdict = judge.containerd(containerd, merged.text.encode())
    assert verdict.accepted, verdict.log
    assert verdict.unknown_keys == []
    assert effective(verdict.effective) == WISHES
    assert verdict.effective["root"] == SETTINGS["root"]
    assert verdict.effective["proxy_plugins"]["mine"]["address"] == SETTINGS["proxy_plugins"]["mine"]["address"]
    if before:
        assert "# by hand" in merged.text
        assert verdict.effective["disabled_plugins"] == ["io.containerd.snapshotter.v1.cimfs"]


REFUSED = {
    "a byte order mark": (b"\xef\xbb\xbfversion = 2\n", (2, 0)),
    "no TOML": (b"version = \n", (1, 0)),
    "UTF-16": ("version = 2\n".encode("utf-16"), (1, 0)),
    "a version of the future": (b"version = 9\n", (1, 6)),
}


@pytest.mark.parametrize("containerd", CONTAINERDS)
@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_here_is_refused_there(judge: Judge, containerd: str, case: str):
    """What an older engine still takes is refused for it too.

    1.7 takes a byte order mark, and the next version would not start with it. 1.5 takes any version for its own.
    """
    content, since = REFUSED[case]
    with pytest.raises(ConfigurationError):
        merge(content.decode("utf-8", "replace"), {}, containerd)
    assert judge.containerd(containerd, content).accepted == (line(containerd) < since)


@pytest.mark.parametrize("containerd", CONTAINERDS)
def test_a_file_version_that_the_engine_can_not_read_is_refused_here_too(judge: Judge, containerd: str):
    for version in {2, 3, 4} - set(readable(containerd)):
        text = f"version = {version}\n"
        with pytest.raises(ConfigurationError, match="can't read"):
            merge(text, {}, containerd)
        if line(containerd) >= (1, 6):
            assert not judge.containerd(containerd, text.encode()).accepted


@pytest.mark.parametrize("containerd", CONTAINERD_1_5)
def test_containerd_1_5_takes_a_version_3_file_and_loses_its_settings_in_silence(judge: Judge, containerd: str):
    text = merge(None, {}, "2.2.9", **WISHES).text
    assert "version = 3" in text
    verdict = judge.containerd(containerd, text.encode())
    assert verdict.accepted
    assert "pause:9.9" in text
    assert effective(verdict.effective)["sandbox_image"] == "registry.k8s.io/pause:3.5"
    assert verdict.log == ""


@pytest.mark.parametrize("containerd", [version for version in CONTAINERDS if (2, 0) <= line(version) < (2, 3)])
def test_a_version_1_file_is_refused_where_the_engine_loses_its_settings_in_silence(judge: Judge, containerd: str):
    text = '[plugins.cri]\n  sandbox_image = "registry.example.com/pause:9.9"\n'
    with pytest.raises(ConfigurationError, match="drops its CRI settings"):
        merge(text, {}, containerd)
    verdict = judge.containerd(containerd, text.encode())
    assert verdict.accepted
    assert effective(verdict.effective)["sandbox_image"] != WISHES["sandbox_image"]


@pytest.mark.parametrize("containerd", [version for version in CONTAINERDS if line(version) >= (2, 0)])
def test_an_old_cni_key_is_renamed_where_the_engine_would_ignore_it(judge: Judge, containerd: str):
    key = "bin_dirs" if line(containerd) == (2, 0) else "bin_dir"
    value = "['C:\\opt\\cni\\bin']" if key == "bin_dirs" else "'C:\\opt\\cni\\bin'"
    text = f"version = 3\n[plugins.'{RUNTIME}'.cni]\n  {key} = {value}\n"
    merged = merge(text, {}, containerd)
    verdict = judge.containerd(containerd, merged.text.encode())
    assert verdict.accepted, verdict.log
    assert verdict.unknown_keys == []
    assert effective(verdict.effective)["cni_bin_directory"] == "C:\\opt\\cni\\bin"
    if merged.changed:
        untouched = judge.containerd(containerd, text.encode())
        assert untouched.accepted, untouched.log
        assert effective(untouched.effective)["cni_bin_directory"] != "C:\\opt\\cni\\bin"


PROCESS = "runhcs-wcow-process"


@pytest.mark.parametrize("containerd", CONTAINERDS)
def test_the_handlers_that_a_containerd_has_by_itself_are_those_that_are_written_in_full(judge: Judge, containerd: str):
    assert handlers(judge.containerd(containerd, b"version = 2\n").effective) == own_handlers(containerd)


@pytest.mark.parametrize("containerd", CONTAINERDS)
@pytest.mark.parametrize("version", [None, 2])
def test_annotations_come_beside_what_the_engine_lets_through(judge: Judge, containerd: str, version: int | None):
    wishes = {
        "pod_annotations": ["microsoft.com/*"],
        "container_annotations": ["example.com/a"],
        "hyperv_handler": True,
    }
    verdict = judge.containerd(containerd, merge(FILES[version], {}, containerd, **wishes).text.encode())
    assert verdict.accepted, verdict.log
    assert verdict.unknown_keys == []
    found, own = handlers(verdict.effective), own_handlers(containerd)
    for key in ("pod_annotations", "container_annotations"):
        assert set(found[PROCESS].pop(key)) >= {*own[PROCESS].get(key, []), *wishes[key]}
    assert found.pop(PROCESS).items() <= own[PROCESS].items()
    assert found["runhcs-wcow-hypervisor"]["options"].items() >= {"SandboxIsolation": 1}.items()
    assert found["runhcs-wcow-hypervisor"]["runtime_type"] == "io.containerd.runhcs.v1"


@pytest.mark.parametrize("containerd", CONTAINERD_1_5)
def test_containerd_1_5_lets_the_mark_of_hostprocess_containers_through(judge: Judge, containerd: str):
    without = handlers(judge.containerd(containerd, b"version = 2\n").effective)[PROCESS]
    found = handlers(judge.containerd(containerd, merge(None, {}, containerd).text.encode()).effective)[PROCESS]
    for key in ("pod_annotations", "container_annotations"):
        assert not lets_through(without.get(key, []), MARK)
        assert lets_through(found[key], MARK)


@pytest.mark.parametrize("containerd", CONTAINERD_1_5)
def test_a_containerd_1_5_that_starts_takes_the_shims_folder_and_the_mark(judge: Judge, containerd: str):
    """The opt plugin makes its folders, and puts bin before the PATH, which is where 1.5 looks for its shim first."""
    settings = {"root": "C:\\of_1_5\\root", "state": "C:\\of_1_5\\state"}
    text = merge(None, settings, containerd, opt_path="C:\\of_1_5\\hcsshim-0.9.12").text
    log = judge.containerd_start(containerd, text.encode()).stderr
    assert (judge.disk / "of_1_5" / "hcsshim-0.9.12" / "bin").is_dir(), log
    (cri,) = [told for told in log.splitlines() if "Start cri plugin with config" in told]
    assert cri.count(f"Annotations:[{MARK}]") == 2, cri


# The example of the role's README, for a file of version 3.
README = Path(__file__).resolve().parents[2] / "roles" / "containerd" / "README.md"
EXAMPLE = yaml.safe_load(re.search(r"```yaml\n(containerd_config:\n.*?)```", README.read_text(), re.DOTALL)[1])


@pytest.mark.parametrize("containerd", [version for version in CONTAINERDS if line(version) >= (2, 0)])
def test_the_documented_handler_comes_beside_the_engines_own(judge: Judge, containerd: str):
    example = EXAMPLE["containerd_config"]
    verdict = judge.containerd(containerd, merge(None, example, containerd).text.encode())
    assert verdict.accepted, verdict.log
    assert verdict.unknown_keys == []
    (wanted,) = example["plugins"][RUNTIME]["containerd"]["runtimes"].items()
    found = handlers(verdict.effective)
    assert found.pop(wanted[0]).items() >= wanted[1].items()
    assert found == own_handlers(containerd)


@pytest.mark.parametrize("containerd", [version for version in CONTAINERDS if line(version) < (2, 0)])
def test_containerd_1_drops_its_own_handlers_for_those_of_the_file(judge: Judge, containerd: str):
    text = f"version = 2\n[plugins.'{CRI}'.containerd.runtimes.{PROCESS}]\npod_annotations = ['microsoft.com/*']\n"
    if line(containerd) < (1, 6):
        assert "runtime_type" in merge(text, {}, containerd).text, (
            "1.5 has to let the mark through, so it is made whole"
        )
    else:
        with pytest.raises(ConfigurationError, match=f"{PROCESS} would have no runtime_type"):
            merge(text, {}, containerd)
    verdict = judge.containerd(containerd, text.encode())
    assert verdict.accepted
    assert "runtime_type" not in handlers(verdict.effective)[PROCESS]

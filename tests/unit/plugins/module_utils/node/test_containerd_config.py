# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Merging into config.toml: what is kept, what is written, what is refused."""

from __future__ import annotations

import hashlib
import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.containerd_config import merge
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.errors import ConfigurationError

FOREIGN = """\
# put here by hand
version = 3
disabled_plugins = ['io.containerd.snapshotter.v1.cimfs'] # no disks

[proxy_plugins.other]
  type = "snapshot" # kept
  address = '\\\\.\\pipe\\other'

[plugins.'io.containerd.cri.v1.images']
  snapshotter = "other"

[[plugins.'io.containerd.transfer.v1.local'.unpack_config]]
  platform = "windows/amd64"
  snapshotter = "other"

[plugins.'io.containerd.cri.v1.images'.registry]
  config_path = 'C:\\certs.d'
"""
RUNTIME_3 = "io.containerd.cri.v1.runtime"
KEYS = st.sampled_from(["a", "b", "io.containerd.x.v1.y", "with space", "ünïcode", "1"])
LEAVES = st.one_of(
    st.booleans(),
    st.integers(-(2**40), 2**40),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\ufffd"), max_size=12),
    st.lists(st.integers(0, 9), max_size=3),
    st.lists(st.text(st.characters(codec="latin-1"), max_size=6), max_size=3),
)
TREES = st.recursive(
    st.dictionaries(KEYS, LEAVES, max_size=4),
    lambda inner: st.dictionaries(KEYS, st.one_of(LEAVES, inner), max_size=4),
    max_leaves=12,
)


def under_plugins(tree: dict) -> dict:
    """Settings below one plugin that no rule of containerd touches."""
    return {"plugins": {"io.example.v1.own": tree}} if tree else {}


def own_settings(text: str) -> dict:
    return tomllib.loads(text).get("plugins", {}).get("io.example.v1.own", {})


def without_empty_tables(tree: dict) -> dict:
    inner = {key: without_empty_tables(value) if isinstance(value, dict) else value for key, value in tree.items()}
    return {key: value for key, value in inner.items() if not (isinstance(value, dict) and not value)}


def test_a_new_file_holds_what_is_wanted_and_its_version():
    merged = merge(None, {"root": "C:\\data"}, "2.2.9")
    assert tomllib.loads(merged.text) == {"version": 3, "root": "C:\\data"}
    assert "root = 'C:\\data'" in merged.text


@pytest.mark.parametrize(("containerd", "version"), [("1.7.35", 2), ("2.0.14", 3), ("2.3.7", 3), (2.4, 3)])
def test_a_new_file_can_be_read_by_the_line_before(containerd, version):
    assert merge(None, {}, containerd).config_version == version


@settings(max_examples=40, deadline=None)
@given(TREES)
def test_merging_twice_changes_no_more_than_merging_once(tree):
    once = merge(FOREIGN, under_plugins(tree), "2.2.9")
    again = merge(once.text, under_plugins(tree), "2.2.9")
    assert not again.changed
    assert again.text == once.text


@settings(max_examples=40, deadline=None)
@given(TREES)
def test_foreign_keys_comments_and_order_stay(tree):
    merged = merge(FOREIGN, under_plugins(tree), "2.2.9").text
    kept = iter(merged.splitlines())
    assert all(line in kept for line in FOREIGN.splitlines() if line.strip())
    before, after = tomllib.loads(FOREIGN), tomllib.loads(merged)
    assert without_empty_tables(after["plugins"].pop("io.example.v1.own", {})) == without_empty_tables(tree)
    assert after == before


@settings(max_examples=40, deadline=None)
@given(TREES, TREES)
def test_the_last_wish_wins(first, second):
    text = merge(None, under_plugins(first), "2.2.9").text
    text = merge(text, {"plugins": {"io.example.v1.own": None}}, "2.2.9").text
    assert without_empty_tables(own_settings(text)) == {}
    merged = merge(text, under_plugins(second), "2.2.9")
    assert without_empty_tables(own_settings(merged.text)) == without_empty_tables(second)


def test_texts_of_a_derived_type_are_as_good_as_plain_ones():
    class Tagged(str):
        """As ansible-core hands options to plugins."""

    merged = merge(FOREIGN, {"root": Tagged("C:\\x")}, Tagged("2.2.9"), sandbox_image=Tagged("registry/pause:9"))
    images = tomllib.loads(merged.text)["plugins"]["io.containerd.cri.v1.images"]
    assert images["pinned_images"] == {"sandbox": "registry/pause:9"}


def test_null_removes_a_key_and_nothing_else():
    merged = merge(FOREIGN, {"disabled_plugins": None}, "2.2.9")
    expected = tomllib.loads(FOREIGN)
    del expected["disabled_plugins"]
    assert tomllib.loads(merged.text) == expected


def test_a_file_that_says_it_already_stays_byte_for_byte():
    odd = 'version=3\r\n\r\n\r\nroot   =   "C:\\\\x"   # spaced\n'
    merged = merge(odd, {"root": "C:\\x"}, "2.2.9")
    assert merged.text == odd
    assert not merged.changed


def test_new_lines_end_as_the_files_own_do():
    assert "\n" not in merge("version = 3\r\n", {"root": "C:\\x"}, "2.2.9").text.replace("\r\n", "")


@pytest.mark.parametrize(
    ("containerd", "text", "path", "value"),
    [
        ("1.7.35", None, ("io.containerd.grpc.v1.cri", "bin_dir"), "C:\\cni"),
        ("2.0.14", None, (RUNTIME_3, "bin_dir"), "C:\\cni"),
        ("2.1.9", None, (RUNTIME_3, "bin_dirs"), ["C:\\cni"]),
        ("2.4.2", None, (RUNTIME_3, "bin_dirs"), ["C:\\cni"]),
        ("2.4.2", "version = 2\n", ("io.containerd.grpc.v1.cri", "bin_dir"), "C:\\cni"),
    ],
)
def test_the_folder_of_cni_programs_has_the_key_that_this_containerd_reads(containerd, text, path, value):
    plugin, key = path
    merged = merge(text, {}, containerd, cni_bin_directory="C:\\cni")
    assert tomllib.loads(merged.text)["plugins"][plugin]["cni"] == {key: value}


def cni(key: str, value: str) -> str:
    return f"version = 3\n[plugins.'{RUNTIME_3}'.cni]\n{key} = {value}\n"


@pytest.mark.parametrize(
    ("containerd", "before", "after"),
    [
        ("2.4.2", cni("bin_dir", "'C:\\cni'"), {"bin_dirs": ["C:\\cni"]}),
        ("2.0.14", cni("bin_dirs", "['C:\\cni']"), {"bin_dir": "C:\\cni"}),
        ("2.2.9", cni("bin_dir", "'C:\\cni'"), {"bin_dir": "C:\\cni"}),
    ],
)
def test_a_key_that_an_upgrade_would_lose_is_renamed(containerd, before, after):
    merged = merge(before, {}, containerd)
    assert tomllib.loads(merged.text)["plugins"][RUNTIME_3]["cni"] == after
    assert bool(merged.warnings) == merged.changed
    assert not merge(merged.text, {}, containerd).changed


def test_both_cni_keys_are_never_left_together():
    merged = merge(cni("bin_dir", "'C:\\old'"), {}, "2.2.9", cni_bin_directory="C:\\new")
    assert tomllib.loads(merged.text)["plugins"][RUNTIME_3]["cni"] == {"bin_dirs": ["C:\\new"]}


def test_two_folders_can_not_go_back_to_a_containerd_that_knows_one():
    with pytest.raises(ConfigurationError, match="only one folder"):
        merge(cni("bin_dirs", "['C:\\a', 'C:\\b']"), {}, "2.0.14")


@pytest.mark.parametrize(
    ("text", "containerd", "words"),
    [
        ("\ufeffversion = 2\n", "2.2.9", "byte order mark"),
        ("v\x00e\x00r\x00", "2.2.9", "UTF-16"),
        ("root = 'caf\ufffd'", "2.2.9", "not plain UTF-8"),
        ("version = \n", "2.2.9", "not valid TOML"),
        ("version = 1\n", "2.2.9", "drops its CRI settings"),
        ("root = 'C:\\x'\n", "2.1.9", "drops its CRI settings"),
        ("version = 1\n", "2.3.7", "versions 2, 3 and 4 only"),
        ("version = 3\n", "1.7.35", "can't read"),
        ("version = 4\n", "2.2.9", "can't read"),
        ("version = 9\n", "2.4.2", "can't read"),
        ("version = 3\nroot = 'x'\n", "2.2.9", "single value"),
    ],
)
def test_a_file_that_containerd_would_refuse_or_misread_is_refused(text, containerd, words):
    with pytest.raises(ConfigurationError, match=words):
        merge(text, {"root": {"is": "a table"}}, containerd)


def test_a_byte_order_mark_that_the_reader_took_away_shows_in_the_hash():
    text = "version = 3\n"
    marked = hashlib.sha256(b"\xef\xbb\xbf" + text.encode()).hexdigest()
    with pytest.raises(ConfigurationError, match="not plain UTF-8"):
        merge(text, {}, "2.2.9", sha256=marked)
    merge(text, {}, "2.2.9", sha256=hashlib.sha256(text.encode()).hexdigest().upper())


def test_settings_for_another_version_are_refused():
    with pytest.raises(ConfigurationError, match="version 2, but the settings are meant for version 3"):
        merge("version = 2\nroot = 'C:\\x'\n", {"version": 3}, "2.2.9")


def test_a_value_that_toml_has_not_is_refused_by_its_path():
    with pytest.raises(ConfigurationError, match=r"settings\.debug\.levels\[1\]"):
        merge(None, {"debug": {"levels": ["info", None]}}, "2.2.9")


@pytest.mark.parametrize(("containerd", "version"), [("1.7.35", 2), ("2.2.9", 3), ("2.4.2", 4)])
def test_the_folder_of_the_shim_is_the_opt_path_in_every_version_of_the_file(containerd, version):
    merged = merge(f"version = {version}\n", {}, containerd, opt_path="C:\\c\\2.2.9")
    assert tomllib.loads(merged.text)["plugins"] == {"io.containerd.internal.v1.opt": {"path": "C:\\c\\2.2.9"}}


def test_mirrors_that_make_the_cri_plugin_fail_are_refused():
    plugin = "io.containerd.cri.v1.images"
    text = f"version = 3\n[plugins.'{plugin}'.registry.mirrors.'docker.io']\nendpoint = ['https://m']\n"
    assert merge(text, {}, "2.2.9").changed is False
    with pytest.raises(ConfigurationError, match=r"registry\.mirrors.*hosts\.toml"):
        merge(text, {}, "2.2.9", registry_config_path="C:\\certs.d")
    freed = {"plugins": {plugin: {"registry": {"mirrors": None}}}}
    assert merge(text, freed, "2.2.9", registry_config_path="C:\\certs.d").changed


@pytest.mark.parametrize(
    ("handlers", "lost"),
    [({"runhcs-wcow-process": {"pod_annotations": []}}, "process"), ({"mine": {"runtime_type": "x"}}, "process")],
)
def test_handlers_that_containerd_1_would_take_in_place_of_its_own_are_refused(handlers, lost):
    """Measured by tests/engines; containerd 2 lays them over its own."""
    plugins = {"io.containerd.grpc.v1.cri": {"containerd": {"runtimes": handlers}}}
    with pytest.raises(ConfigurationError, match=f"runhcs-wcow-{lost} would have no runtime_type"):
        merge("version = 2\n", {"plugins": plugins}, "1.7.35")
    assert merge("version = 2\n", {"plugins": plugins}, "2.2.9").changed

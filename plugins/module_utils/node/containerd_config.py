# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""containerd's config.toml: what is wanted is merged in, what others wrote stays, with its order and comments.

* ``settings_for(config_version, containerd_version, ...) -> dict``     what a few plain wishes are in a file's shape
* ``merge(current, settings, containerd_version, ...) -> Merged``       the new text, and whether it differs

Pure: text in, text out. What an engine makes of a file is in the support matrix (measured on containerd 1.5.18, 1.7.35,
2.0.14, 2.1.9, 2.2.9, 2.3.7 and 2.4.2) and judged again by tests/engines.
"""

from __future__ import annotations

import contextlib
import copy
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

try:
    import tomlkit
    import tomlkit.exceptions
except ImportError:
    tomlkit = None  # toml_text.require_tomlkit says so

from ansible_collections.kubewin.hostprocess.plugins.module_utils.node import toml_text
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.containerd_handlers import wanted_handlers
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.cut_off import CUT_OFF, is_cut_off
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.errors import ConfigurationError
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.merging import overlay, plain, same
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.text_hash import is_altered
from ansible_collections.kubewin.hostprocess.plugins.module_utils.support import containerd, matrix, versions

# A version 4 file can't be read by 2.2 and older, so a new file is written as 3 and an upgrade can be taken back.
_NEW_FILE_VERSION_AT_MOST = 3
_MERGED_VERSIONS = (2, 3, 4)


@dataclass(frozen=True)
class Merged:
    """What a file should be: its text, the text it was, its version, and what a person should know about it."""

    text: str
    before: str
    config_version: int
    warnings: tuple[str, ...] = ()

    @property
    def changed(self) -> bool:
        return self.text != self.before


def new_file_version(containerd_version: str | float) -> int:
    """Return the version that a new config.toml is written in for a containerd."""
    return min(containerd.native_config_version(containerd_version), _NEW_FILE_VERSION_AT_MOST)


def settings_for(
    config_version: int,
    containerd_version: str | float,
    sandbox_image: str = "",
    cni_bin_directory: str = "",
    cni_conf_directory: str = "",
    registry_config_path: str = "",
    opt_path: str = "",
    pod_annotations: Iterable[str] = (),
    container_annotations: Iterable[str] = (),
    hyperv_handler: bool = False,
    known: Mapping | None = None,
) -> dict:
    """Say plain wishes in the shape that a file of this version has for this containerd; an empty wish says nothing.

    ``known`` is what the file says so far: containerd 1 wants handlers in full, so what is there decides.
    """
    plugins = matrix.CONFIG_PLUGINS[config_version]
    settings: dict = {}

    def put(plugin: str, path: str, value: Any) -> None:
        table = settings.setdefault("plugins", {}).setdefault(plugins[plugin], {})
        *parents, key = path.split(".")
        for parent in parents:
            table = table.setdefault(parent, {})
        table[key] = value

    if sandbox_image:
        put("images", plugins["sandbox_image_key"], sandbox_image)
    if cni_bin_directory:
        key = containerd.cni_bin_key(containerd_version, config_version)
        put("runtime", f"cni.{key}", [cni_bin_directory] if key == "bin_dirs" else cni_bin_directory)
    if cni_conf_directory:
        put("runtime", "cni.conf_dir", cni_conf_directory)
    if registry_config_path:
        put("images", "registry.config_path", registry_config_path)
    if opt_path:
        put("opt", "path", opt_path)
    table = _runtime_table(known or {}, config_version).get("containerd", {})
    handlers = wanted_handlers(containerd_version, table, pod_annotations, container_annotations, hyperv_handler)
    if handlers:
        put("runtime", "containerd.runtimes", handlers)
    return settings


def merge(
    current: str | None,
    settings: Mapping,
    containerd_version: str | float,
    config_version: int | None = None,
    sha256: str | None = None,
    **wishes: Any,
) -> Merged:
    """Merge settings into a config.toml.

    Args:
        current: the file's text; None where there is no file. One that was cut off when it was first written counts as
            none.
        settings: wanted keys in the shape of the file's own version. Tables are merged, every other value replaces
            what is there, null removes a key.
        containerd_version: the containerd that will read the file.
        config_version: version of a new file; an existing file keeps its own, and must have this one if it is given.
        sha256: hash of the file's bytes; shows a file that is not the plain UTF-8 that ``current`` is.
        wishes: as in ``settings_for``; ``settings`` wins over them.

    Raises:
        ConfigurationError: the file, or what it would become, is one that this containerd refuses or misreads.
    """
    toml_text.require_tomlkit("merging config.toml")
    try:
        return _merge(current, settings, containerd_version, config_version, sha256, wishes)
    except ConfigurationError:
        with contextlib.suppress(ConfigurationError):
            anew = _merge(None, settings, containerd_version, config_version, None, wishes)
            if is_cut_off(current, anew.text):
                return replace(anew, before=current, warnings=(f"config.toml {CUT_OFF}", *anew.warnings))
        raise


def _merge(
    current: str | None,
    settings: Mapping,
    containerd_version: str | float,
    config_version: int | None,
    sha256: str | None,
    wishes: Mapping[str, Any],
) -> Merged:
    before = current or ""
    document = _parse(before, sha256)
    found = tomllib.loads(before)
    wanted = plain(settings, "settings")
    version = _file_version(found, wanted, config_version, containerd_version)
    _check_readable(version, containerd_version)
    known = overlay(found, wanted)
    wished = plain(settings_for(version, containerd_version, known=known, **wishes), "settings")
    desired = overlay(wished, wanted, keep_null=True)
    desired["version"] = version
    expected = overlay(copy.deepcopy(found), desired)
    _merge_table(document, desired, "")
    warnings = _fit_cni(document, expected, version, containerd_version)
    _check_registry(expected, version)
    _check_handlers(expected, version, containerd_version)
    text = _like(before, tomlkit.dumps(document))
    _check_result(text, expected)
    return Merged(
        before if current is not None and same(_meaning(found), _meaning(expected)) else text,
        before,
        version,
        tuple(warnings),
    )


def _parse(text: str, sha256: str | None) -> tomlkit.TOMLDocument:
    """Parse a file's text, refusing what containerd would refuse or misread before anything looks at its content."""
    remedy = (
        "Save it as UTF-8 without a byte order mark, or move it away to have a new one written."
        " PowerShell 5.1's Out-File and Set-Content -Encoding UTF8 write one."
    )
    if "\x00" in text:
        raise ConfigurationError(f"config.toml is UTF-16, which containerd can't read. {remedy}")
    if text.startswith("\ufeff"):
        raise ConfigurationError(
            f"config.toml begins with a byte order mark, which containerd 2.0 and later refuse. {remedy}"
        )
    if is_altered(text, sha256):
        raise ConfigurationError(f"config.toml is not plain UTF-8 (UTF-16, a byte order mark or a code page). {remedy}")
    try:
        tomllib.loads(text)
        return tomlkit.parse(text)
    except (tomllib.TOMLDecodeError, tomlkit.exceptions.TOMLKitError) as exc:
        raise ConfigurationError(
            f"config.toml is not valid TOML, containerd would not start with it: {exc}."
            " Correct that place, or move the file away to have a new one written."
        ) from exc


def _file_version(found: dict, wanted: dict, asked: int | None, containerd_version: str | float) -> int:
    """Return the version of the file to be. A file with content but without a version is version 1."""
    asked = int(asked) if asked else wanted.get("version")
    if not found:
        return asked or new_file_version(containerd_version)
    version = found.get("version", 1)
    if asked and version != asked:
        raise ConfigurationError(
            f"config.toml is version {version}, but the settings are meant for version {asked}."
            f" Write the settings for version {version}, or convert the file: containerd config migrate."
        )
    return version


def _check_readable(version: int, containerd_version: str | float) -> None:
    """Refuse a file version that this containerd loses settings of, can't read, or that isn't merged here."""
    release = versions.parse(containerd_version)
    readable = containerd.readable_config_versions(containerd_version)
    convert = "Convert it before: containerd config migrate of the containerd that runs now"
    if version == containerd.loses_config_version(containerd_version):
        raise ConfigurationError(
            f"config.toml is version {version} (or has no version line): containerd {release} starts with it but drops"
            f" its CRI settings, such as sandbox_image and cni, with no more than a warning. {convert}."
        )
    if version not in readable:
        known = ", ".join(str(number) for number in readable)
        raise ConfigurationError(
            f"config.toml is version {version}, which containerd {release} can't read: it knows {known}."
            " Move it away, and the next run writes one in version"
            f" {new_file_version(containerd_version)} with what it is told; or take another containerd."
        )
    if version not in _MERGED_VERSIONS:
        raise ConfigurationError(
            f"config.toml is version {version}; settings are merged into versions 2, 3 and 4 only. {convert}."
        )


def _merge_table(table: Any, wanted: dict, where: str) -> None:
    """Change a tomlkit table in place, and nothing in it that already is as wanted."""
    for key, value in wanted.items():
        path = f"{where}.{key}" if where else key
        if value is None:
            if key in table:
                del table[key]
        elif isinstance(value, dict) and key in table:
            if not isinstance(table[key], Mapping):
                raise ConfigurationError(f"{path} is a table in the settings and a single value in config.toml.")
            _merge_table(table[key], value, path)
        elif key not in table or not same(tomlkit.item(table[key]).unwrap(), value):
            table[key] = toml_text.item(value)


def _fit_cni(document: Any, expected: dict, version: int, containerd_version: str | float) -> list[str]:
    """Rename the key for the CNI programs' folder where this containerd ignores the one in the file.

    2.0 doesn't know ``bin_dirs``; 2.4 no longer knows ``bin_dir`` in a version 3 or 4 file; 2.1 to 2.3 refuse both.
    """
    plugin = matrix.CONFIG_PLUGINS[version]["runtime"]
    table = _runtime_table(expected, version).get("cni", {})
    key = containerd.cni_bin_key(containerd_version, version)
    other = "bin_dir" if key == "bin_dirs" else "bin_dirs"
    if version < 3 or other not in table:
        return []
    removed = "cni.bin_dir" in containerd.line(containerd_version).get("removed_config_keys", ())
    if key == "bin_dirs" and key not in table and not removed:
        return []
    release = versions.parse(containerd_version)
    if key == "bin_dir" and key not in table and len(table[other]) != 1:
        raise ConfigurationError(
            f"containerd {release} knows only one folder of CNI programs (cni.bin_dir),"
            f" config.toml lists {len(table[other])} in cni.bin_dirs. Put the programs into one folder."
        )
    live = document["plugins"][plugin]["cni"]
    if key not in table:
        table[key] = [table[other]] if key == "bin_dirs" else table[other][0]
        live[key] = toml_text.item(table[key])
    del table[other], live[other]
    return [f"config.toml: cni.{other} became cni.{key}, the key that containerd {release} reads"]


def _check_registry(expected: dict, version: int) -> None:
    """Refuse what makes containerd's CRI plugin fail while containerd itself runs on (ValidateImageConfig)."""
    plugin = matrix.CONFIG_PLUGINS[version]["images"]
    registry = expected.get("plugins", {}).get(plugin, {}).get("registry", {})
    if registry.get("config_path") and registry.get("mirrors"):
        raise ConfigurationError(
            "config.toml has registry.mirrors, which containerd's CRI plugin refuses beside registry.config_path."
            " Move the mirrors into hosts.toml files (containerd_registry_mirrors), and set registry.mirrors to null in"
            " the settings."
        )


def _check_handlers(expected: dict, version: int, containerd_version: str | float) -> None:
    """Refuse runtime handlers that containerd 1 would run without a runtime (measured on 1.7.35).

    containerd 2 lays the file over its own handlers; containerd 1 takes those of the file instead of all of its own.
    """
    release = versions.parse(containerd_version)
    settings = _runtime_table(expected, version).get("containerd", {})
    handlers = settings.get("runtimes", {})
    if release.major >= 2 or not handlers:
        return
    incomplete = [name for name, handler in handlers.items() if not handler.get("runtime_type")]
    default = settings.get("default_runtime_name", matrix.DEFAULT_RUNTIME_HANDLER)
    if default not in handlers:
        incomplete.append(default)
    if incomplete:
        raise ConfigurationError(
            f"config.toml names runtime handlers, which containerd {release} takes in place of all of its own:"
            f" {', '.join(incomplete)} would have no runtime_type. Let containerd_pod_annotations,"
            " containerd_container_annotations and containerd_hyperv_handler write them, or write them in full"
            ' (runtime_type "io.containerd.runhcs.v1", and the annotations and options that they need).'
        )


def _runtime_table(tree: Mapping, version: int) -> dict:
    """Return what a file says of the CRI's runtime: its tables cni and containerd."""
    return tree.get("plugins", {}).get(matrix.CONFIG_PLUGINS[version]["runtime"], {})


def _check_result(text: str, expected: dict) -> None:
    """Read the text back with another parser: it must say what was meant, or nothing is written."""
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        raise ConfigurationError(
            f"merging into config.toml gave a file that is not valid TOML ({exc}); nothing was written."
            " Please report it with the file."
        ) from exc
    if not same(_meaning(found), _meaning(expected)):
        raise ConfigurationError(
            "merging into config.toml gave a file that does not say what was wanted; nothing was written."
            " Please report it with the file."
        )


def _meaning(tree: dict) -> dict:
    """Return a tree without empty tables, which say nothing; TOML's writers drop and make them as they please."""
    inner = {key: _meaning(value) if isinstance(value, dict) else value for key, value in tree.items()}
    return {key: value for key, value in inner.items() if value != {}}


def _like(before: str, text: str) -> str:
    """Give new lines the line ends that the file has."""
    return re.sub(r"(?<!\r)\n", "\r\n", text) if "\r\n" in before else text

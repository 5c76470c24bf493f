# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The kubelet's files: KubeletConfiguration, merged and judged before it is written, and its bootstrap kubeconfig.

* ``merge(current, settings, feature_gates, kubernetes_version) -> Merged``    refused here what the kubelet refuses
* ``bootstrap_kubeconfig(api_server, certificate_authority, token) -> str``
* ``require_token(token)``, ``dump(data) -> str``

Pure: text in, text out. Gates and fields are judged by the support matrix; tests/engines asks kubelet.exe itself.
"""

from __future__ import annotations

import contextlib
import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

try:
    import yaml
except ImportError:
    yaml = None  # ansible-core brings it; only ansible-test's import test goes without

from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.cut_off import CUT_OFF, is_cut_off
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.errors import ConfigurationError
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.kubelet_values import wrong_kinds, wrong_values
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.merging import overlay, plain, same
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.text_hash import is_altered
from ansible_collections.kubewin.hostprocess.plugins.module_utils.support import gates, kubelet_fields, versions

API_VERSION = "kubelet.config.k8s.io/v1beta1"
KIND = "KubeletConfiguration"
# On Windows there are no cgroups: up to 1.30 the kubelet refuses its own defaults of these two, from 1.31 on it
# logs that it ignores them. These values are taken in silence by all.
WITHOUT_CGROUPS: dict[str, Any] = {"cgroupsPerQOS": False, "enforceNodeAllocatable": []}
# Field of the configuration from here on; before, the flag --container-runtime-endpoint.
_ENDPOINT_FIELD_SINCE = "1.27"
# What kubelet.exe reads unquoted text as: 1e9 and 08 are numbers to it, y and n truth values.
_OTHERWISE_IN_GO = {
    "float": r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?",
    "int": r"[-+]?0o[0-7_]+",
    "bool": r"[yYnN]",
}
_TOKEN = re.compile(r"[a-z0-9]{6}\.[a-z0-9]{16}")


@dataclass(frozen=True)
class Merged:
    """What a file should be: its text, the text it was, and what a person should know about it."""

    text: str
    before: str
    warnings: tuple[str, ...] = ()

    @property
    def changed(self) -> bool:
        return self.text != self.before


def endpoint_is_a_field(kubernetes_version: str | float) -> bool:
    """Tell whether the runtime's endpoint goes into the configuration (1.27 and later) or on the command line."""
    return versions.at_least(versions.kubernetes(kubernetes_version), _ENDPOINT_FIELD_SINCE)


def merge(
    current: str | None,
    settings: Mapping,
    feature_gates: Mapping,
    kubernetes_version: str | float,
    sha256: str | None = None,
) -> Merged:
    """Merge settings and feature gates into a KubeletConfiguration.

    Args:
        current: the file's text; None where there is no file. One that was cut off when it was first written counts as
            none.
        settings: wanted fields. Maps are merged, every other value replaces what is there, null removes a field.
        feature_gates: gate to true or false; null removes a gate that the file has.
        kubernetes_version: the kubelet that will read the file.
        sha256: hash of the file's bytes; shows a file that is not the plain UTF-8 that ``current`` is.

    Raises:
        ConfigurationError: the file can't be read, or the kubelet would not start with what it would become.
    """
    if current and not current.endswith("\n"):
        # A beginning can be valid YAML and say something else: a field that lost its value is null.
        with contextlib.suppress(ConfigurationError):
            anew = _merge(None, settings, feature_gates, kubernetes_version, None)
            if is_cut_off(current, anew.text):
                told = f"the kubelet's configuration {CUT_OFF}"
                return replace(anew, before=current, warnings=(told, *anew.warnings))
    return _merge(current, settings, feature_gates, kubernetes_version, sha256)


def _merge(
    current: str | None, settings: Mapping, feature_gates: Mapping, kubernetes_version: str | float, sha256: str | None
) -> Merged:
    before = current or ""
    found = _parse(before, sha256)
    wanted = plain(settings, "configuration")
    # Null takes a field out; in the file it is a value like another.
    _refuse(wrong_kinds(overlay({}, wanted), kubernetes_version))
    if feature_gates:
        wanted["featureGates"] = {**(wanted.get("featureGates") or {}), **plain(feature_gates, "feature_gates")}
    header = {"apiVersion": API_VERSION, "kind": KIND}
    expected = overlay({**header, **WITHOUT_CGROUPS, **found}, wanted)
    for field, value in header.items():
        if expected.get(field) != value:
            raise ConfigurationError(f"the kubelet's configuration has {field}: {expected.get(field)}, not {value}.")
    if not expected.get("featureGates", True):
        del expected["featureGates"]
    warnings = _judge(expected, kubernetes_version)
    unchanged = current is not None and same(found, expected)
    return Merged(before if unchanged else dump(expected), before, tuple(warnings))


def _judge(configuration: dict, kubernetes_version: str | float) -> list[str]:
    """Refuse gates and fields that stop this kubelet; return what is only worth knowing."""
    _refuse(wrong_kinds(configuration, kubernetes_version) or wrong_values(configuration, kubernetes_version))
    chosen = configuration.get("featureGates") or {}
    for gate, enabled in chosen.items():
        if not isinstance(enabled, bool):
            raise ConfigurationError(f"feature gate {gate} is {enabled!r}; write true or false.")
    verdicts = gates.check_gates("kubelet", chosen, kubernetes_version)
    refused = [verdict for verdict in verdicts if not verdict.accepted]
    warnings = [f"{verdict.message}. {verdict.fix}" for verdict in verdicts if verdict.accepted]
    for verdict in kubelet_fields.check_fields(configuration, kubernetes_version):
        if verdict.state == "refused":
            refused.append(verdict)
        else:
            warnings.append(f"{verdict.message}. {verdict.fix}")
    _refuse([f"{verdict.message}. {verdict.fix}" for verdict in refused])
    return warnings


def _refuse(sentences: list[str]) -> None:
    if sentences:
        raise ConfigurationError(" ".join(sentences))


def bootstrap_kubeconfig(api_server: str, certificate_authority: str, token: str) -> str:
    """Return the kubeconfig with which a kubelet asks for its own certificate.

    Args:
        api_server: URL of the API server as the node reaches it.
        certificate_authority: path on the node of the cluster's CA certificate.
        token: bootstrap token, ``abcdef.0123456789abcdef``. It never appears in an error.
    """
    require_token(token)
    name = "bootstrap"
    cluster = {"server": str(api_server), "certificate-authority": str(certificate_authority)}
    return dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": name, "cluster": cluster}],
            "users": [{"name": name, "user": {"token": str(token)}}],
            "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
            "current-context": name,
        }
    )


def require_token(token: str) -> None:
    """Refuse what is no bootstrap token, without repeating it."""
    if not _TOKEN.fullmatch(token):
        raise ConfigurationError(
            "kubelet_bootstrap_token is not a bootstrap token: six characters, a dot, sixteen characters, all of a-z"
            " and 0-9. Make one: kubeadm token create."
        )


def _parse(text: str, sha256: str | None) -> dict:
    remedy = "Save it as UTF-8 without a byte order mark, or move it away to have a new one written."
    if is_altered(text, sha256) or "\x00" in text or text.startswith("\ufeff"):
        raise ConfigurationError(f"the kubelet's configuration is not plain UTF-8. {remedy}")
    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError as exc:
        raise ConfigurationError(
            f"the kubelet's configuration is not valid YAML: {exc}. Correct that place, or move the file away."
        ) from exc
    if found is not None and not isinstance(found, dict):
        raise ConfigurationError(f"the kubelet's configuration is not a map of fields. {remedy}")
    return found or {}


def dump(data: dict) -> str:
    """Write a file of Kubernetes as YAML, its keys in the order given.

    Ansible's own kinds of text are made plain first: the writer refuses them, and its error would show a token.
    """
    return yaml.dump(plain(data, "file"), Dumper=_writer(), sort_keys=False, default_flow_style=False, width=10_000)


@functools.cache
def _writer() -> type:
    """YAML's writer that also puts in quotes what is text to Python's YAML and something else to Go's."""

    class Writer(yaml.SafeDumper):
        pass

    for tag, shape in _OTHERWISE_IN_GO.items():
        Writer.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(rf"(?:{shape})\Z"), None)
    return Writer

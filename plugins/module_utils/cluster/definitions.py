# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The manifests that a task means: read from it, or built from its options."""

from __future__ import annotations

from collections.abc import Mapping

from ansible_collections.kubernetes.core.plugins.module_utils.k8s.resource import create_definitions

from .access import build_permissions, build_service_account
from .errors import ClusterError
from .manifest import API_VERSIONS, OptionError, build_namespace, build_workload

try:
    from yaml import YAMLError
except ImportError:
    # AnsibleK8SModule names the missing library before anything here is called.
    YAMLError = ValueError

DEFAULT_USER = "NT AUTHORITY\\SYSTEM"


def definitions_to_apply(params: Mapping) -> list[dict]:
    """The manifests in the order in which they are applied: a namespace before what lives in it.

    Raises:
        ClusterError: they can't be read, are not Kubernetes objects, or an option does not fit.
    """
    definitions = _read(params) if _is_given(params) else _build(params)
    if params["create_namespace"]:
        definitions.insert(0, build_namespace(params["namespace"], params["namespace_labels"]))
    return sorted(definitions, key=lambda definition: definition["kind"] != "Namespace")


def definitions_to_remove(params: Mapping) -> list[dict]:
    """The manifests in the order in which they are deleted: what was applied first goes last.

    Of what was built beside the workload its permissions go too, because they are its own. A namespace and a service
    account may be others' as well, and are kept.
    """
    if _is_given(params):
        return list(reversed(_read(params)))
    metadata = {"name": params["name"], "namespace": params["namespace"]}
    workload = {"apiVersion": API_VERSIONS[params["kind"]], "kind": params["kind"], "metadata": metadata}
    return [workload, *reversed(build_permissions(params))]


def _is_given(params: Mapping) -> bool:
    return params["definition"] is not None or params["src"] is not None


def _build(params: Mapping) -> list[dict]:
    defaults = {"run_as": DEFAULT_USER, "tolerate_windows_taint": True}
    options = {**params, **{name: value for name, value in defaults.items() if params.get(name) is None}}
    try:
        workload = build_workload(options)
    except OptionError as error:
        raise ClusterError(f"{params['kind']} {params['name']} can't be built: {error}.") from error
    account = [build_service_account(params["service_account"], params["namespace"])]
    return [*(account if params["create_service_account"] else []), *build_permissions(params), workload]


def _read(params: Mapping) -> list[dict]:
    where = f"the file {params['src']}" if params["src"] else "the definition"
    try:
        definitions = create_definitions({"resource_definition": params["definition"], "src": params["src"]})
    except (OSError, ValueError, YAMLError, AttributeError, TypeError) as error:
        raise ClusterError(f"Failed to read manifests from {where}: {error}.") from error
    if not any(definitions):
        raise ClusterError(f"There are no manifests in {where}.")
    for number, definition in enumerate(definitions, start=1):
        missing = [name for name in ("apiVersion", "kind") if not definition.get(name)]
        missing += [] if (definition.get("metadata") or {}).get("name") else ["metadata.name"]
        if missing:
            raise ClusterError(f"Manifest {number} of {where} has no {' and no '.join(missing)}.")
    return [dict(definition) for definition in definitions]

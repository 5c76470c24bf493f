# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The frame of a module that reaches the Kubernetes API: its common options, and its one exit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.kubernetes.core.plugins.module_utils.args_common import AUTH_ARG_SPEC
from ansible_collections.kubernetes.core.plugins.module_utils.k8s.core import AnsibleK8SModule

from .errors import ClusterError
from .transport import DEFAULT_REQUEST_TIMEOUT

# Keys of a kubeconfig whose values are secrets.
_SECRET_KEYS = frozenset(
    {"token", "password", "client-key-data", "client-certificate-data", "id-token", "refresh-token", "access-token"}
)


def cluster_module(arguments: dict, **settings) -> AnsibleK8SModule:
    """A module with the options that reach a cluster beside its own. Fails by itself when a library is missing."""
    # A path is no secret, and a message about it must be able to name it; kubernetes.core masks the whole option
    # before 6.4. Of a kubeconfig given as a dictionary the secrets are masked.
    authentication = {**deepcopy(AUTH_ARG_SPEC), "kubeconfig": {"type": "raw"}}
    reaching = {**authentication, "request_timeout": {"type": "int", "default": DEFAULT_REQUEST_TIMEOUT}}
    return AnsibleK8SModule(argument_spec={**reaching, **arguments}, module_class=_ModuleWithSecrets, **settings)


def refuse_numbers_below(params: Mapping, **least: int) -> None:
    """Refuse numbers that have no meaning, before anything is asked or changed.

    Raises:
        ClusterError: an option is below its least value; one that is not set is fine.
    """
    for name, value in least.items():
        if params[name] is not None and params[name] < value:
            raise ClusterError(f"{name} is {params[name]}: give at least {value}.")


class _ModuleWithSecrets(AnsibleModule):
    def __init__(self, **settings):
        super().__init__(**settings)
        self.no_log_values.update(_secrets(self.params.get("kubeconfig")))


def _secrets(kubeconfig: object) -> Iterator[str]:
    if isinstance(kubeconfig, list):
        for item in kubeconfig:
            yield from _secrets(item)
    elif isinstance(kubeconfig, dict):
        for key, value in kubeconfig.items():
            if key in _SECRET_KEYS and isinstance(value, str) and value:
                yield value
            else:
                yield from _secrets(value)


def run_cluster_module(module: AnsibleK8SModule, work: Callable[[AnsibleK8SModule], dict]) -> None:
    """Exit with what the work returns, or fail with the message of the ClusterError that it raises."""
    failure = None
    try:
        result = work(module)
    except ClusterError as error:
        failure = error
    # Outside the handler: within it, ansible-core adds the messages of all causes, the raw answer among them.
    if failure:
        module.fail_json(msg=str(failure), **failure.result)
    module.exit_json(**result)

# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# FOR INTERNAL COLLECTION USE ONLY: this may change in any release.
"""What action plugins that ask a node have in common."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.probe import connection_problem
from ansible_collections.kubewin.hostprocess.plugins.plugin_utils._wsman_channel import close_connection


@contextmanager
def probing(action: ActionBase, argument_spec: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the task's options over a connection that can run what is asked; it is closed afterwards.

    Raises:
        AnsibleActionFail: an option is wrong, or the connection does not lead to a Windows node.
    """
    _validation, options = action.validate_argument_spec(argument_spec=argument_spec)
    connection = action._connection
    problem = connection_problem(connection.transport, getattr(connection._shell, "_IS_WINDOWS", False))
    if problem:
        raise AnsibleActionFail(problem)
    try:
        yield options
    finally:
        close_connection(connection)

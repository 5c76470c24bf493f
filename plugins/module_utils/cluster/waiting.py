# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Wait until a workload is ready, or gone."""

from __future__ import annotations

from collections.abc import Callable

from ansible_collections.kubernetes.core.plugins.module_utils.k8s.waiter import clock

from .errors import ClusterError
from .rollout import Phase, Rollout


def wait_until_settled(observe: Callable[[], Rollout], timeout: int, sleep: int) -> Rollout:
    """Observe until the rollout is ready or has failed, at most `timeout` seconds, `sleep` seconds apart.

    An API server that is busy or restarting is asked again; what does not pass by itself (an expired token, a
    missing permission) ends the wait at once.

    Returns:
        The last observation that succeeded; still progressing when time ran out.

    Raises:
        ClusterError: the API server refused, never answered, or had stopped answering when time ran out.
    """
    rollout, trouble = None, None
    # Not asleep for longer than the whole wait.
    for elapsed in clock(timeout, min(sleep, timeout)):
        try:
            rollout, trouble = observe(), None
        except ClusterError as error:
            if not error.transient:
                raise
            # The look after the time is over has a second and no second attempt: alone it says nothing of the server.
            if rollout is None or trouble or elapsed < timeout:
                trouble = error
            continue
        if rollout.phase is not Phase.PROGRESSING:
            break
    if trouble:
        raise trouble
    return rollout

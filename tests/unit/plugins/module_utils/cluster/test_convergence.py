# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from contextlib import nullcontext

import pytest

from ansible_collections.kubewin.hostprocess.plugins.module_utils.cluster.convergence import (
    Outcome,
    Patience,
    apply,
    wait_until_gone,
    wait_until_ready,
)
from ansible_collections.kubewin.hostprocess.plugins.module_utils.cluster.errors import ClusterError

NO_TIME = Patience(timeout=0, sleep=0)
DELETED = "2026-11-23T10:00:00Z"
DEFINITION = {"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "agent", "namespace": "logs"}}
JOB = {"kind": "Job", "metadata": {"name": "once", "namespace": "logs"}, "spec": {"ttlSecondsAfterFinished": 0}}


class StubCluster:
    """Shows an object look by look, the last one for ever, and keeps what is applied."""

    def __init__(self, *looks: dict | None, pods: list[dict] | ClusterError = ()):
        self._looks = list(looks)
        self._pods = pods
        self.applied: list[dict] = []

    def get(self, definition: dict) -> dict | None:
        return self._looks.pop(0) if len(self._looks) > 1 else self._looks[0]

    def apply(self, definition: dict) -> tuple[dict, list[str]]:
        self.applied.append(definition)
        return definition, []

    def list(self, kind: str, *_version: str, **_selection: str) -> list[dict]:
        if isinstance(self._pods, ClusterError):
            raise self._pods
        return list(self._pods) if kind == "Pod" else []

    def within(self, seconds: float):
        return nullcontext()


def stored(definition: dict = DEFINITION, uid: str = "old", status: dict | None = None, **metadata) -> dict:
    return {**definition, "metadata": {**definition["metadata"], "uid": uid, **metadata}, "status": status or {}}


def pod_of(uid: str) -> dict:
    metadata = {"name": "agent-1", "namespace": "logs", "ownerReferences": [{"uid": uid}]}
    return {"kind": "Pod", "metadata": metadata, "spec": {"nodeName": "win1"}}


DYING = stored(deletionTimestamp=DELETED, finalizers=["foregroundDeletion", "example.com/hold"])


@pytest.mark.parametrize("check_mode", [False, True])
def test_what_is_being_deleted_is_no_object_to_apply_to(check_mode):
    cluster = StubCluster(DYING, pods=[pod_of("old")])
    with pytest.raises(ClusterError) as refused:
        apply(cluster, DEFINITION, NO_TIME, check_mode=check_mode)
    assert str(refused.value) == (
        "DaemonSet logs/agent is being deleted, and what is applied to it now would vanish with it (pods that are "
        "left: agent-1 on node win1; finalizers that hold it: foregroundDeletion, example.com/hold). Set wait to true "
        "to have it made anew when it is gone, or run the task again then."
    )
    assert cluster.applied == []


@pytest.mark.parametrize("patience", [{"wait": True}, {"recreate": True}])
def test_what_is_being_deleted_is_made_anew_when_it_is_gone(patience):
    cluster = StubCluster(DYING, None)
    assert apply(cluster, DEFINITION, NO_TIME, **patience).action == "created"
    assert cluster.applied == [DEFINITION]


def test_what_another_client_made_anew_meanwhile_is_no_creation():
    cluster = StubCluster(DYING, stored(uid="new"))
    assert apply(cluster, DEFINITION, NO_TIME, wait=True).action == "unchanged"


def test_check_mode_foresees_that_it_is_made_anew_and_does_not_wait():
    cluster = StubCluster(DYING)
    assert apply(cluster, DEFINITION, NO_TIME, wait=True, check_mode=True).action == "created"
    assert cluster.applied == []


def test_what_does_not_go_is_told_of_with_what_holds_it_by_its_last_look():
    cluster = StubCluster(DYING)
    with pytest.raises(ClusterError) as late:
        wait_until_gone(cluster, stored(), NO_TIME)
    assert "is not gone after 0 seconds: finalizers that hold it: foregroundDeletion, example.com/hold." in str(
        late.value
    )


def test_that_the_pods_can_not_be_read_does_not_hide_the_finalizers():
    cluster = StubCluster(DYING, pods=ClusterError("Failed to list Pod objects: no"))
    with pytest.raises(ClusterError, match=r"can't be read \(Failed to list Pod objects: no\); finalizers that hold"):
        wait_until_gone(cluster, stored(), NO_TIME)


def test_a_namespace_says_itself_what_holds_it_and_the_clusters_pods_are_not_read():
    conditions = [
        {"type": "NamespaceDeletionDiscoveryFailure", "status": "False", "message": "All discovered"},
        {"type": "NamespaceFinalizersRemaining", "status": "True", "message": "example.com/hold in 1 resource"},
    ]
    namespace = {"kind": "Namespace", "metadata": {"name": "logs"}}
    dying = stored(namespace, status={"conditions": conditions}, deletionTimestamp=DELETED)
    with pytest.raises(ClusterError, match=r"not gone after 0 seconds: it says: example\.com/hold in 1 resource"):
        wait_until_gone(StubCluster(dying, pods=ClusterError("asked")), dying, NO_TIME)


def test_a_workload_that_is_being_deleted_ends_the_wait_although_its_figures_are_healthy():
    with pytest.raises(ClusterError, match=r"can't be waited for any longer \(it is being deleted\)"):
        wait_until_ready(StubCluster(DYING), DEFINITION, NO_TIME)


def test_a_workload_that_is_gone_has_not_failed():
    with pytest.raises(ClusterError) as gone:
        wait_until_ready(StubCluster(None), DEFINITION, NO_TIME)
    assert str(gone.value) == "DaemonSet logs/agent can't be waited for any longer (it was deleted meanwhile)"
    assert gone.value.result["reason"] == "it was deleted meanwhile"


def test_of_a_job_that_its_ttl_removed_unseen_neither_end_is_claimed():
    with pytest.raises(ClusterError) as gone:
        wait_until_ready(StubCluster(None), JOB, NO_TIME)
    assert str(gone.value) == (
        "Job logs/once can't be waited for any longer (it ended, and ttlSecondsAfterFinished, which is 0, removed it "
        "before it was seen whether it had succeeded or failed: let it stay for some minutes)"
    )


def test_a_job_that_its_ttl_removes_and_that_still_says_how_it_ended_is_judged_by_that():
    ended = stored(JOB, status={"conditions": [{"type": "Complete", "status": "True"}]}, deletionTimestamp=DELETED)
    assert wait_until_ready(StubCluster(ended), JOB, NO_TIME)["metadata"]["uid"] == "old"


@pytest.mark.parametrize(
    ("before", "action"),
    [(None, "created"), (stored(data={}), "unchanged"), (stored({**DEFINITION, "spec": {"a": 1}}), "updated")],
)
def test_what_the_api_server_can_not_be_asked_about_is_foreseen_by_what_is_stored(before, action):
    definition = {**DEFINITION, "spec": {"a": 2}} if action == "updated" else DEFINITION
    assert Outcome.foreseen(definition, before).action == action

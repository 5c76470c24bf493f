# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from ansible_collections.kubewin.hostprocess.plugins.module_utils.cluster.convergence import Outcome
from ansible_collections.kubewin.hostprocess.plugins.module_utils.cluster.errors import ClusterError
from ansible_collections.kubewin.hostprocess.plugins.module_utils.cluster.progress import actions, failed_half_way
from ansible_collections.kubewin.hostprocess.plugins.module_utils.cluster.target import Target


def definitions(*names: str) -> list[dict]:
    return [{"kind": "ConfigMap", "metadata": {"name": name, "namespace": "ns"}} for name in names]


def outcomes(**became: str) -> list[Outcome]:
    return [Outcome(Target("ConfigMap", name, "ns"), action, {}) for name, action in became.items()]


def became(rows: list[dict]) -> dict[str, str]:
    return {row["name"]: row["action"] for row in rows}


def test_of_a_success_every_object_has_what_became_of_it():
    rows = actions(definitions("a", "b"), outcomes(a="created", b="unchanged"))
    assert became(rows) == {"a": "created", "b": "unchanged"}
    assert rows[0] == {"kind": "ConfigMap", "namespace": "ns", "name": "a", "action": "created"}


def test_the_first_object_without_an_outcome_is_the_one_that_failed():
    rows = actions(definitions("a", "b", "c", "d"), outcomes(a="created"))
    assert became(rows) == {"a": "created", "b": "failed", "c": "not_reached", "d": "not_reached"}


def test_a_failure_says_what_was_changed_before_it_and_what_was_not_reached():
    error = failed_half_way(
        ClusterError("Failed.", 500, {"code": 500}, result={"reason": "why"}),
        definitions("a", "b", "c", "d", "e"),
        outcomes(a="unchanged", b="updated"),
    )
    assert str(error) == (
        "Failed. Of 5 objects, changed before that: ConfigMap ns/b (updated); "
        "not reached: ConfigMap ns/d, ConfigMap ns/e."
    )
    assert error.result["changed"]
    assert error.result["reason"] == "why"
    assert (error.status, error.body) == (500, {"code": 500})


def test_a_failure_while_waiting_leaves_nothing_out():
    error = failed_half_way(ClusterError("Expired."), definitions("a", "b"), outcomes(a="created", b="unchanged"))
    assert became(error.result["actions"]) == {"a": "created", "b": "unchanged"}
    assert str(error).endswith("changed before that: ConfigMap ns/a (created); not reached: none.")


def test_where_nothing_was_changed_nothing_is_said_to_be():
    error = failed_half_way(ClusterError("No."), definitions("a", "b"), outcomes(a="unchanged"))
    assert not error.result["changed"]
    assert "changed before that: none" in str(error)


def test_a_single_objects_failure_needs_no_account():
    assert str(failed_half_way(ClusterError("No."), definitions("a"), [])) == "No."


def test_an_object_that_was_deleted_to_be_made_anew_is_a_change():
    error = ClusterError("No.", result={"action": "deleted"})
    told = failed_half_way(error, definitions("a"), [])
    assert became(told.result["actions"]) == {"a": "deleted"}
    assert told.result["changed"]
    assert "action" not in told.result


def test_an_object_that_was_refused_before_its_turn_is_the_one_that_failed():
    refused = ClusterError("No.", result={"refused": Target("ConfigMap", "b", "ns")})
    told = failed_half_way(refused, definitions("a", "b", "c"), [])
    assert became(told.result["actions"]) == {"a": "not_reached", "b": "failed", "c": "not_reached"}
    assert str(told).endswith("before that: none; not reached: ConfigMap ns/a, ConfigMap ns/c.")
    assert not told.result["changed"]
    assert "refused" not in told.result


def test_of_an_object_that_stands_twice_the_one_in_turn_is_the_one_that_failed():
    refused = ClusterError("No.", result={"refused": Target("ConfigMap", "a", "ns")})
    told = failed_half_way(refused, definitions("a", "a"), outcomes(a="created"))
    assert [row["action"] for row in told.result["actions"]] == ["created", "failed"]

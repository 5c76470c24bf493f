# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""workload_info's own part: paging with flat memory, and output that a node may not hand out."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.kubewin.hostprocess.plugins.module_utils.cluster.errors import ClusterError
from ansible_collections.kubewin.hostprocess.plugins.modules import workload, workload_info
from ansible_collections.kubewin.hostprocess.plugins.modules.workload_info import list_containers, output_of

NOTHING_CHOSEN = {"namespace": None, "label_selectors": [], "node": None, "page_size": 500}
PAGES, SIZE = 10, 500


class Page(list):
    """A list of which one can know whether it is still there."""


class Pages:
    """A cluster of 5,000 HostProcess pods; counts how many of its pages are in memory at a time."""

    def __init__(self) -> None:
        self.at_once = 0

    def pages(self, kind: str, **selection: Any) -> Iterator[Page]:
        known: list[weakref.ref[Page]] = []
        for page in range(PAGES):
            self.at_once = max(self.at_once, sum(one() is not None for one in known))
            made = Page(self.pod(page * SIZE + number) for number in range(SIZE))
            known.append(weakref.ref(made))
            yield made
            del made

    @staticmethod
    def pod(number: int) -> dict:
        windows = {"windowsOptions": {"hostProcess": True, "runAsUserName": "NT AUTHORITY\\SYSTEM"}}
        spec = {"nodeName": "win1", "securityContext": windows, "containers": [{"name": "main", "image": "a:1"}]}
        # What makes a pod large and is in no row.
        managed = [{"manager": "kube-controller-manager", "fieldsV1": {"f:metadata": {}}}]
        return {"metadata": {"name": f"agent-{number}", "namespace": "a", "managedFields": managed}, "spec": spec}


def test_five_thousand_pods_are_listed_with_two_pages_in_memory_at_most():
    cluster = Pages()
    rows = list_containers(cluster, NOTHING_CHOSEN)
    assert [row["pod"] for row in rows] == [f"agent-{number}" for number in range(PAGES * SIZE)]
    assert cluster.at_once <= 2


class Logs:
    def __init__(self, answer: str | ClusterError) -> None:
        self.answer, self.asked = answer, []

    def output(self, *arguments: Any) -> str:
        self.asked.append(arguments)
        if isinstance(self.answer, ClusterError):
            raise self.answer
        return self.answer


ROW = {"namespace": "a", "pod": "task-1", "container": "task", "container_id": "2f" * 32}


@pytest.mark.parametrize(
    ("answer", "row", "output", "warnings"),
    [
        ("done\r\n", ROW, "done\r\n", []),
        ("never asked", {**ROW, "container_id": None}, None, []),
        (ClusterError("the node does not answer"), ROW, None, ["the node does not answer"]),
    ],
)
def test_output_that_can_not_be_read_is_left_out_with_a_warning(answer, row, output, warnings):
    cluster, told = Logs(answer), []
    assert output_of(cluster, row, 100, told.append) == output
    assert told == warnings
    assert cluster.asked == ([("a", "task-1", "task", 100)] if row["container_id"] else [])


@pytest.mark.parametrize(
    ("module", "options", "said"),
    [
        (workload_info.survey, {"page_size": 0}, "page_size is 0: give at least 1."),
        (workload_info.survey, {"page_size": -1}, "page_size is -1"),
        (workload_info.survey, {"output_limit": -1}, "output_limit is -1: give at least 0."),
        (workload_info.survey, {"request_timeout": 0}, "request_timeout is 0: give at least 1."),
        (workload.converge, {"wait_timeout": -1}, "wait_timeout is -1: give at least 0."),
        (workload.converge, {"wait_sleep": 0}, "wait_sleep is 0: give at least 1."),
        (workload.converge, {"request_timeout": -5}, "request_timeout is -5: give at least 1."),
    ],
)
def test_numbers_without_a_meaning_are_refused_before_anything_else(module, options, said):
    sound = {"page_size": 1, "output_limit": None, "request_timeout": 1, "wait_timeout": 0, "wait_sleep": 1}
    with pytest.raises(ClusterError, match=said):
        module(SimpleNamespace(params={**sound, **options}))

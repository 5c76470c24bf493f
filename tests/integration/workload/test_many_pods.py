# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""5,000 pods in one call: read page by page, each page dropped before the next one comes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from integration.workload.bulk import Measured, create_pods, measure, pod

from lab.cluster import Cluster
from lab.cluster.fault_proxy import FaultProxy

pytestmark = pytest.mark.controlplane

INFO = "kubewin.hostprocess.workload_info"
NAMESPACE = "default"
PODS, HOSTPROCESS, PAGE = 5000, 500, 500
# What two runs with the same work differ by.
NOISE_KILOBYTES = 4096


def numbered(number: int) -> dict:
    """Every tenth pod is a HostProcess one."""
    hostprocess = number % (PODS // HOSTPROCESS) == 0
    return pod(f"agent-{number:05}", {"hostprocess": "yes" if hostprocess else "no"}, hostprocess)


@pytest.fixture(scope="module")
def proxy(tmp_path_factory) -> Iterator[FaultProxy]:
    """Before a control plane of the test's own: so many pods would keep the shared one busy."""
    directory = tmp_path_factory.mktemp("many")
    with Cluster(directory / "cluster") as cluster, FaultProxy(cluster, directory) as started:
        with cluster.api() as api:
            create_pods(api, NAMESPACE, (numbered(number) for number in range(PODS)))
        yield started


def read(proxy: FaultProxy, directory, **options) -> tuple[Measured, int]:
    """What reading took, and the pages that the API server was asked for."""
    proxy.calls.clear()
    measured = measure(directory, {INFO: {"kubeconfig": str(proxy.kubeconfig), "namespace": NAMESPACE, **options}})
    return measured, sum(call.path.startswith(f"/api/v1/namespaces/{NAMESPACE}/pods?") for call in proxy.calls)


def test_memory_does_not_grow_with_the_pods_but_with_what_is_returned(proxy, tmp_path):
    everything, pages = read(proxy, tmp_path)
    selected, selected_pages = read(proxy, tmp_path, label_selectors=["hostprocess=yes"])
    at_once, one_page = read(proxy, tmp_path, page_size=PODS)
    assert len(everything.result["containers"]) == HOSTPROCESS
    assert everything.result["containers"] == selected.result["containers"] == at_once.result["containers"]
    # Whether more follows a full page is known only when some pods are left that are not selected.
    assert (pages, one_page) == (PODS // PAGE, 1)
    assert selected_pages <= HOSTPROCESS // PAGE + 1
    # The same result out of ten times as many pods.
    assert everything.peak_kilobytes < selected.peak_kilobytes + NOISE_KILOBYTES
    # The measure sees what it is to see: all pods held at once show.
    assert at_once.peak_kilobytes > everything.peak_kilobytes + 2 * NOISE_KILOBYTES

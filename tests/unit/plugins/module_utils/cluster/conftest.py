# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Published workloads, and pods as a cluster would make them of these."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from ansible_collections.kubewin.hostprocess.plugins.module_utils.cluster.hostprocess_pods import pod_template

SHAPES = {
    shape["metadata"]["name"]: shape
    for shape in yaml.safe_load_all((Path(__file__).parent / "published_shapes.yaml").read_text())
}


@pytest.fixture(params=sorted(SHAPES))
def published(request) -> dict:
    return SHAPES[request.param]


@pytest.fixture
def pod_of():
    def make(shape_name: str, status: dict | None = None, **metadata) -> dict:
        shape = SHAPES[shape_name]
        template = pod_template(shape)
        return {
            "metadata": {
                "name": f"{shape_name}-x7k2p",
                "namespace": shape["metadata"]["namespace"],
                "uid": "pod-1",
                "ownerReferences": [{"kind": shape["kind"], "name": shape_name, "uid": "owner-1", "controller": True}],
                **metadata,
            },
            "spec": {**template["spec"], "nodeName": "win1"},
            "status": status or {},
        }

    return make

"""A kubelet that is brought to parse every value of its configuration: it finds a Windows version and a runtime."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.kubelet_config import dump
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.merging import overlay
from engines.empty_runtime import EmptyRuntime
from engines.judge import Judge
from lab.build import ensure
from lab.host.interface import Identity
from lab.host.wine_furniture import identity_sections

# What every kubelet on Windows starts with, and nobody to be asked who may do what.
ALONE = {
    "apiVersion": "kubelet.config.k8s.io/v1beta1",
    "kind": "KubeletConfiguration",
    "cgroupsPerQOS": False,
    "enforceNodeAllocatable": [],
    "podLogsDir": "C:\\pods",
    "authentication": {"webhook": {"enabled": False}},
    "authorization": {"mode": "AlwaysAllow"},
}
# It has parsed all values when it complains of the runtime's empty answer.
ALL_PARSED = "get remote runtime typed version failed"


class KubeletParser(Judge):
    """A prefix of its own, which is asked about one configuration at a time.

    Args:
        directory: where the prefix is made; it must not exist yet.
    """

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self._prefix.merge_registry(identity_sections(Identity("judge")))
        self._runtime = EmptyRuntime()

    def __enter__(self) -> KubeletParser:
        self._runtime.__enter__()
        super().__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        super().__exit__(*exception)
        self._runtime.__exit__(*exception)

    def complaint(self, version: str, settings: dict, *flags: str) -> str:
        """What a kubelet ends with because of these settings and flags; empty when it takes them."""
        around = {**ALONE, "containerRuntimeEndpoint": self._runtime.endpoint}
        (self.disk / "kubelet.yaml").write_text(dump(overlay(around, settings)))
        folders = ("--cert-dir=C:\\pki", "--root-dir=C:\\kubelet")
        answer = self._run(ensure("kubelet", version), "--config=C:\\kubelet.yaml", *folders, *flags)
        assert answer.exit_code not in (0, None), answer.stderr[-3000:]
        last = answer.stderr.strip().splitlines()[-1]
        return "" if ALL_PARSED in last else last

# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The prediction of PodSecurity against the real admission plugin, in namespaces at all levels and versions."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from kubernetes import client

from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.pod_security import predict
from differential.generate import generate
from differential.judges import THREADS, ApiServerJudge
from differential.pod_security_strategies import namespace_labels, objects

NAMESPACES = 40
_WARNING = re.compile(r'299 - "((?:[^"\\]|\\.)*)"')


class Verdict(NamedTuple):
    """The refusal and the warning; None where there is none."""

    refusal: str | None
    warning: str | None


class Disagreement(NamedTuple):
    """An object in a namespace on which prediction and plugin differ."""

    definition: dict
    labels: dict[str, str]
    rules: Verdict
    api_server: Verdict


def predicted(definition: dict, labels: dict[str, str], kubernetes_version: str) -> Verdict:
    """What the rules predict."""
    prediction = predict(definition, labels, kubernetes_version)
    return Verdict(prediction.refusal, prediction.warning)


def judged(api_server: ApiServerJudge, definition: dict, namespace: str) -> Verdict:
    """What the real admission plugin says.

    Raises:
        client.ApiException: the API server refuses the object for another reason.
    """
    try:
        _made, warning = api_server.create(definition, namespace)
    except client.ApiException as error:
        message = json.loads(error.body)["message"]
        if error.status != 403 or "PodSecurity" not in message:
            raise
        return Verdict(message, None)
    return Verdict(None, _warning(warning))


def disagreements(api_server: ApiServerJudge, count: int, seed: int) -> list[Disagreement]:
    """Judge generated objects in generated namespaces by both; return those on which they differ."""
    minor = int(api_server.version.split(".")[1])
    labels = generate(namespace_labels(minor), NAMESPACES, seed)
    names = [f"pod-security-{seed}-{index}" for index in range(len(labels))]
    for name, wanted in zip(names, labels, strict=True):
        api_server.make_namespace(name, wanted)

    def compare(place: int, definition: dict) -> Disagreement | None:
        mine = place % len(names)
        ours = predicted(definition, labels[mine], api_server.version)
        theirs = judged(api_server, definition, names[mine])
        return None if ours == theirs else Disagreement(definition, labels[mine], ours, theirs)

    made = generate(objects, count, seed)
    with ThreadPoolExecutor(THREADS) as pool:
        return [found for found in pool.map(compare, range(len(made)), made) if found]


def _warning(header: str | None) -> str | None:
    """The PodSecurity warning out of a Warning header (``299 - "text", 299 - "text"``), or None."""
    texts = (re.sub(r"\\(.)", r"\1", text) for text in _WARNING.findall(header or ""))
    return next((text for text in texts if "PodSecurity" in text), None)

# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Everything that can be said about manifests without a cluster, as one list of findings.

* ``check(documents, settings) -> list[Finding]``
* ``failing(findings, fail_on) -> list[Finding]``      those that count as failure
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ansible_collections.kubewin.hostprocess.plugins.module_utils.manifest.documents import Document
from ansible_collections.kubewin.hostprocess.plugins.module_utils.manifest.errors import SettingsError
from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.field_types import type_errors
from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.lint import known_codes, lint
from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.lint_rule import SEVERITIES
from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.pod_security import predict
from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.pods import Pod, at, find_pod
from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.target import Target
from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.validation import validate, validate_pods

DOCUMENTATION = "https://github.com/kubewin/hostprocess/blob/main/docs/lint-codes.md"
REFUSED = "HPA001"
POD_SECURITY = "HPA002"
POD_SECURITY_WARNING = "HPA003"
PODS_REFUSED = "HPA004"
# Code -> (severity, title, fix) of what an API server would say; the rest of the codes are lint rules.
API_CODES = {
    REFUSED: ("error", "the API server refuses the object", "Change the field as the message says."),
    POD_SECURITY: (
        "error",
        "Pod Security refuses the pods",
        "Label the namespace pod-security.kubernetes.io/enforce=privileged.",
    ),
    POD_SECURITY_WARNING: (
        "info",
        "Pod Security warns of the pods",
        "Label the namespace pod-security.kubernetes.io/warn=privileged, or accept the warning.",
    ),
    PODS_REFUSED: (
        "error",
        "the API server takes the object and refuses its pods",
        "Change the field as the message says.",
    ),
}


class Settings(NamedTuple):
    """What the manifests are checked against.

    ``namespace_labels`` maps namespaces to their labels; namespaces that are among the manifests count with theirs.
    A namespace that neither knows is not judged by Pod Security.
    """

    kubernetes_version: str
    target: Target
    allow_privileged: bool = True
    feature_gates: dict[str, bool] | None = None
    namespace_labels: dict[str, dict[str, str]] | None = None
    default_namespace: str = "default"
    ignore: tuple[str, ...] = ()


class Finding(NamedTuple):
    """One thing to know about one field of one object."""

    code: str
    severity: str
    title: str
    kind: str
    namespace: str
    name: str
    field: str
    message: str
    fix: str
    source: str
    line: int | None

    @property
    def link(self) -> str:
        """Where the code is explained."""
        return f"{DOCUMENTATION}#{self.code.lower()}"


def check(documents: list[Document], settings: Settings) -> list[Finding]:
    """Return what the API server would refuse, what Pod Security would, and what lint advises, object by object.

    An object with a value of a wrong type is told only that: nothing else can be said of it.

    Raises:
        RulesError: a version or a code in the settings doesn't exist.
        SettingsError: labels of a namespace are none.
    """
    known_codes(set(settings.ignore) - set(API_CODES))
    labels = {**_namespaces_among(documents), **_given_labels(settings)}
    pods = [_readable_pod(document) for document in documents]
    together = [pod for pod in pods if pod is not None]
    findings: list[Finding] = []
    for document, pod in zip(documents, pods, strict=True):
        findings += _refusals(document, settings)
        if pod is not None:
            findings += _pod_security(document, pod, labels, settings)
            findings += _advice(document, pod, together, settings)
    return findings


def failing(findings: list[Finding], fail_on: str) -> list[Finding]:
    """Return the findings of a severity and worse; none for ``never``."""
    counted = () if fail_on == "never" else SEVERITIES[: SEVERITIES.index(fail_on) + 1]
    return [finding for finding in findings if finding.severity in counted]


def counts(findings: list[Finding]) -> dict[str, int]:
    """Return how many findings there are of each severity."""
    return {severity: sum(each.severity == severity for each in findings) for severity in SEVERITIES}


def _readable_pod(document: Document) -> Pod | None:
    pod = find_pod(document.body)
    return None if pod is None or any(type_errors(document.body)) else pod


def _refusals(document: Document, settings: Settings) -> Iterator[Finding]:
    for code, judge in ((REFUSED, validate), (PODS_REFUSED, validate_pods)):
        errors = judge(
            document.body,
            kubernetes_version=settings.kubernetes_version,
            allow_privileged=settings.allow_privileged,
            feature_gates=settings.feature_gates,
        )
        yield from (_from_api(code, document, error.field, error.message) for error in errors)


def _pod_security(
    document: Document, pod: Pod, labels: dict[str, dict[str, str]], settings: Settings
) -> Iterator[Finding]:
    namespace = pod.namespace or settings.default_namespace
    if namespace not in labels:
        return
    prediction = predict(document.body, labels[namespace], settings.kubernetes_version)
    refusal = prediction.refusal or prediction.pods_refusal
    code, text = (POD_SECURITY, refusal) if refusal else (POD_SECURITY_WARNING, prediction.warning)
    if text and code not in settings.ignore:
        yield _from_api(code, document, pod.path, text)


def _advice(document: Document, pod: Pod, together: list[Pod], settings: Settings) -> Iterator[Finding]:
    for found in lint(pod, settings.target, together, set(settings.ignore) - set(API_CODES)):
        rule = found.rule
        yield _finding(document, rule.code, rule.severity, rule.title, rule.fix, found.field, found.message)


def _from_api(code: str, document: Document, field: str, message: str) -> Finding:
    severity, title, fix = API_CODES[code]
    return _finding(document, code, severity, title, fix, field, message)


def _finding(document: Document, code: str, severity: str, title: str, fix: str, field: str, message: str) -> Finding:
    name = at(document.body, "metadata", "name") or at(document.body, "metadata", "generateName") or ""
    kind, namespace = document.body.get("kind") or "", at(document.body, "metadata", "namespace") or ""
    line = document.line(field)
    return Finding(code, severity, title, kind, str(namespace), str(name), field, message, fix, document.source, line)


def _namespaces_among(documents: list[Document]) -> dict[str, dict[str, str]]:
    """The labels of the Namespace objects among the manifests."""
    return {
        str(at(document.body, "metadata", "name")): labels
        for document in documents
        if document.body.get("kind") == "Namespace"
        and isinstance(labels := at(document.body, "metadata", "labels") or {}, dict)
    }


def _given_labels(settings: Settings) -> dict[str, dict[str, str]]:
    """The labels that the settings give; a namespace without any is known too."""
    given = {namespace: labels or {} for namespace, labels in (settings.namespace_labels or {}).items()}
    for namespace, labels in given.items():
        if not isinstance(labels, dict):
            raise SettingsError(f"namespace_labels of {namespace} must be a mapping of labels, not {labels!r}")
    return given

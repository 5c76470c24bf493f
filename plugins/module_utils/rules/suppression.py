# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What an object's annotations ask lint rules to be silent about, and the rule about those annotations."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.lint_rule import RULES, Problem, rule
from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.pods import Pod, at
from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.target import Target

IGNORE_ANNOTATION = "kubewin.hostprocess/ignore"
EVERY_CODE = "all"


def ignored_by(pod: Pod) -> set[str]:
    """Return the codes that an object's annotations, or its pod template's, ask to ignore; ``all`` means every one."""
    codes = {code for _path, asked in _annotated(pod) for code in asked}
    return set(RULES) if EVERY_CODE in codes else codes


@rule("HPL033", "warning", "a code to ignore doesn't exist", "Correct the code: what it was meant for is not ignored.")
def unknown_code(pod: Pod, target: Target, pods: list[Pod]) -> Iterator[Problem]:
    """The annotation ``kubewin.hostprocess/ignore`` takes codes of these rules, separated by commas, or ``all``."""
    for path, asked in _annotated(pod):
        for code in asked:
            if code != EVERY_CODE and code not in RULES:
                yield Problem(path, f"{code} is not the code of a rule")


def _annotated(pod: Pod) -> Iterator[tuple[str, list[str]]]:
    """The path of the annotation and its codes, of the object and of its pod template."""
    template = f"{pod.path.removesuffix('spec')}metadata"
    places = {"metadata": pod.owner_metadata, template: pod.metadata}
    for path, metadata in places.items():
        text = str(at(metadata, "annotations", IGNORE_ANNOTATION) or "")
        if codes := [code.strip() for code in text.split(",") if code.strip()]:
            yield f"{path}.annotations[{IGNORE_ANNOTATION}]", codes

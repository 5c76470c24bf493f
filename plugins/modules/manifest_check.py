#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: manifest_check
short_description: Check manifests of HostProcess workloads without a cluster
version_added: 1.0.0
description:
  - Tells what an API server would refuse about Windows security options, field by field and in its own words
    (code C(HPA001); C(HPA004) where only the pods are refused, as where two containers claim a port of the host).
  - Tells what Pod Security would refuse (C(HPA002)) or warn of (C(HPA003)), where the namespace's labels are known.
  - Gives advice on HostProcess pods beyond that (C(HPL001) and up), for example on missing limits, users that can't log
    on, and mounts that are not where they seem to be. Every code is explained in C(docs/lint-codes.md).
  - No cluster is asked. What was found can be written to a file for people, for programs, or as SARIF for code review.
options:
  definition:
    description:
      - Objects to check, as a mapping, a list of mappings, or YAML text with any number of documents.
      - One of O(definition), O(src) and O(manifests) is required; they may be given together.
    type: raw
  src:
    description:
      - A file with manifests, or a folder in which every file that ends in C(.yaml), C(.yml) or C(.json) is read.
    type: path
  manifests:
    description:
      - More files and folders, as in O(src).
    type: list
    elements: path
    default: []
  kubernetes_version:
    description:
      - Version of the API server that is meant, from V(1.22) to V(1.37). Quote it, because YAML reads 1.30 as 1.3.
    type: str
    default: "1.37"
  allow_privileged:
    description:
      - Whether that API server runs with C(--allow-privileged), without which it refuses HostProcess containers.
    type: bool
    default: true
  feature_gates:
    description:
      - Feature gates that are set on that API server, such as C(WindowsHostProcessContainers) before Kubernetes 1.26.
      - Each is true or false, without quotes. Gates that don't matter to these rules are passed over.
    type: dict
    default: {}
  containerd_version:
    description:
      - Version of containerd on the nodes that are meant. Rules that depend on it are silent without it.
    type: str
  windows_build:
    description:
      - Windows build of these nodes, such as V(20348) for Windows Server 2022. Rules that depend on it are silent
        without it.
    type: int
  pod_annotations:
    description:
      - Patterns of pod annotations that containerd on these nodes passes on to the shim (C(pod_annotations) of runtime
        C(runhcs-wcow-process)). Without it none are, which is containerd's default.
    type: list
    elements: str
  namespace_labels:
    description:
      - Labels of namespaces, by name. A Namespace object among the manifests counts with its own labels.
      - A namespace that is not known is not judged by Pod Security.
    type: dict
    default: {}
  default_namespace:
    description:
      - Namespace of objects that name none.
    type: str
    default: default
  ignore:
    description:
      - Codes not to report. C(HPA001) and C(HPA004) can't be ignored, because the pods will be refused.
      - An object ignores the codes in its annotation C(kubewin.hostprocess/ignore), separated by commas, or V(all).
    type: list
    elements: str
    default: []
  fail_on:
    description:
      - The mildest severity with which the task fails.
    type: str
    choices: [error, warning, info, never]
    default: error
  format:
    description:
      - Form of RV(report), and of the file O(path).
    type: str
    choices: [human, json, sarif]
    default: human
  path:
    description:
      - File to write the report to, also when the task fails. Its folder must exist.
    type: path
extends_documentation_fragment:
  - kubewin.hostprocess.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
requirements:
  - python >= 3.11
  - PyYAML
author:
  - The kubewin.hostprocess contributors (@kubewin)
seealso:
  - module: kubewin.hostprocess.workload
  - plugin: kubewin.hostprocess.violations
    plugin_type: filter
  - plugin: kubewin.hostprocess.hostprocess
    plugin_type: test
"""

EXAMPLES = r"""
- name: Check every manifest of a repository
  kubewin.hostprocess.manifest_check:
    src: manifests
    kubernetes_version: "1.36"
    containerd_version: 2.2.9
    windows_build: 20348
    fail_on: warning

- name: Check what a chart renders to, and take advice lightly
  kubewin.hostprocess.manifest_check:
    definition: "{{ rendered.stdout }}"
    ignore:
      - HPL003
    namespace_labels:
      kube-system:
        pod-security.kubernetes.io/enforce: privileged

- name: Write a report that code review understands
  kubewin.hostprocess.manifest_check:
    src: manifests
    fail_on: never
    format: sarif
    path: hostprocess.sarif
"""

RETURN = r"""
passed:
  description: Whether nothing was found of the severity in O(fail_on) or worse.
  returned: always
  type: bool
  sample: false
summary:
  description: How many findings there are of each severity.
  returned: always
  type: dict
  sample:
    error: 1
    warning: 0
    info: 2
findings:
  description: What was found, in the order of the objects; for each object first what the API server refuses.
  returned: always
  type: list
  elements: dict
  contains:
    code:
      description: The code, explained in C(docs/lint-codes.md).
      returned: always
      type: str
      sample: HPA001
    severity:
      description: V(error), V(warning) or V(info).
      returned: always
      type: str
      sample: error
    title:
      description: The code in words.
      returned: always
      type: str
      sample: the API server refuses the object
    kind:
      description: Kind of the object.
      returned: always
      type: str
      sample: DaemonSet
    namespace:
      description: Namespace that the object names, or empty.
      returned: always
      type: str
      sample: kube-system
    name:
      description: Name of the object.
      returned: always
      type: str
      sample: kube-proxy-windows
    field:
      description: The field.
      returned: always
      type: str
      sample: spec.template.spec.hostNetwork
    message:
      description: What is wrong with it; for C(HPA) codes in the API server's words.
      returned: always
      type: str
      sample: 'Invalid value: false: hostNetwork must be true if pod contains any hostProcess containers'
    fix:
      description: What to do.
      returned: always
      type: str
      sample: Change the field as the message says.
    link:
      description: Where the code is explained.
      returned: always
      type: str
      sample: https://github.com/kubewin/hostprocess/blob/main/docs/lint-codes.md#hpa001
    source:
      description: File that the object is from, or V(definition).
      returned: always
      type: str
      sample: manifests/kube-proxy.yaml
    line:
      description: Line of the field in the file, or of what is around it; none if the object was data.
      returned: always
      type: int
      sample: 16
report:
  description: The findings in the form that O(format) asks for.
  returned: always
  type: str
  sample: "nothing found\n"
"""

import os
import tempfile
import traceback

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from ansible_collections.kubewin.hostprocess.plugins.module_utils.manifest import documents
from ansible_collections.kubewin.hostprocess.plugins.module_utils.manifest.check import (
    Settings,
    check,
    counts,
    failing,
)
from ansible_collections.kubewin.hostprocess.plugins.module_utils.manifest.errors import ManifestCheckError
from ansible_collections.kubewin.hostprocess.plugins.module_utils.manifest.report import as_dict, render
from ansible_collections.kubewin.hostprocess.plugins.module_utils.manifest.target import make_target
from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.errors import RulesError
from ansible_collections.kubewin.hostprocess.plugins.module_utils.support.errors import SupportError

ARGUMENT_SPEC = {
    "definition": {"type": "raw"},
    "src": {"type": "path"},
    "manifests": {"type": "list", "elements": "path", "default": []},
    "kubernetes_version": {"type": "str", "default": "1.37"},
    "allow_privileged": {"type": "bool", "default": True},
    "feature_gates": {"type": "dict", "default": {}},
    "containerd_version": {"type": "str"},
    "windows_build": {"type": "int"},
    "pod_annotations": {"type": "list", "elements": "str"},
    "namespace_labels": {"type": "dict", "default": {}},
    "default_namespace": {"type": "str", "default": "default"},
    "ignore": {"type": "list", "elements": "str", "default": []},
    "fail_on": {"type": "str", "choices": ["error", "warning", "info", "never"], "default": "error"},
    "format": {"type": "str", "choices": ["human", "json", "sarif"], "default": "human"},
    "path": {"type": "path"},
}


def run(options: dict, check_mode: bool) -> dict:
    """Return the module's result.

    Raises:
        ManifestCheckError, RulesError, SupportError: the manifests can't be read, or an option means nothing.
    """
    findings = check(read_documents(options), read_settings(options))
    report = render(findings, options["format"])
    changed = bool(options["path"]) and write_report(options["path"], report, check_mode)
    return {
        "changed": changed,
        "passed": not failing(findings, options["fail_on"]),
        "summary": counts(findings),
        "findings": [as_dict(finding) for finding in findings],
        "report": report,
    }


def read_documents(options: dict) -> list[documents.Document]:
    """Return the objects of all sources, files first."""
    paths = ([options["src"]] if options["src"] else []) + options["manifests"]
    found = [document for path in documents.manifest_files(paths) for document in documents.from_file(path)]
    definition = options["definition"]
    if isinstance(definition, str):
        return found + documents.from_text(definition, "definition")
    return found if definition is None else found + documents.from_value(definition, "definition")


def read_settings(options: dict) -> Settings:
    """Return what the options say about cluster and nodes."""
    target = make_target(
        options["kubernetes_version"],
        options["containerd_version"],
        options["windows_build"],
        options["pod_annotations"],
    )
    return Settings(
        kubernetes_version=options["kubernetes_version"],
        target=target,
        allow_privileged=options["allow_privileged"],
        feature_gates=options["feature_gates"],
        namespace_labels=options["namespace_labels"],
        default_namespace=options["default_namespace"],
        ignore=tuple(options["ignore"]),
    )


def write_report(path: str, report: str, check_mode: bool) -> bool:
    """Write a file whole or not at all; return whether that changes it.

    Raises:
        ManifestCheckError: it can't be written.
    """
    # A name in a manifest may hold half of a character (JSON's \\ud800), and a file's name bytes that are not UTF-8.
    content = report.encode("utf-8", errors="backslashreplace")
    try:
        if os.path.exists(path):
            with open(path, "rb") as stream:
                if stream.read() == content:
                    return False
        if not check_mode:
            _replace(path, content)
    # A path can be none.
    except (OSError, ValueError) as error:
        raise ManifestCheckError(f"the report can't be written to {path}: {error}") from error
    return True


def _replace(path: str, content: bytes) -> None:
    with tempfile.NamedTemporaryFile("wb", dir=os.path.dirname(path) or ".", delete=False) as stream:
        stream.write(content)
    os.chmod(stream.name, 0o644)
    os.replace(stream.name, path)


def main() -> None:
    """The module's one way in and out."""
    module = AnsibleModule(
        argument_spec=ARGUMENT_SPEC,
        required_one_of=[("definition", "src", "manifests")],
        supports_check_mode=True,
    )
    if not documents.HAS_YAML:
        module.fail_json(msg=missing_required_lib("PyYAML"), exception=documents.YAML_IMPORT_ERROR)
    try:
        result = run(module.params, module.check_mode)
    except (ManifestCheckError, RulesError, SupportError) as error:
        module.fail_json(msg=str(error), exception=traceback.format_exc())
    if result["passed"]:
        module.exit_json(**result)
    found = ", ".join(f"{number} {severity}" for severity, number in result["summary"].items() if number)
    module.fail_json(msg=f"The manifests have {found}. {result['report']}", **result)


if __name__ == "__main__":
    main()

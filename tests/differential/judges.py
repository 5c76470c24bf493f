# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The two judges: the rules, and a real API server asked by server-side dry run."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple, Self

from kubernetes import client, config

from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.validation import refusal, validate

NAMESPACE = "differential"
THREADS = 4


class Verdict(NamedTuple):
    """The causes of a refusal (field, reason, message) in order, and the whole message; both empty if accepted."""

    causes: tuple[tuple[str, str, str], ...]
    message: str


class Disagreement(NamedTuple):
    """An object on which the judges differ."""

    definition: dict
    rules: Verdict
    api_server: Verdict


def judged_by_rules(definition: dict, kubernetes_version: str) -> Verdict:
    """What the rules say."""
    errors = validate(definition, kubernetes_version=kubernetes_version)
    causes = tuple((error.field, error.reason, error.message) for error in errors)
    return Verdict(causes, refusal(definition, errors) if errors else "")


class ApiServerJudge:
    """A real API server, asked to create the object without doing it."""

    def __init__(self, kubeconfig: Path):
        self._api = config.new_client_from_config(str(kubeconfig))
        self.version = client.VersionApi(self._api).get_code().git_version.removeprefix("v")
        self._namespaces: list[str] = []
        self.make_namespace(NAMESPACE, {})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        """Remove the namespaces again."""
        for name in self._namespaces:
            client.CoreV1Api(self._api).delete_namespace(name)
        self._api.close()

    def make_namespace(self, name: str, labels: dict[str, str]) -> None:
        """Make a namespace with the service account that pods need, without waiting for a controller to do it."""
        self._namespaces.append(name)
        core = client.CoreV1Api(self._api)
        for create, body in (
            (core.create_namespace, {"metadata": {"name": name, "labels": labels}}),
            (lambda account: core.create_namespaced_service_account(name, account), {"metadata": {"name": "default"}}),
        ):
            try:
                create(body)
            except client.ApiException as error:
                if error.status != 409:
                    raise

    def judge(self, definition: dict, namespace: str = NAMESPACE) -> Verdict:
        """What the API server says.

        Raises:
            client.ApiException: it says something else than yes, or no for what the object contains.
        """
        try:
            self.create(definition, namespace)
        except client.ApiException as error:
            status = json.loads(error.body)
            if error.status != 422:
                raise
            causes = tuple(
                (cause["field"], cause["reason"], cause["message"]) for cause in status["details"].get("causes", [])
            )
            return Verdict(causes, status["message"])
        return Verdict((), "")

    def create(self, definition: dict, namespace: str = NAMESPACE) -> tuple[dict, str | None]:
        """Ask to create an object by dry run; return it as it would be stored, and the warning that came with it."""
        group, _, version = definition["apiVersion"].rpartition("/")
        root = f"/apis/{group}/{version}" if group else f"/api/{version}"
        path = f"{root}/namespaces/{namespace}/{definition['kind'].lower()}s"
        request = self._api.param_serialize(
            "POST",
            path,
            query_params=[("dryRun", "All")],
            header_params={"Content-Type": "application/json", "Accept": "application/json"},
            body=definition,
            auth_settings=["BearerToken"],
        )
        response = self._api.call_api(*request)
        response.read()
        if response.status >= 400:
            raise client.ApiException.from_response(
                http_resp=response, body=response.data.decode(), data=json.loads(response.data)
            )
        return json.loads(response.data), response.headers.get("Warning")

    def judge_all(self, definitions: list[dict]) -> list[Verdict]:
        """What the API server says of each, in order."""
        with ThreadPoolExecutor(THREADS) as pool:
            return list(pool.map(self.judge, definitions))


def difference(ours: Verdict, theirs: Verdict) -> frozenset[tuple[str, str]]:
    """What only one judge says: last step of the field, and reason; for telling one disagreement from another."""
    only_one = set(ours.causes) ^ set(theirs.causes)
    return frozenset((field.rpartition(".")[2], reason) for field, reason, _message in only_one)


def still_disagree(definition: dict, api_server: ApiServerJudge, before: Disagreement) -> bool:
    """Tell whether the judges differ on an object as before; not if the API server can't make anything of it."""
    try:
        theirs = api_server.judge(definition)
    except client.ApiException:
        return False
    ours = judged_by_rules(definition, api_server.version)
    return ours != theirs and difference(ours, theirs) == difference(before.rules, before.api_server)


def disagreements(definitions: list[dict], api_server: ApiServerJudge) -> list[Disagreement]:
    """Return the objects on which the rules and the API server differ in verdict, field, text or order."""
    found = []
    for definition, theirs in zip(definitions, api_server.judge_all(definitions), strict=True):
        ours = judged_by_rules(definition, api_server.version)
        if ours != theirs:
            found.append(Disagreement(definition, ours, theirs))
    return found

# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Verbs on a cluster through kubernetes.core's client and service. Whatever fails leaves here as a ClusterError."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from http import HTTPStatus
from types import SimpleNamespace
from typing import TypeVar

from ansible.module_utils.basic import missing_required_lib
from ansible_collections.kubernetes.core.plugins.module_utils.k8s.client import get_api_client
from ansible_collections.kubernetes.core.plugins.module_utils.k8s.exceptions import CoreException
from ansible_collections.kubernetes.core.plugins.module_utils.k8s.service import K8sService

from .errors import ClusterError
from .path_segments import check_path_segments
from .refusals import explain_refusal, field_owners, is_about_the_manifest
from .retries import TRANSIENT_STATUSES, Deadline
from .target import Target
from .transport import DEFAULT_REQUEST_TIMEOUT, TimedTransport, timed_transport

try:
    from kubernetes.client.exceptions import ApiException
    from kubernetes.config import ConfigException
    from kubernetes.dynamic.exceptions import ResourceNotFoundError, ResourceNotUniqueError
    from urllib3.exceptions import HTTPError, ProtocolError, ReadTimeoutError
    from yaml import YAMLError

    HAS_KUBERNETES = True
except ImportError:
    # Named by open_cluster (a module names it even earlier), before any of these is needed.
    ApiException = ConfigException = HTTPError = ProtocolError = ReadTimeoutError = YAMLError = CoreException
    ResourceNotFoundError, ResourceNotUniqueError = LookupError, CoreException
    HAS_KUBERNETES = False

Answer = TypeVar("Answer")
DEFAULT_FIELD_MANAGER = "kubewin.hostprocess"
PAGE_SIZE = 500


class Cluster:
    """One API server, reached with one set of credentials.

    In check mode every changing verb is the API server's own dry run: it validates and admits, and stores nothing.
    """

    def __init__(
        self, client, field_manager: str, force_conflicts: bool, check_mode: bool, deadline: Deadline | None = None
    ):
        self._client = client
        self._deadline = deadline or Deadline()
        self._check_mode = check_mode
        self._service = self._service_with(
            server_side_apply={"field_manager": field_manager, "force_conflicts": force_conflicts}
        )

    def _service_with(self, **params) -> K8sService:
        # What K8sService reads of a module.
        return K8sService(self._client, SimpleNamespace(params=params, check_mode=self._check_mode))

    @property
    def host(self) -> str:
        return self._client.configuration.host

    def within(self, seconds: float) -> AbstractContextManager[None]:
        """A block in which no request outlasts so many seconds from its beginning, and none is repeated after them."""
        return self._deadline.within(seconds)

    def version(self) -> str:
        """The API server's version, such as "1.36.3". Asked anew: the client's own copy is cached on disk."""
        with _translated("ask the version of", Target("API server", self.host)):
            request = self._client.client.request
            answer = json.loads(_repeated(lambda: request("get", "/version", serialize=False).data))
            return answer["gitVersion"].lstrip("v")

    def is_namespaced(self, definition: dict) -> bool:
        return bool(self._resource(definition).namespaced)

    def get(self, definition: dict) -> dict | None:
        """The stored object that the definition names, or None."""
        with _translated("read", Target.of(definition)):
            resource = self._resource(definition)
            found = _repeated(lambda: self._service.retrieve(resource, definition))
        return found.to_dict() if found else None

    def apply(self, definition: dict) -> tuple[dict, list[str]]:
        """Server-side apply. Returns the object as stored (or as it would be) and the API server's warnings."""
        with _translated("apply", Target.of(definition)):
            resource = self._resource(definition)
            return _repeated(lambda: self._service.apply(resource, definition))

    def try_to_create(self, definition: dict) -> None:
        """Let the API server judge an object's creation without storing it (dry run), in any mode."""
        with _translated("create", Target.of(definition)):
            resource, namespace = self._resource(definition), definition["metadata"]["namespace"]
            _repeated(lambda: self._client.create(resource, definition, namespace=namespace, dry_run="All"))

    def delete(self, existing: dict) -> None:
        """Delete an object that was read, after its dependents. Returns before they are gone.

        That it is gone already is no error, and one that another client made under its name meanwhile is left alone.
        """
        resource = self._resource(existing)
        # Children first, then the object: gone means that its pods are gone.
        options = {"propagationPolicy": "Foreground", **_only_this(existing)}
        service = self._service_with(delete_options=options)
        try:
            with _translated("delete", Target.of(existing)):
                _repeated(lambda: service.delete(resource, existing, existing))
        except ClusterError as error:
            # It went between the look and the call, or with a call whose answer was lost.
            if error.status == HTTPStatus.NOT_FOUND:
                return
            if error.status != HTTPStatus.CONFLICT or self._is_there(existing):
                raise

    def _is_there(self, existing: dict) -> bool:
        found = self.get(existing)
        return found is not None and found["metadata"].get("uid") == existing["metadata"].get("uid")

    def pages(
        self,
        kind: str,
        api_version: str = "v1",
        namespace: str | None = None,
        label_selector: str | None = None,
        field_selector: str | None = None,
        page_size: int = PAGE_SIZE,
    ) -> Iterator[list[dict]]:
        """The objects of a kind, a page at a time, so that memory does not grow with the cluster."""
        resource = self._resource({"kind": kind, "apiVersion": api_version, "metadata": {"namespace": namespace}})
        token = None
        while True:
            try:
                with _translated("list", Target(kind, namespace=namespace)):
                    page = self._page(
                        resource,
                        namespace=namespace,
                        label_selector=label_selector,
                        field_selector=field_selector,
                        limit=page_size,
                        _continue=token,
                    )
            except ClusterError as error:
                # A token lives about five minutes. The 410 answer carries one that goes on from the same key.
                token = (error.body.get("metadata") or {}).get("continue") if error.status == 410 else None
                if not token:
                    raise
                continue
            # Not held here while the next one is read.
            yield page.pop("items")
            token = page["metadata"].get("continue")
            if not token:
                return

    def _page(self, resource, **selection) -> dict:
        # The body is read here, and not where the library's call returns.
        return json.loads(_repeated(lambda: self._client.get(resource, serialize=False, **selection).data))

    def list(self, kind: str, api_version: str = "v1", **selection) -> list[dict]:
        """All objects of a kind; for selections that are small by nature."""
        return [item for page in self.pages(kind, api_version, **selection) for item in page]

    def output(self, namespace: str, pod: str, container: str, limit: int) -> str:
        """What a container has written so far, its first `limit` bytes."""
        path = f"/api/v1/namespaces/{namespace}/pods/{pod}/log"
        with _translated("read the output of", Target("Pod", pod, namespace)):
            written = _repeated(lambda: self._read(path, ("container", container), ("limitBytes", limit)))
            return written.decode("utf-8", errors="replace")

    def _read(self, path: str, *parameters: tuple[str, object]) -> bytes:
        return self._client.client.request("get", path, query_params=list(parameters), serialize=False).data

    def _resource(self, definition: dict):
        check_path_segments(Target.of(definition), definition.get("metadata") or {})
        kind, api_version = definition.get("kind"), definition.get("apiVersion")
        with _translated("look up", Target("kind", f"{kind} of {api_version}")):
            try:
                if str(api_version).count("/") < 2:
                    return self._client.resource(kind, api_version)
            except ResourceNotUniqueError as error:
                raise ClusterError(
                    f"The API server knows several kinds of apiVersion {api_version} by {kind}, which is a short name "
                    "of each. Give the kind in full."
                ) from error
            except ResourceNotFoundError:
                pass
        raise ClusterError(
            f"The API server knows no kind {kind} of apiVersion {api_version}. Correct them, or install first what "
            "defines the kind (its CustomResourceDefinition or API service)."
        )


def open_cluster(
    module=None,
    field_manager: str = DEFAULT_FIELD_MANAGER,
    force_conflicts: bool = False,
    request_timeout: int = DEFAULT_REQUEST_TIMEOUT,
    **authentication,
) -> Cluster:
    """Connect with a module's options (AUTH_ARG_SPEC), or with the same options as keywords where there is no module.

    Args:
        request_timeout: seconds that the API server may be silent on one request.

    Raises:
        ClusterError: no library, no kubeconfig, credentials refused, or the API server can't be reached.
    """
    if not HAS_KUBERNETES:
        raise ClusterError(missing_required_lib("kubernetes"))
    options = module.params if module else authentication
    _check_kubeconfig(options)
    if request_timeout < 1:
        raise ClusterError(f"request_timeout is {request_timeout}: give at least 1 second.")
    deadline = Deadline()
    target = Target("the API server", options.get("host") or "of the kubeconfig")
    with _translated("connect to", target), timed_transport(request_timeout, deadline) as made:
        client = _make_client(module, authentication, made)
    # kubernetes.core keeps clients for later, with the transport that they were made with.
    client.client.client.rest_client = TimedTransport(client.configuration, request_timeout, deadline)
    return Cluster(client, field_manager, force_conflicts, bool(module and module.check_mode), deadline)


def _make_client(module, authentication: dict, transports: list[TimedTransport]):
    """What the library makes of a file or of an answer that has another shape than it expects, in plain words."""
    try:
        return get_api_client(module, **authentication)
    except (AttributeError, KeyError, TypeError, YAMLError) as error:
        if not transports:  # no server was asked yet
            raise ValueError("the kubeconfig is damaged: it has not the shape of one. Give a sound one.") from error
        raise ValueError(
            "it answers, and does not answer as a Kubernetes API server, or the identity provider of the kubeconfig "
            "not as an OpenID one. Check the server address, port and proxy that the kubeconfig (or host, proxy) "
            "gives, and its idp-issuer-url if it has one."
        ) from error


def _check_kubeconfig(options: dict) -> None:
    """Name a kubeconfig that was asked for and is not there; the library only says that no configuration was found."""
    kubeconfig = options.get("kubeconfig") or os.environ.get("K8S_AUTH_KUBECONFIG")
    if kubeconfig and not isinstance(kubeconfig, (str, dict)):
        raise ClusterError(f"kubeconfig is {kubeconfig!r:.60}: give the path of a file or its content as a dictionary.")
    if not isinstance(kubeconfig, str):
        return
    paths = [path for path in kubeconfig.split(os.pathsep) if path]
    if paths and not any(os.path.exists(os.path.expanduser(path)) for path in paths):
        raise ClusterError(
            f"The kubeconfig file {kubeconfig} does not exist on this host. "
            "Give the path of an existing one (kubeconfig, or K8S_AUTH_KUBECONFIG), or run the task where it lies."
        )


def _repeated(call: Callable[[], Answer]) -> Answer:
    """The call's result; made once more when its answer breaks off or stops, or when another client's write crossed it.

    The library asks again (retries) only until an answer begins, and not after a conflict.
    """
    try:
        return call()
    except (CoreException, ApiException, HTTPError) as error:
        if not _passes_at_once(_cause(error)):
            raise
    return call()


def _only_this(existing: dict) -> dict:
    """Delete options for this object and not for a later one of its name, as a call that is repeated may meet."""
    uid = existing["metadata"].get("uid")
    return {"preconditions": {"uid": uid}} if uid else {}


def _passes_at_once(error: Exception) -> bool:
    if isinstance(error, ApiException):
        return error.status == HTTPStatus.CONFLICT and not field_owners(_status_object(error.body))
    return isinstance(error, (ProtocolError, ReadTimeoutError))


@contextmanager
def _translated(verb: str, target: Target) -> Iterator[None]:
    try:
        yield
    except (CoreException, ApiException, ConfigException, HTTPError, OSError, ValueError) as error:
        raise _cluster_error(error, verb, target) from error


def _cluster_error(error: Exception, verb: str, target: Target) -> ClusterError:
    cause = _cause(error)
    if isinstance(cause, ApiException) and cause.status:
        return _refused(cause, verb, target)
    if isinstance(getattr(cause, "reason", None) or cause, ReadTimeoutError):
        return ClusterError(
            f"Failed to {verb} {target}: the API server took the request and does not answer: "
            f"{_connection_failure(cause)}. Check that it is not overloaded, and what stands before it (load balancer, "
            "proxy, tunnel); if it only needs longer, raise request_timeout.",
            transient=True,
        )
    if isinstance(cause, HTTPError):
        return ClusterError(
            f"Failed to {verb} {target}: the API server can't be reached: {_connection_failure(cause)}. "
            "Check that it runs, and the server address, port, proxy and CA that the kubeconfig (or host, proxy, "
            "ca_cert) gives.",
            transient=True,
        )
    if isinstance(cause, ConfigException):
        return ClusterError(
            f"Failed to {verb} {target}: {str(cause).rstrip('.')}. Give kubeconfig (or K8S_AUTH_KUBECONFIG) and, if "
            "needed, context; or host with api_key."
        )
    return ClusterError(f"Failed to {verb} {target}: {cause}")


def _cause(error: Exception) -> Exception:
    return error.__cause__ if isinstance(error, CoreException) and error.__cause__ else error


def _refused(error: ApiException, verb: str, target: Target) -> ClusterError:
    body = _status_object(error.body)
    reason = explain_refusal(error.status, body, error.headers or {}, target)
    return ClusterError(
        f"Failed to {verb} {target}: {reason}",
        status=error.status,
        body=body,
        transient=error.status in TRANSIENT_STATUSES and not is_about_the_manifest(str(body.get("message"))),
    )


def _status_object(body: str | bytes | None) -> dict:
    try:
        decoded = json.loads(body or "{}")
    except ValueError:
        return {"message": body.decode(errors="replace") if isinstance(body, bytes) else str(body)}
    return decoded if isinstance(decoded, dict) else {"message": str(decoded)}


def _connection_failure(error: HTTPError) -> str:
    """The innermost reason, without the address of a Python object that urllib3 puts in front."""
    reason = getattr(error, "reason", None) or error
    return re.sub(r"^(<[^>]*>|\w+\([^)]*\)): ", "", str(reason)).rstrip(".")

# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A server that takes requests and does not answer them: each is given up in time, made again, and then told."""

from __future__ import annotations

import base64
import json
import tempfile
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest
import yaml
from kubernetes.client import Configuration, rest
from urllib3 import PoolManager

from ansible_collections.kubewin.hostprocess.plugins.module_utils.cluster.connection import Cluster, open_cluster
from ansible_collections.kubewin.hostprocess.plugins.module_utils.cluster.errors import ClusterError
from ansible_collections.kubewin.hostprocess.plugins.module_utils.cluster.retries import (
    ATTEMPTS,
    BoundedRetry,
    Deadline,
)
from ansible_collections.kubewin.hostprocess.plugins.module_utils.cluster.transport import (
    CONNECT_TIMEOUT,
    TimedTransport,
    timed_transport,
)

# Seconds after which the server ends the silence: a client that waits so long has no time of its own.
PATIENCE = 30
ANSWERS = {
    "/version": {"major": "1", "minor": "36", "gitVersion": "v1.36.3"},
    "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": []},
}


class Server(ThreadingHTTPServer):
    """Answers what a client asks for while it is made.

    Attributes:
        answers: by path.
        silent: requests to say nothing to.
        halting: requests to fall silent at in the middle of the answer.
        asked: when each request came.
    """

    daemon_threads = True

    def __init__(self) -> None:
        self.answers = {path: json.dumps(answer).encode() for path, answer in ANSWERS.items()}
        self.silent = self.halting = 0
        self.asked: list[float] = []
        self.closing = threading.Event()
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.server.asked.append(time.monotonic())
        if self.server.silent:
            self.server.silent -= 1
            if not self.server.closing.wait(PATIENCE):
                self.send_error(418)
            return
        answer = self.server.answers[self.path]
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        half = len(answer) // 2
        self.wfile.write(answer[:half])
        if self.server.halting:
            self.server.halting -= 1
            self.server.closing.wait(PATIENCE)
            return
        self.wfile.write(answer[half:])

    def log_message(self, *_arguments) -> None:
        """Nothing."""


@pytest.fixture
def server(tmp_path, monkeypatch) -> Iterator[Server]:
    # The client library keeps what it has learned of a server in a file that it names by the server's address.
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with Server() as started:
        threading.Thread(target=started.serve_forever, args=(0.05,), daemon=True).start()
        yield started
        started.closing.set()
        started.shutdown()


def reach(server: Server, **options) -> Cluster:
    return open_cluster(host=server.url, api_key="none", **options)


def test_a_request_that_is_not_answered_is_made_again(server):
    cluster = reach(server, request_timeout=1)
    server.silent = 1
    assert cluster.version() == "1.36.3"


def test_an_answer_that_stops_in_the_middle_is_asked_for_again(server):
    cluster = reach(server, request_timeout=1)
    server.halting = 1
    assert cluster.version() == "1.36.3"


def test_a_server_that_stays_silent_is_told_after_a_bounded_time(server, monkeypatch):
    monkeypatch.setattr(BoundedRetry, "get_backoff_time", lambda _self: 0)
    cluster = reach(server, request_timeout=1)
    server.silent = ATTEMPTS
    server.asked.clear()
    with pytest.raises(ClusterError) as raised:
        cluster.version()
    assert str(raised.value) == (
        f"Failed to ask the version of API server {server.url}: the API server took the request and does not answer: "
        "Read timed out. (read timeout=1). Check that it is not overloaded, and what stands before it (load balancer, "
        "proxy, tunnel); if it only needs longer, raise request_timeout."
    )
    assert raised.value.transient
    assert len(server.asked) == ATTEMPTS


def test_the_first_request_of_all_which_the_client_library_makes_itself_has_its_times_too(server):
    server.silent = 1
    reach(server, request_timeout=1)
    assert len(server.asked) == len(ANSWERS) + 1


def test_a_second_connection_of_the_same_process_has_its_own_times(server):
    reach(server, request_timeout=600)
    cluster = reach(server, request_timeout=1)
    server.silent = 1
    started = time.monotonic()
    cluster.version()
    assert time.monotonic() - started < 10


def test_who_waits_for_less_is_kept_no_longer(server):
    cluster = reach(server, request_timeout=600)
    server.silent = ATTEMPTS
    server.asked.clear()
    started = time.monotonic()
    with pytest.raises(ClusterError, match="does not answer"), cluster.within(2):
        cluster.version()
    assert 1.5 < time.monotonic() - started < 6
    assert len(server.asked) == 1, "after that time nobody waits for a second answer"
    server.silent = 0
    assert cluster.version() == "1.36.3", "the time is that of the block"


@pytest.mark.parametrize("answer", [b"<html>Log in</html>", b'{"status": "ok"}', b"[]", b"null"])
def test_another_kind_of_server_is_told_apart(server, answer):
    server.answers = dict.fromkeys(ANSWERS, answer)
    with pytest.raises(ClusterError) as raised:
        reach(server)
    assert str(raised.value).startswith(f"Failed to connect to the API server {server.url}: ")
    assert "does not answer as a Kubernetes API server" in str(raised.value)


def test_an_identity_provider_that_answers_otherwise_is_not_taken_for_the_api_server_alone(server):
    expired = base64.urlsafe_b64encode(json.dumps({"exp": 1}).encode()).decode().rstrip("=")
    provider = {"idp-issuer-url": server.url, "client-id": "a", "client-secret": "b", "refresh-token": "c"}
    user = {"auth-provider": {"name": "oidc", "config": {**provider, "id-token": f"e30.{expired}.e30"}}}
    server.answers = {"/.well-known/openid-configuration": b"{}"}
    kubeconfig = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "a",
        "clusters": [{"name": "a", "cluster": {"server": "http://127.0.0.1:1"}}],
        "users": [{"name": "a", "user": user}],
        "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
    }
    with pytest.raises(ClusterError, match=r"or the identity provider.* idp-issuer-url"):
        open_cluster(kubeconfig=kubeconfig)
    assert server.asked


@pytest.mark.parametrize("seconds", [0, -5])
def test_times_that_are_none_are_refused(server, seconds):
    with pytest.raises(ClusterError, match=f"request_timeout is {seconds}: give at least 1 second"):
        reach(server, request_timeout=seconds)
    assert not server.asked


def test_the_library_is_left_as_it_was():
    before = rest.RESTClientObject
    with pytest.raises(ValueError, match="any"), timed_transport(1, Deadline()):
        raise ValueError("any")
    assert rest.RESTClientObject is before


@pytest.mark.parametrize(
    ("request_timeout", "left", "connect", "read"),
    [(65, None, CONNECT_TIMEOUT, 65), (5, None, 5, 5), (65, 30, CONNECT_TIMEOUT, 30), (65, -1, 1, 1)],
)
def test_the_shorter_time_counts(request_timeout, left, connect, read):
    deadline = Deadline()
    transport = TimedTransport(Configuration(), request_timeout, deadline)
    if left is None:
        assert transport._times() == (connect, read)
        return
    with deadline.within(left):
        assert transport._times() == pytest.approx((connect, read), abs=0.1)


APPLY = "application/apply-patch+yaml"
HARD_TEXTS = ["\U0001f600", "\U0001f600 größe", "\U0001f600 \x85 a \u2028 b \x7f \x9b \ufeff", '\U0001f600 \n\t\x1f"\\']


@pytest.fixture(params=["installed", "before 37"])
def sent(request, monkeypatch) -> list[tuple[str, str | bytes]]:
    """Content type and text of what the library puts on the wire."""
    seen = []

    def put(_self, _method, _url, body=None, headers=None, **_keywords):
        seen.append((headers["Content-Type"], body))
        return SimpleNamespace(status=200, reason="OK", data=b"", headers={})

    def write_as_before_37(_self, method, url, headers=None, body=None, **_keywords):
        kind = headers["Content-Type"]
        put(None, method, url, json.dumps(body) if "json" in kind or kind == APPLY else body, headers)

    if request.param == "installed":
        monkeypatch.setattr(PoolManager, "request", put)
    else:
        monkeypatch.setattr(rest.RESTClientObject, "request", write_as_before_37)
    return seen


@pytest.mark.parametrize("text", HARD_TEXTS)
def test_every_character_of_what_is_applied_arrives(sent, text):
    headers = {"Content-Type": APPLY}
    TimedTransport(Configuration(), 65, Deadline()).request("PATCH", "/", headers=headers, body={"note": text})
    (kind, body), *_others = sent
    assert kind.split(";")[0] == APPLY
    assert yaml.safe_load(body) == {"note": text}
    assert headers == {"Content-Type": APPLY}, "a request that is repeated begins with the same ones"


def test_what_the_library_writes_well_is_left_to_it(sent):
    transport = TimedTransport(Configuration(), 65, Deadline())
    transport.request("PATCH", "/", headers={"Content-Type": APPLY}, body={"note": "größe"})
    transport.request("POST", "/", headers={"Content-Type": "application/json"}, body={"note": "\U0001f600"})
    assert sent == [(APPLY, json.dumps({"note": "größe"})), ("application/json", json.dumps({"note": "\U0001f600"}))]

# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from types import SimpleNamespace

import pytest
from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure

from ansible_collections.kubewin.hostprocess.plugins.plugin_utils._cim_source import read_job_objects
from ansible_collections.kubewin.hostprocess.plugins.plugin_utils._wsman_channel import wsman_channel


class HttpError(Exception):
    """What pywinrm and pypsrp raise for an HTTP error, as far as both agree."""

    def __init__(self, code: int, response_text: str | bytes) -> None:
        super().__init__(f"HTTP {code}")
        self.code = code
        self.response_text = response_text


class Connection:
    """A winrm or psrp connection plugin as the channel sees it."""

    def __init__(self, transport: str, send, become=None, close_error: Exception | None = None) -> None:
        self.transport, self.become, self.close_error = transport, become, close_error
        self.connects = self.closes = 0
        self.sender = send

    def _connect(self) -> None:
        self.connects += 1
        carrier = SimpleNamespace(send=self.sender, send_message=self.sender, endpoint="http://node:5985/wsman")
        self.protocol = SimpleNamespace(transport=carrier, operation_timeout_sec=7)
        self.runspace = SimpleNamespace(connection=SimpleNamespace(transport=carrier, operation_timeout=9))

    def close(self) -> None:
        self.closes += 1
        if self.close_error:
            raise self.close_error

    def get_option(self, name: str) -> str:
        return {"remote_addr": "node"}[name]


@pytest.mark.parametrize(("transport", "timeout"), [("winrm", 7), ("psrp", 9)])
def test_both_connections_carry_bytes_and_are_closed_at_the_end(transport, timeout):
    connection = Connection(transport, lambda message: b"reply to " + message)
    with wsman_channel(connection) as channel:
        assert channel.send(b"x") == b"reply to x"
        assert (channel.endpoint, channel.timeout) == ("http://node:5985/wsman", timeout)
    assert (connection.connects, connection.closes) == (1, 1)


@pytest.mark.parametrize("error", [RuntimeError("no"), KeyboardInterrupt()])
def test_a_connection_is_closed_when_the_work_fails_or_is_interrupted(error):
    connection = Connection("winrm", None)
    with pytest.raises(type(error)), wsman_channel(connection):
        raise error
    assert connection.closes == 1


def test_a_failing_close_hides_no_result_and_leaves_no_open_connection():
    connection = Connection("winrm", lambda message: b"ok", close_error=OSError("dead"))
    with wsman_channel(connection) as channel:
        assert channel.send(b"x") == b"ok"
    assert connection._connected is False


@pytest.mark.parametrize("text", ["<fault/>", b"<fault/>"])
def test_a_fault_behind_an_http_error_is_given_back_as_bytes(text):
    def send(_message):
        raise HttpError(500, text)

    with wsman_channel(Connection("winrm", send)) as channel:
        assert channel.send(b"x") == b"<fault/>"


@pytest.mark.parametrize("error", [HttpError(401, "denied"), HttpError(503, ""), OSError("refused")])
def test_transport_trouble_makes_the_host_unreachable(error):
    def send(_message):
        raise error

    with pytest.raises(AnsibleConnectionFailure, match="http://node:5985/wsman"):  # noqa: SIM117
        with wsman_channel(Connection("psrp", send)) as channel:
            channel.send(b"x")


def test_other_connections_and_become_are_refused_with_what_to_do():
    with pytest.raises(AnsibleActionFail, match="source=win32"), wsman_channel(Connection("ssh", None)):
        pass
    with pytest.raises(AnsibleActionFail, match="become"), wsman_channel(Connection("winrm", None, become=object())):
        pass


def test_all_queries_of_a_task_go_over_one_session_and_it_is_closed():
    empty = (
        '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body>'
        '<n:EnumerateResponse xmlns:n="http://schemas.xmlsoap.org/ws/2004/09/enumeration"><n:EnumerationContext/>'
        "</n:EnumerateResponse></s:Body></s:Envelope>"
    )
    asked = []
    connection = Connection("winrm", lambda message: asked.append(message) or empty)
    result = read_job_objects(connection, {})
    assert (result["source"], result["job_objects"]) == ("cim", [])
    assert (connection.connects, connection.closes, len(asked)) == (1, 1, 6)


def test_a_refusal_of_the_service_names_the_host_and_its_words():
    fault = (
        '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body><s:Fault><s:Reason>'
        "<s:Text>Access is denied.</s:Text></s:Reason></s:Fault></s:Body></s:Envelope>"
    )
    connection = Connection("winrm", lambda message: fault)
    with pytest.raises(AnsibleActionFail, match=r"WMI on node .*Access is denied"):
        read_job_objects(connection, {})
    assert connection.closes == 1


def test_filters_that_wmi_cannot_apply_are_refused_before_connecting():
    connection = Connection("winrm", None)
    with pytest.raises(AnsibleActionFail, match="pod and namespace"):
        read_job_objects(connection, {"pod": "x"})
    assert connection.connects == 0

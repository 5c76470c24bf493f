# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from io import BytesIO

import pytest
from urllib3 import HTTPResponse
from urllib3.exceptions import MaxRetryError

from ansible_collections.kubewin.hostprocess.plugins.module_utils.cluster.retries import (
    ATTEMPTS,
    LONGEST_RETRY_AFTER,
    Deadline,
    retries,
)


def busy(seconds: int) -> HTTPResponse:
    return HTTPResponse(status=429, headers={"Retry-After": str(seconds)})


@pytest.mark.parametrize("verb", ["GET", "PATCH", "POST", "DELETE"])
@pytest.mark.parametrize(
    ("status", "again"),
    [(429, True), (500, True), (503, True), (400, False), (401, False), (403, False), (409, False), (422, False)],
)
def test_what_may_pass_is_asked_again_whatever_the_verb(verb, status, again):
    assert retries().is_retry(verb, status) is again


def test_the_number_of_attempts_is_bounded():
    policy = retries()
    for _again in range(ATTEMPTS - 1):
        policy = policy.increment("GET", "/", response=busy(1))
    with pytest.raises(MaxRetryError):
        policy.increment("GET", "/", response=busy(1))


def test_a_server_that_asks_for_more_time_than_we_have_is_not_asked_again():
    retries().increment("GET", "/", response=busy(LONGEST_RETRY_AFTER))
    with pytest.raises(MaxRetryError):
        retries().increment("GET", "/", response=busy(LONGEST_RETRY_AFTER + 1))


def test_the_last_answer_is_what_is_told():
    assert not retries().raise_on_status


def test_without_a_word_from_the_server_the_waits_grow_and_stay_short():
    policy, waits = retries(), []
    for _again in range(ATTEMPTS - 1):
        policy = policy.increment("GET", "/", response=HTTPResponse(status=500))
        waits.append(policy.get_backoff_time())
    assert waits == sorted(waits)
    assert sum(waits) <= 10


def test_what_the_manifest_is_to_blame_for_is_not_asked_again_and_stays_to_be_read():
    text = b'{"message": "failed to create typed patch object (a/b; apps/v1, Kind=Pod): .nope: field not declared"}'
    answer = HTTPResponse(body=BytesIO(text), status=500, preload_content=False)
    with pytest.raises(MaxRetryError):
        retries().increment("PATCH", "/", response=answer)
    assert answer.data == text
    other = HTTPResponse(
        body=BytesIO(b'{"message": "etcdserver: request timed out"}'), status=500, preload_content=False
    )
    retries().increment("PATCH", "/", response=other)


def test_nobody_is_asked_again_for_who_has_stopped_waiting():
    deadline = Deadline()
    policy = retries(deadline).increment("GET", "/", response=busy(1))
    with deadline.within(-1), pytest.raises(MaxRetryError):
        policy.increment("GET", "/", response=busy(1))
    policy.increment("GET", "/", response=busy(1))


def test_no_pause_outlasts_who_waits():
    deadline = Deadline()
    policy = retries(deadline).increment("GET", "/", response=HTTPResponse(status=500))
    policy = policy.increment("GET", "/", response=HTTPResponse(status=500))
    assert policy.get_backoff_time() == 1
    with deadline.within(0.5):
        assert 0 < policy.get_backoff_time() <= 0.5
        with pytest.raises(MaxRetryError):
            policy.increment("GET", "/", response=busy(1))
    with deadline.within(-1):
        assert policy.get_backoff_time() == 0
    with deadline.within(5):
        policy.increment("GET", "/", response=busy(1))

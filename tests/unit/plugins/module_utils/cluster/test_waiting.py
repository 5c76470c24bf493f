# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import pytest

from ansible_collections.kubewin.hostprocess.plugins.module_utils.cluster import waiting
from ansible_collections.kubewin.hostprocess.plugins.module_utils.cluster.errors import ClusterError
from ansible_collections.kubewin.hostprocess.plugins.module_utils.cluster.rollout import Phase, Rollout
from ansible_collections.kubewin.hostprocess.plugins.module_utils.cluster.waiting import wait_until_settled

LOOKS = 4
BUSY = ClusterError("busy", status=429, transient=True)
EXPIRED = ClusterError("expired", status=401)
PROGRESSING, READY, FAILED = (Rollout(phase, "") for phase in (Phase.PROGRESSING, Phase.READY, Phase.FAILED))


@pytest.fixture(autouse=True)
def clock_without_time(monkeypatch):
    monkeypatch.setattr(waiting, "clock", lambda total, interval: iter(range(LOOKS)))


def wait_for(*observations) -> tuple[Rollout, int]:
    left = iter(observations)
    looks = []

    def observe() -> Rollout:
        seen = next(left)
        looks.append(seen)
        if isinstance(seen, Exception):
            raise seen
        return seen

    return wait_until_settled(observe, timeout=LOOKS - 1, sleep=1), len(looks)


@pytest.mark.parametrize("end", [READY, FAILED])
def test_waiting_ends_when_the_rollout_is_decided(end):
    assert wait_for(PROGRESSING, end, PROGRESSING) == (end, 2)


def test_waiting_ends_when_time_is_up():
    assert wait_for(*[PROGRESSING] * LOOKS) == (PROGRESSING, LOOKS)


def test_a_busy_api_server_is_asked_again():
    assert wait_for(BUSY, BUSY, READY)[0] is READY


def test_an_api_server_that_stays_busy_is_told_of():
    with pytest.raises(ClusterError, match="busy"):
        wait_for(PROGRESSING, *[BUSY] * (LOOKS - 1))


def test_a_last_look_that_fails_does_not_hide_what_was_seen_before():
    assert wait_for(*[PROGRESSING] * (LOOKS - 1), BUSY) == (PROGRESSING, LOOKS)


def test_an_api_server_that_was_silent_until_time_was_up_is_told_of(monkeypatch):
    """One look that began in time and took all that was left of it."""
    monkeypatch.setattr(waiting, "clock", lambda total, interval: iter([0, 1]))
    with pytest.raises(ClusterError, match="busy"):
        wait_for(PROGRESSING, BUSY)


def test_an_only_look_that_fails_is_told_of(monkeypatch):
    monkeypatch.setattr(waiting, "clock", lambda total, interval: iter([0]))
    with pytest.raises(ClusterError, match="busy"):
        wait_for(BUSY)


def test_an_expired_token_ends_the_wait_at_once():
    with pytest.raises(ClusterError, match="expired"):
        wait_for(PROGRESSING, EXPIRED, READY)


def test_the_last_pause_does_not_outlast_the_wait(monkeypatch):
    asked = []
    monkeypatch.setattr(waiting, "clock", lambda total, interval: asked.append((total, interval)) or iter([0]))
    wait_until_settled(lambda: PROGRESSING, timeout=5, sleep=600)
    assert asked == [(5, 5)]

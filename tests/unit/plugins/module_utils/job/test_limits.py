# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The arithmetic of limits, against what the kubelet's and hcsshim's own functions answered (tests/oracle)."""

from __future__ import annotations

import importlib.util
import json
import sys
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.kubewin.hostprocess.plugins.module_utils.job.limits import (
    counted_processors,
    cpu_rate,
    memory_bytes,
)
from ansible_collections.kubewin.hostprocess.plugins.module_utils.job.model import NO_LIMIT

FOLDER = Path(__file__).resolve().parents[4] / "oracle"
ORACLE = json.loads((FOLDER / "limits.json").read_text())

millicores = st.integers(min_value=1, max_value=10**7)
processor_counts = st.integers(min_value=1, max_value=1024)
byte_counts = st.integers(min_value=0, max_value=2**50)


def test_the_oracle_names_its_sources_and_has_enough_rows():
    assert {source["module"] for source in ORACLE["sources"]} == {"k8s.io/kubernetes", "github.com/Microsoft/hcsshim"}
    assert all(source["version"].startswith("v") and source["functions"] for source in ORACLE["sources"])
    assert len(ORACLE["rows"]) >= 500


def test_the_oracle_answers_the_questions_that_its_generator_asks(monkeypatch):
    spec = importlib.util.spec_from_file_location("oracle_generate", FOLDER / "generate.py")
    generate = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, generate)
    spec.loader.exec_module(generate)
    asked = [(q["cpu"] or None, q["memory"] or None, q["processors"]) for q in generate.questions()]
    assert [(row["cpu"], row["memory"], row["processors"]) for row in ORACLE["rows"]] == asked


@pytest.mark.parametrize("what", ["cpu", "memory"])
def test_our_formulas_agree_with_every_row(what):
    wrong = [
        row
        for row in ORACLE["rows"]
        if (what == "cpu" and cpu_rate(row["cpu"], row["processors"]) != row["job"]["cpu_rate"])
        or (what == "memory" and memory_bytes(row["memory"]) != row["job"]["memory_bytes"])
    ]
    assert wrong == []


@pytest.mark.parametrize(("kubelet", "expected"), [((1, 26), None), ((1, 27), 128), ((1, 36), 128), (None, None)])
def test_old_kubelets_divide_by_one_processor_group_on_large_nodes(kubelet, expected):
    assert counted_processors(128, kubelet) == expected


@pytest.mark.parametrize("kubelet", [(1, 23), None])
def test_all_kubelets_agree_on_nodes_of_one_group(kubelet):
    assert counted_processors(64, kubelet) == 64


@given(millicores, processor_counts)
def test_a_rate_is_within_the_range_of_windows(milli, processors):
    assert 1 <= cpu_rate(f"{milli}m", processors) <= 10000


@given(millicores, processor_counts)
def test_a_rate_never_gives_more_than_was_asked_except_the_smallest_rate(milli, processors):
    rate = cpu_rate(f"{milli}m", processors)
    share = Fraction(rate, 10000) * processors * 1000
    assert share <= milli or rate == 1
    assert rate == 10000 or Fraction(rate + 1, 10000) * processors * 1000 > milli


@given(millicores, millicores, processor_counts)
def test_a_larger_cpu_limit_never_gives_a_smaller_rate(one, other, processors):
    small, large = sorted((one, other))
    assert cpu_rate(f"{small}m", processors) <= cpu_rate(f"{large}m", processors)


@given(millicores, processor_counts, processor_counts)
def test_more_processors_never_give_a_larger_rate(milli, one, other):
    few, many = sorted((one, other))
    assert cpu_rate(f"{milli}m", few) >= cpu_rate(f"{milli}m", many)


@given(st.integers(min_value=1, max_value=10**9), processor_counts)
def test_a_fraction_of_a_millicore_counts_as_a_whole_one(nano, processors):
    above = -(-nano // 10**6)
    assert cpu_rate(f"{nano}n", processors) == cpu_rate(f"{above}m", processors)


@given(byte_counts)
def test_memory_is_rounded_down_to_whole_mebibytes(count):
    limit = memory_bytes(str(count))
    assert limit % 2**20 == 0
    assert limit <= count < limit + 2**20


@given(st.integers(min_value=0, max_value=2**20 - 1))
def test_less_than_a_mebibyte_is_no_limit(count):
    assert memory_bytes(str(count)) == NO_LIMIT


def test_nothing_declared_is_no_limit():
    assert (cpu_rate(None, 4), memory_bytes(None)) == (NO_LIMIT, NO_LIMIT)

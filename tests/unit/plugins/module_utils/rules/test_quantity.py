# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules import quantity
from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.errors import QuantityError, RulesError

# Amounts in their units, from the definition of the suffixes and not from the code.
AMOUNTS = {
    "0": 0,
    "1": 1,
    "+1": 1,
    "-1": -1,
    "0.5": Fraction(1, 2),
    ".5": Fraction(1, 2),
    "1.": 1,
    "500m": Fraction(1, 2),
    "1n": Fraction(1, 10**9),
    "1u": Fraction(1, 10**6),
    "1k": 1000,
    "1M": 1000000,
    "1G": 10**9,
    "1T": 10**12,
    "1P": 10**15,
    "1E": 10**18,
    "1Ki": 1024,
    "1Mi": 1048576,
    "1.5Gi": 1610612736,
    "1Ti": 1099511627776,
    "1Pi": 1125899906842624,
    "1Ei": 1152921504606846976,
    "1e3": 1000,
    "1E3": 1000,
    "1e-3": Fraction(1, 1000),
    "12e6": 12000000,
    "0.1n": Fraction(1, 10**9),
    "9Ei": 2**63 - 1,
}


@pytest.mark.parametrize(("text", "amount"), AMOUNTS.items())
def test_a_quantity_is_read_exactly(text, amount):
    assert quantity.parse(text) == amount


@pytest.mark.parametrize(("number", "amount"), [(2, 2), (0.5, Fraction(1, 2)), (0.1, Fraction(1, 10)), (1e9, 10**9)])
def test_a_number_that_yaml_made_is_read_as_it_was_written(number, amount):
    assert quantity.parse(number) == amount


@pytest.mark.parametrize("text", ["", " ", "abc", "1 Mi", "1.2.3", "1Mi\n2", "٣", True, None, [], "nan", "inf"])
def test_what_is_no_quantity_is_refused_with_the_api_servers_words(text):
    with pytest.raises(QuantityError, match="quantities must match the regular expression"):
        quantity.parse(text)


@pytest.mark.parametrize("text", ["1mi", "--1", "1Kii", "1ee5", "1KM", "1e", "1m5", "1i", "1Ki5", "1e99999999999"])
def test_an_unknown_suffix_is_refused_with_the_api_servers_words(text):
    with pytest.raises(QuantityError, match=r"^unable to parse quantity's suffix$"):
        quantity.parse(text)


@pytest.mark.parametrize("text", ["Ki", ".", "+", "m", "1" * 5000])
def test_a_number_without_digits_or_with_absurdly_many_is_refused(text):
    with pytest.raises(RulesError, match=r"^unable to parse numeric part of quantity$"):
        quantity.parse(text)


@pytest.mark.parametrize(
    ("cpu", "milli"), [("500m", 500), ("1", 1000), ("0.0001", 1), ("1.0001", 1001), ("1n", 1), (1.5, 1500)]
)
def test_cpu_is_rounded_up_to_a_whole_millicore(cpu, milli):
    assert quantity.milli_value(cpu) == milli


@pytest.mark.parametrize(
    ("memory", "bytes_"), [("200Mi", 209715200), ("100M", 100000000), ("0.5", 1), ("1m", 1), ("1.5Ki", 1536)]
)
def test_memory_is_rounded_up_to_a_whole_byte(memory, bytes_):
    assert quantity.value(memory) == bytes_


@given(st.integers(-(10**30), 10**30))
def test_a_plain_integer_keeps_its_value(number):
    assert quantity.parse(str(number)) == quantity.value(str(number)) == number


@given(st.decimals(min_value=0, max_value=10**9, places=9), st.sampled_from(["", "k", "M", "m"]))
def test_whole_units_are_never_below_the_amount_and_less_than_one_above(number, suffix):
    text = f"{number:f}{suffix}"
    amount = quantity.parse(text)
    assert 0 <= quantity.value(text) - amount < 1
    assert 0 <= quantity.milli_value(text) - amount * 1000 < 1


@given(st.decimals(min_value=0, max_value=10**6, places=6))
def test_suffix_and_exponent_say_the_same(number: Decimal):
    assert quantity.parse(f"{number:f}k") == quantity.parse(f"{number:f}e3") == quantity.parse(f"{number:f}") * 1000


@given(st.decimals(min_value=0, max_value=1000, places=15))
def test_an_amount_finer_than_a_nano_unit_is_rounded_up_to_the_next(number):
    amount, exact = quantity.parse(f"{number:f}"), Fraction(number)
    assert 0 <= amount - exact < Fraction(1, 10**9)
    assert (amount * 10**9).denominator == 1


@given(st.integers(0, 2**20), st.sampled_from(["Ki", "Mi", "Gi"]))
def test_a_binary_suffix_is_1024_of_the_one_below(number, suffix):
    smaller = {"Ki": "", "Mi": "Ki", "Gi": "Mi"}[suffix]
    assert quantity.value(f"{number}{suffix}") == quantity.value(f"{number * 1024}{smaller}")


@given(st.text(max_size=12))
def test_any_text_is_an_amount_or_a_quantity_error(text):
    try:
        amount = quantity.parse(text)
    except QuantityError:
        return
    assert isinstance(amount, Fraction)

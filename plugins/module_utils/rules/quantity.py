# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kubernetes resource quantities, exactly.

* ``parse(quantity) -> Fraction``     the amount in whole units (cores, bytes), rounded up to nano units
* ``milli_value(quantity) -> int``    thousandths of a unit, rounded up: what the kubelet makes of a CPU limit
* ``value(quantity) -> int``          whole units, rounded up: what the kubelet makes of a memory limit

A quantity is the string of a manifest or the number that YAML made of it. Arithmetic is rational, so nothing is
lost on the way. Source: k8s.io/apimachinery pkg/api/resource (v0.36.3); facts section 4.3 for the roundings.
"""

from __future__ import annotations

import re
from fractions import Fraction

from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.errors import QuantityError

FORMAT_WRONG = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
NUMBER_WRONG = "unable to parse numeric part of quantity"
SUFFIX_WRONG = "unable to parse quantity's suffix"

DECIMAL_SUFFIXES = {
    "n": Fraction(1, 10**9),
    "u": Fraction(1, 10**6),
    "m": Fraction(1, 10**3),
    "": Fraction(1),
    "k": Fraction(10**3),
    "M": Fraction(10**6),
    "G": Fraction(10**9),
    "T": Fraction(10**12),
    "P": Fraction(10**15),
    "E": Fraction(10**18),
}
BINARY_SUFFIXES = {
    suffix: Fraction(2**exponent)
    for suffix, exponent in {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}.items()
}
LARGEST_BINARY = Fraction(2**63 - 1)
NANO = 10**9
# Beyond these a number is no amount of anything, and its digits alone would fill the memory.
LARGEST_EXPONENT = 1000
MOST_DIGITS = 1000

_SHAPE = re.compile(r"(?P<sign>[+-]?)(?P<whole>[0-9]*)(?:\.(?P<part>[0-9]*))?(?P<suffix>[eEinumkKMGTP]*[-+]?[0-9]*)")
_EXPONENT = re.compile(r"[eE]([+-]?[0-9]+)")


def parse(quantity: str | int | float) -> Fraction:
    """Return the exact amount that a quantity stands for.

    Like the API server, an amount finer than a nano unit is rounded up (away from zero) to the next one, and a
    binary amount is capped at 2**63 - 1.

    Raises:
        QuantityError: with the API server's own text. One difference: the API server reads a suffix without any
            digit (``Ki``) as zero; here that is refused, because a limit of zero is never what was meant.
    """
    shape = _SHAPE.fullmatch(_text(quantity))
    if shape is None or not shape.group(0):
        raise QuantityError(FORMAT_WRONG)
    factor = _factor(shape["suffix"])
    digits = shape["whole"] + (shape["part"] or "")
    if not 0 < len(digits) <= MOST_DIGITS:
        raise QuantityError(NUMBER_WRONG)
    amount = Fraction(int(digits), 10 ** len(shape["part"] or "")) * factor
    if shape["suffix"] in BINARY_SUFFIXES:
        amount = min(amount, LARGEST_BINARY)
    amount = Fraction(_round_up(amount * NANO), NANO)
    return -amount if shape["sign"] == "-" else amount


def milli_value(quantity: str | int | float) -> int:
    """Return a quantity in thousandths of its unit, rounded up: ``"0.1"`` is 100, ``"1u"`` is 1."""
    return _round_up(parse(quantity) * 1000)


def value(quantity: str | int | float) -> int:
    """Return a quantity in whole units, rounded up: ``"1Ki"`` is 1024, ``"500m"`` is 1."""
    return _round_up(parse(quantity))


def _text(quantity: str | int | float) -> str:
    if isinstance(quantity, bool) or not isinstance(quantity, (str, int, float)):
        raise QuantityError(FORMAT_WRONG)
    return str(quantity).strip()


def _factor(suffix: str) -> Fraction:
    for table in (DECIMAL_SUFFIXES, BINARY_SUFFIXES):
        if suffix in table:
            return table[suffix]
    exponent = _EXPONENT.fullmatch(suffix)
    if exponent is None or len(exponent[1]) > MOST_DIGITS or abs(int(exponent[1])) > LARGEST_EXPONENT:
        raise QuantityError(SUFFIX_WRONG)
    return Fraction(10) ** int(exponent[1])


def _round_up(amount: Fraction) -> int:
    """Return the next integer away from zero (the API server refuses negative limits, so only that side matters)."""
    magnitude = -(-abs(amount.numerator) // amount.denominator)
    return magnitude if amount >= 0 else -magnitude

# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Field errors, printed as the API server prints them.

Source: k8s.io/apimachinery pkg/util/validation/field/errors.go.
"""

from __future__ import annotations

import json
from typing import NamedTuple

INVALID = "Invalid value"
FORBIDDEN = "Forbidden"
REQUIRED = "Required value"
UNSUPPORTED = "Unsupported value"
DUPLICATE = "Duplicate value"

# The reason of the same error among the causes of the API server's Status object.
REASONS = {
    INVALID: "FieldValueInvalid",
    FORBIDDEN: "FieldValueForbidden",
    REQUIRED: "FieldValueRequired",
    UNSUPPORTED: "FieldValueNotSupported",
    DUPLICATE: "FieldValueDuplicate",
}


NO_VALUE = object()


class FieldError(NamedTuple):
    """One complaint about one field.

    ``value`` is what the field has, NO_VALUE for kinds that don't show it. ``as_go`` is whether it is shown as a Go
    literal instead of JSON: they differ in what they escape.
    """

    kind: str
    field: str
    value: object
    detail: str
    as_go: bool = False

    @property
    def reason(self) -> str:
        """The reason in the Status object: ``FieldValueInvalid``."""
        return REASONS[self.kind]

    @property
    def message(self) -> str:
        """The error without its field, as in the Status object's causes."""
        shown = "" if self.value is NO_VALUE else (go_literal if self.as_go else go_json)(self.value)
        return ": ".join(part for part in (self.kind, shown, self.detail) if part)

    def __str__(self) -> str:
        return f"{self.field}: {self.message}"


def invalid(field: str, value: object, detail: str) -> FieldError:
    """A value that its field can't have."""
    return FieldError(INVALID, field, value, detail)


def forbidden(field: str, detail: str) -> FieldError:
    """A field that may not be set here."""
    return FieldError(FORBIDDEN, field, NO_VALUE, detail)


def required(field: str, detail: str = "") -> FieldError:
    """A field that must be set."""
    return FieldError(REQUIRED, field, NO_VALUE, detail)


def unsupported(field: str, value: str, supported: tuple[str, ...]) -> FieldError:
    """A value outside an enumeration."""
    return FieldError(UNSUPPORTED, field, value, f"supported values: {', '.join(map(go_literal, supported))}")


def duplicate(field: str, value: str) -> FieldError:
    """A value that must be unique and isn't."""
    return FieldError(DUPLICATE, field, value, "", as_go=True)


def go_json(value: object) -> str:
    """Return a value as JSON in which, as Go does it, what HTML would take for its own is escaped."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


GO_ESCAPES = {'"': '\\"', "\\": "\\\\"} | dict(zip("\a\b\f\n\r\t\v", (f"\\{c}" for c in "abfnrtv"), strict=True))


def go_literal(value: object) -> str:
    """Return a string as a Go literal (strconv.Quote); anything else as JSON, which is the same."""
    if not isinstance(value, str):
        return go_json(value)
    return f'"{"".join(map(_go_character, value))}"'


def _go_character(character: str) -> str:
    if character in GO_ESCAPES:
        return GO_ESCAPES[character]
    if character.isprintable():
        return character
    number = ord(character)
    if number < 0x80:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"

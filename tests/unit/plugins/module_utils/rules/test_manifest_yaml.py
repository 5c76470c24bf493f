# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import pytest
import yaml

from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.manifest_yaml import ManifestLoader


def load(text: str):
    return yaml.load(text, Loader=ManifestLoader)


@pytest.mark.parametrize("text", ["2024-01-31", "2020-13-45", "2001-12-14t21:59:43.10-05:00", "12:34", "190:20:30.15"])
def test_dates_and_minutes_are_text(text):
    assert load(text) == text
    assert load(f"? {text}\n: a") == {text: "a"}


@pytest.mark.parametrize(
    ("text", "value"),
    [("5", 5), ("-1.5", -1.5), ("0x1f", 31), ("true", True), ("~", None), ("'12:34'", "12:34"), ("a:b", "a:b")],
)
def test_everything_else_is_read_as_ever(text, value):
    assert load(text) == value
    assert load(text) == yaml.safe_load(text)


def test_no_object_of_python_is_made():
    with pytest.raises(yaml.YAMLError):
        load("!!python/object/apply:os.getcwd []")

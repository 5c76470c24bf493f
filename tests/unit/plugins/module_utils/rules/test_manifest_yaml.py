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


def bomb(levels: int, width: int = 10) -> str:
    """Each level is the one before, several times over."""
    rows = [f"- &level0 [{', '.join('1' * width)}]"]
    rows += [f"- &level{level} [{', '.join([f'*level{level - 1}'] * width)}]" for level in range(1, levels)]
    return "\n".join(rows) + "\n"


@pytest.mark.parametrize("levels", [6, 9, 30])
@pytest.mark.parametrize("read", [yaml.load_all, yaml.compose_all])
def test_a_short_text_that_aliases_blow_up_is_refused(levels, read):
    with pytest.raises(yaml.YAMLError, match="document contains excessive aliasing"):
        list(read(bomb(levels), Loader=ManifestLoader))


def test_aliases_that_people_use_are_followed():
    shared = "shared: &shared {cpu: 500m, memory: 200Mi}\n"
    many = "".join(f"container{number}: {{limits: *shared}}\n" for number in range(2000))
    found = load(shared + many)
    assert found["container1999"] == {"limits": {"cpu": "500m", "memory": "200Mi"}}
    assert load(bomb(3))[2] == [[[1] * 10] * 10] * 10


def test_an_alias_that_contains_itself_is_left_to_the_reader():
    found = load("&all [*all]")
    assert found[0] is found


def test_two_halves_are_the_character_that_json_wrote():
    assert load(r'{"a": "\ud83d\ude00"}') == {"a": "\U0001f600"}
    assert load('"\ufeffa"') == "\ufeffa"


@pytest.mark.parametrize("text", [r'"\ud800"', r'{"\udc00": 1}', r'["\ude00\ud83d"]'])
@pytest.mark.parametrize("read", [yaml.load_all, yaml.compose_all])
def test_half_a_character_is_refused_with_its_place(text, read):
    with pytest.raises(yaml.YAMLError, match=r"found half of a character\n.*line 1"):
        list(read(text, Loader=ManifestLoader))

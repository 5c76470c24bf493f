# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which values of a TOML file are not shown."""

from __future__ import annotations

import tomllib

import pytest

from ansible_collections.kubewin.hostprocess.plugins.module_utils.node import toml_text
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.toml_secrets import without_secrets


@pytest.mark.parametrize(
    "line",
    [
        'authorization = "Basic c2VjcmV0"',
        '"Authorization" = ["Basic c2VjcmV0]", \'c2VjcmV0\']',
        "header = {authorization = 'Basic c2VjcmV0', accept = \"a\"}",
        'auth.password = "say \\"c2VjcmV0"',
        'password = """\nc2VjcmV0\n"""',
        "identitytoken='c2VjcmV0'",
        'auth = "c2VjcmV0"',
        "X-Registry-Token = [\n  # the build's]\n  'c2VjcmV0',\n]",
        '# password = "c2VjcmV0" of before',
        'password = "c2VjcmV0"\nbroken = [',
    ],
)
def test_a_value_of_a_secret_is_hidden(line):
    shown = without_secrets(f"version = 3\n{line}\nroot = 'C:\\data'\n")
    assert "c2VjcmV0" not in shown
    assert '"(hidden)"' in shown
    assert shown.startswith("version = 3\n")
    assert shown.endswith("root = 'C:\\data'\n")


@pytest.mark.parametrize(
    "line",
    ['username = "builder"', "[a.configs.b.auth]", "author = 'x'", "token_expires = true", "key = 'C:\\k.pem'", ""],
)
def test_everything_else_is_shown(line):
    assert without_secrets(line) == line


def test_a_file_that_was_written_here_can_still_be_read():
    tree = {
        "server": "https://a.example",
        "host": {"https://b.example": {"header": {"authorization": ["Basic c2VjcmV0"], "accept": "a"}}},
    }
    shown = tomllib.loads(without_secrets(toml_text.write(tree)))
    assert shown["host"]["https://b.example"]["header"] == {"authorization": "(hidden)", "accept": "a"}

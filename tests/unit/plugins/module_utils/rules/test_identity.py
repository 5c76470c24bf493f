# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Facts section 3."""

from __future__ import annotations

import pytest

from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules import identity

KINDS = {
    "NT AUTHORITY\\SYSTEM": (identity.SERVICE, ""),
    "NT AUTHORITY\\system": (identity.SERVICE, ""),
    "NT AUTHORITY\\Local service": (identity.SERVICE, ""),
    "NT AUTHORITY\\NetworkService": (identity.SERVICE, ""),
    "NT AUTHORITY\\NETWORK SERVICE": (identity.SERVICE, ""),
    "NT AUTHORITY\\Guest": (identity.ACCOUNT, ""),
    "nt authority\\system": (identity.WRONG_CASE, "NT AUTHORITY\\system"),
    "Nt Authority\\Local service": (identity.WRONG_CASE, "NT AUTHORITY\\Local service"),
    "SYSTEM": (identity.NO_AUTHORITY, "NT AUTHORITY\\SYSTEM"),
    "local service": (identity.NO_AUTHORITY, "NT AUTHORITY\\Local service"),
    "hpc-localgroup": (identity.LOCAL_GROUP, ""),
    "Administrators": (identity.LOCAL_GROUP, ""),
    "EXAMPLE\\user": (identity.ACCOUNT, ""),
    "NT SERVICE\\containerd": (identity.ACCOUNT, ""),
    "": (identity.MISSING, ""),
    None: (identity.MISSING, ""),
}


@pytest.mark.parametrize(("name", "expected"), KINDS.items())
def test_a_name_is_resolved_as_the_shim_does(name, expected):
    assert identity.identify(name) == expected


@pytest.mark.parametrize("name", KINDS)
def test_an_inherited_user_makes_every_name_irrelevant(name):
    assert identity.identify(name, inherits=True).kind == identity.INHERITED


@pytest.mark.parametrize(
    ("name", "is_it"),
    [
        ("NT AUTHORITY\\SYSTEM", True),
        ("nt authority\\system", True),
        ("system", True),
        ("EXAMPLE\\system", False),
        ("NT AUTHORITY\\Local service", False),
        (None, False),
    ],
)
def test_system_is_known_however_it_is_spelt(name, is_it):
    assert identity.is_system(name) is is_it

# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# FOR INTERNAL COLLECTION USE ONLY: this may change in any release.
"""Text files of a Windows node, for action plugins: what is there, and writing several of them in one transfer."""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import tempfile
from collections.abc import Mapping
from typing import Any, NamedTuple

from ansible import constants
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

# Outside of quotes, which an argument without blanks doesn't get. A file of such a name is written in its place.
_MEANS_SOMETHING_TO_CMD = frozenset("%&^=,;<>|()@!")


class NodeFile(NamedTuple):
    """A file's text and the hash of its bytes; both None where there is no file."""

    text: str | None
    sha256: str | None


def read(action: ActionBase, path: str, task_vars: dict) -> NodeFile:
    """Read a text file from the node: one module execution where it is missing, two where it isn't."""
    status = action._execute_module(
        module_name="ansible.windows.win_stat", module_args={"path": path, "get_checksum": False}, task_vars=task_vars
    )
    _raise_if_failed(status, f"looking at {path}")
    if not status["stat"]["exists"]:
        return NodeFile(None, None)
    answer = action._execute_module(module_name="ansible.windows.slurp", module_args={"src": path}, task_vars=task_vars)
    _raise_if_failed(answer, f"reading {path}")
    content = base64.b64decode(answer["content"])
    return NodeFile(content.decode("utf-8", errors="replace"), hashlib.sha256(content).hexdigest())


def known(file: Mapping) -> NodeFile:
    """Take a file as node_info returned it: ``exists``, ``content``, ``sha256``."""
    if not file.get("exists"):
        return NodeFile(None, None)
    if file.get("content") is None:
        raise AnsibleActionFail(f"{file.get('path')} is on the node, but node_info could not read it; see node.errors.")
    return NodeFile(str(file["content"]), file.get("sha256"))


def write(action: ActionBase, files: Mapping[str, str], task_vars: dict, replaced: str = "") -> bool:
    """Write files as UTF-8 without a byte order mark, with their folders, by one ansible.windows.win_copy.

    Args:
        files: Windows path to text; all on one drive.
        replaced: the one of them that is there already and holds more than is known elsewhere. It is written beside
            itself and then takes its own name, by a second execution: a power failure or a full disk leaves it whole.

    Returns:
        Whether the node's files differed; in check mode, would be written.
    """
    if replaced not in files or _MEANS_SOMETHING_TO_CMD.intersection(replaced):
        return _write_all(action, files, task_vars)
    beside = f"{replaced}.new"
    _write_all(action, {(beside if path == replaced else path): text for path, text in files.items()}, task_vars)
    if not action._task.check_mode:
        move = {"argv": ["cmd.exe", "/c", "move", "/y", beside, replaced]}
        answer = action._execute_module(
            module_name="ansible.windows.win_command", module_args=move, task_vars=task_vars
        )
        said = " ".join(f"{answer.get('stdout', '')} {answer.get('stderr', '')}".split())
        _raise_if_failed(answer, f"moving {beside} to {replaced} ({said})")
    return True


def _write_all(action: ActionBase, files: Mapping[str, str], task_vars: dict) -> bool:
    drives = {path[:2].upper() for path in files}
    if len(drives) != 1:
        raise AnsibleActionFail(f"files on several drives can't be written at once: {', '.join(sorted(files))}")
    tree = tempfile.mkdtemp(dir=constants.DEFAULT_LOCAL_TMP)
    try:
        for path, text in files.items():
            target = os.path.join(tree, *path[2:].replace("\\", "/").strip("/").split("/"))
            os.makedirs(os.path.dirname(target), exist_ok=True)
            with open(target, "w", encoding="utf-8", newline="") as stream:
                stream.write(text)
        return _win_copy(action, {"src": f"{tree}/", "dest": f"{drives.pop()}\\"}, task_vars)["changed"]
    finally:
        shutil.rmtree(tree)


def _win_copy(action: ActionBase, arguments: dict[str, Any], task_vars: dict) -> dict:
    task = action._task.copy()
    task.args = arguments
    copy = action._shared_loader_obj.action_loader.get(
        "ansible.windows.win_copy",
        task=task,
        connection=action._connection,
        play_context=action._play_context,
        loader=action._loader,
        templar=action._templar,
        shared_loader_obj=action._shared_loader_obj,
    )
    result = copy.run(task_vars=task_vars)
    _raise_if_failed(result, f"writing to {arguments['dest']}")
    return result


def _raise_if_failed(result: Mapping, what: str) -> None:
    if result.get("failed"):
        raise AnsibleActionFail(f"{what} on the node failed: {result.get('msg', 'no message')}")


def difference(path: str, before: str, after: str) -> dict[str, str]:
    """Return a diff as ansible-playbook --diff shows it."""
    return {"before_header": path, "before": before, "after_header": path, "after": after}

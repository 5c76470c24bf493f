"""Windows command lines: CommandLineToArgvW's rules, and the quoting that reverses them."""

from __future__ import annotations

import subprocess


def split(line: str) -> list[str]:
    """A command line's arguments.

    2n backslashes before a quote are n backslashes and the quote begins or ends a quoted part; 2n+1 escape the quote.
    """
    arguments: list[str] = []
    current, quoted, started, backslashes = "", False, False, 0
    for character in line:
        if character == "\\":
            backslashes += 1
            started = True
            continue
        if character == '"':
            current += "\\" * (backslashes // 2)
            if backslashes % 2:
                current += '"'
            else:
                quoted = not quoted
            started = True
        else:
            current += "\\" * backslashes
            if character in " \t" and not quoted:
                if started:
                    arguments.append(current)
                current, started = "", False
            else:
                current += character
                started = True
        backslashes = 0
    current += "\\" * backslashes
    return [*arguments, current] if started else arguments


def join(arguments: list[str]) -> str:
    """Arguments as one line that `split` gives back."""
    return subprocess.list2cmdline(arguments)

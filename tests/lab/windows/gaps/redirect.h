// Leading calls of a loaded library to functions of ours, in the process that loaded this DLL.
#pragma once
#include <windows.h>

// Makes `name` of `library` jump to `replacement`.
// Returns a callable copy of the original's first bytes: of use only where these are position independent, as
// ntdll's system call stubs are. NULL when the function is missing or its page can't be written.
void *redirect(HMODULE library, const char *name, void *replacement);

// The file system below Wine, for the few calls that Wine 8 lacks: paths and raw Linux system calls.
#pragma once
#include <windows.h>

// The Linux path of a Windows path; free it with unix_path_free. NULL where Wine can't tell.
char *unix_path(LPCWSTR path);
void unix_path_free(char *path);

// All return 0 (or a length) on success and -errno on failure. None of them follows a link at the end of a path.
LONGLONG unix_symlink(const char *target, const char *link);
LONGLONG unix_rename(const char *from, const char *to);
LONGLONG unix_unlink(const char *path);
BOOL unix_is_link(const char *path);

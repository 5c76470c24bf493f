// Gap 5: Wine 8 has no volume mount points and ends a program that calls CreateVirtualDisk.
// Needed by hcsshim's shim, which mounts a container's root file system, and by containerd 2.1 and 2.2, whose cimfs
// snapshotter asks for a virtual disk at start. Here: the folder stays a plain folder, and taking the volume away
// empties it, so that nothing of a removed container is left in it.
#include "replacements.h"
#include "unix_calls.h"

enum { PATH_LENGTH = 1024, LONGEST_NAME = 256 };

BOOL WINAPI set_volume_mount_point(LPCWSTR directory, LPCWSTR volume) { return TRUE; }

// Removes files and links (never what a link points to) and whole folders below `directory`.
static void empty_directory(LPCWSTR directory) {
  WCHAR path[PATH_LENGTH];
  WIN32_FIND_DATAW entry;
  if (lstrlenW(directory) + LONGEST_NAME + 2 > PATH_LENGTH) return;
  lstrcpyW(path, directory);
  if (path[lstrlenW(path) - 1] != '\\') lstrcatW(path, L"\\");
  int end = lstrlenW(path);
  lstrcatW(path, L"*");
  HANDLE search = FindFirstFileW(path, &entry);
  if (search == INVALID_HANDLE_VALUE) return;
  do {
    if (!lstrcmpW(entry.cFileName, L".") || !lstrcmpW(entry.cFileName, L"..")) continue;
    lstrcpyW(path + end, entry.cFileName);
    char *unix_name = unix_path(path);
    if (!unix_name || unix_unlink(unix_name)) {
      empty_directory(path);
      RemoveDirectoryW(path);
    }
    unix_path_free(unix_name);
  } while (FindNextFileW(search, &entry));
  FindClose(search);
}

BOOL WINAPI delete_volume_mount_point(LPCWSTR directory) {
  empty_directory(directory);
  return TRUE;
}

DWORD WINAPI create_virtual_disk(void *type, LPCWSTR path, DWORD access, void *security, DWORD flags, DWORD provider_flags,
                                 void *parameters, OVERLAPPED *overlapped, HANDLE *disk) {
  return ERROR_NOT_SUPPORTED;
}

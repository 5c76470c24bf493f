// Gap 5: Wine 8's CreateSymbolicLinkW reports success and makes nothing, and MoveFileExW moves what a link points to.
// Needed by the kubelet's certificate store (kubelet-client-current.pem is a link that is replaced by a rename) and by
// its log folders. Here: a symbolic link in the file system below. Windows programs in Wine then see the target itself.
#include "replacements.h"
#include "unix_calls.h"

enum { PATH_LENGTH = 1024, ERRNO_EXISTS = -17 };

// \\?\Volume{...}\rest names a file of the only volume there is.
static LPCWSTR without_volume(LPCWSTR path, WCHAR buffer[PATH_LENGTH]) {
  LPCWSTR rest = wcschr(path, '}');
  if (wcsnicmp(path, L"\\\\?\\Volume{", 11) || !rest || lstrlenW(rest) + 3 > PATH_LENGTH) return path;
  lstrcpyW(buffer, L"C:");
  lstrcatW(buffer, rest + 1);
  return buffer;
}

// A relative target, as the kubelet's volumes of ConfigMaps and tokens have (..data\token), is written as it is.
static char *relative_path(LPCWSTR target) {
  char *path;
  if (!target[0] || target[0] == '\\' || target[0] == '/' || target[1] == ':') return NULL;
  path = HeapAlloc(GetProcessHeap(), 0, 3 * PATH_LENGTH);
  if (!path || !WideCharToMultiByte(CP_UTF8, 0, target, -1, path, 3 * PATH_LENGTH, NULL, NULL)) {
    unix_path_free(path);
    return NULL;
  }
  for (char *letter = path; *letter; letter++)
    if (*letter == '\\') *letter = '/';
  return path;
}

BOOLEAN WINAPI create_symbolic_link(LPCWSTR link, LPCWSTR target, DWORD flags) {
  WCHAR buffer[PATH_LENGTH];
  char *link_path = unix_path(link), *target_path = relative_path(target);
  if (!target_path) target_path = unix_path(without_volume(target, buffer));
  LONGLONG failure = link_path && target_path ? unix_symlink(target_path, link_path) : -1;
  unix_path_free(link_path);
  unix_path_free(target_path);
  if (failure) SetLastError(failure == ERRNO_EXISTS ? ERROR_ALREADY_EXISTS : ERROR_PATH_NOT_FOUND);
  return !failure;
}

BOOL WINAPI move_file(LPCWSTR from, LPCWSTR to, DWORD flags) {
  char *from_path = unix_path(from), *to_path = unix_path(to);
  BOOL moved;
  if (from_path && to_path && unix_is_link(from_path)) {
    moved = unix_rename(from_path, to_path) == 0;
    if (!moved) SetLastError(ERROR_ACCESS_DENIED);
  } else {
    moved = MoveFileExW(from, to, flags);
  }
  unix_path_free(from_path);
  unix_path_free(to_path);
  return moved;
}

// The file system below Wine; see unix_calls.h. Wine 8 does not filter system calls made from Windows code.
#include "unix_calls.h"

enum { SYSTEM_CALL_RENAME = 82, SYSTEM_CALL_UNLINK = 87, SYSTEM_CALL_SYMLINK = 88, SYSTEM_CALL_READLINK = 89 };

static LONGLONG system_call(LONGLONG number, const void *first, const void *second, LONGLONG third) {
  LONGLONG result;
  __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(first), "S"(second), "d"(third) : "rcx", "r11", "memory");
  return result;
}

char *unix_path(LPCWSTR path) {
  static char *(CDECL *wine_get_unix_file_name)(LPCWSTR);
  if (!wine_get_unix_file_name)
    wine_get_unix_file_name = (void *)GetProcAddress(GetModuleHandleW(L"kernel32.dll"), "wine_get_unix_file_name");
  return path && wine_get_unix_file_name ? wine_get_unix_file_name(path) : NULL;
}

void unix_path_free(char *path) {
  if (path) HeapFree(GetProcessHeap(), 0, path);
}

LONGLONG unix_symlink(const char *target, const char *link) { return system_call(SYSTEM_CALL_SYMLINK, target, link, 0); }
LONGLONG unix_rename(const char *from, const char *to) { return system_call(SYSTEM_CALL_RENAME, from, to, 0); }
LONGLONG unix_unlink(const char *path) { return system_call(SYSTEM_CALL_UNLINK, path, NULL, 0); }

BOOL unix_is_link(const char *path) {
  char target[16];
  return system_call(SYSTEM_CALL_READLINK, path, target, sizeof target) > 0;
}

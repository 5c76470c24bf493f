// A job's state in a small file named after the kernel object's own name; see job_state.h.
#include "job_state.h"
#include <winternl.h>

enum { MAGIC = 0x324a574b, PATH_LENGTH = 512, OBJECT_BASIC = 0, OBJECT_NAME = 1 };
static const WCHAR directory[] = L"C:\\windows\\temp\\kubewin-lab-jobs\\";
static const DWORD share_all = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;

static BOOL state_file(HANDLE job, WCHAR path[PATH_LENGTH]) {
  BYTE buffer[2048];
  UNICODE_STRING *full_name = (UNICODE_STRING *)buffer;
  ULONG length;
  if (!job || NtQueryObject(job, OBJECT_NAME, buffer, sizeof buffer, &length) || !full_name->Length) return FALSE;
  int end = full_name->Length / sizeof(WCHAR), start = end, prefix = lstrlenW(directory);
  while (start > 0 && full_name->Buffer[start - 1] != '\\') start--;
  if (start == end || prefix + end - start + 1 > PATH_LENGTH) return FALSE;
  lstrcpyW(path, directory);
  for (int i = start; i < end; i++) {
    WCHAR c = full_name->Buffer[i];
    path[prefix++] = c < 32 || wcschr(L"<>:\"/|?*", c) ? '_' : c;
  }
  path[prefix] = 0;
  return TRUE;
}

void job_state_load(HANDLE job, JobState *state) {
  WCHAR path[PATH_LENGTH];
  DWORD length = 0;
  memset(state, 0, sizeof *state);
  if (!state_file(job, path)) return;
  HANDLE file = CreateFileW(path, GENERIC_READ, share_all, NULL, OPEN_EXISTING, 0, NULL);
  if (file == INVALID_HANDLE_VALUE) return;
  if (!ReadFile(file, state, sizeof *state, &length, NULL) || length != sizeof *state || state->magic != MAGIC)
    memset(state, 0, sizeof *state);
  CloseHandle(file);
}

void job_state_save(HANDLE job, JobState *state) {
  WCHAR path[PATH_LENGTH];
  DWORD length;
  if (!state_file(job, path)) return;
  CreateDirectoryW(directory, NULL);
  HANDLE file = CreateFileW(path, GENERIC_WRITE, share_all, NULL, OPEN_ALWAYS, 0, NULL);
  if (file == INVALID_HANDLE_VALUE) return;
  state->magic = MAGIC;
  WriteFile(file, state, sizeof *state, &length, NULL);
  CloseHandle(file);
}

void job_state_forget(HANDLE job) {
  WCHAR path[PATH_LENGTH];
  if (state_file(job, path)) DeleteFileW(path);
}

BOOL job_access_granted(HANDLE job, ACCESS_MASK wanted) {
  struct { ULONG attributes; ACCESS_MASK access; ULONG rest[12]; } basic;
  ULONG length;
  return !NtQueryObject(job, OBJECT_BASIC, &basic, sizeof basic, &length) && (basic.access & wanted) == wanted;
}

// Wine puts every process in session 1, so the named objects of services are in \Sessions\1\BaseNamedObjects and not
// in \BaseNamedObjects, where a service's are on Windows. A program that lists or opens there is led to where they are.
// Needed by the probe of job objects, which looks where Windows puts them.
#include "session_names.h"
#include "redirect.h"
#include <winternl.h>

typedef NTSTATUS(NTAPI *OpenObject)(PHANDLE, ACCESS_MASK, POBJECT_ATTRIBUTES);
static OpenObject wine_open_directory, wine_open_job;
static const WCHAR windows_place[] = L"\\BaseNamedObjects", wine_place[] = L"\\Sessions\\1\\BaseNamedObjects";
enum { PREFIX_BYTES = sizeof windows_place - sizeof(WCHAR), NEW_PREFIX_BYTES = sizeof wine_place - sizeof(WCHAR), NAME_BYTES = 1024 };

static NTSTATUS open_in_session(OpenObject open, PHANDLE handle, ACCESS_MASK access, POBJECT_ATTRIBUTES attributes) {
  UNICODE_STRING *name = attributes && !attributes->RootDirectory ? attributes->ObjectName : NULL;
  if (!name || name->Length < PREFIX_BYTES || name->Length + NEW_PREFIX_BYTES > NAME_BYTES ||
      memcmp(name->Buffer, windows_place, PREFIX_BYTES))
    return open(handle, access, attributes);
  BYTE buffer[NAME_BYTES];
  USHORT rest = name->Length - PREFIX_BYTES;
  UNICODE_STRING led = {NEW_PREFIX_BYTES + rest, sizeof buffer, (PWSTR)buffer};
  OBJECT_ATTRIBUTES copy = *attributes;
  memcpy(buffer, wine_place, NEW_PREFIX_BYTES);
  memcpy(buffer + NEW_PREFIX_BYTES, (BYTE *)name->Buffer + PREFIX_BYTES, rest);
  copy.ObjectName = &led;
  return open(handle, access, &copy);
}

static NTSTATUS NTAPI open_directory(PHANDLE handle, ACCESS_MASK access, POBJECT_ATTRIBUTES attributes) {
  return open_in_session(wine_open_directory, handle, access, attributes);
}

static NTSTATUS NTAPI open_job(PHANDLE handle, ACCESS_MASK access, POBJECT_ATTRIBUTES attributes) {
  return open_in_session(wine_open_job, handle, access, attributes);
}

void fill_session_name_gap(void) {
  HMODULE ntdll = GetModuleHandleW(L"ntdll.dll");
  wine_open_directory = redirect(ntdll, "NtOpenDirectoryObject", open_directory);
  wine_open_job = redirect(ntdll, "NtOpenJobObject", open_job);
}

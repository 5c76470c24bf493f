// Wine 8 does not tell another process's command line (ProcessCommandLineInformation), puts every process in session 1,
// and runs all of them as one made-up user. On Windows everything on a node here is a service or a service's child: in
// session 0, and as LocalSystem, which is also what the shim's log-on gives here for whichever user (accounts.c).
// Needed by the probe of job objects, which tells these of each process. In the laboratory every process is LocalSystem
// in session 0: a probe's word on sessions and users proves nothing about the container's.
#include "process_identity.h"
#include "redirect.h"
#include <ntstatus.h>
#include <winternl.h>

enum { CLASS_PROCESSES = 5, CREATED_OFFSET = 32, SESSION_OFFSET = 100 };  // SYSTEM_PROCESS_INFORMATION, 64 bit
enum { CLASS_COMMAND_LINE = 60, PARAMETERS_OFFSET = 0x20, COMMAND_LINE_OFFSET = 0x70 };  // PEB, RTL_USER_PROCESS_PARAMETERS
enum { CLASS_TOKEN_USER = 1 };

static NTSTATUS(NTAPI *wine_query_system)(ULONG, PVOID, ULONG, PULONG);
static NTSTATUS(NTAPI *wine_query_process)(HANDLE, ULONG, PVOID, ULONG, PULONG);
static NTSTATUS(NTAPI *wine_query_token)(HANDLE, ULONG, PVOID, ULONG, PULONG);

static NTSTATUS NTAPI query_system(ULONG class, PVOID buffer, ULONG length, PULONG returned) {
  NTSTATUS status = wine_query_system(class, buffer, length, returned);
  FILETIME now;
  if (status || class != CLASS_PROCESSES) return status;
  GetSystemTimeAsFileTime(&now);
  for (BYTE *entry = buffer;; entry += *(ULONG *)entry) {
    *(ULONG *)(entry + SESSION_OFFSET) = 0;
    // Seen once: a process that is being made has no valid time of creation yet.
    if (*(LONGLONG *)(entry + CREATED_OFFSET) < 0) memcpy(entry + CREATED_OFFSET, &now, sizeof now);
    if (!*(ULONG *)entry) return status;
  }
}

static BOOL read_memory(HANDLE process, const void *address, void *buffer, SIZE_T length) {
  SIZE_T read;
  return ReadProcessMemory(process, address, buffer, length, &read) && read == length;
}

// The answer is a UNICODE_STRING with its text behind it.
static NTSTATUS copy_command_line(HANDLE process, const BYTE *peb, BYTE *buffer, ULONG length, PULONG returned) {
  BYTE *parameters;
  UNICODE_STRING text, *answer = (UNICODE_STRING *)buffer;
  if (!read_memory(process, peb + PARAMETERS_OFFSET, &parameters, sizeof parameters) ||
      !read_memory(process, parameters + COMMAND_LINE_OFFSET, &text, sizeof text))
    return STATUS_ACCESS_DENIED;
  ULONG wanted = sizeof text + text.Length + sizeof(WCHAR);
  if (returned) *returned = wanted;
  if (length < wanted) return STATUS_INFO_LENGTH_MISMATCH;
  if (!read_memory(process, text.Buffer, buffer + sizeof text, text.Length)) return STATUS_ACCESS_DENIED;
  *answer = (UNICODE_STRING){text.Length, text.Length + sizeof(WCHAR), (PWSTR)(buffer + sizeof text)};
  answer->Buffer[text.Length / sizeof(WCHAR)] = 0;
  return STATUS_SUCCESS;
}

// Windows asks for PROCESS_QUERY_LIMITED_INFORMATION only, so the reading is done by a handle of its own.
static NTSTATUS query_command_line(HANDLE process, BYTE *buffer, ULONG length, PULONG returned) {
  PROCESS_BASIC_INFORMATION basic;
  NTSTATUS status = wine_query_process(process, ProcessBasicInformation, &basic, sizeof basic, NULL);
  if (status) return status;
  HANDLE reader = OpenProcess(PROCESS_QUERY_INFORMATION | PROCESS_VM_READ, FALSE, (DWORD)basic.UniqueProcessId);
  if (!reader) return STATUS_ACCESS_DENIED;
  status = copy_command_line(reader, (const BYTE *)basic.PebBaseAddress, buffer, length, returned);
  CloseHandle(reader);
  return status;
}

static NTSTATUS NTAPI query_process(HANDLE process, ULONG class, PVOID buffer, ULONG length, PULONG returned) {
  if (class == CLASS_COMMAND_LINE) return query_command_line(process, buffer, length, returned);
  return wine_query_process(process, class, buffer, length, returned);
}

static NTSTATUS NTAPI query_token(HANDLE token, ULONG class, PVOID buffer, ULONG length, PULONG returned) {
  static const SID local_system = {SID_REVISION, 1, {SECURITY_NT_AUTHORITY}, {SECURITY_LOCAL_SYSTEM_RID}};
  NTSTATUS status = wine_query_token(token, class, buffer, length, returned);
  if (!status && class == CLASS_TOKEN_USER) memcpy(((TOKEN_USER *)buffer)->User.Sid, &local_system, sizeof local_system);
  return status;
}

void fill_process_identity_gap(void) {
  HMODULE ntdll = GetModuleHandleW(L"ntdll.dll");
  wine_query_system = redirect(ntdll, "NtQuerySystemInformation", query_system);
  wine_query_process = redirect(ntdll, "NtQueryInformationProcess", query_process);
  wine_query_token = redirect(ntdll, "NtQueryInformationToken", query_token);
}

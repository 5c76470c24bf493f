// Gap 7: "Am I a service?" (golang.org/x/sys/windows/svc, .NET) means: is my parent services.exe in session 0. Wine gives
// every process session 1; here services.exe is listed in session 0.
// Needed by containerd, kubelet, the snapshotter and the agent, which start in another way from a console.
#include "service_session.h"
#include "redirect.h"
#include <winternl.h>

enum { CLASS_PROCESSES = 5, NAME_OFFSET = 56, SESSION_OFFSET = 100 };  // SYSTEM_PROCESS_INFORMATION, 64 bit
static NTSTATUS(NTAPI *wine_query_system)(ULONG, PVOID, ULONG, PULONG);

static BOOL is_service_manager(const UNICODE_STRING *name) {
  return name->Buffer && name->Length == 12 * sizeof(WCHAR) && !wcsnicmp(name->Buffer, L"services.exe", 12);
}

static NTSTATUS NTAPI query_system(ULONG class, PVOID buffer, ULONG length, PULONG returned) {
  NTSTATUS status = wine_query_system(class, buffer, length, returned);
  if (status || class != CLASS_PROCESSES) return status;
  for (BYTE *entry = buffer;; entry += *(ULONG *)entry) {
    if (is_service_manager((UNICODE_STRING *)(entry + NAME_OFFSET))) *(ULONG *)(entry + SESSION_OFFSET) = 0;
    if (!*(ULONG *)entry) return status;
  }
}

void fill_service_session_gap(void) {
  wine_query_system = redirect(GetModuleHandleW(L"ntdll.dll"), "NtQuerySystemInformation", query_system);
}

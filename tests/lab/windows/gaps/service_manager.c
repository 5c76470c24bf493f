// Gap 7: Wine 8's service manager keeps no recovery actions, no delayed start, does not tell what a service depends on,
// and goes on to call a service RUNNING (or STOP_PENDING) whose process is gone.
// Needed by whoever makes a service (containerd --register-service, golang's svc/mgr) and whoever reads one back.
// Here: levels 2 to 5 of ChangeServiceConfig2 are kept in the service's registry key, as Windows keeps them, and a
// service without a living process is STOPPED with ERROR_PROCESS_ABORTED. Acting on the recovery actions is the agent's.
#include "replacements.h"
#include "service_registry.h"

enum { LEVEL_SID = SERVICE_CONFIG_SERVICE_SID_INFO, MOST_DEPENDENCIES = 2048 };

static BOOL fail(DWORD error) {
  SetLastError(error);
  return error == ERROR_SUCCESS;
}

// The registry value of a level that is one number; NULL for other levels.
static LPCWSTR number_of_level(DWORD level) {
  switch (level) {
  case SERVICE_CONFIG_DELAYED_AUTO_START_INFO: return L"DelayedAutostart";
  case SERVICE_CONFIG_FAILURE_ACTIONS_FLAG: return L"FailureActionsOnNonCrashFailures";
  case LEVEL_SID: return L"ServiceSidType";
  default: return NULL;
  }
}

BOOL WINAPI change_service_configuration2(SC_HANDLE service, DWORD level, LPVOID information) {
  LPCWSTR number = number_of_level(level);
  HKEY key;
  DWORD error;
  if (level != SERVICE_CONFIG_FAILURE_ACTIONS && !number) return ChangeServiceConfig2W(service, level, information);
  if ((error = service_key_open(service, KEY_READ | KEY_WRITE, &key))) return fail(error);
  error = number ? number_write(key, number, *(DWORD *)information) : failure_actions_write(key, information);
  RegCloseKey(key);
  return fail(error);
}

BOOL WINAPI query_service_configuration2(SC_HANDLE service, DWORD level, LPBYTE buffer, DWORD size, LPDWORD needed) {
  LPCWSTR number = number_of_level(level);
  HKEY key;
  DWORD error, unused;
  if (level != SERVICE_CONFIG_FAILURE_ACTIONS && !number) return QueryServiceConfig2W(service, level, buffer, size, needed);
  if (!needed) needed = &unused;
  if ((error = service_key_open(service, KEY_READ, &key))) return fail(error);
  error = number ? number_read(key, number, buffer, size, needed) : failure_actions_read(key, buffer, size, needed);
  RegCloseKey(key);
  return fail(error);
}

// The names that a service depends on go behind what Wine answers.
BOOL WINAPI query_service_configuration(SC_HANDLE service, QUERY_SERVICE_CONFIGW *configuration, DWORD size, LPDWORD needed) {
  WCHAR names[MOST_DEPENDENCIES];
  DWORD length = sizeof names, wine_size = 0;
  HKEY key;
  BOOL answered = QueryServiceConfigW(service, configuration, size, &wine_size);
  if (!answered && GetLastError() != ERROR_INSUFFICIENT_BUFFER) return FALSE;
  DWORD error = service_key_open(service, KEY_READ, &key);
  if (!error) {
    if (RegGetValueW(key, NULL, L"DependOnService", RRF_RT_REG_MULTI_SZ, NULL, names, &length)) length = 0;
    RegCloseKey(key);
  }
  if (error || (answered && configuration->lpDependencies && *configuration->lpDependencies)) length = 0;
  DWORD names_at = (wine_size + 1) & ~1;
  *needed = names_at + length;
  if (!answered || size < *needed) return fail(ERROR_INSUFFICIENT_BUFFER);
  if (length) configuration->lpDependencies = memcpy((BYTE *)configuration + names_at, names, length);
  return TRUE;
}

static BOOL process_lives(DWORD id) {
  HANDLE process = OpenProcess(SYNCHRONIZE, FALSE, id);
  if (!process) return GetLastError() == ERROR_ACCESS_DENIED;
  BOOL lives = WaitForSingleObject(process, 0) == WAIT_TIMEOUT;
  CloseHandle(process);
  return lives;
}

BOOL WINAPI query_service_status_ex(SC_HANDLE service, SC_STATUS_TYPE level, LPBYTE buffer, DWORD size, LPDWORD needed) {
  SERVICE_STATUS_PROCESS *status = (SERVICE_STATUS_PROCESS *)buffer;
  if (!QueryServiceStatusEx(service, level, buffer, size, needed)) return FALSE;
  if (status->dwCurrentState == SERVICE_STOPPED) {
    status->dwProcessId = 0;  // Wine names the last one
  } else if (status->dwProcessId && !process_lives(status->dwProcessId)) {
    if (status->dwCurrentState != SERVICE_STOP_PENDING) status->dwWin32ExitCode = ERROR_PROCESS_ABORTED;
    status->dwCurrentState = SERVICE_STOPPED;
    status->dwControlsAccepted = status->dwProcessId = 0;
  }
  return TRUE;
}

BOOL WINAPI query_service_status(SC_HANDLE service, SERVICE_STATUS *status) {
  SERVICE_STATUS_PROCESS whole;
  DWORD needed;
  if (!query_service_status_ex(service, SC_STATUS_PROCESS_INFO, (LPBYTE)&whole, sizeof whole, &needed)) return FALSE;
  memcpy(status, &whole, sizeof *status);  // the shorter structure is the longer one's beginning
  return TRUE;
}

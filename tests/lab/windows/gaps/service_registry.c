// The registry form of a service's recovery; see service_registry.h.
#include "service_registry.h"

enum { NAME_LENGTH = 512, LARGEST_CONFIGURATION = 8192, MOST_ACTIONS = 64 };

// The value FailureActions: SERVICE_FAILURE_ACTIONS as a 32 bit program lays it out, the two texts being values of
// their own, followed by the actions.
typedef struct { DWORD reset_seconds, reboot_message, command, count, actions_offset; } StoredHeader;
typedef struct { StoredHeader header; SC_ACTION actions[MOST_ACTIONS]; } StoredActions;

DWORD service_key_open(SC_HANDLE service, REGSAM access, HKEY *key) {
  BYTE buffer[LARGEST_CONFIGURATION];
  QUERY_SERVICE_CONFIGW *configuration = (QUERY_SERVICE_CONFIGW *)buffer;
  WCHAR path[NAME_LENGTH] = L"SYSTEM\\CurrentControlSet\\Services\\";
  DWORD needed, prefix = lstrlenW(path), length = NAME_LENGTH - prefix;
  if (!QueryServiceConfigW(service, configuration, sizeof buffer, &needed)) return GetLastError();
  SC_HANDLE manager = OpenSCManagerW(NULL, NULL, SC_MANAGER_CONNECT);
  if (!manager) return GetLastError();
  BOOL found = GetServiceKeyNameW(manager, configuration->lpDisplayName, path + prefix, &length);
  DWORD error = found ? ERROR_SUCCESS : GetLastError();
  CloseServiceHandle(manager);
  return error ? error : RegOpenKeyExW(HKEY_LOCAL_MACHINE, path, 0, access, key);
}

static DWORD text_write(HKEY key, LPCWSTR name, LPCWSTR text) {
  if (!text) return ERROR_SUCCESS;  // unchanged
  if (!*text) return RegDeleteValueW(key, name), ERROR_SUCCESS;  // no matter whether there was one
  return RegSetValueExW(key, name, 0, REG_SZ, (const BYTE *)text, (lstrlenW(text) + 1) * sizeof(WCHAR));
}

DWORD failure_actions_write(HKEY key, const SERVICE_FAILURE_ACTIONSW *actions) {
  StoredActions stored = {{actions->dwResetPeriod, 0, 0, actions->cActions, sizeof(StoredHeader)}};
  DWORD error;
  if (actions->cActions > MOST_ACTIONS) return ERROR_INVALID_PARAMETER;
  if ((error = text_write(key, L"RebootMessage", actions->lpRebootMsg))) return error;
  if ((error = text_write(key, L"FailureCommand", actions->lpCommand))) return error;
  if (!actions->lpsaActions) return ERROR_SUCCESS;  // unchanged, and the reset period with them
  if (!actions->cActions) return RegDeleteValueW(key, L"FailureActions"), ERROR_SUCCESS;
  memcpy(stored.actions, actions->lpsaActions, actions->cActions * sizeof(SC_ACTION));
  return RegSetValueExW(key, L"FailureActions", 0, REG_BINARY, (const BYTE *)&stored,
                        sizeof(StoredHeader) + actions->cActions * sizeof(SC_ACTION));
}

DWORD failure_actions_read(HKEY key, LPBYTE buffer, DWORD size, LPDWORD needed) {
  StoredActions stored = {{0}};
  WCHAR texts[2][NAME_LENGTH] = {L"", L""};
  DWORD length = sizeof stored, lengths[2] = {sizeof texts[0], sizeof texts[1]};
  SERVICE_FAILURE_ACTIONSW *answer = (SERVICE_FAILURE_ACTIONSW *)buffer;
  if (RegGetValueW(key, NULL, L"FailureActions", RRF_RT_REG_BINARY, NULL, &stored, &length)) memset(&stored, 0, sizeof stored);
  if (RegGetValueW(key, NULL, L"RebootMessage", RRF_RT_REG_SZ, NULL, texts[0], &lengths[0])) lengths[0] = 0;
  if (RegGetValueW(key, NULL, L"FailureCommand", RRF_RT_REG_SZ, NULL, texts[1], &lengths[1])) lengths[1] = 0;
  if (stored.header.count > MOST_ACTIONS) return ERROR_INVALID_DATA;
  DWORD actions = stored.header.count * sizeof(SC_ACTION);
  *needed = sizeof *answer + actions + lengths[0] + lengths[1];
  if (size < *needed) return ERROR_INSUFFICIENT_BUFFER;
  BYTE *end = buffer + sizeof *answer;
  memset(answer, 0, sizeof *answer);
  answer->dwResetPeriod = stored.header.reset_seconds;
  answer->cActions = stored.header.count;
  if (actions) answer->lpsaActions = memcpy(end, stored.actions, actions);
  if (lengths[0]) answer->lpRebootMsg = memcpy(end + actions, texts[0], lengths[0]);
  if (lengths[1]) answer->lpCommand = memcpy(end + actions + lengths[0], texts[1], lengths[1]);
  return ERROR_SUCCESS;
}

DWORD number_write(HKEY key, LPCWSTR name, DWORD number) {
  return RegSetValueExW(key, name, 0, REG_DWORD, (const BYTE *)&number, sizeof number);
}

DWORD number_read(HKEY key, LPCWSTR name, LPBYTE buffer, DWORD size, LPDWORD needed) {
  DWORD number = 0, length = *needed = sizeof number;
  if (size < sizeof number) return ERROR_INSUFFICIENT_BUFFER;
  if (RegGetValueW(key, NULL, name, RRF_RT_REG_DWORD, NULL, &number, &length)) number = 0;
  memcpy(buffer, &number, sizeof number);
  return ERROR_SUCCESS;
}

// What Windows' service manager keeps of a service in the registry and Wine's does not.
#pragma once
#include <windows.h>

// All return a Win32 error code.
DWORD service_key_open(SC_HANDLE service, REGSAM access, HKEY *key);
DWORD failure_actions_write(HKEY key, const SERVICE_FAILURE_ACTIONSW *actions);
DWORD failure_actions_read(HKEY key, LPBYTE buffer, DWORD size, LPDWORD needed);
DWORD number_write(HKEY key, LPCWSTR name, DWORD number);
DWORD number_read(HKEY key, LPCWSTR name, LPBYTE buffer, DWORD size, LPDWORD needed);  // 0 where there is none

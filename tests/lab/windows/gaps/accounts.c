// Gap 3: Wine 8's LogonUserW returns a handle that is none, and NetLocalGroupGetInfo succeeds for every name.
// Needed by hcsshim's shim, which logs a container's user on and asks whether its name is a local group.
// Here everyone is who we are, and there are no local groups: no user isolation, no group accounts.
#include "replacements.h"
#include <lmerr.h>

BOOL WINAPI logon_user(LPCWSTR user, LPCWSTR domain, LPCWSTR password, DWORD type, DWORD provider, PHANDLE token) {
  HANDLE own;
  if (!OpenProcessToken(GetCurrentProcess(), TOKEN_ALL_ACCESS, &own)) return FALSE;
  BOOL duplicated = DuplicateTokenEx(own, TOKEN_ALL_ACCESS, NULL, SecurityImpersonation, TokenPrimary, token);
  CloseHandle(own);
  return duplicated;
}

DWORD WINAPI local_group_information(LPCWSTR server, LPCWSTR group, DWORD level, LPBYTE *buffer) { return NERR_GroupNotFound; }

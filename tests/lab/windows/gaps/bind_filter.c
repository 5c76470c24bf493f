// Gap 2: there are no silos. hcsshim's shim makes one where the file bindfltapi.dll exists, so it must not exist, while
// containerd loads that library to take away bindings that nobody made. So the library is this DLL.
#include "replacements.h"

#define EXPORT __declspec(dllexport)

EXPORT HRESULT WINAPI BfRemoveMapping(HANDLE job, LPCWSTR root) { return S_OK; }
EXPORT HRESULT WINAPI BfSetupFilter(HANDLE job, ULONG flags, LPCWSTR root, LPCWSTR target, LPCWSTR *exceptions, ULONG count) {
  return S_OK;
}
EXPORT HRESULT WINAPI BfGetMappings(ULONG flags, HANDLE job, LPCWSTR root, void *sid, ULONG *length, void *buffer) { return S_OK; }

HMODULE WINAPI load_library(LPCWSTR name, HANDLE file, DWORD flags) {
  return LoadLibraryExW(wcsicmp(name, L"bindfltapi.dll") ? name : L"bcryptprimitives.dll", file, flags);
}

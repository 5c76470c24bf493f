// vmcompute.dll: Wine has none. Needed by hcsshim's shim (layers of a container's root file system), containerd and the
// kubelet (networks). Layer calls succeed and mount nothing: the "volume" gets a made-up name and the root file system
// is a plain folder. There are no compute systems, no networks and no endpoints.
#include <windows.h>
#include <objbase.h>

#define EXPORT __declspec(dllexport)

static const WCHAR volume[] = L"\\\\?\\Volume{00000000-0000-4000-8000-000000000001}";
static const HRESULT no_such_system = (HRESULT)0xC037010E, not_supported = (HRESULT)0x80070032;

EXPORT HRESULT WINAPI ActivateLayer(void *driver, LPCWSTR id) { return S_OK; }
EXPORT HRESULT WINAPI DeactivateLayer(void *driver, LPCWSTR id) { return S_OK; }
EXPORT HRESULT WINAPI PrepareLayer(void *driver, LPCWSTR id, void *parents, SIZE_T count) { return S_OK; }
EXPORT HRESULT WINAPI UnprepareLayer(void *driver, LPCWSTR id) { return S_OK; }
EXPORT HRESULT WINAPI DestroyLayer(void *driver, LPCWSTR id) { return S_OK; }
EXPORT HRESULT WINAPI CreateSandboxLayer(void *driver, LPCWSTR id, SIZE_T parent, void *parents, SIZE_T count) { return S_OK; }
EXPORT HRESULT WINAPI ExpandSandboxSize(void *driver, LPCWSTR id, ULONGLONG size) { return S_OK; }

EXPORT HRESULT WINAPI LayerExists(void *driver, LPCWSTR id, DWORD *exists) {
  *exists = 1;
  return S_OK;
}

EXPORT HRESULT WINAPI GetLayerMountPath(void *driver, LPCWSTR id, SIZE_T *length, WCHAR *path) {
  if (path) lstrcpynW(path, volume, (int)*length);
  *length = sizeof volume / sizeof *volume;
  return S_OK;
}

// Any stable function of the name will do: a layer's GUID is only compared with itself.
EXPORT HRESULT WINAPI NameToGuid(LPCWSTR name, GUID *guid) {
  ULONGLONG hash = 14695981039346656037ULL;  // FNV-1a
  for (; *name; name++) hash = (hash ^ *name) * 1099511628211ULL;
  memcpy(guid, &hash, sizeof hash);
  hash *= 31;
  memcpy((BYTE *)guid + sizeof hash, &hash, sizeof hash);
  return S_OK;
}

EXPORT HRESULT WINAPI HcsOpenComputeSystem(LPCWSTR id, HANDLE *system, LPWSTR *result) { return no_such_system; }
EXPORT HRESULT WINAPI HcsEnumerateComputeSystems(LPCWSTR query, LPWSTR *systems, LPWSTR *result) { return not_supported; }

EXPORT HRESULT WINAPI HNSCall(LPCWSTR method, LPCWSTR path, LPCWSTR request, LPWSTR *response) {
  static const WCHAR nothing[] = L"{\"Success\":true,\"Output\":[]}";
  *response = CoTaskMemAlloc(sizeof nothing);
  if (!*response) return E_OUTOFMEMORY;
  memcpy(*response, nothing, sizeof nothing);
  return S_OK;
}

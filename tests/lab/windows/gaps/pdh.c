// pdh.dll: Wine 8 has no performance counters. Needed by the kubelet for its node statistics. Every counter of the
// laboratory is the same constant, so node statistics of the kubelet prove nothing.
#include <windows.h>

#define EXPORT __declspec(dllexport)
enum { EVERY_COUNTER = 1048576 };
static const LONG more_data = (LONG)0x800007D2;  // PDH_MORE_DATA

typedef struct { DWORD status; double value; } Value;
typedef struct { LPWSTR name; Value value; } Item;

EXPORT LONG WINAPI PdhOpenQuery(void *source, DWORD_PTR user, HANDLE *query) {
  *query = (HANDLE)1;
  return ERROR_SUCCESS;
}
EXPORT LONG WINAPI PdhCloseQuery(HANDLE query) { return ERROR_SUCCESS; }
EXPORT LONG WINAPI PdhCollectQueryData(HANDLE query) { return ERROR_SUCCESS; }
EXPORT LONG WINAPI PdhValidatePathW(LPCWSTR path) { return ERROR_SUCCESS; }
EXPORT LONG WINAPI PdhAddEnglishCounterW(HANDLE query, LPCWSTR path, DWORD_PTR user, HANDLE *counter) {
  *counter = (HANDLE)2;
  return ERROR_SUCCESS;
}
EXPORT LONG WINAPI PdhAddCounterW(HANDLE query, LPCWSTR path, DWORD_PTR user, HANDLE *counter) {
  return PdhAddEnglishCounterW(query, path, user, counter);
}
EXPORT LONG WINAPI PdhGetFormattedCounterValue(HANDLE counter, DWORD format, DWORD *type, Value *value) {
  *value = (Value){ERROR_SUCCESS, EVERY_COUNTER};
  return ERROR_SUCCESS;
}
EXPORT LONG WINAPI PdhGetFormattedCounterArrayW(HANDLE counter, DWORD format, DWORD *size, DWORD *count, Item *items) {
  static WCHAR total[] = L"_Total";
  BOOL fits = *size >= sizeof *items;
  *count = 1;
  *size = sizeof *items;
  if (!fits) return more_data;
  *items = (Item){total, {ERROR_SUCCESS, EVERY_COUNTER}};
  return ERROR_SUCCESS;
}

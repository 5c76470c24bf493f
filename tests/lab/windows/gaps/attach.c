// The entry point of the libraries that fill gaps. Windows also calls it for each thread and at the end.
#include "attach.h"

#include <windows.h>

BOOL WINAPI DllMain(HINSTANCE instance, DWORD reason, LPVOID reserved) {
  if (reason == DLL_PROCESS_ATTACH) fill_gaps();
  return TRUE;
}

// A service whose process ends as soon as it is asked to stop, before it has answered the service manager.
#define UNICODE
#include <windows.h>

static void WINAPI handle(DWORD control) {
  if (control == SERVICE_CONTROL_STOP) ExitProcess(0);
}

static void WINAPI run(DWORD count, LPWSTR *arguments) {
  SERVICE_STATUS status = {SERVICE_WIN32_OWN_PROCESS, SERVICE_RUNNING, SERVICE_ACCEPT_STOP};
  (void)count;
  SetServiceStatus(RegisterServiceCtrlHandlerW(arguments[0], handle), &status);
  Sleep(INFINITE);
}

int main(void) {
  SERVICE_TABLE_ENTRYW services[] = {{L"", run}, {NULL, NULL}};
  return StartServiceCtrlDispatcherW(services) ? 0 : (int)GetLastError();
}

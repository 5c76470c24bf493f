// Gap 5: Wine 8 has no AF_UNIX sockets. A stream socket on a loopback port takes their place, and the file at the
// socket's path holds the port's number (network byte order).
// Needed by the kubelet, which listens for device plugins; nobody calls there in the laboratory.
#include "replacements.h"
#include "procedure_lookup.h"

enum { UNIX_PATH_LENGTH = 108, UNIX_ADDRESS_LENGTH = 110, REMEMBERED = 64, LOOPBACK = 0x0100007f };

static struct { SOCKET socket; char path[UNIX_PATH_LENGTH]; } listeners[REMEMBERED];
static LONG listener_count;

static FARPROC winsock(const char *name) { return wine_procedure(GetModuleHandleW(L"ws2_32.dll"), name); }
#define WINE_BIND ((int(WINAPI *)(SOCKET, const struct sockaddr *, int))winsock("bind"))
#define WINE_CONNECT ((int(WINAPI *)(SOCKET, const struct sockaddr *, int))winsock("connect"))
#define WINE_NAME ((int(WINAPI *)(SOCKET, struct sockaddr *, int *))winsock("getsockname"))
#define WINE_SOCKET ((SOCKET(WINAPI *)(int, int, int, void *, unsigned, DWORD))winsock("WSASocketW"))

SOCKET WINAPI make_socket(int family, int type, int protocol, void *information, unsigned group, DWORD flags) {
  BOOL is_unix = family == AF_UNIX;
  return WINE_SOCKET(is_unix ? AF_INET : family, type, is_unix ? IPPROTO_TCP : protocol, information, group, flags);
}

int WINAPI bind_socket(SOCKET socket, const struct sockaddr *address, int length) {
  if (address->sa_family != AF_UNIX) return WINE_BIND(socket, address, length);
  struct sockaddr_in loopback = {.sin_family = AF_INET, .sin_addr.s_addr = LOOPBACK};
  int loopback_length = sizeof loopback, failure = WINE_BIND(socket, (void *)&loopback, sizeof loopback);
  DWORD written;
  if (failure) return failure;
  WINE_NAME(socket, (void *)&loopback, &loopback_length);
  HANDLE file = CreateFileA(address->sa_data, GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_DELETE, NULL, CREATE_NEW, 0, NULL);
  if (file != INVALID_HANDLE_VALUE) {
    WriteFile(file, &loopback.sin_port, sizeof loopback.sin_port, &written, NULL);
    CloseHandle(file);
  }
  LONG slot = (InterlockedIncrement(&listener_count) - 1) % REMEMBERED;
  listeners[slot].socket = socket;
  lstrcpynA(listeners[slot].path, address->sa_data, UNIX_PATH_LENGTH);
  return 0;
}

int WINAPI connect_socket(SOCKET socket, const struct sockaddr *address, int length) {
  if (address->sa_family != AF_UNIX) return WINE_CONNECT(socket, address, length);
  struct sockaddr_in loopback = {.sin_family = AF_INET, .sin_addr.s_addr = LOOPBACK};
  DWORD read = 0, share = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;
  HANDLE file = CreateFileA(address->sa_data, GENERIC_READ, share, NULL, OPEN_EXISTING, 0, NULL);
  if (file != INVALID_HANDLE_VALUE) {
    if (!ReadFile(file, &loopback.sin_port, sizeof loopback.sin_port, &read, NULL)) read = 0;
    CloseHandle(file);
  }
  if (read == sizeof loopback.sin_port) return WINE_CONNECT(socket, (void *)&loopback, sizeof loopback);
  SetLastError(WSAECONNREFUSED);
  return SOCKET_ERROR;
}

int WINAPI socket_name(SOCKET socket, struct sockaddr *address, int *length) {
  for (int slot = 0; slot < REMEMBERED; slot++) {
    if (listeners[slot].socket != socket || !listeners[slot].path[0] || *length < UNIX_ADDRESS_LENGTH) continue;
    address->sa_family = AF_UNIX;
    lstrcpynA(address->sa_data, listeners[slot].path, UNIX_PATH_LENGTH);
    *length = sizeof address->sa_family + lstrlenA(listeners[slot].path) + 1;
    return 0;
  }
  return WINE_NAME(socket, address, length);
}

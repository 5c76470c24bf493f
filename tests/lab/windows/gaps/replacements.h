// Functions that a program asks GetProcAddress for and gets from here instead of from Wine.
#pragma once
#include <winsock2.h>
#include <windows.h>

// Symbolic links (symbolic_links.c)
BOOLEAN WINAPI create_symbolic_link(LPCWSTR link, LPCWSTR target, DWORD flags);
BOOL WINAPI move_file(LPCWSTR from, LPCWSTR to, DWORD flags);

// Volumes and virtual disks (volumes.c)
BOOL WINAPI set_volume_mount_point(LPCWSTR directory, LPCWSTR volume);
BOOL WINAPI delete_volume_mount_point(LPCWSTR directory);
DWORD WINAPI create_virtual_disk(void *type, LPCWSTR path, DWORD access, void *security, DWORD flags, DWORD provider_flags,
                                 void *parameters, OVERLAPPED *overlapped, HANDLE *disk);

// Accounts (accounts.c)
BOOL WINAPI logon_user(LPCWSTR user, LPCWSTR domain, LPCWSTR password, DWORD type, DWORD provider, PHANDLE token);
DWORD WINAPI local_group_information(LPCWSTR server, LPCWSTR group, DWORD level, LPBYTE *buffer);

// The bind filter (bind_filter.c)
HMODULE WINAPI load_library(LPCWSTR name, HANDLE file, DWORD flags);

// AF_UNIX sockets (unix_sockets.c)
SOCKET WINAPI make_socket(int family, int type, int protocol, void *information, unsigned group, DWORD flags);
int WINAPI bind_socket(SOCKET socket, const struct sockaddr *address, int length);
int WINAPI connect_socket(SOCKET socket, const struct sockaddr *address, int length);
int WINAPI socket_name(SOCKET socket, struct sockaddr *address, int *length);

// The service manager (service_manager.c)
BOOL WINAPI change_service_configuration2(SC_HANDLE service, DWORD level, LPVOID information);
BOOL WINAPI query_service_configuration(SC_HANDLE service, QUERY_SERVICE_CONFIGW *configuration, DWORD size, LPDWORD needed);
BOOL WINAPI query_service_configuration2(SC_HANDLE service, DWORD level, LPBYTE buffer, DWORD size, LPDWORD needed);
BOOL WINAPI query_service_status(SC_HANDLE service, SERVICE_STATUS *status);
BOOL WINAPI query_service_status_ex(SC_HANDLE service, SC_STATUS_TYPE level, LPBYTE buffer, DWORD size, LPDWORD needed);

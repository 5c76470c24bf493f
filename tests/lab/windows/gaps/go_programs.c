// bcryptprimitives.dll: Wine 8 has none, and every Go program takes ProcessPrng from it before anything else. So this is
// where the gaps are filled for containerd.exe, the shim, kubelet.exe, the snapshotter and the agent.
#include "replacements.h"  // first: winsock2.h before windows.h
#include "attach.h"
#include "job_objects.h"
#include "named_pipes.h"
#include "procedure_lookup.h"
#include "service_session.h"

BOOLEAN NTAPI SystemFunction036(PVOID, ULONG);  // RtlGenRandom

__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE buffer, SIZE_T length) { return SystemFunction036(buffer, (ULONG)length); }

static const Replacement go_replacements[] = {
    {"CreateSymbolicLinkW", create_symbolic_link},
    {"MoveFileExW", move_file},
    {"SetVolumeMountPointW", set_volume_mount_point},
    {"DeleteVolumeMountPointW", delete_volume_mount_point},
    {"CreateVirtualDisk", create_virtual_disk},
    {"LogonUserW", logon_user},
    {"NetLocalGroupGetInfo", local_group_information},
    {"LoadLibraryExW", load_library},
    {"WSASocketW", make_socket},
    {"bind", bind_socket},
    {"connect", connect_socket},
    {"getsockname", socket_name},
    {"ChangeServiceConfig2W", change_service_configuration2},
    {"QueryServiceConfigW", query_service_configuration},
    {"QueryServiceConfig2W", query_service_configuration2},
    {"QueryServiceStatus", query_service_status},
    {"QueryServiceStatusEx", query_service_status_ex},
    {NULL, NULL},
};

void fill_gaps(void) {
  fill_job_object_gap();
  fill_named_pipe_gap();
  fill_service_session_gap();
  answer_procedure_lookups(go_replacements);
}

// Gap 6: a first pipe instance made with SYNCHRONIZE access only (go-winio's, which reserves the name) is not
// connectable on Windows. In Wine it is, and nobody listens there: the first client would hang. So it is taken here.
// Needed by every server on go-winio: containerd, the shim, the snapshotter.
#include "named_pipes.h"
#include "redirect.h"
#include <winternl.h>

typedef NTSTATUS(NTAPI *CreatePipe_)(PHANDLE, ULONG, POBJECT_ATTRIBUTES, PIO_STATUS_BLOCK, ULONG, ULONG, ULONG, ULONG, ULONG,
                                     ULONG, ULONG, ULONG, ULONG, PLARGE_INTEGER);
static CreatePipe_ wine_create_pipe;

static NTSTATUS NTAPI create_pipe(PHANDLE pipe, ULONG access, POBJECT_ATTRIBUTES attributes, PIO_STATUS_BLOCK io, ULONG share,
                                  ULONG disposition, ULONG options, ULONG type, ULONG read_mode, ULONG completion, ULONG instances,
                                  ULONG in_quota, ULONG out_quota, PLARGE_INTEGER timeout) {
  NTSTATUS status = wine_create_pipe(pipe, access, attributes, io, share, disposition, options, type, read_mode, completion,
                                     instances, in_quota, out_quota, timeout);
  if (!status && access == SYNCHRONIZE && disposition == FILE_CREATE) {
    HANDLE kept_until_the_process_ends;
    IO_STATUS_BLOCK unused;
    OBJECT_ATTRIBUTES client = *attributes;
    client.SecurityDescriptor = NULL;
    NtOpenFile(&kept_until_the_process_ends, GENERIC_READ | GENERIC_WRITE, &client, &unused, 0, 0);
  }
  return status;
}

void fill_named_pipe_gap(void) {
  wine_create_pipe = redirect(GetModuleHandleW(L"ntdll.dll"), "NtCreateNamedPipeFile", create_pipe);
}

// Gap 1: Wine 8 keeps a job's kill-on-close and its process list, forgets limit flags and memory limit, and refuses
// the CPU rate (class 15), memory usage (28), I/O attribution (42) and combined accounting (8) classes.
// Needed by hcsshim's shim, which sets them, and by whoever reads them back.
//
// Redirects ntdll's calls in this process, so that kernel32, Go's windows package and a .NET DllImport all come
// through here with their own source unchanged. What is set is recorded, never enforced. Computed: accounting and
// memory, as sums over the processes that live now. Every other class goes to Wine, and is refused as Wine refuses it.
#include "job_objects.h"
#include "job_state.h"
#include "redirect.h"
#include <ntstatus.h>
#include <psapi.h>
#include <winternl.h>

enum {
  CLASS_BASIC_ACCOUNTING = 1,
  CLASS_BASIC_LIMITS = 2,
  CLASS_PROCESS_LIST = 3,
  CLASS_BASIC_AND_IO_ACCOUNTING = 8,
  CLASS_EXTENDED_LIMITS = 9,
  CLASS_CPU_RATE = 15,
  CLASS_MEMORY_USAGE = 28,
  CLASS_IO_ATTRIBUTION = 42,
};
enum { CPU_RATE_ENABLE = 1, CPU_RATE_HARD_CAP = 4, CPU_RATE_MAXIMUM = 10000 };

typedef struct { ULONGLONG current, peak; } MemoryUsage;
typedef struct { SIZE_T count; ULONGLONG queue_time, service_time, bytes; } IoStatistics;
typedef struct { ULONG control_flags; IoStatistics reads, writes; } IoAttribution;
typedef JOBOBJECT_BASIC_AND_IO_ACCOUNTING_INFORMATION Accounting;

static NTSTATUS(NTAPI *wine_set)(HANDLE, ULONG, PVOID, ULONG);
static NTSTATUS(NTAPI *wine_query)(HANDLE, ULONG, PVOID, ULONG, PULONG);
static NTSTATUS(NTAPI *wine_create)(PHANDLE, ACCESS_MASK, const OBJECT_ATTRIBUTES *);

static ULONGLONG ticks(FILETIME time) { return (ULONGLONG)time.dwHighDateTime << 32 | time.dwLowDateTime; }

static void add_process(HANDLE process, Accounting *sum, ULONGLONG *memory) {
  FILETIME created, exited, kernel, user;
  PROCESS_MEMORY_COUNTERS counters = {sizeof counters};
  IO_COUNTERS io;
  if (GetProcessTimes(process, &created, &exited, &kernel, &user)) {
    sum->BasicInfo.TotalKernelTime.QuadPart += ticks(kernel);
    sum->BasicInfo.TotalUserTime.QuadPart += ticks(user);
  }
  if (K32GetProcessMemoryInfo(process, &counters, sizeof counters)) {
    sum->BasicInfo.TotalPageFaultCount += counters.PageFaultCount;
    *memory += counters.PagefileUsage ? counters.PagefileUsage : counters.WorkingSetSize;
  }
  if (GetProcessIoCounters(process, &io)) {
    sum->IoInfo.ReadOperationCount += io.ReadOperationCount;
    sum->IoInfo.WriteOperationCount += io.WriteOperationCount;
    sum->IoInfo.OtherOperationCount += io.OtherOperationCount;
    sum->IoInfo.ReadTransferCount += io.ReadTransferCount;
    sum->IoInfo.WriteTransferCount += io.WriteTransferCount;
    sum->IoInfo.OtherTransferCount += io.OtherTransferCount;
  }
}

static void add_living_processes(HANDLE job, Accounting *sum, ULONGLONG *memory) {
  BYTE buffer[8 * 1024];
  JOBOBJECT_BASIC_PROCESS_ID_LIST *list = (void *)buffer;
  if (wine_query(job, CLASS_PROCESS_LIST, buffer, sizeof buffer, NULL)) return;
  for (DWORD i = 0; i < list->NumberOfProcessIdsInList; i++) {
    HANDLE process = OpenProcess(PROCESS_QUERY_INFORMATION | PROCESS_VM_READ, FALSE, (DWORD)list->ProcessIdList[i]);
    if (!process) continue;
    add_process(process, sum, memory);
    CloseHandle(process);
  }
}

static MemoryUsage memory_usage(HANDLE job, JobState *state) {
  Accounting unused = {0};
  MemoryUsage usage = {0, 0};
  add_living_processes(job, &unused, &usage.current);
  if (usage.current > state->peak_memory) {
    state->peak_memory = usage.current;
    job_state_save(job, state);
  }
  usage.peak = state->peak_memory;
  return usage;
}

static NTSTATUS set_limits(HANDLE job, ULONG class, PVOID information, ULONG length) {
  JobState state;
  NTSTATUS status = wine_set(job, class, information, length);
  if (status) return status;
  job_state_load(job, &state);
  memcpy(&state.limits, information, min(length, sizeof state.limits));
  state.has_limits = TRUE;
  job_state_save(job, &state);
  return STATUS_SUCCESS;
}

static NTSTATUS set_cpu_rate(HANDLE job, PVOID information, ULONG length) {
  JobState state;
  CpuRateControl rate;
  if (length != sizeof rate) return STATUS_INFO_LENGTH_MISMATCH;
  if (!job_access_granted(job, JOB_OBJECT_SET_ATTRIBUTES)) return STATUS_ACCESS_DENIED;
  memcpy(&rate, information, sizeof rate);
  if ((rate.control_flags & CPU_RATE_ENABLE) && (rate.control_flags & CPU_RATE_HARD_CAP) &&
      (rate.value < 1 || rate.value > CPU_RATE_MAXIMUM))
    return STATUS_INVALID_PARAMETER;
  job_state_load(job, &state);
  state.cpu_rate = rate;
  job_state_save(job, &state);
  return STATUS_SUCCESS;
}

static NTSTATUS set_io_attribution(HANDLE job, PVOID information, ULONG length) {
  JobState state;
  if (length < sizeof(ULONG)) return STATUS_INFO_LENGTH_MISMATCH;
  if (!job_access_granted(job, JOB_OBJECT_SET_ATTRIBUTES)) return STATUS_ACCESS_DENIED;
  job_state_load(job, &state);
  state.io_attribution_flags = *(ULONG *)information;
  job_state_save(job, &state);
  return STATUS_SUCCESS;
}

static NTSTATUS NTAPI set_information(HANDLE job, ULONG class, PVOID information, ULONG length) {
  switch (class) {
  case CLASS_BASIC_LIMITS:
  case CLASS_EXTENDED_LIMITS: return set_limits(job, class, information, length);
  case CLASS_CPU_RATE: return set_cpu_rate(job, information, length);
  case CLASS_IO_ATTRIBUTION: return set_io_attribution(job, information, length);
  default: return wine_set(job, class, information, length);
  }
}

static NTSTATUS query_limits(HANDLE job, ULONG class, PVOID information, ULONG length, PULONG returned) {
  JobState state;
  NTSTATUS status = wine_query(job, class, information, length, returned);
  if (status) return status;
  job_state_load(job, &state);
  if (state.has_limits) memcpy(information, &state.limits, min(length, sizeof state.limits));
  if (class == CLASS_EXTENDED_LIMITS)
    ((JOBOBJECT_EXTENDED_LIMIT_INFORMATION *)information)->PeakJobMemoryUsed = memory_usage(job, &state).peak;
  return STATUS_SUCCESS;
}

static NTSTATUS query_accounting(HANDLE job, ULONG class, PVOID information, ULONG length, PULONG returned) {
  Accounting sum = {0};
  ULONGLONG memory = 0;
  ULONG wanted = class == CLASS_BASIC_ACCOUNTING ? sizeof sum.BasicInfo : sizeof sum;
  if (length < wanted) return STATUS_INFO_LENGTH_MISMATCH;
  NTSTATUS status = wine_query(job, CLASS_BASIC_ACCOUNTING, &sum.BasicInfo, sizeof sum.BasicInfo, NULL);
  if (status) return status;
  add_living_processes(job, &sum, &memory);
  memcpy(information, &sum, wanted);
  if (returned) *returned = wanted;
  return STATUS_SUCCESS;
}

static NTSTATUS query_recorded(HANDLE job, ULONG class, PVOID information, ULONG length, PULONG returned) {
  JobState state;
  union { CpuRateControl rate; MemoryUsage memory; IoAttribution io; } answer = {{0}};
  ULONG wanted = class == CLASS_CPU_RATE ? sizeof answer.rate : class == CLASS_MEMORY_USAGE ? sizeof answer.memory : sizeof answer.io;
  if (length < wanted) return STATUS_INFO_LENGTH_MISMATCH;
  if (!job_access_granted(job, JOB_OBJECT_QUERY)) return STATUS_ACCESS_DENIED;
  job_state_load(job, &state);
  switch (class) {
  case CLASS_CPU_RATE: answer.rate = state.cpu_rate; break;
  case CLASS_MEMORY_USAGE: answer.memory = memory_usage(job, &state); break;
  case CLASS_IO_ATTRIBUTION: answer.io.control_flags = state.io_attribution_flags; break;  // the counters stay zero
  }
  memcpy(information, &answer, wanted);
  if (returned) *returned = wanted;
  return STATUS_SUCCESS;
}

static NTSTATUS NTAPI query_information(HANDLE job, ULONG class, PVOID information, ULONG length, PULONG returned) {
  switch (class) {
  case CLASS_BASIC_LIMITS:
  case CLASS_EXTENDED_LIMITS: return query_limits(job, class, information, length, returned);
  case CLASS_BASIC_ACCOUNTING:
  case CLASS_BASIC_AND_IO_ACCOUNTING: return query_accounting(job, class, information, length, returned);
  case CLASS_CPU_RATE:
  case CLASS_MEMORY_USAGE:
  case CLASS_IO_ATTRIBUTION: return query_recorded(job, class, information, length, returned);
  default: return wine_query(job, class, information, length, returned);
  }
}

// A new job under an old name starts without the old one's limits. An existing one is opened, and keeps them
// (STATUS_OBJECT_NAME_EXISTS).
static NTSTATUS NTAPI create(PHANDLE job, ACCESS_MASK access, const OBJECT_ATTRIBUTES *attributes) {
  NTSTATUS status = wine_create(job, access, attributes);
  if (status == STATUS_SUCCESS) job_state_forget(*job);
  return status;
}

void fill_job_object_gap(void) {
  HMODULE ntdll = GetModuleHandleW(L"ntdll.dll");
  wine_create = redirect(ntdll, "NtCreateJobObject", create);
  wine_set = redirect(ntdll, "NtSetInformationJobObject", set_information);
  wine_query = redirect(ntdll, "NtQueryInformationJobObject", query_information);
}

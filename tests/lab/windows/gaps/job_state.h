// What a job object was told and Wine 8 forgets, kept per job so that a second process reads what the first one set.
#pragma once
#include <windows.h>

typedef struct { DWORD control_flags, value; } CpuRateControl;  // JOBOBJECT_CPU_RATE_CONTROL_INFORMATION, class 15

typedef struct {
  DWORD magic;
  DWORD has_limits;
  JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits;
  CpuRateControl cpu_rate;
  ULONG io_attribution_flags;
  ULONGLONG peak_memory;
} JobState;

// An unnamed job has no state: load gives zeros, save and forget do nothing.
void job_state_load(HANDLE job, JobState *state);
void job_state_save(HANDLE job, JobState *state);
void job_state_forget(HANDLE job);
BOOL job_access_granted(HANDLE job, ACCESS_MASK wanted);

// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
//
// Makes the job objects that hcsshim never makes. Reads commands from its input, a line each, words parted by tabs,
// and answers each with a line "ok" or "error <Win32 error>". When its input ends, it ends, and its handles with it.
//
//   create <name> <limit flags, hexadecimal>
//   denied <name>                    a job that nobody may open
//   nul <name> <rest>                a job whose name has a NUL between the two
//   tree <name> <depth>              a process in the job that starts another, and so on
//   start <name> <count>             processes in the job
//   end <process id>                 ends any process
//   hold <name>                      a second handle to a job that exists, for query only
//   enter <name>                     this program itself into a job that exists
//   join <name>                      the same, after it started a child outside
//
// PROBE_GAPS names a DLL to load first, as for the probe's harness. `jobs.exe sleep <depth>` is what runs in the jobs.
#include <winsock2.h>
#include <windows.h>
#include <sddl.h>
#include <stdio.h>
#include <stdlib.h>
#include <winternl.h>

enum { MOST_JOBS = 1000, NAME_LENGTH = 600, LINE_LENGTH = 2048 };
static const DWORD LIFETIME_MILLISECONDS = 300000;  // whatever happens, nothing stays for ever
static struct { char name[NAME_LENGTH]; HANDLE handle; } jobs[MOST_JOBS];
static int job_count;

static DWORD start_process(HANDLE job, int depth) {
  WCHAR path[MAX_PATH], command[MAX_PATH + 32];
  STARTUPINFOW startup = {sizeof startup};
  PROCESS_INFORMATION process;
  GetModuleFileNameW(NULL, path, MAX_PATH);
  swprintf(command, MAX_PATH + 32, L"\"%ls\" sleep %d", path, depth);
  if (!CreateProcessW(NULL, command, NULL, NULL, FALSE, CREATE_SUSPENDED, NULL, NULL, &startup, &process)) return GetLastError();
  DWORD error = !job || AssignProcessToJobObject(job, process.hProcess) ? 0 : GetLastError();
  ResumeThread(process.hThread);
  CloseHandle(process.hThread);
  CloseHandle(process.hProcess);
  return error;
}

static int sleep_with_children(int depth) {
  if (depth > 1) start_process(NULL, depth - 1);
  Sleep(LIFETIME_MILLISECONDS);
  return 0;
}

static HANDLE find(const char *name) {
  for (int i = 0; i < job_count; i++)
    if (!strcmp(jobs[i].name, name)) return jobs[i].handle;
  return NULL;
}

static DWORD keep(const char *name, HANDLE handle) {
  if (!handle) return GetLastError();
  if (job_count == MOST_JOBS) return ERROR_TOO_MANY_NAMES;
  snprintf(jobs[job_count].name, NAME_LENGTH, "%s", name);
  jobs[job_count++].handle = handle;
  return ERROR_SUCCESS;
}

static DWORD create(const char *name, DWORD flags, LPCWSTR descriptor) {
  WCHAR wide[NAME_LENGTH];
  SECURITY_ATTRIBUTES attributes = {sizeof attributes};
  MultiByteToWideChar(CP_UTF8, 0, name, -1, wide, NAME_LENGTH);
  if (descriptor &&
      !ConvertStringSecurityDescriptorToSecurityDescriptorW(descriptor, SDDL_REVISION_1, &attributes.lpSecurityDescriptor, NULL))
    return GetLastError();
  HANDLE job = CreateJobObjectW(descriptor ? &attributes : NULL, wide);
  DWORD error = keep(name, job);
  JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits = {{{{0}}}};
  limits.BasicLimitInformation.LimitFlags = flags;
  if (!error && flags && !SetInformationJobObject(job, JobObjectExtendedLimitInformation, &limits, sizeof limits))
    error = GetLastError();
  return error;
}

// Win32 names end at a NUL; names of the kernel don't.
static DWORD create_with_nul(const char *name, const char *rest) {
  typedef NTSTATUS(NTAPI * CreateJob)(PHANDLE, ACCESS_MASK, POBJECT_ATTRIBUTES);
  CreateJob create_job = (CreateJob)(void *)GetProcAddress(GetModuleHandleW(L"ntdll.dll"), "NtCreateJobObject");
  WCHAR path[NAME_LENGTH] = L"\\Sessions\\1\\BaseNamedObjects\\";
  int length = lstrlenW(path);
  length += MultiByteToWideChar(CP_UTF8, 0, name, -1, path + length, NAME_LENGTH - length);  // the NUL counts
  length += MultiByteToWideChar(CP_UTF8, 0, rest, -1, path + length, NAME_LENGTH - length) - 1;
  UNICODE_STRING text = {length * sizeof(WCHAR), sizeof path, path};
  OBJECT_ATTRIBUTES attributes = {.Length = sizeof attributes, .ObjectName = &text};
  HANDLE job = NULL;
  NTSTATUS status = create_job(&job, JOB_OBJECT_ALL_ACCESS, &attributes);
  return status ? RtlNtStatusToDosError(status) : keep(name, job);
}

static DWORD start(const char *name, int count) {
  DWORD error = ERROR_SUCCESS;
  for (int i = 0; i < count && !error; i++) error = start_process(find(name), 1);
  return error;
}

static HANDLE open_job(const char *name, DWORD access) {
  WCHAR wide[NAME_LENGTH];
  MultiByteToWideChar(CP_UTF8, 0, name, -1, wide, NAME_LENGTH);
  return OpenJobObjectW(access, FALSE, wide);
}

static DWORD enter(const char *name) {
  HANDLE job = open_job(name, JOB_OBJECT_ASSIGN_PROCESS);
  DWORD error = job && AssignProcessToJobObject(job, GetCurrentProcess()) ? ERROR_SUCCESS : GetLastError();
  if (job) CloseHandle(job);
  return error;
}

// The child was there before, so it stays outside: how a process leaves a job that allows no breakaway.
static DWORD join(const char *name) {
  DWORD error = start_process(NULL, 1);
  return error ? error : enter(name);
}

static DWORD end(DWORD id) {
  HANDLE process = OpenProcess(PROCESS_TERMINATE, FALSE, id);
  DWORD error = process && TerminateProcess(process, 0) ? ERROR_SUCCESS : GetLastError();
  if (process) CloseHandle(process);
  return error;
}

static DWORD run(char *line) {
  char *words[3] = {"", "", "0"}, *word = strtok(line, "\t\r\n");
  for (int i = 0; i < 3 && word; i++, word = strtok(NULL, "\t\r\n")) words[i] = word;
  if (!strcmp(words[0], "create")) return create(words[1], strtoul(words[2], NULL, 16), NULL);
  if (!strcmp(words[0], "denied")) return create(words[1], 0, L"D:");
  if (!strcmp(words[0], "nul")) return create_with_nul(words[1], words[2]);
  if (!strcmp(words[0], "tree")) return start_process(find(words[1]), atoi(words[2]));
  if (!strcmp(words[0], "start")) return start(words[1], atoi(words[2]));
  if (!strcmp(words[0], "hold")) return keep(words[1], open_job(words[1], JOB_OBJECT_QUERY));
  if (!strcmp(words[0], "enter")) return enter(words[1]);
  if (!strcmp(words[0], "join")) return join(words[1]);
  if (!strcmp(words[0], "end")) return end(strtoul(words[1], NULL, 10));
  return ERROR_INVALID_FUNCTION;
}

int main(int count, char **words) {
  char line[LINE_LENGTH];
  if (count > 2 && !strcmp(words[1], "sleep")) return sleep_with_children(atoi(words[2]));
  if (getenv("PROBE_GAPS") && *getenv("PROBE_GAPS") && !LoadLibraryA(getenv("PROBE_GAPS"))) return 2;
  while (fgets(line, sizeof line, stdin)) {
    DWORD error = run(line);
    if (error) printf("error %lu\n", error);
    else puts("ok");
    fflush(stdout);
  }
  for (int i = 0; i < job_count; i++) TerminateJobObject(jobs[i].handle, 0);
  return 0;
}

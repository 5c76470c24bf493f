// Go resolves every call by GetProcAddress at its first use, and .NET every DllImport: that is the place to hand out
// another function for names that Wine 8 lacks, or has as a stub.
#include "procedure_lookup.h"
#include "redirect.h"
#include <winternl.h>

NTSTATUS NTAPI LdrGetProcedureAddress(HMODULE, ANSI_STRING *, ULONG, void **);
static const Replacement *replacements;

static BOOL is_ordinal(LPCSTR name) { return !((ULONG_PTR)name >> 16); }

FARPROC wine_procedure(HMODULE library, LPCSTR name) {
  void *found = NULL;
  if (!library) library = GetModuleHandleW(NULL);
  if (is_ordinal(name)) return LdrGetProcedureAddress(library, NULL, (ULONG)(ULONG_PTR)name, &found) ? NULL : found;
  ANSI_STRING text = {(USHORT)lstrlenA(name), (USHORT)(lstrlenA(name) + 1), (PCHAR)name};
  return LdrGetProcedureAddress(library, &text, 0, &found) ? NULL : found;
}

static FARPROC WINAPI get_procedure_address(HMODULE library, LPCSTR name) {
  if (!is_ordinal(name))
    for (const Replacement *entry = replacements; entry->name; entry++)
      if (!lstrcmpA(entry->name, name)) return (FARPROC)entry->function;
  FARPROC found = wine_procedure(library, name);
  if (!found) SetLastError(ERROR_PROC_NOT_FOUND);
  return found;
}

void answer_procedure_lookups(const Replacement *table) {
  replacements = table;
  redirect(GetModuleHandleW(L"kernel32.dll"), "GetProcAddress", get_procedure_address);
}

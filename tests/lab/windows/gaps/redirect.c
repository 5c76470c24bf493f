// Leading calls of a loaded library to functions of ours; see redirect.h.
#include "redirect.h"

enum { STUB_LENGTH = 32, JUMP_LENGTH = 12, PAGE_LENGTH = 4096 };

// Follows import thunks (jmp [rip+offset], with or without a REX prefix) to the code itself.
static BYTE *code_behind_thunks(BYTE *code) {
  for (;;) {
    int prefix = code[0] == 0x48;
    if (code[prefix] != 0xff || code[prefix + 1] != 0x25) return code;
    code = *(BYTE **)(code + prefix + 6 + *(int *)(code + prefix + 2));
  }
}

void *redirect(HMODULE library, const char *name, void *replacement) {
  BYTE *code = (BYTE *)GetProcAddress(library, name);
  BYTE *copy = VirtualAlloc(NULL, PAGE_LENGTH, MEM_COMMIT | MEM_RESERVE, PAGE_EXECUTE_READWRITE);
  DWORD protection;
  if (!code || !copy) return NULL;
  code = code_behind_thunks(code);
  if (!VirtualProtect(code, JUMP_LENGTH, PAGE_EXECUTE_READWRITE, &protection)) return NULL;
  memcpy(copy, code, STUB_LENGTH);
  code[0] = 0x48, code[1] = 0xb8;  // mov rax, replacement
  memcpy(code + 2, &replacement, sizeof replacement);
  code[10] = 0xff, code[11] = 0xe0;  // jmp rax
  VirtualProtect(code, JUMP_LENGTH, protection, &protection);
  return copy;
}

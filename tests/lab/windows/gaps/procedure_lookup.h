// How the replacements of replacements.h reach a program.
#pragma once
#include <windows.h>

typedef struct { const char *name; void *function; } Replacement;

// Answers GetProcAddress for these names (a list that ends with a NULL name) from the table, for the rest from Wine.
void answer_procedure_lookups(const Replacement *table);

// What Wine itself has under a name; NULL when it has none.
FARPROC wine_procedure(HMODULE library, const char *name);

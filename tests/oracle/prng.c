/* The one function that Go programs need and Wine 8 lacks: bcryptprimitives.dll's ProcessPrng. */
#include <windows.h>
#include <ntsecapi.h>

__declspec(dllexport) BOOL WINAPI ProcessPrng(unsigned char *data, size_t length)
{
    return RtlGenRandom(data, (ULONG)length);
}

// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
//
// bcryptprimitives.dll with the one function without which no Go program starts, and nothing that fills Wine's gaps.
#include <windows.h>
#include <ntsecapi.h>

__declspec(dllexport) BOOL WINAPI ProcessPrng(PUCHAR buffer, SIZE_T length) {
  return RtlGenRandom(buffer, (ULONG)length);
}

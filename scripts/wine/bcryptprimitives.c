/* Go's runtime asks bcryptprimitives.dll for random bytes, and Wine before 9.0 has
   no such library: this stands in for it. */
#include <windows.h>

/* RtlGenRandom, as advapi32 exports it. */
BOOLEAN NTAPI SystemFunction036(PVOID buffer, ULONG size);

__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE buffer, SIZE_T size)
{
	while (size > 0) {
		ULONG part = size < 0x10000000 ? (ULONG)size : 0x10000000;
		if (!SystemFunction036(buffer, part))
			return FALSE;
		buffer += part;
		size -= part;
	}
	return TRUE;
}

/* Answers the CPUID instructions that hide_avx512.py has replaced by UD2, as a
   processor with AVX2 and without AVX-512, VNNI and AMX would. */
#define _GNU_SOURCE
#include <cpuid.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <ucontext.h>

/* Bits of leaf 7: the Intel manual, volume 2A, CPUID. */
static const unsigned kAvx512Ebx = 1u << 16 | 1u << 17 | 1u << 21 | 1u << 26 |
                                   1u << 27 | 1u << 28 | 1u << 30 | 1u << 31;
static const unsigned kAvx512Ecx =
    1u << 1 | 1u << 6 | 1u << 11 | 1u << 12 | 1u << 14;
static const unsigned kAvx512AndAmxEdx =
    1u << 2 | 1u << 3 | 1u << 8 | 1u << 22 | 1u << 23 | 1u << 24 | 1u << 25;
static const unsigned kAvxVnniAndBf16Eax = 1u << 4 | 1u << 5 | 1u << 23;
static const unsigned kAvxVnniInt8Edx = 1u << 4 | 1u << 5 | 1u << 10 | 1u << 19;

static void Answer(int number, siginfo_t* info, void* context) {
  greg_t* registers = ((ucontext_t*)context)->uc_mcontext.gregs;
  const unsigned char* code = (const unsigned char*)registers[REG_RIP];
  unsigned eax, ebx, ecx, edx;
  const unsigned leaf = (unsigned)registers[REG_RAX];
  const unsigned subleaf = (unsigned)registers[REG_RCX];
  (void)number, (void)info;
  if (code[0] != 0x0f || code[1] != 0x0b) {
    signal(SIGILL, SIG_DFL); /* comes again, and ends the process */
    return;
  }
  __cpuid_count(leaf, subleaf, eax, ebx, ecx, edx);
  if (leaf == 7 && subleaf == 0) {
    ebx &= ~kAvx512Ebx;
    ecx &= ~kAvx512Ecx;
    edx &= ~kAvx512AndAmxEdx;
  } else if (leaf == 7 && subleaf == 1) {
    eax &= ~kAvxVnniAndBf16Eax;
    edx &= ~kAvxVnniInt8Edx;
  }
  registers[REG_RAX] = eax;
  registers[REG_RBX] = ebx;
  registers[REG_RCX] = ecx;
  registers[REG_RDX] = edx;
  registers[REG_RIP] += 2;
}

__attribute__((constructor)) static void Install(void) {
  struct sigaction action;
  memset(&action, 0, sizeof(action));
  action.sa_sigaction = Answer;
  action.sa_flags = SA_SIGINFO | SA_NODEFER;
  sigaction(SIGILL, &action, NULL);
}

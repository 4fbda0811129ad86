#include "delegate/core/processor.h"

#include <cstdint>
#include <cstdio>
#include <cstring>

#include "delegate/core/cpu.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace tf_pconv {
namespace {

struct Model {
  char vendor[13] = "unknown";
  unsigned family = 0;
  unsigned model = 0;
  unsigned stepping = 0;
};

#if defined(__x86_64__)

bool IsAlphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         (c >= '0' && c <= '9');
}

Model FindModel() {
  Model found;
  unsigned eax, ebx, ecx, edx;
  if (!__get_cpuid(0, &eax, &ebx, &ecx, &edx)) return found;
  memcpy(found.vendor, &ebx, 4);
  memcpy(found.vendor + 4, &edx, 4);
  memcpy(found.vendor + 8, &ecx, 4);
  found.vendor[12] = '\0';
  for (char* c = found.vendor; c < found.vendor + 12; ++c) {
    if (!IsAlphanumeric(*c)) *c = '_';
  }
  if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx)) return found;
  // Families from 15 and models from 16 on have further bits.
  found.stepping = eax & 15;
  found.model = (eax >> 4 & 15) | (eax >> 16 & 15) << 4;
  found.family = eax >> 8 & 15;
  if (found.family == 15) found.family += eax >> 20 & 255;
  return found;
}

#else

Model FindModel() { return {}; }

#endif

constexpr struct {
  uint32_t feature;
  const char* name;
} kFeatureNames[] = {
    {kAvx2, "avx2"},
    {kAvxVnni, "avxvnni"},
    {kAvx512, "avx512"},
    {kAvx512Vnni, "avx512vnni"},
    {kAvx512Vbmi, "avx512vbmi"},
};

}  // namespace

ProcessorName::ProcessorName() {
  const Model model = FindModel();
  const uint32_t features = CpuFeatures();
  size_t length = snprintf(text, sizeof(text), "%s-%u-%u-%u", model.vendor,
                           model.family, model.model, model.stepping);
  for (const auto& [feature, name] : kFeatureNames) {
    if ((features & feature) == 0) continue;
    length += snprintf(text + length, sizeof(text) - length, "-%s", name);
  }
}

}  // namespace tf_pconv

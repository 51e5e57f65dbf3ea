// SPDX-License-Identifier: MIT
#include "kernels/cpu/vector_ops.h"

#include "kernels/check.h"

namespace vae::cpu {

extern const VectorOps kVectorOps_baseline;
#ifdef VAE_HAVE_X86_ISAS
extern const VectorOps kVectorOps_avx2;
extern const VectorOps kVectorOps_avx2_16;
extern const VectorOps kVectorOps_avx512;
#endif

namespace {

/// Tables this processor can run, best first.
std::vector<const VectorOps*> runnable_tables() {
  std::vector<const VectorOps*> tables;
#ifdef VAE_HAVE_X86_ISAS
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512vl");
  if (avx512) tables.push_back(&kVectorOps_avx512);
  if (avx2) {
    tables.push_back(&kVectorOps_avx2);
    tables.push_back(&kVectorOps_avx2_16);
  }
#endif
  tables.push_back(&kVectorOps_baseline);
  return tables;
}

}  // namespace

std::vector<std::string_view> available_isas() {
  std::vector<std::string_view> names;
  for (const VectorOps* table : runnable_tables()) names.push_back(table->isa);
  return names;
}

const VectorOps& vector_ops(std::string_view isa) {
  const std::vector<const VectorOps*> tables = runnable_tables();
  if (isa.empty()) return *tables.front();
  std::string names;
  for (const VectorOps* table : tables) {
    if (table->isa == isa) return *table;
    names += names.empty() ? table->isa : concat(", ", table->isa);
  }
  fail(ErrorCode::unavailable, "instruction set '", isa, "' cannot be used on this processor; ",
       "it has ", names);
}

}  // namespace vae::cpu

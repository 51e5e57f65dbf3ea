// SPDX-License-Identifier: MIT
#include "host/run/metrics_log.h"
#include "tests/fuzz/run_parser.h"

VAE_FUZZ_TARGET(metrics) {
  using namespace vae;
  const fuzz::MemoryFile file(fuzz::as_input(data, size));
  fuzz::run_parser([&] {
    const size_t before = read_metrics(file.path()).size();
    const MetricsLog log(file.path());
    log.rewind(INT64_MAX, [](const std::string&) {});
    fuzz::require(read_metrics(file.path()).size() == before, "repair keeps all whole lines");
  });
}

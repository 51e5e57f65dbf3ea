// SPDX-License-Identifier: MIT
#include "vae/config.h"

#include "tests/fuzz/run_parser.h"

VAE_FUZZ_TARGET(config) {
  using namespace vae;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  fuzz::run_parser([&] {
    const Config config = config_from_json(text, Config(), "input");
    validate(config);
    const Config again = config_from_json(config_to_json(config), Config(), "again");
    fuzz::require(again == config, "what is written reads back the same");
  });
}

// SPDX-License-Identifier: MIT
#include "host/io/json.h"

#include <nlohmann/json.hpp>

#include "tests/fuzz/run_parser.h"

VAE_FUZZ_TARGET(json) {
  using namespace vae;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const bool comments : {false, true}) {
    fuzz::run_parser([&] {
      const auto document = parse_json(text, "input", {.comments = comments});
      const auto again = parse_json((*document).dump(), "dump");
      fuzz::require(*again == *document, "what is written reads back the same");
    });
  }
}

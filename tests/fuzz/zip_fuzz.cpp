// SPDX-License-Identifier: MIT
#include "host/io/zip.h"

#include "host/data/numpy_source.h"
#include "tests/fuzz/run_parser.h"

VAE_FUZZ_TARGET(zip) {
  using namespace vae;
  const fuzz::MemoryFile file(fuzz::as_input(data, size));
  fuzz::run_parser([&] {
    ZipFile zip(file.path());
    uint64_t total = 0;
    for (const ZipMember& member : zip.members()) {
      if ((total += member.bytes) > (1 << 24)) return;  // slow, and nothing new
      uint64_t bytes = 0;
      zip.read(member, [&](std::span<const std::byte> piece) { bytes += piece.size(); });
      fuzz::require(bytes == member.bytes, "a member has the size of the directory");
    }
    const Dataset set = load_npz(file.path(), {});
    fuzz::require(set.train.pixels().size() <= total, "pixels come from the archive");
  });
}

// SPDX-License-Identifier: MIT
#include <cstdio>

#include "vae/vae.h"

int main() {
  const vae::Dataset data = vae::Dataset::load("mnist");
  std::printf("%s: %lld images of mnist\n", vae::build_description().c_str(),
              static_cast<long long>(data.train.count()));
}

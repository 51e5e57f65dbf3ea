// SPDX-License-Identifier: MIT
//
// Images of which a part is seen, or through noise: latents of what they may have been.
#pragma once

#include "host/model/network.h"

namespace vae {

/// Tells the network what is seen of so many images [rows, X].
inline void write_seen(Network& network, const float* seen, int64_t rows) {
  const View shown = network.shown(rows);
  network.backend().copy_to_device(shown.data, seen, shown.count() * sizeof(float));
}

/// z of images whose seen part was written: the mean of q(z|y) or, where the model is told what is
/// seen, of p(z|c).
inline void take_mean_of_seen(Network& network, int64_t rows) {
  if (network.config().condition == Condition::seen) {
    network.take_prior_mean(rows);
    return;
  }
  network.encode(rows);
  network.take_posterior_mean(rows);
}

/// z drawn there, after take_mean_of_seen() of the same rows. The noise's stream is that of each.
inline void draw_of_seen(Network& network, int64_t rows, NoiseKey noise) {
  if (network.config().condition == Condition::seen) {
    noise.stream = Stream::prior;
    network.sample_prior(rows, noise);
    return;
  }
  noise.stream = Stream::posterior;
  network.sample_posterior(rows, 1, noise);
}

}  // namespace vae

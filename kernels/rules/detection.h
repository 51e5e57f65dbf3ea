// SPDX-License-Identifier: MIT
//
// A cell of a grid over an image: whether an object's box has its middle there, and if so the
// object's class and four numbers of the box. A cell of C classes has 9 + C neighbouring outputs:
//
//   logit of an object | C logits of its class | 4 means | 4 log-variances
//
// log p = Bernoulli(object) + object (log p(class) + sum of the four Gaussians' log densities).
// [YOLO, with densities in the place of squared errors] The log-variance counts as clamped: a
// density of pixels' edges grows without bound as the deviation falls below what a pixel is.
#pragma once

#include <cstdint>

#include "kernels/hd.h"
#include "kernels/math.h"
#include "kernels/rules/bernoulli.h"
#include "kernels/rules/categorical.h"
#include "kernels/rules/gaussian.h"
#include "kernels/rules/pixel_gaussian.h"

namespace vae::rules {

namespace {  // hd.h says why

struct GridCell {
  static constexpr int64_t kBoxNumbers = 4;
  static constexpr float kLowest = -8.0f, kHighest = 8.0f;  // of a log-variance

  /// How many outputs a cell has.
  VAE_HD static constexpr int64_t outputs(int64_t classes) { return 1 + classes + 2 * kBoxNumbers; }

  /// log p of a cell whose class is `target`; a target that is none of the classes says that there
  /// is no object. Writes -scale times its slopes where doutputs is given, which may be `outputs`.
  VAE_HD static float log_p(float* doutputs, const float* outputs, int64_t target, const float* box,
                            int64_t classes, float scale) {
    const bool is_object = target < classes;
    const auto object = Bernoulli::term(outputs, is_object ? 1.0f : 0.0f, {1.0f, 0.0f});
    if (doutputs != nullptr) doutputs[0] = -scale * object.slope[0];
    if (!is_object) {
      if (doutputs == nullptr) return object.log_p;
      for (int64_t j = 1; j < GridCell::outputs(classes); ++j) doutputs[j] = 0.0f;
      return object.log_p;
    }
    float* const dlogits = doutputs != nullptr ? doutputs + 1 : nullptr;
    float* const dbox = doutputs != nullptr ? doutputs + 1 + classes : nullptr;
    const float of_class = class_log_p(dlogits, outputs + 1, target, classes, scale);
    const float of_box = box_log_p(dbox, outputs + 1 + classes, box, scale);
    return object.log_p + of_class + of_box;
  }

  /// Probabilities of an object and of the classes, means and deviations of the box, in the order
  /// of the outputs, whose memory they may have.
  VAE_HD static void mean(float* mean, const float* outputs, int64_t classes) {
    const Categorical::Softmax softmax = Categorical::softmax(outputs + 1, classes);
    mean[0] = Bernoulli::mean(outputs);
    for (int64_t j = 1; j <= classes; ++j) mean[j] = Categorical::probability(outputs[j], softmax);
    const int64_t means = 1 + classes, variances = means + kBoxNumbers;
    for (int64_t i = 0; i < kBoxNumbers; ++i) {
      mean[means + i] = outputs[means + i];
      mean[variances + i] = exponential(0.5f * clamped(outputs[variances + i], kLowest, kHighest));
    }
  }

 private:
  VAE_HD static float class_log_p(float* dlogits, const float* logits, int64_t target,
                                  int64_t classes, float scale) {
    const Categorical::Softmax softmax = Categorical::softmax(logits, classes);
    const float log_p = Categorical::log_p(logits[target], softmax);
    if (dlogits == nullptr) return log_p;
    for (int64_t j = 0; j < classes; ++j) {
      dlogits[j] = -scale * Categorical::slope(logits[j], j == target, softmax);
    }
    return log_p;
  }

  /// The four numbers in their order, then what their densities have in common.
  VAE_HD static float box_log_p(float* doutputs, const float* outputs, const float* box,
                                float scale) {
    float sum = 0.0f;
    for (int64_t i = 0; i < kBoxNumbers; ++i) {
      const ValueTerm<2> term =
          normal_term(outputs[i], outputs[kBoxNumbers + i], box[i], kLowest, kHighest);
      sum += term.log_p;
      if (doutputs == nullptr) continue;
      doutputs[i] = -scale * term.slope[0];
      doutputs[kBoxNumbers + i] = -scale * term.slope[1];
    }
    return sum - static_cast<float>(0.5 * kBoxNumbers * kLogTwoPi);
  }
};

}  // namespace

}  // namespace vae::rules

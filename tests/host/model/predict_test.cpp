// SPDX-License-Identifier: MIT
//
// Predicted frames against single restorations, and their errors against sums in float64.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "tests/support/refusal.h"
#include "tests/support/tiny_run.h"
#include "vae/model.h"
#include "vae/prediction.h"
#include "vae/trainer.h"

namespace vae {
namespace {

using test::refusal_of;

/// Clips of 8 x 8: blobs that move.
Dataset moving_blobs(int64_t frames) {
  SceneConfig scene;
  scene.fewest = scene.most = 1;
  scene.size = {8, 8};
  scene.frames = frames;
  scene.slowest = 1.0;
  scene.fastest = 2.0;
  return test::tiny_data().with_scenes(scene);
}

/// Sees `seen` frames and predicts the others.
Model predictor(int64_t seen, int64_t frames, bool told = false, int64_t threads = 1) {
  Config config = test::tiny_config(3);
  config.training.binarization = Binarization::none;
  config.data.corrupt = {CorruptionKind::frames, static_cast<double>(seen)};
  if (told) {
    config.model.condition = Condition::seen;
    config.model.prior = Prior::conditional;
    config.model.prior_layers = {5};
  }
  const Dataset data = moving_blobs(frames);
  config.model = data.train.fit(config.model);
  TrainOptions options;
  options.pictures = false;
  options.device = Device::cpu(static_cast<int>(threads));
  return train(config, data, options);
}

/// Frames `first` to `first` + `count` - 1 of all clips.
ImageSet frames_of_clips(const ImageSet& clips, int64_t first, int64_t count) {
  std::vector<uint8_t> pixels;
  for (std::size_t at = 0; at < clips.pixels().size(); at += clips.channels()) {
    const auto begin = clips.pixels().begin() + static_cast<std::ptrdiff_t>(at) + first;
    pixels.insert(pixels.end(), begin, begin + count);
  }
  return ImageSet(clips.height(), clips.width(), count, pixels);
}

/// Of values [n, height, width, channels] one channel of one row.
std::vector<float> channel_of(const Array& rows, int64_t row, int64_t channels, int64_t channel) {
  std::vector<float> values;
  for (int64_t at = channel; at < rows.row_size(); at += channels) {
    values.push_back(rows.row(row)[at]);
  }
  return values;
}

/// Of [n, frames, height, width].
std::vector<float> predicted_frame(const Array& frames, int64_t clip, int64_t frame) {
  const int64_t pixels = frames.shape[2] * frames.shape[3];
  const float* begin = frames.row(clip) + frame * pixels;
  return {begin, begin + pixels};
}

std::vector<float> clipped(std::vector<float> values) {
  for (float& value : values) value = std::clamp(value, 0.0f, 1.0f);
  return values;
}

TEST(PredictTest, OneWindowIsWhatIsRestored) {
  for (const bool told : {false, true}) {
    Model model = predictor(4, 6, told);
    const ImageSet clips = moving_blobs(6).test;
    const Restoration restored = model.restore(clips);
    PredictOptions options;
    options.frames = 2;
    options.seen = 4;
    const Prediction found = model.predict(clips, options);
    ASSERT_EQ(found.frames.shape, (std::vector<int64_t>{clips.count(), 2, 8, 8}));
    ASSERT_EQ(found.truth.shape, found.frames.shape);
    for (int64_t clip = 0; clip < clips.count(); ++clip) {
      for (int64_t frame = 0; frame < 2; ++frame) {
        EXPECT_EQ(predicted_frame(found.frames, clip, frame),
                  clipped(channel_of(restored.restored, clip, 6, 4 + frame)));
        EXPECT_EQ(predicted_frame(found.truth, clip, frame),
                  channel_of(restored.truth, clip, 6, 4 + frame));
      }
    }
    EXPECT_EQ(model.predict(frames_of_clips(clips, 0, 4), options).frames.values,
              found.frames.values)
        << "what comes next is not looked at";
  }
}

TEST(PredictTest, TheLastFramesThatAreSeenAreThoseThatCount) {
  Model model = predictor(4, 6);
  const ImageSet clips = moving_blobs(9).test;
  PredictOptions options;
  options.frames = 2;
  const Prediction of_all = model.predict(clips, options);
  EXPECT_EQ(of_all.truth.count(), 0);
  EXPECT_EQ(of_all.errors.clips, 0);
  EXPECT_EQ(of_all.frames.values,
            model.predict(frames_of_clips(clips, 5, 4), options).frames.values);
  PredictOptions of_seven = options;
  of_seven.seen = 7;
  EXPECT_EQ(model.predict(clips, of_seven).frames.values,
            model.predict(frames_of_clips(clips, 3, 4), options).frames.values);
}

/// Predicted frames are seen next. What a clip made of them is predicted to go on with is near: it
/// has bytes where the window has floats.
TEST(PredictTest, PredictedFramesMoveIntoTheWindow) {
  for (const int64_t frames : {5, 6, 7}) {
    Model model = predictor(4, frames);
    const ImageSet clips = moving_blobs(4).test.slice(0, 5);
    const int64_t step = frames - 4;
    PredictOptions options;
    options.frames = 3 * step + 1;
    const Prediction found = model.predict(clips, options);
    // The first window's frames stay what they are alone.
    options.frames = step;
    const Prediction first = model.predict(clips, options);
    for (int64_t frame = 0; frame < step; ++frame) {
      EXPECT_EQ(predicted_frame(found.frames, 2, frame), predicted_frame(first.frames, 2, frame));
    }
    std::vector<std::vector<float>> line;
    for (int64_t frame = 0; frame < 4; ++frame) {
      std::vector<float> values;
      for (int64_t pixel = 0; pixel < 64; ++pixel) {
        values.push_back(static_cast<float>(clips.pixels()[(2 * 64 + pixel) * 4 + frame]) / 255.0f);
      }
      line.push_back(values);
    }
    for (int64_t frame = 0; frame < found.frames.shape[1]; ++frame) {
      line.push_back(predicted_frame(found.frames, 2, frame));
    }
    for (int64_t window = 1; window <= 3; ++window) {
      std::vector<float> seen;
      for (int64_t pixel = 0; pixel < 64; ++pixel) {
        for (int64_t frame = 0; frame < 4; ++frame) {
          seen.push_back(line[static_cast<std::size_t>(window * step + frame)]
                             [static_cast<std::size_t>(pixel)]);
        }
      }
      options.frames = step;
      const Prediction next = model.predict(ImageSet::from_floats(8, 8, 4, seen), options);
      const int64_t known = std::min(step, found.frames.shape[1] - window * step);
      for (int64_t frame = 0; frame < known; ++frame) {
        const auto near = predicted_frame(next.frames, 0, frame);
        const auto whole = predicted_frame(found.frames, 2, window * step + frame);
        for (std::size_t pixel = 0; pixel < near.size(); ++pixel) {
          ASSERT_NEAR(whole[pixel], near[pixel], 4e-3f) << "window " << window;
        }
      }
    }
    EXPECT_NE(predicted_frame(found.frames, 2, 0), predicted_frame(found.frames, 2, step))
        << "the windows differ";
  }
}

TEST(PredictTest, AClipDoesNotDependOnOthersOrThreads) {
  Model model = predictor(4, 5);
  const ImageSet clips = moving_blobs(9).test;
  PredictOptions options;
  options.frames = 6;
  options.seen = 5;
  const Prediction all = model.predict(clips, options);
  const Prediction one = model.predict(clips.slice(7, 1), options);
  EXPECT_EQ(one.frames.values, std::vector<float>(all.frames.row(7), all.frames.row(8)));
  Model with_three = predictor(4, 5, false, 3);
  EXPECT_EQ(with_three.predict(clips, options).frames.values, all.frames.values);
}

TEST(PredictTest, ErrorsAreThoseOfPlainSums) {
  Model model = predictor(3, 5);
  const ImageSet clips = moving_blobs(8).test;
  PredictOptions options;
  options.frames = 6;
  options.seen = 5;
  const Prediction found = model.predict(clips, options);
  ASSERT_EQ(found.truth.shape, (std::vector<int64_t>{clips.count(), 3, 8, 8}));
  const auto n = clips.count();
  const auto at = [&](int64_t clip, int64_t frame, int64_t pixel) {
    return static_cast<double>(clips.pixels()[(clip * 64 + pixel) * 8 + frame]) / 255.0;
  };
  double black = 0.0, of_mean = 0.0, of_last = 0.0, of_image = 0.0, squares = 0.0, sum = 0.0;
  std::vector<double> by_frame(3);
  for (int64_t clip = 0; clip < n; ++clip) {
    double own = 0.0;
    for (int64_t frame = 5; frame < 8; ++frame) {
      for (int64_t pixel = 0; pixel < 64; ++pixel) {
        double mean = 0.0, image = 0.0;
        for (int64_t seen = 0; seen < 5; ++seen) {
          mean += at(clip, seen, pixel) / 5.0;
          for (int64_t other = 0; other < n; ++other) {
            image += at(other, seen, pixel) / static_cast<double>(5 * n);
          }
        }
        const double truth = at(clip, frame, pixel);
        const auto part = [](double error) { return error * error / (3.0 * 64.0); };
        black += part(truth);
        of_mean += part(truth - mean);
        of_image += part(truth - image);
        of_last += part(truth - at(clip, 4, pixel));
        const double predicted = found.frames.row(clip)[(frame - 5) * 64 + pixel];
        own += part(truth - predicted);
        by_frame[static_cast<std::size_t>(frame - 5)] += 3.0 * part(truth - predicted);
      }
    }
    sum += own;
    squares += own * own;
  }
  const auto count = static_cast<double>(n);
  const PredictionErrors& errors = found.errors;
  EXPECT_EQ(errors.clips, n);
  EXPECT_NEAR(errors.mse(), sum / count, 1e-7);
  EXPECT_NEAR(errors.mse(FrameGuess::black), black / count, 1e-7);
  EXPECT_NEAR(errors.mse(FrameGuess::mean_seen), of_mean / count, 1e-7);
  EXPECT_NEAR(errors.mse(FrameGuess::last_seen), of_last / count, 1e-7);
  EXPECT_NEAR(errors.mse(FrameGuess::mean_image), of_image / count, 1e-7);
  const double best = std::min({black, of_mean, of_last, of_image}) / count;
  EXPECT_NEAR(errors.mse(errors.best_guess()), best, 1e-7);
  EXPECT_NEAR(errors.ratio(), sum / count / best, 1e-5);
  for (std::size_t frame = 0; frame < 3; ++frame) {
    EXPECT_NEAR(errors.mse_by_frame()[frame], by_frame[frame] / count, 1e-7);
  }
  const double variance = (squares - sum * sum / count) / (count - 1.0);
  EXPECT_NEAR(errors.mse_standard_error(), std::sqrt(variance / count), 1e-7);

  PredictionErrors pieces;
  for (int64_t first = 0; first < n; first += 6) {
    pieces += model.predict(clips.slice(first, std::min<int64_t>(6, n - first)), options).errors;
  }
  EXPECT_EQ(pieces.clips, n);
  EXPECT_NEAR(pieces.mse(), errors.mse(), 1e-12);
  EXPECT_NEAR(pieces.mse_standard_error(), errors.mse_standard_error(), 1e-12);
  for (const FrameGuess guess : kFrameGuesses) {
    EXPECT_NEAR(pieces.mse(guess), errors.mse(guess), 1e-12) << to_string(guess);
  }
  options.frames = 2;
  EXPECT_NE(refusal_of([&] { pieces += model.predict(clips, options).errors; }).find("2"),
            std::string::npos);
}

TEST(PredictTest, ItCanBeStopped) {
  Model model = predictor(4, 5);
  PredictOptions options;
  options.frames = 3;
  double last = 0.0;
  options.progress = [&](double share) {
    last = share;
    return true;
  };
  EXPECT_GT(model.predict(moving_blobs(5).test, options).frames.count(), 0);
  EXPECT_EQ(last, 1.0);
  options.progress = [](double) { return false; };
  EXPECT_EQ(model.predict(moving_blobs(5).test, options).frames.count(), 0);
}

TEST(PredictTest, WhatCannotBePredictedIsRefused) {
  Model model = predictor(4, 5);
  const ImageSet clips = moving_blobs(9).test;
  const auto says = [&](Model& asked, const ImageSet& images, const PredictOptions& options,
                        const std::string& part) {
    const std::string text = refusal_of([&] { asked.predict(images, options); });
    EXPECT_NE(text.find(part), std::string::npos) << text;
  };
  PredictOptions options;
  says(model, frames_of_clips(clips, 0, 3), options, "3 frames of clips of 3");
  options.seen = 3;
  says(model, clips, options, "sees 4 at least");
  options.seen = 10;
  says(model, clips, options, "10 frames of clips of 9");
  options.seen = 5;
  options.frames = 0;
  says(model, clips, options, "0 frames; take 1");
  options.frames = 2;
  says(model, ImageSet(9, 8, 9, std::vector<uint8_t>(648)), options, "9 x 8");
  says(model, ImageSet(), options, "no clips");
  Model plain(test::tiny_data().train.fit(test::tiny_config().model), Device::cpu(1));
  says(plain, test::tiny_data().test, {}, "--corrupt frames=N");
  RestoreOptions masked;
  masked.seen = std::vector<uint8_t>(64, 1);
  EXPECT_NE(refusal_of([&] { model.restore(moving_blobs(5).test, masked); }).find("frames=4"),
            std::string::npos);
  EXPECT_NE(refusal_of([&] {
              model.set_corruption({CorruptionKind::frames, 5});
            }).find("all 5"),
            std::string::npos);
  Config all_shown = test::tiny_config();
  all_shown.data.corrupt = {CorruptionKind::frames, 1};
  EXPECT_NE(refusal_of([&] { train(all_shown, test::tiny_data()); }).find("all 1 channels"),
            std::string::npos);
}

}  // namespace
}  // namespace vae

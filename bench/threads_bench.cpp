// SPDX-License-Identifier: MIT
//
// Whether a second thread ever makes work slower: encoding one image back to back and every 2 ms,
// and training, with one thread and with several in turn, beside any number of busy processes.
//   threads_bench [THREADS [BUSY_PROCESSES [ROUNDS]]]
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <thread>
#include <vector>

#include "vae/vae.h"

namespace {

using Clock = std::chrono::steady_clock;

double microseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::micro>(Clock::now() - start).count();
}

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + values.size() / 2, values.end());
  return values[values.size() / 2];
}

vae::ImageSet images(int64_t count) {
  std::vector<uint8_t> pixels(count * 784);
  uint32_t state = 1;
  for (uint8_t& pixel : pixels) {
    state = state * 1664525 + 1013904223;
    pixel = static_cast<uint8_t>(state >> 24);
  }
  return vae::ImageSet(28, 28, 1, std::move(pixels));
}

/// Microseconds of one encode of one image; the mean of the calls, so that waiting counts.
double encode_one(int threads, Clock::duration pause, int calls) {
  vae::Model model(vae::preset("mlp-400-20").model, vae::Device::cpu(threads));
  const vae::ImageSet image = images(1);
  model.encode(image);
  double sum = 0.0;
  for (int call = 0; call < calls; ++call) {
    std::this_thread::sleep_for(pause);
    const Clock::time_point start = Clock::now();
    model.encode(image);
    sum += microseconds_since(start);
  }
  return sum / calls;
}

/// Microseconds of a training step: the mean of an epoch after the first steps.
double train_step(int threads, int64_t batch_size) {
  constexpr int64_t kFirst = 10, kSteps = 110;
  vae::Config config = vae::preset("mlp-400-20");
  config.training.batch_size = batch_size;
  config.training.epochs = 1;
  vae::TrainOptions options;
  options.device = vae::Device::cpu(threads);
  Clock::time_point start;
  double mean = 0.0;
  options.on_step = [&](const vae::Progress& progress) {
    if (progress.step == kFirst) start = Clock::now();
    if (progress.step < kSteps) return vae::Command::proceed;
    mean = microseconds_since(start) / (kSteps - kFirst);
    return vae::Command::stop;
  };
  const vae::Dataset data{"random", images((kSteps + 1) * batch_size), images(8)};
  vae::Trainer(config, data, options).run();
  return mean;
}

/// Medians over the rounds; the ratio is of the times within a round.
void compare(const char* what, int threads, int rounds, const std::function<double(int)>& time) {
  std::vector<double> one, several, ratios;
  for (int round = 0; round < rounds; ++round) {
    one.push_back(time(1));
    several.push_back(time(threads));
    ratios.push_back(several.back() / one.back());
  }
  const auto [least, most] = std::minmax_element(ratios.begin(), ratios.end());
  std::printf("%-28s %9.1f us %9.1f us   %.2f (%.2f to %.2f)\n", what, median(one), median(several),
              median(ratios), *least, *most);
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  const auto number = [&](int at, int otherwise) {
    return argc > at ? std::atoi(argv[at]) : otherwise;
  };
  const int threads = number(1, 2), busy = number(2, 0), rounds = number(3, 7);
  std::vector<pid_t> others;
  for (int i = 0; i < busy; ++i) {
    others.push_back(::fork());
    for (volatile uint64_t spins = 0; others.back() == 0;) spins = spins + 1;
  }
  std::printf(
      "%d busy processes              1 thread    %d threads   ratio (range of %d rounds)\n", busy,
      threads, rounds);
  compare("encode, back to back", threads, rounds,
          [](int count) { return encode_one(count, Clock::duration::zero(), 2000); });
  compare("encode, every 2 ms", threads, rounds,
          [](int count) { return encode_one(count, std::chrono::milliseconds(2), 200); });
  compare("training, batch 20", threads, rounds, [](int count) { return train_step(count, 20); });
  compare("training, batch 128", threads, rounds, [](int count) { return train_step(count, 128); });
  for (const pid_t other : others) {
    ::kill(other, SIGKILL);
    ::waitpid(other, nullptr, 0);
  }
}

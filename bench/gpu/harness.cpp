// SPDX-License-Identifier: MIT
#include "bench/gpu/harness.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <stdexcept>

namespace vae::microbench {

void check_call(cudaError_t status, const char* call) {
  if (status == cudaSuccess) return;
  throw std::runtime_error(std::string(call) + ": " + cudaGetErrorName(status) + ": " +
                           cudaGetErrorString(status));
}

Card Card::open(int index) {
  MICROBENCH_CHECK(cudaSetDevice(index));
  cudaDeviceProp properties;
  MICROBENCH_CHECK(cudaGetDeviceProperties(&properties, index));
  Card card;
  card.index = index;
  card.major = properties.major;
  card.minor = properties.minor;
  card.multiprocessors = properties.multiProcessorCount;
  card.memory_bytes = properties.totalGlobalMem;
  card.l2_bytes = static_cast<std::size_t>(properties.l2CacheSize);
  card.shared_bytes = properties.sharedMemPerBlockOptin;
  card.cooperative = properties.cooperativeLaunch != 0;
  card.name = properties.name;
  MICROBENCH_CHECK(cudaDriverGetVersion(&card.driver));
  MICROBENCH_CHECK(cudaRuntimeGetVersion(&card.runtime));
  return card;
}

Graph::Graph(cudaStream_t stream, const std::function<void()>& body) {
  MICROBENCH_CHECK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
  cudaGraph_t graph = nullptr;
  try {
    body();
  } catch (...) {
    cudaStreamEndCapture(stream, &graph);
    cudaGraphDestroy(graph);
    throw;
  }
  MICROBENCH_CHECK(cudaStreamEndCapture(stream, &graph));
  const cudaError_t status = cudaGraphInstantiate(&executable_, graph, 0);
  cudaGraphDestroy(graph);
  check_call(status, "cudaGraphInstantiate");
  MICROBENCH_CHECK(cudaGraphUpload(executable_, stream));
}

void Graph::launch(cudaStream_t stream) const {
  MICROBENCH_CHECK(cudaGraphLaunch(executable_, stream));
}

namespace {

class Event {
 public:
  Event() { MICROBENCH_CHECK(cudaEventCreate(&event_)); }
  ~Event() { cudaEventDestroy(event_); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  cudaEvent_t get() const { return event_; }

 private:
  cudaEvent_t event_ = nullptr;
};

/// Linear interpolation between the order statistics.
double quantile(const std::vector<double>& sorted, double fraction) {
  const double position = fraction * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(position);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (position - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

}  // namespace

std::vector<double> time_each(cudaStream_t stream, int repetitions,
                              const std::function<void()>& body) {
  const Event begin, end;
  std::vector<double> microseconds;
  for (int i = -kWarmUpRepetitions; i < repetitions; ++i) {
    MICROBENCH_CHECK(cudaEventRecord(begin.get(), stream));
    body();
    MICROBENCH_CHECK(cudaEventRecord(end.get(), stream));
    MICROBENCH_CHECK(cudaEventSynchronize(end.get()));
    float milliseconds = 0.0f;
    MICROBENCH_CHECK(cudaEventElapsedTime(&milliseconds, begin.get(), end.get()));
    if (i >= 0) microseconds.push_back(1e3 * static_cast<double>(milliseconds));
  }
  return microseconds;
}

std::vector<double> per_unit(std::vector<double> samples, double units) {
  for (double& sample : samples) sample /= units;
  return samples;
}

std::vector<double> rate(std::vector<double> microseconds, double units) {
  for (double& sample : microseconds) sample = units / (sample * 1e-6);
  return microseconds;
}

std::string missing_feature(const Card& card, const void* kernel, int arch) {
  const std::string wanted = "sm_" + std::to_string(arch);
  if (card.arch() < arch) {
    return "not supported by sm_" + std::to_string(card.arch()) + " (needs " + wanted + ")";
  }
  cudaFuncAttributes attributes;
  MICROBENCH_CHECK(cudaFuncGetAttributes(&attributes, kernel));
  if (attributes.ptxVersion < arch) {  // of the source that the machine code came from
    return "compiled for sm_" + std::to_string(attributes.ptxVersion) + "; build for " + wanted;
  }
  return {};
}

const Figure& Report::add(const std::string& group, const std::string& name,
                          const std::string& unit, std::vector<double> samples, Check check,
                          const std::string& note, const std::string& detail) {
  if (samples.empty()) throw std::runtime_error(group + ", " + name + ": no samples");
  std::sort(samples.begin(), samples.end());
  Figure figure;
  figure.group = group;
  figure.name = name;
  figure.unit = unit;
  figure.median = quantile(samples, 0.5);
  figure.low = quantile(samples, 0.25);
  figure.high = quantile(samples, 0.75);
  figure.repetitions = static_cast<int>(samples.size());
  figure.check = std::isfinite(figure.median) ? check : Check::failed;
  figure.note = note;
  figure.detail = detail;
  figures_.push_back(figure);
  const char* verdict = figure.check == Check::failed   ? "  WRONG RESULT"
                        : figure.check == Check::passed ? "  checked"
                                                        : "";
  std::printf("%-10s %-52s %11.5g %-8s [%.5g, %.5g] of %d%s%s%s\n", group.c_str(), name.c_str(),
              figure.median, unit.c_str(), figure.low, figure.high, figure.repetitions, verdict,
              note.empty() ? "" : "  ", note.c_str());
  std::fflush(stdout);
  return figures_.back();
}

void Report::skip(const std::string& group, const std::string& name, const std::string& reason) {
  Figure figure;
  figure.group = group;
  figure.name = name;
  figure.skipped = reason;
  figures_.push_back(figure);
  std::printf("%-10s %-52s %s\n", group.c_str(), name.c_str(), reason.c_str());
  std::fflush(stdout);
}

void Report::peak(const std::string& name, double value) {
  for (auto& [known, largest] : peaks_) {
    if (known == name) {
      largest = std::max(largest, value);
      return;
    }
  }
  peaks_.emplace_back(name, value);
}

int Report::failures() const {
  return static_cast<int>(std::count_if(figures_.begin(), figures_.end(),
                                        [](const Figure& f) { return f.check == Check::failed; }));
}

// ---- JSON
// ----------------------------------------------------------------------------------------
namespace {

std::string quoted(const std::string& text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    result += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  return result + '"';
}

std::string number(double value) {
  if (!std::isfinite(value)) return "null";
  char text[32];
  std::snprintf(text, sizeof text, "%.9g", value);
  return text;
}

std::string figure_json(const Figure& figure) {
  std::string json = "{\"group\": " + quoted(figure.group) + ", \"name\": " + quoted(figure.name);
  if (!figure.skipped.empty()) return json + ", \"skipped\": " + quoted(figure.skipped) + "}";
  json += ", \"unit\": " + quoted(figure.unit) + ", \"median\": " + number(figure.median) +
          ", \"quartiles\": [" + number(figure.low) + ", " + number(figure.high) +
          "], \"repetitions\": " + std::to_string(figure.repetitions) + ", \"checked\": " +
          (figure.check == Check::none     ? "null"
           : figure.check == Check::passed ? "true"
                                           : "false");
  if (!figure.note.empty()) json += ", \"note\": " + quoted(figure.note);
  if (!figure.detail.empty()) json += ", \"detail\": " + figure.detail;
  return json + "}";
}

std::string card_json(const Card& card) {
  return "{\"name\": " + quoted(card.name) + ", \"arch\": " + std::to_string(card.arch()) +
         ", \"multiprocessors\": " + std::to_string(card.multiprocessors) +
         ", \"memory_bytes\": " + std::to_string(card.memory_bytes) +
         ", \"l2_bytes\": " + std::to_string(card.l2_bytes) +
         ", \"shared_bytes_per_block\": " + std::to_string(card.shared_bytes) +
         ", \"driver_cuda\": " + std::to_string(card.driver) +
         ", \"runtime_cuda\": " + std::to_string(card.runtime) + "}";
}

}  // namespace

void Report::write_json(const std::string& path, const Card& card, double seconds) const {
  std::string json = "{\n \"card\": " + card_json(card) + ",\n \"seconds\": " + number(seconds) +
                     ",\n \"peaks\": {";
  const char* separator = "";
  for (const auto& [name, value] : peaks_) {
    json += separator + quoted(name) + ": " + number(value);
    separator = ", ";
  }
  json += "},\n \"figures\": [";
  separator = "\n  ";
  for (const Figure& figure : figures_) {
    json += separator + figure_json(figure);
    separator = ",\n  ";
  }
  json += "\n ]\n}\n";
  std::FILE* file = std::fopen(path.c_str(), "w");
  if (file == nullptr) throw std::runtime_error("cannot write " + path);
  const bool written = std::fwrite(json.data(), 1, json.size(), file) == json.size();
  if (std::fclose(file) != 0 || !written) throw std::runtime_error("cannot write " + path);
}

}  // namespace vae::microbench

// SPDX-License-Identifier: MIT
#include "kernels/cuda/recording.h"

#include <cstdlib>
#include <string_view>

#include "kernels/cuda/capture_mutex.h"

namespace vae::cuda {

namespace {

class Closure final : public Recording {
 public:
  explicit Closure(std::function<void()> body) : body_(std::move(body)) {}
  void replay() override { body_(); }

 private:
  std::function<void()> body_;
};

class Graph final : public Recording {
 public:
  Graph(Stream& stream, UniqueGraphExec graph) : stream_(stream), graph_(std::move(graph)) {}
  ~Graph() override {
    if (stream_.is_broken()) graph_.release();
  }
  void replay() override {
    stream_.make_current();
    stream_.check(cudaGraphLaunch(graph_.get(), stream_.get()), "cudaGraphLaunch(graph, stream)");
  }

 private:
  Stream& stream_;
  UniqueGraphExec graph_;
};

/// Ends the capture in any case, so that the stream can be used after an exception.
UniqueGraph capture(Stream& stream, const std::function<void()>& body) {
  const std::lock_guard alone(capture_mutex);
  UniqueGraph graph;
  stream.check(cudaStreamBeginCapture(stream.get(), cudaStreamCaptureModeThreadLocal),
               "cudaStreamBeginCapture(stream)");
  try {
    body();
  } catch (...) {
    if (!stream.is_broken()) {
      static_cast<void>(cudaStreamEndCapture(stream.get(), graph.out()));
      static_cast<void>(cudaGetLastError());
    }
    throw;
  }
  stream.check(cudaStreamEndCapture(stream.get(), graph.out()), "cudaStreamEndCapture(stream)");
  return graph;
}

bool is_eager() {
  const char* const wanted = std::getenv("VAE_CUDA_EAGER");
  return wanted != nullptr && std::string_view(wanted) == "1";
}

}  // namespace

std::unique_ptr<Recording> record_graph(Stream& stream, std::function<void()> body) {
  if (is_eager() || stream.is_synchronous()) return std::make_unique<Closure>(std::move(body));
  const UniqueGraph graph = capture(stream, body);
  UniqueGraphExec executable;
  stream.check(cudaGraphInstantiate(executable.out(), graph.get(), 0),
               "cudaGraphInstantiate(graph)");
  stream.check(cudaGraphUpload(executable.get(), stream.get()), "cudaGraphUpload(graph, stream)");
  return std::make_unique<Graph>(stream, std::move(executable));
}

}  // namespace vae::cuda

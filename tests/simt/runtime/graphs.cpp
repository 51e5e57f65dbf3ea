// SPDX-License-Identifier: MIT
//
// Graphs replay in any order that their edges allow; other streams run in between.
#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

#include "tests/simt/runtime/state.h"

namespace simt {
namespace {

// One run of a graph, node by node.
class Replay {
 public:
  Replay(State& s, std::shared_ptr<const GraphBody> graph) : s_(s), graph_(std::move(graph)) {
    const auto& nodes = graph_->nodes;
    next_.resize(nodes.size());
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      expect_output(s_, nodes[i]->work);
      waits_for_.push_back(nodes[i]->after.size());
      if (waits_for_[i] == 0) ready_.insert(i);
      for (const std::size_t before : nodes[i]->after) next_[before].push_back(i);
    }
  }

  // True when no node is left.
  bool advance() {
    if (ready_.empty()) return true;
    const auto chosen = choose();
    const std::size_t node = *chosen;
    ready_.erase(chosen);
    run_work(s_, graph_->nodes[node]->work);
    for (const std::size_t next : next_[node]) {
      if (--waits_for_[next] == 0) ready_.insert(next);
    }
    return ready_.empty() || s_.sticky != cudaSuccess;
  }

 private:
  // Seed 0 keeps the order of the capture, so that a failure there is no matter of edges. The last
  // ready node first is the order that differs most from it.
  std::set<std::size_t>::iterator choose() {
    if (s_.seed == 0) return ready_.begin();
    if (policy(s_) == Policy::favourite) return std::prev(ready_.end());
    return std::next(ready_.begin(), static_cast<std::ptrdiff_t>(random_below(s_, ready_.size())));
  }

  State& s_;
  std::shared_ptr<const GraphBody> graph_;
  std::vector<std::vector<std::size_t>> next_;
  std::vector<std::size_t> waits_for_;  // how many nodes before it have not run
  std::set<std::size_t> ready_;
};

cudaError_t no_graph(State& s) {
  return report(s, cudaErrorInvalidValue, "no such graph, or destroyed before");
}

cudaError_t instantiate(State& s, cudaGraphExec_t* result, cudaGraph_t graph) {
  if (result == nullptr) return report(s, cudaErrorInvalidValue, "null result pointer");
  if (s.graphs.count(graph) == 0) return no_graph(s);
  auto exec = std::make_unique<CUgraphExec_st>();
  exec->body = graph->body;
  *result = exec.get();
  s.execs.emplace(*result, std::move(exec));
  return cudaSuccess;
}

// Launched into a capture, the graph becomes one node there.
cudaError_t launch_in_capture(State& s, CUstream_st& stream, const CUgraphExec_st& exec) {
  Work work;
  work.name = "graph";
  work.type = cudaGraphNodeTypeGraph;
  work.run = [&s, graph = exec.body] {
    Replay replay(s, graph);
    while (!replay.advance()) {
    }
  };
  return capture_work(s, stream, std::move(work));
}

cudaError_t launch_graph(State& s, cudaGraphExec_t exec, cudaStream_t handle) {
  if (s.execs.count(exec) == 0) return no_graph(s);
  CUstream_st* stream = find_stream(s, handle);
  if (stream == nullptr) return report(s, cudaErrorInvalidResourceHandle, "no such stream");
  if (const cudaError_t error = check_current(s, *stream); error != cudaSuccess) return error;
  if (stream->capture) return launch_in_capture(s, *stream, *exec);
  if (const cudaError_t error = check_legacy(s, *stream); error != cudaSuccess) return error;
  auto replay = std::make_shared<Replay>(s, exec->body);
  exec->last_launch =
      append(s, *stream, [replay] { return replay->advance(); }, {exec->last_launch});
  return cudaSuccess;
}

cudaError_t upload(State& s, cudaGraphExec_t exec, cudaStream_t stream) {
  if (s.execs.count(exec) == 0) return no_graph(s);
  return push(s, stream, {});
}

cudaError_t list_nodes(State& s, cudaGraph_t graph, cudaGraphNode_t* nodes, std::size_t* count) {
  if (s.graphs.count(graph) == 0) return no_graph(s);
  if (count == nullptr) return report(s, cudaErrorInvalidValue, "null count pointer");
  const auto& all = graph->body->nodes;
  if (nodes == nullptr) {
    *count = all.size();
    return cudaSuccess;
  }
  for (std::size_t i = 0; i < *count; ++i) nodes[i] = i < all.size() ? all[i].get() : nullptr;
  *count = std::min(*count, all.size());
  return cudaSuccess;
}

}  // namespace
}  // namespace simt

extern "C" {

cudaError_t cudaGraphInstantiate(cudaGraphExec_t* pGraphExec, cudaGraph_t graph,
                                 unsigned long long flags) {
  return simt::runtime_call("cudaGraphInstantiate", simt::Call::any, [&](simt::State& s) {
    if (flags != 0) return report(s, cudaErrorInvalidValue, "flags are not simulated");
    return simt::instantiate(s, pGraphExec, graph);
  });
}

cudaError_t cudaGraphUpload(cudaGraphExec_t graphExec, cudaStream_t stream) {
  return simt::runtime_call("cudaGraphUpload", simt::Call::any,
                            [&](simt::State& s) { return simt::upload(s, graphExec, stream); });
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t graphExec, cudaStream_t stream) {
  return simt::runtime_call("cudaGraphLaunch", simt::Call::any, [&](simt::State& s) {
    return simt::launch_graph(s, graphExec, stream);
  });
}

cudaError_t cudaGraphGetNodes(cudaGraph_t graph, cudaGraphNode_t* nodes, size_t* numNodes) {
  return simt::runtime_call("cudaGraphGetNodes", simt::Call::any, [&](simt::State& s) {
    return simt::list_nodes(s, graph, nodes, numNodes);
  });
}

cudaError_t cudaGraphNodeGetType(cudaGraphNode_t node, cudaGraphNodeType* pType) {
  return simt::runtime_call("cudaGraphNodeGetType", simt::Call::any, [&](simt::State& s) {
    if (node == nullptr || pType == nullptr) return report(s, cudaErrorInvalidValue, "null");
    *pType = node->work.type;
    return cudaSuccess;
  });
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  return simt::runtime_call("cudaGraphDestroy", simt::Call::release_any, [&](simt::State& s) {
    return s.graphs.erase(graph) == 1 ? cudaSuccess : simt::no_graph(s);
  });
}

// A launch still queued keeps what it needs.
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t graphExec) {
  return simt::runtime_call("cudaGraphExecDestroy", simt::Call::release_any, [&](simt::State& s) {
    return s.execs.erase(graphExec) == 1 ? cudaSuccess : simt::no_graph(s);
  });
}

}  // extern "C"

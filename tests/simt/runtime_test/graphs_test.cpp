// SPDX-License-Identifier: MIT
#include <set>

#include "tests/simt/runtime_test/runtime_test.h"

namespace vae {
namespace {

using GraphsTest = RuntimeTest;

// Captures what `body` does on the stream; launches and destroys it.
class Graph {
 public:
  Graph(cudaStream_t stream, const std::function<void()>& body) : stream_(stream) {
    EXPECT_OK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
    body();
    EXPECT_OK(cudaStreamEndCapture(stream, &graph_));
    EXPECT_OK(cudaGraphInstantiate(&exec_, graph_));
  }
  ~Graph() {
    cudaGraphExecDestroy(exec_);
    cudaGraphDestroy(graph_);
  }
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;
  cudaError_t launch() { return cudaGraphLaunch(exec_, stream_); }
  cudaGraph_t get() const { return graph_; }
  cudaGraphExec_t exec() const { return exec_; }

 private:
  cudaStream_t stream_;
  cudaGraph_t graph_ = nullptr;
  cudaGraphExec_t exec_ = nullptr;
};

TEST_F(GraphsTest, CaptureRunsNothingAndReplayRunsEverything) {
  const auto program = [] {
    const Stream stream;
    const DeviceFloats x(4);
    EXPECT_OK(fill(stream, x, 1));
    Graph graph(stream, [&] {
      EXPECT_OK(affine(stream, x, 2, 0));
      EXPECT_OK(affine(stream, x, 1, 1));
    });
    bool correct = x.read()[0] == 1;
    EXPECT_OK(cudaGraphUpload(graph.exec(), stream));
    for (int i = 0; i < 3; ++i) EXPECT_OK(graph.launch());
    return correct && x.read()[3] == 15;
  };
  EXPECT_EQ(correct_runs(program), 9);
}

TEST_F(GraphsTest, NodesAreCountedAndTyped) {
  const Stream stream;
  const DeviceFloats x(4), y(4);
  const Graph graph(stream, [&] {
    EXPECT_OK(fill(stream, x, 1));
    EXPECT_OK(cudaMemsetAsync(y.data, 0, 16, stream));
    EXPECT_OK(cudaMemcpyAsync(y.data, x.data, 8, cudaMemcpyDeviceToDevice, stream));
  });
  std::size_t count = 0;
  ASSERT_OK(cudaGraphGetNodes(graph.get(), nullptr, &count));
  ASSERT_EQ(count, 3u);
  std::vector<cudaGraphNode_t> nodes(5, reinterpret_cast<cudaGraphNode_t>(&count));
  count = 5;
  ASSERT_OK(cudaGraphGetNodes(graph.get(), nodes.data(), &count));
  ASSERT_EQ(count, 3u);
  EXPECT_EQ(nodes[4], nullptr);
  const cudaGraphNodeType types[] = {cudaGraphNodeTypeKernel, cudaGraphNodeTypeMemset,
                                     cudaGraphNodeTypeMemcpy};
  for (int i = 0; i < 3; ++i) {
    cudaGraphNodeType type = cudaGraphNodeTypeEmpty;
    ASSERT_OK(cudaGraphNodeGetType(nodes[static_cast<std::size_t>(i)], &type));
    EXPECT_EQ(type, types[i]);
  }
}

// main:  fill x ---------> wait for side -> y = x
// side:       \-> x = 2x + 1 -/
bool fork_and_join(bool fork_late, bool join_late) {
  const Stream main, side;
  const DeviceFloats x(4), y(4);
  const Event fork, join;
  Graph graph(main, [&] {
    if (!fork_late) {
      EXPECT_OK(cudaEventRecord(fork, main));
    }
    EXPECT_OK(fill(main, x, 1));
    if (fork_late) {
      EXPECT_OK(cudaEventRecord(fork, main));
    }
    EXPECT_OK(cudaStreamWaitEvent(side, fork));
    if (!join_late) {
      EXPECT_OK(cudaEventRecord(join, side));
    }
    EXPECT_OK(affine(side, x, 2, 1));
    if (join_late) {
      EXPECT_OK(cudaEventRecord(join, side));
    }
    EXPECT_OK(cudaStreamWaitEvent(main, join));
    EXPECT_OK(copy(main, y, x));
    if (!join_late) {  // joined, but after the use
      EXPECT_OK(cudaEventRecord(join, side));
      EXPECT_OK(cudaStreamWaitEvent(main, join));
    }
  });
  bool correct = true;
  for (int i = 0; i < 4; ++i) {
    EXPECT_OK(graph.launch());
    correct = correct && y.read()[0] == 3;
  }
  return correct;
}

TEST_F(GraphsTest, ReplaysTakeAnyOrderTheEdgesAllow) {
  EXPECT_EQ(correct_runs([] { return fork_and_join(true, true); }), 9);
  EXPECT_LE(correct_runs([] { return fork_and_join(false, true); }), 5);
  EXPECT_LE(correct_runs([] { return fork_and_join(true, false); }), 5);
}

TEST_F(GraphsTest, IndependentNodesRunInEveryOrder) {
  std::set<std::vector<int>> orders;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    simt::options().seed = seed;
    simt::reset_runtime();
    const Stream a, b, c;
    const Event fork, join_b, join_c;
    std::vector<int> ran;
    const auto note = [&](cudaStream_t stream, int number) {
      EXPECT_OK(simt::enqueue_work(stream, "note", [&ran, number] { ran.push_back(number); }));
    };
    Graph graph(a, [&] {
      EXPECT_OK(cudaEventRecord(fork, a));
      EXPECT_OK(cudaStreamWaitEvent(b, fork));
      EXPECT_OK(cudaStreamWaitEvent(c, fork));
      note(a, 0);
      note(b, 1);
      note(c, 2);
      EXPECT_OK(cudaEventRecord(join_b, b));
      EXPECT_OK(cudaEventRecord(join_c, c));
      EXPECT_OK(cudaStreamWaitEvent(a, join_b));
      EXPECT_OK(cudaStreamWaitEvent(a, join_c));
      note(a, 3);
    });
    EXPECT_OK(graph.launch());
    EXPECT_OK(cudaStreamSynchronize(a));
    ASSERT_EQ(ran.size(), 4u);
    EXPECT_EQ(ran[3], 3);
    orders.insert(ran);
  }
  EXPECT_EQ(orders.size(), 6u);
}

TEST_F(GraphsTest, LaunchesOfOneGraphDoNotOverlap) {
  const auto program = [] {
    const Stream a, b;
    const DeviceFloats x(4);
    EXPECT_OK(fill(a, x, 0));
    EXPECT_OK(cudaStreamSynchronize(a));
    const Graph graph(a, [&] {
      EXPECT_OK(affine(a, x, 2, 0));
      EXPECT_OK(affine(a, x, 1, 1));
    });
    EXPECT_OK(cudaGraphLaunch(graph.exec(), a));
    EXPECT_OK(cudaGraphLaunch(graph.exec(), b));  // waits for the first
    return x.read()[0] == 3;
  };
  EXPECT_EQ(correct_runs(program), 9);
}

TEST_F(GraphsTest, OtherStreamsRunBetweenTheNodes) {
  const auto program = [] {
    const Stream a, b;
    const DeviceFloats x(4), y(4);
    EXPECT_OK(fill(a, y, 0));
    EXPECT_OK(cudaStreamSynchronize(a));
    Graph graph(a, [&] {
      EXPECT_OK(fill(a, x, 1));
      EXPECT_OK(fill(a, x, 2));
    });
    bool between = false;
    for (int i = 0; i < 8; ++i) {
      EXPECT_OK(graph.launch());
      EXPECT_OK(copy(b, y, x));
      between = between || y.read()[0] == 1;
    }
    return between;
  };
  EXPECT_GE(correct_runs(program), 2);
}

TEST_F(GraphsTest, AGraphLaunchedIntoACaptureIsOneNode) {
  const Stream stream;
  const DeviceFloats x(4);
  ASSERT_OK(fill(stream, x, 1));
  Graph inner(stream, [&] {
    EXPECT_OK(affine(stream, x, 2, 0));
    EXPECT_OK(affine(stream, x, 1, 1));
  });
  Graph outer(stream, [&] {
    EXPECT_OK(inner.launch());
    EXPECT_OK(inner.launch());
  });
  std::size_t count = 0;
  ASSERT_OK(cudaGraphGetNodes(outer.get(), nullptr, &count));
  EXPECT_EQ(count, 2u);
  ASSERT_OK(outer.launch());
  EXPECT_EQ(x.read()[0], 7);
}

TEST_F(GraphsTest, AnExecutableGraphOutlivesItsGraphAndItsOwnDestruction) {
  const Stream stream;
  const DeviceFloats x(4);
  {
    Graph graph(stream, [&] { EXPECT_OK(fill(stream, x, 8)); });
    ASSERT_OK(graph.launch());
  }
  EXPECT_EQ(x.read()[0], 8);
  EXPECT_CUDA(cudaErrorInvalidValue, cudaGraphLaunch(nullptr, stream));
}

TEST_F(GraphsTest, EagerAndReplayedWorkGiveTheSameNumbers) {
  const auto program = [] {
    const Stream stream;
    const DeviceFloats x(40), y(40);
    const auto body = [&](const DeviceFloats& d) {
      EXPECT_OK(cudaMemsetAsync(d.data, 0, 160, stream));
      EXPECT_OK(affine(stream, d, 3, 0.5f));
      EXPECT_OK(affine(stream, d, 0.25f, 7));
    };
    body(x);
    Graph graph(stream, [&] { body(y); });
    EXPECT_OK(graph.launch());
    return x.read() == y.read();
  };
  EXPECT_EQ(correct_runs(program), 9);
}

}  // namespace
}  // namespace vae

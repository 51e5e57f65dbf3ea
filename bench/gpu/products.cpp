// SPDX-License-Identifier: MIT
//
// Matrix products by cuBLASLt: the practical ceilings of large ones, and the best of the first
// algorithms it proposes for the shapes of bench/workloads.h.
#include <cublasLt.h>
#include <cuda_bf16.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <memory>
#include <set>
#include <stdexcept>

#include "bench/gpu/harness.h"
#include "bench/gpu/operands.h"
#include "bench/workloads.h"

namespace vae::microbench {
namespace {

using workloads::Product;

constexpr std::size_t kWorkspaceBytes = std::size_t{32} << 20;
constexpr int kRepetitions = 7;
constexpr double kSampleMicroseconds = 150.0;  // a sample repeats a short product to this length
constexpr double kLimitSeconds = 75.0;         // of the whole group

void check_lt(cublasStatus_t status, const char* call) {
  if (status == CUBLAS_STATUS_SUCCESS) return;
  throw std::runtime_error(std::string(call) + ": " + cublasLtGetStatusString(status));
}
#define MICROBENCH_CHECK_LT(call) check_lt((call), #call)

struct Destroy {
  void operator()(cublasLtMatmulDescOpaque_t* x) const { cublasLtMatmulDescDestroy(x); }
  void operator()(cublasLtMatrixLayoutOpaque_t* x) const { cublasLtMatrixLayoutDestroy(x); }
  void operator()(cublasLtMatmulPreferenceOpaque_t* x) const { cublasLtMatmulPreferenceDestroy(x); }
};
using Descriptor = std::unique_ptr<cublasLtMatmulDescOpaque_t, Destroy>;
using Layout = std::unique_ptr<cublasLtMatrixLayoutOpaque_t, Destroy>;
using Preference = std::unique_ptr<cublasLtMatmulPreferenceOpaque_t, Destroy>;

/// Numbers of a format, with fp32 accumulation. Results have the operands' type.
struct Format {
  const char* name;
  cudaDataType_t type;
  cublasComputeType_t compute;
  double tolerance;  ///< of a result, in standard deviations of the results

  bool is_bf16() const { return type == CUDA_R_16BF; }
  std::size_t bytes() const { return is_bf16() ? 2 : 4; }
};
constexpr Format kFormats[] = {{"fp32", CUDA_R_32F, CUBLAS_COMPUTE_32F, 1e-4},
                               {"tf32", CUDA_R_32F, CUBLAS_COMPUTE_32F_FAST_TF32, 1e-2},
                               {"bf16", CUDA_R_16BF, CUBLAS_COMPUTE_32F, 3e-2}};

// ---- operands
// ------------------------------------------------------------------------------------

/// op(a) and op(b) of every product are prefixes of two buffers.
class Operands {
 public:
  Operands(Context& context, const Format& format, std::size_t largest)
      : format_(format), a_(largest * format.bytes()), b_(a_.count()), c_(a_.count()) {
    fill(context, a_, 0);
    fill(context, b_, 1);
  }
  void* a() const { return a_.get(); }
  void* b() const { return b_.get(); }
  void* c() const { return c_.get(); }

  /// Every element of c that is not written afterwards is not a number.
  void poison(Context& context, const Product& product) {
    MICROBENCH_CHECK(
        cudaMemsetAsync(c_.get(), 0xff, product.m * product.n * format_.bytes(), context.stream));
  }
  bool correct(const Product& product) const;

 private:
  void fill(Context& context, DeviceBuffer<unsigned char>& buffer, unsigned operand) {
    const std::size_t count = buffer.count() / format_.bytes();
    if (format_.is_bf16()) {
      fill_operand_bf16(buffer.get(), operand, count, context.stream);
    } else {
      fill_operand_fp32(buffer.get(), operand, count, context.stream);
    }
  }
  double stored(unsigned operand, int64_t index) const {
    const float value = operand_value(operand, index);
    return format_.is_bf16() ? __bfloat162float(__float2bfloat16(value)) : value;
  }
  double result(int64_t index) const;

  const Format& format_;
  DeviceBuffer<unsigned char> a_, b_, c_;
};

double Operands::result(int64_t index) const {
  const unsigned char* address = c_.get() + index * format_.bytes();
  __nv_bfloat16 half;
  float single = 0.0f;
  void* target = format_.is_bf16() ? static_cast<void*>(&half) : static_cast<void*>(&single);
  MICROBENCH_CHECK(cudaMemcpy(target, address, format_.bytes(), cudaMemcpyDeviceToHost));
  return format_.is_bf16() ? __bfloat162float(half) : single;
}

/// Some elements, the corners among them, against the sum in double precision.
bool Operands::correct(const Product& p) const {
  MICROBENCH_CHECK(cudaDeviceSynchronize());
  const double tolerance = format_.tolerance * std::sqrt(static_cast<double>(p.k)) / 12.0;
  constexpr int64_t kElements = 12;
  for (int64_t sample = 0; sample < kElements; ++sample) {
    const int64_t i = sample * (p.m - 1) / (kElements - 1);
    const int64_t j = (sample * 5 % kElements) * (p.n - 1) / (kElements - 1);
    double sum = 0.0;
    for (int64_t k = 0; k < p.k; ++k) {
      sum += stored(0, p.transpose_a ? k * p.m + i : i * p.k + k) *
             stored(1, p.transpose_b ? j * p.k + k : k * p.n + j);
    }
    const double error = std::abs(result(i * p.n + j) - sum);
    if (!(error <= tolerance)) return false;
  }
  return true;
}

// ---- the product
// ---------------------------------------------------------------------------------

struct Handle {
  Handle() { MICROBENCH_CHECK_LT(cublasLtCreate(&get)); }
  ~Handle() { cublasLtDestroy(get); }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  cublasLtHandle_t get = nullptr;
};

Layout make_layout(const Format& format, int64_t rows, int64_t cols) {
  cublasLtMatrixLayout_t layout = nullptr;
  MICROBENCH_CHECK_LT(cublasLtMatrixLayoutCreate(&layout, format.type, rows, cols, rows));
  return Layout(layout);
}

/// The library's matrices are column-major, so it is given c^T = op(b)^T op(a)^T: our b first.
class LtProduct {
 public:
  LtProduct(const Handle& handle, const Format& format, const Product& p)
      : handle_(handle),
        b_(make_layout(format, p.transpose_b ? p.k : p.n, p.transpose_b ? p.n : p.k)),
        a_(make_layout(format, p.transpose_a ? p.m : p.k, p.transpose_a ? p.k : p.m)),
        c_(make_layout(format, p.n, p.m)) {
    cublasLtMatmulDesc_t descriptor = nullptr;
    MICROBENCH_CHECK_LT(cublasLtMatmulDescCreate(&descriptor, format.compute, CUDA_R_32F));
    descriptor_.reset(descriptor);
    const cublasOperation_t first = p.transpose_b ? CUBLAS_OP_T : CUBLAS_OP_N;
    const cublasOperation_t second = p.transpose_a ? CUBLAS_OP_T : CUBLAS_OP_N;
    MICROBENCH_CHECK_LT(cublasLtMatmulDescSetAttribute(descriptor, CUBLASLT_MATMUL_DESC_TRANSA,
                                                       &first, sizeof first));
    MICROBENCH_CHECK_LT(cublasLtMatmulDescSetAttribute(descriptor, CUBLASLT_MATMUL_DESC_TRANSB,
                                                       &second, sizeof second));
  }

  /// The library's first proposals; none where it has no such product on this card.
  std::vector<cublasLtMatmulHeuristicResult_t> proposals(int wanted) const {
    cublasLtMatmulPreference_t raw = nullptr;
    MICROBENCH_CHECK_LT(cublasLtMatmulPreferenceCreate(&raw));
    const Preference preference(raw);
    MICROBENCH_CHECK_LT(cublasLtMatmulPreferenceSetAttribute(
        raw, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &kWorkspaceBytes, sizeof kWorkspaceBytes));
    std::vector<cublasLtMatmulHeuristicResult_t> results(wanted);
    int found = 0;
    const cublasStatus_t status =
        cublasLtMatmulAlgoGetHeuristic(handle_.get, descriptor_.get(), b_.get(), a_.get(), c_.get(),
                                       c_.get(), raw, wanted, results.data(), &found);
    const bool unsupported =
        status == CUBLAS_STATUS_NOT_SUPPORTED || status == CUBLAS_STATUS_ARCH_MISMATCH;
    if (!unsupported) check_lt(status, "cublasLtMatmulAlgoGetHeuristic");
    results.resize(status == CUBLAS_STATUS_SUCCESS ? found : 0);
    return results;
  }

  void run(const Operands& operands, const cublasLtMatmulAlgo_t& algorithm, void* workspace,
           cudaStream_t stream) const {
    const float one = 1.0f, zero = 0.0f;
    MICROBENCH_CHECK_LT(cublasLtMatmul(handle_.get, descriptor_.get(), &one, operands.b(), b_.get(),
                                       operands.a(), a_.get(), &zero, operands.c(), c_.get(),
                                       operands.c(), c_.get(), &algorithm, workspace,
                                       kWorkspaceBytes, stream));
  }

 private:
  const Handle& handle_;
  Layout b_, a_, c_;
  Descriptor descriptor_;
};

/// Tile, stages and split of an algorithm by cuBLASLt's own numbers, for the table of choices.
std::string algorithm_json(const cublasLtMatmulHeuristicResult_t& proposal, double microseconds,
                           bool correct) {
  const auto attribute = [&](cublasLtMatmulAlgoConfigAttributes_t which) {
    uint32_t value = 0;
    std::size_t written = 0;
    cublasLtMatmulAlgoConfigGetAttribute(&proposal.algo, which, &value, sizeof value, &written);
    return std::to_string(value);
  };
  return "{\"us\": " + std::to_string(microseconds) +
         ", \"tile\": " + attribute(CUBLASLT_ALGO_CONFIG_TILE_ID) +
         ", \"stages\": " + attribute(CUBLASLT_ALGO_CONFIG_STAGES_ID) +
         ", \"split_k\": " + attribute(CUBLASLT_ALGO_CONFIG_SPLITK_NUM) +
         ", \"workspace\": " + std::to_string(proposal.workspaceSize) +
         ", \"correct\": " + (correct ? "true" : "false") + "}";
}

double median_of(std::vector<double> samples) {
  std::nth_element(samples.begin(), samples.begin() + samples.size() / 2, samples.end());
  return samples[samples.size() / 2];
}

class ProductBench {
 public:
  ProductBench(Context& context, const Format& format, std::size_t largest)
      : context_(context),
        format_(format),
        operands_(context, format, largest),
        workspace_(kWorkspaceBytes) {}

  /// A large product: the rate that a whole library reaches.
  void measure_ceiling(const Product& product) { measure(product, 8, true); }
  void measure_latency(const Product& product, int wanted) { measure(product, wanted, false); }

 private:
  void measure(const Product& product, int wanted, bool ceiling);
  std::vector<double> time(const LtProduct& lt, const Product& product,
                           const cublasLtMatmulAlgo_t& algorithm, bool& correct);

  Context& context_;
  const Format& format_;
  Handle handle_;
  Operands operands_;
  DeviceBuffer<unsigned char> workspace_;
};

/// Microseconds of one product, repeated in a graph so that the host's calls do not count.
std::vector<double> ProductBench::time(const LtProduct& lt, const Product& product,
                                       const cublasLtMatmulAlgo_t& algorithm, bool& correct) {
  const auto run = [&] { lt.run(operands_, algorithm, workspace_.get(), context_.stream); };
  operands_.poison(context_, product);
  run();
  correct = operands_.correct(product);
  const double once = median_of(time_each(context_.stream, 3, run));
  const int repeats = std::clamp(static_cast<int>(kSampleMicroseconds / once), 1, 64);
  const Graph graph(context_.stream, [&] {
    for (int i = 0; i < repeats; ++i) run();
  });
  const auto launch = [&] { graph.launch(context_.stream); };
  return per_unit(time_each(context_.stream, kRepetitions, launch), repeats);
}

void ProductBench::measure(const Product& product, int wanted, bool ceiling) {
  const std::string name = product.name() + " " + format_.name;
  const char* group = ceiling ? "ceiling" : "product";
  const LtProduct lt(handle_, format_, product);
  std::vector<double> best;
  std::string detail;
  double first = 0.0;
  bool all_correct = true;
  for (const cublasLtMatmulHeuristicResult_t& proposal : lt.proposals(wanted)) {
    if (proposal.state != CUBLAS_STATUS_SUCCESS) continue;
    bool correct = false;
    const std::vector<double> samples = time(lt, product, proposal.algo, correct);
    const double median = median_of(samples);
    all_correct = all_correct && correct;
    detail += (detail.empty() ? "[" : ", ") + algorithm_json(proposal, median, correct);
    if (best.empty()) first = median;
    if (best.empty() || median < median_of(best)) best = samples;
  }
  if (best.empty()) {
    return context_.report.skip(group, name,
                                "not supported by sm_" + std::to_string(context_.card.arch()));
  }
  const double flops = product.flops();
  if (ceiling) {
    const auto& figure =
        context_.report.add(group, "cuBLASLt " + name, "TFLOP/s", rate(best, 1e-12 * flops),
                            checked(all_correct), "", detail + "]");
    if (figure.check == Check::passed) {
      context_.report.peak(std::string(format_.name) + "_flops", 1e12 * figure.median);
    }
    return;
  }
  char note[96];
  std::snprintf(note, sizeof note, "%.3g TFLOP/s; cuBLASLt's first choice %.4g us",
                1e-6 * flops / median_of(best), first);
  context_.report.add(group, name, "us", best, checked(all_correct), note, detail + "]");
}

std::size_t largest_matrix(const std::vector<Product>& products) {
  int64_t largest = 0;
  for (const Product& p : products) {
    largest = std::max({largest, p.m * p.k, p.k * p.n, p.m * p.n});
  }
  return static_cast<std::size_t>(largest);
}

/// The catalogue without repetitions, workload (a) at batch 128 first.
std::vector<Product> catalogue() {
  std::vector<workloads::Workload> list = workloads::all();
  list.insert(list.begin(), workloads::mnist(128));
  std::vector<Product> result;
  std::set<std::string> seen;
  for (const workloads::Workload& workload : list) {
    for (const Product& product : workloads::products(workload)) {
      if (seen.insert(product.name()).second) result.push_back(product);
    }
  }
  return result;
}

void measure_format(Context& context, const Format& format) {
  const auto begin = std::chrono::steady_clock::now();
  const std::vector<Product> products = catalogue();
  std::vector<Product> ceilings = {{4096, 4096, 4096, false, true}};
  if (format.is_bf16()) ceilings.push_back({8192, 8192, 8192, false, true});
  ProductBench bench(context, format, std::max(largest_matrix(products), largest_matrix(ceilings)));
  for (const Product& ceiling : ceilings) bench.measure_ceiling(ceiling);
  const std::size_t eight = workloads::products(workloads::mnist(128)).size();
  for (std::size_t i = 0; i < products.size(); ++i) {
    const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - begin;
    if (passed.count() > kLimitSeconds / std::size(kFormats)) {
      context.report.skip("product", products[i].name() + " " + format.name,
                          "the group's time limit");
      continue;
    }
    bench.measure_latency(products[i], i < eight ? 8 : 3);
  }
}

}  // namespace

void measure_products(Context& context) {
  for (const Format& format : kFormats) measure_format(context, format);
}

}  // namespace vae::microbench

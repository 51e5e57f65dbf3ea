// SPDX-License-Identifier: MIT
#include "host/graph/parameters.h"

#include <algorithm>

#include "kernels/check.h"

namespace vae {

namespace {

/// Offset of each tensor in a flat arena, in floats, and the arena's length. Tensors start at the
/// arena's alignment so that vector loads are whole; joined ones follow without a gap.
struct Layout {
  std::vector<int64_t> offsets;
  int64_t size = 0;
};

Layout lay_out(const std::vector<ParameterSpec>& specs) {
  constexpr int64_t kFloats = Arena::kAlignment / sizeof(float);
  Layout layout;
  for (const ParameterSpec& spec : specs) {
    if (!spec.joined) layout.size = (layout.size + kFloats - 1) / kFloats * kFloats;
    layout.offsets.push_back(layout.size);
    layout.size += spec.shape.count();
  }
  layout.size = (layout.size + kFloats - 1) / kFloats * kFloats;
  return layout;
}

}  // namespace

Parameters::Parameters(Backend& backend, std::vector<ParameterSpec> specs, bool training)
    : backend_(backend), arena_(backend), averages_arena_(backend) {
  const Layout layout = lay_out(specs);
  arena_.request(values_, {layout.size});
  if (training) {
    arena_.request(gradients_, {layout.size});
    arena_.request(first_moments_, {layout.size});
    arena_.request(second_moments_, {layout.size});
  }
  try {
    arena_.allocate("the parameters");
  } catch (const Error& error) {
    if (error.code() != ErrorCode::out_of_memory) throw;
    fail(ErrorCode::out_of_memory, error.what(), "; use a smaller model: narrower or fewer layers");
  }
  for (std::size_t i = 0; i < specs.size(); ++i) {
    Parameter parameter{std::move(specs[i]), {}, {}, {}, {}, {}};
    const auto part = [&](const View& flat) {
      return flat ? View(flat.data + layout.offsets[i], parameter.spec.shape) : View();
    };
    parameter.value = part(values_);
    parameter.gradient = part(gradients_);
    parameter.first_moment = part(first_moments_);
    parameter.second_moment = part(second_moments_);
    count_ += parameter.spec.shape.count();
    parameters_.push_back(std::move(parameter));
  }
}

void Parameters::keep_averages() {
  if (averages_) return;
  averages_arena_.request(averages_, values_.shape);
  averages_arena_.allocate("the means of the parameters");
  for (Parameter& parameter : parameters_) {
    const auto offset = parameter.value.data - values_.data;
    parameter.average = View(averages_.data + offset, parameter.value.shape);
  }
  restart_averages();
}

void Parameters::restart_averages() {
  if (averages_) upload(averages_, download(values_));
}

const Parameter& Parameters::find(const std::string& name) const {
  const auto found = std::find_if(parameters_.begin(), parameters_.end(),
                                  [&](const Parameter& p) { return p.spec.name == name; });
  VAE_CHECK(found != parameters_.end(), "the model has no parameter named ", name);
  return *found;
}

View Parameters::joined_value(const std::string& first, Shape shape) const {
  return View(find(first).value.data, shape);
}

View Parameters::joined_gradient(const std::string& first, Shape shape) const {
  const View gradient = find(first).gradient;
  return gradient ? View(gradient.data, shape) : View();
}

std::vector<float> Parameters::download(ConstView view) const {
  std::vector<float> numbers(static_cast<std::size_t>(view.count()));
  backend_.copy_to_host(numbers.data(), view.data, numbers.size() * sizeof(float));
  return numbers;
}

void Parameters::upload(View view, std::span<const float> numbers) {
  VAE_CHECK(view.count() == static_cast<int64_t>(numbers.size()), "upload of ", numbers.size(),
            " numbers into a tensor of shape ", view.shape);
  backend_.copy_to_device(view.data, numbers.data(), numbers.size() * sizeof(float));
}

AveragedValues::AveragedValues(Parameters& parameters) : parameters_(parameters) {
  if (!parameters.averages()) return;
  const std::vector<float> averages = parameters.download(parameters.averages());
  trained_ = parameters.download(parameters.values());
  parameters.upload(parameters.values(), averages);
}

AveragedValues::~AveragedValues() {
  if (trained_.empty()) return;
  try {
    parameters_.upload(parameters_.values(), trained_);
  } catch (...) {  // NOLINT: of a broken device, which fails at whatever is asked of it next, too
  }
}

}  // namespace vae

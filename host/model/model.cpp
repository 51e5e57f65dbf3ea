// SPDX-License-Identifier: MIT
#include "vae/model.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "host/model/batches.h"
#include "host/model/checkpoint.h"
#include "host/model/checkpoint_choice.h"
#include "host/model/evaluator.h"
#include "host/model/model_impl.h"
#include "host/model/records.h"
#include "kernels/check.h"
#include "kernels/floating_point_mode.h"
#include "kernels/math_double.h"
#include "kernels/rules/binarization.h"
#include "kernels/rules/likelihoods.h"

namespace vae {

namespace {

Config with_model(const ModelConfig& model) {
  Config config;
  config.model = model;
  if (is_of_256_levels(model.likelihood)) config.training.binarization = Binarization::none;
  return config;
}

/// The precision asked for, else the one that the configuration names.
Device with_precision(Device device, Precision configured) {
  if (device.precision == Precision::automatic) device.precision = configured;
  return device;
}

void check_codes(const ModelConfig& model, const Array& z, const char* method) {
  VAE_CHECK(z.shape.size() == 2 && z.row_size() == model.latent, method,
            " takes codes of shape [n, ", model.latent, "], got rows of ", z.row_size(),
            " numbers");
  if (const auto at = z.first_not_finite()) {
    fail(ErrorCode::invalid_argument, method, ": row ", *at / z.row_size(), ", column ",
         *at % z.row_size(), " of the codes (counted from 0) is ", z.values[*at],
         "; codes are finite numbers");
  }
}

/// A decoder that reads layers of the encoder decodes with the image at hand only.
void refuse_skips(const ModelConfig& model, const char* method) {
  VAE_CHECK(!model.decodes_with_image(), method,
            ": this model's decoder reads layers of the encoder (skip) or frames of "
            "the image (transport), "
            "so that it decodes nothing without an image: reconstruct does, from images");
}

float clamped_logvar(const ModelConfig& model, float logvar) {
  return std::clamp(logvar, static_cast<float>(model.logvar_min),
                    static_cast<float>(model.logvar_max));
}

const char* told_text(const ModelConfig& model) {
  return model.condition == Condition::label  ? "labels"
         : model.condition == Condition::side ? "side vectors"
                                              : "what is seen of images";
}

/// Conditions of as many rows as are decoded, or none for a model without.
void check_conditions(const ModelConfig& model, const Array& conditions, int64_t rows,
                      const char* method) {
  const int64_t size = model.condition_size();
  if (size == 0) {
    VAE_CHECK(conditions.values.empty(), method, ": the model has no condition and takes none");
    return;
  }
  VAE_CHECK(!conditions.values.empty() || rows == 0, method, ": the model is conditioned on ",
            told_text(model), " (model.condition): give that of each row, [n, ", size,
            "]; Model::conditions() makes ", "it");
  VAE_CHECK(conditions.shape == (std::vector<int64_t>{rows, size}), method,
            ": takes conditions of shape [", rows, ", ", size, "], got ", conditions.rows(),
            " rows of ", conditions.row_size(), " numbers");
  if (const auto at = conditions.first_not_finite()) {
    fail(ErrorCode::invalid_argument, method, ": row ", *at / size, ", column ", *at % size,
         " of the conditions (counted from 0) is ", conditions.values[*at]);
  }
}

}  // namespace

Model::Impl::Impl(const Config& wanted, const Device& device, bool training) : config(wanted) {
  validate(config);
  // A trained model is read where the precision it was trained with may not exist. fp32 does
  // everywhere, and who trained with it wants the exact numbers.
  const Precision configured = config.training.precision;
  const bool keep = training || configured == Precision::fp32;
  const Device chosen = with_precision(device, keep ? configured : Precision::automatic);
  backend = make_backend(choose_device(chosen).device, &tuning);
  Network::Options options;
  options.training = training;
  options.corruption = config.data.corrupt;
  network = std::make_unique<Network>(*backend, config.model, options);
}

ImageReader Model::Impl::reader(const ImageSet& images, std::optional<Binarization> binarization,
                                std::optional<uint64_t> seed) const {
  const TrainConfig& training = config.training;
  const Binarization without_chance =
      draws(training.binarization) ? Binarization::none : training.binarization;
  const bool told = config.model.condition == Condition::label;  // a target is not read here
  return {*network, told ? with_own_labels(images) : images, binarization.value_or(without_chance),
          seed.value_or(training.seed), Reading::inputs};
}

void Model::Impl::require_images_before_corruption(const char* method) const {
  VAE_CHECK(config.model.condition != Condition::seen ||
                network->corruption().kind != CorruptionKind::none,
            method, ": q(z|x, c) of this model (model.condition seen) reads the image before its ",
            "corruption, which an image that needs to be restored (--corrupt none) does not have: "
            "restore() takes it");
}

ImageSet Model::Impl::with_own_labels(const ImageSet& images) const {
  const auto theirs = images.label_names();
  if (!config.model.has_named_classes() || theirs.empty() || label_names.empty()) return images;
  std::vector<std::optional<uint8_t>> own;
  bool same = true;
  for (std::size_t i = 0; i < theirs.size(); ++i) {
    own.push_back(class_named(theirs[i], i));
    same = same && own.back() == i;
  }
  if (same) return images;
  std::vector<uint8_t> labels;
  for (const uint8_t label : images.labels()) {
    VAE_CHECK(own[label], "the images have the label '", class_name(theirs[label]),
              "', which the model was not trained with");
    labels.push_back(*own[label]);
  }
  ImageSet renamed = images.with_labels(std::move(labels), label_names);
  return config.model.target == Target::boxes ? with_own_boxes(renamed, images, own) : renamed;
}

/// `renamed` with the boxes of `images` as of the classes `own`.
ImageSet Model::Impl::with_own_boxes(const ImageSet& renamed, const ImageSet& images,
                                     std::span<const std::optional<uint8_t>> own) const {
  if (!images.has_boxes()) return renamed;
  std::vector<std::vector<Box>> boxes;
  for (int64_t i = 0; i < images.count(); ++i) {
    boxes.emplace_back(images.boxes(i).begin(), images.boxes(i).end());
    for (Box& box : boxes.back()) {
      VAE_CHECK(box.class_ < own.size() && own[box.class_], "the images have boxes of the class '",
                box.class_ < own.size() ? class_name(images.label_names()[box.class_]) : "?",
                "', which the model was not trained with");
      box.class_ = *own[box.class_];
    }
  }
  return renamed.with_boxes(boxes);
}

/// The class of that name; the one at `likely`, where several have it.
std::optional<uint8_t> Model::Impl::class_named(std::string_view label_name,
                                                std::size_t likely) const {
  const std::string name = class_name(label_name);
  if (likely < label_names.size() && label_names[likely] == name) return likely;
  const auto at = std::find(label_names.begin(), label_names.end(), name);
  if (at == label_names.end()) return std::nullopt;
  return static_cast<uint8_t>(at - label_names.begin());
}

Model::Model(const ModelConfig& config, const Device& device, uint64_t seed)
    : impl_(std::make_shared<Impl>(with_model(config), device, /*training=*/false)) {
  const FloatingPointMode mode;
  const std::vector<double> grey(config.pixels(), 0.5);
  impl_->network->initialize(seed, grey);
}

Model::Model(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
Model::~Model() = default;
Model::Model(Model&&) noexcept = default;
Model& Model::operator=(Model&&) noexcept = default;

Model::Impl& Model::impl() { return const_cast<Impl&>(std::as_const(*this).impl()); }
const Model::Impl& Model::impl() const {
  VAE_CHECK(impl_ != nullptr,
            "this vae::Model was moved from and holds nothing; use the object it ",
            "was moved to, or assign another model to this one");
  return *impl_;
}

namespace {

/// A model with the weights of a file that was found under `path`.
std::shared_ptr<Model::Impl> load_impl(const std::string& path, const std::string& file,
                                       const Checkpoint& checkpoint, const Device& device) {
  auto impl = std::make_shared<Model::Impl>(checkpoint.config(), device, /*training=*/false);
  checkpoint.restore_model(impl->network->parameters());
  impl->label_names = checkpoint.label_names();
  if (checkpoint.training()) impl->trained_mean = checkpoint.training()->data_mean;
  impl->checkpoint = describe_checkpoint(path, file, checkpoint);
  return impl;
}

}  // namespace

Model Model::load(const std::string& path, const Device& device) {
  return with_memory_for("load the model", [&] {
    const std::string file = find_checkpoint(path);
    return Model(
        load_impl(path, file, Checkpoint::read(file, {.advise_import = file == path}), device));
  });
}

Model Model::load_unverified(const std::string& path, const std::optional<Config>& config,
                             const Device& device) {
  return with_memory_for("load the model", [&] {
    return Model(load_impl(path, path, Checkpoint::read_foreign(path, config), device));
  });
}

void Model::save(const std::string& path) const {
  write_checkpoint(path, impl().network->parameters(), impl().config, nullptr, impl().label_names);
}

const ModelConfig& Model::config() const { return impl().config.model; }
const Config& Model::run_config() const { return impl().config; }
const std::vector<std::string>& Model::label_names() const { return impl().label_names; }
const std::optional<CheckpointInfo>& Model::checkpoint() const { return impl().checkpoint; }
int64_t Model::parameter_count() const { return impl().network->parameters().count(); }
std::string Model::device_name() const { return impl().backend->name(); }

Posterior Model::encode(const ImageSet& images, std::optional<Binarization> binarization,
                        std::optional<uint64_t> seed) {
  impl().require_images_before_corruption("encode");
  Network& network = *impl().network;
  ImageReader reader = impl().reader(images, binarization, seed);
  const int64_t latent = config().latent;
  Posterior posterior;
  posterior.mean.shape = posterior.logvar.shape = {images.count(), latent};
  std::vector<float> heads;
  encode_batches(network, images.count(), [&](int64_t first, int64_t rows) {
    heads.clear();
    append(*impl().backend, network.encode(reader.batch(first, rows)), heads);
    for (int64_t row = 0; row < rows; ++row) {
      const auto mu = heads.begin() + row * 2 * latent;
      posterior.mean.values.insert(posterior.mean.values.end(), mu, mu + latent);
      std::transform(mu + latent, mu + 2 * latent, std::back_inserter(posterior.logvar.values),
                     [&](float logvar) { return clamped_logvar(config(), logvar); });
    }
  });
  return posterior;
}

Array Model::in_prior(const Array& codes, const Array& conditions) {
  check_codes(config(), codes, "in_prior");
  check_conditions(config(), conditions, codes.rows(), "in_prior");
  if (config().prior == Prior::standard || config().top_latent > 0) return codes;
  const int64_t latent = config().latent;
  Network& network = *impl().network;
  Array placed = codes;
  decode_batches(network, codes.rows(), [&](int64_t first, int64_t rows) {
    write_conditions(network, conditions, first, rows);
    const ConstView prior = network.prior_heads(rows);
    std::vector<float> heads;
    append(*impl().backend, prior, heads);
    for (int64_t i = 0; i < rows * latent; ++i) {
      const int64_t row = prior.rows() > 1 ? i / latent : 0;
      const float* mean = heads.data() + row * 2 * latent + i % latent;
      const double deviation = exponential(0.5 * clamped_logvar(config(), mean[latent]));
      float& z = placed.values[static_cast<std::size_t>(first * latent + i)];
      z = static_cast<float>(*mean + deviation * z);
    }
  });
  return placed;
}

Array Model::decode(const Array& z, const Array& conditions) {
  refuse_skips(config(), "decode");
  check_codes(config(), z, "decode");
  check_conditions(config(), conditions, z.rows(), "decode");
  Network& network = *impl().network;
  Array out{{z.rows(), config().decoded_size()}, {}};
  out.values.reserve(static_cast<std::size_t>(z.rows() * config().decoded_size()));
  decode_batches(network, z.rows(), [&](int64_t first, int64_t rows) {
    const View latent = network.latent(rows);
    impl().backend->copy_to_device(latent.data, z.row(first), latent.count() * sizeof(float));
    write_conditions(network, conditions, first, rows);
    network.decode(rows);
    append(*impl().backend, network.output_mean(rows), out.values);
  });
  return out;
}

Array Model::reconstruct(const ImageSet& images, std::optional<Binarization> binarization,
                         std::optional<uint64_t> seed) {
  Network& network = *impl().network;
  ImageReader reader = impl().reader(images, binarization, seed);
  Array out{{images.count(), config().decoded_size()}, {}};
  out.values.reserve(static_cast<std::size_t>(images.count() * config().decoded_size()));
  encode_and_decode_batches(network, images.count(), {}, [&](int64_t first, int64_t rows) {
    if (config().condition == Condition::seen) {
      network.load(reader.batch(first, rows));
      network.take_prior_mean(rows);
    } else {
      network.encode(reader.batch(first, rows));
      network.take_posterior_mean(rows);
    }
    network.decode(rows);
    append(*impl().backend, network.output_mean(rows), out.values);
  });
  return out;
}

Array Model::sample(int64_t count, uint64_t seed, int64_t first_draw) {
  return impl().draw(count, {}, seed, first_draw);
}

Array Model::sample(const Array& conditions, uint64_t seed, int64_t first_draw) {
  return impl().draw(conditions.rows(), conditions, seed, first_draw);
}

Array Model::Impl::draw(int64_t count, const Array& conditions, uint64_t seed, int64_t first_draw) {
  constexpr int64_t kDraws = int64_t{1} << 32;  // numbered by 32 bits
  VAE_CHECK(count >= 0 && first_draw >= 0 && first_draw <= kDraws && count <= kDraws - first_draw,
            "sample: ", count, " draws from number ", first_draw,
            " on do not exist; they are numbered 0 to 2^32 - 1");
  refuse_skips(config.model, "sample");
  check_conditions(config.model, conditions, count, "sample");
  Array out{{count, config.model.decoded_size()}, {}};
  out.values.reserve(static_cast<std::size_t>(count * config.model.decoded_size()));
  for_draws(count, conditions, seed, first_draw, [&](int64_t rows) {
    network->decode(rows);
    append(*backend, network->output_mean(rows), out.values);
  });
  return out;
}

void Model::Impl::for_draws(int64_t count, const Array& conditions, uint64_t seed,
                            int64_t first_draw, const std::function<void(int64_t rows)>& take) {
  Arena arena(*backend);
  StepState* state = nullptr;
  arena.request(state);
  arena.allocate("the state");
  decode_batches(*network, count, [&](int64_t first, int64_t rows) {
    StepState position;
    position.first_row = static_cast<uint32_t>(first_draw + first);
    backend->copy_to_device(state, &position, sizeof position);
    write_conditions(*network, conditions, first, rows);
    network->sample_prior(rows, {seed, Stream::prior, state, 0});
    take(rows);
  });
}

Array Model::conditions(std::span<const uint8_t> labels) const {
  const ModelConfig& model = config();
  VAE_CHECK(model.condition == Condition::label, "conditions: the model is not told labels");
  Array one_hot{{static_cast<int64_t>(labels.size()), model.classes}, {}};
  one_hot.values.resize(labels.size() * static_cast<std::size_t>(model.classes));
  for (std::size_t row = 0; row < labels.size(); ++row) {
    VAE_CHECK(labels[row] < model.classes, "conditions: label ", static_cast<int>(labels[row]),
              " at ", row, ", but the model knows the classes 0 to ", model.classes - 1);
    one_hot.values[row * static_cast<std::size_t>(model.classes) + labels[row]] = 1.0f;
  }
  return one_hot;
}

Array Model::conditions(const ImageSet& images) const {
  require_fields(config(), images, "the images", Reading::inputs);
  switch (config().condition) {
    case Condition::none:
      break;
    case Condition::label:
      return conditions(impl().with_own_labels(images).labels());
    case Condition::side:
      return {{images.count(), images.side_size()}, {images.side().begin(), images.side().end()}};
    case Condition::seen:
      return impl().shown(images, {}, {});
  }
  return {};
}

Evaluation Model::evaluate(const ImageSet& images, const EvaluateOptions& options) {
  impl().require_images_before_corruption("evaluate");
  return vae::evaluate(*impl().network, impl().with_own_labels(images), options,
                       impl().config.training);
}

Array Model::inputs(const ImageSet& images, std::optional<Binarization> binarization,
                    std::optional<uint64_t> seed) {
  return impl().shown(images, binarization, seed);
}

Array Model::Impl::shown(const ImageSet& images, std::optional<Binarization> binarization,
                         std::optional<uint64_t> seed) const {
  ImageReader source = reader(images, binarization, seed);
  Array out{{images.count(), config.model.pixels()}, {}};
  out.values.reserve(static_cast<std::size_t>(images.count() * config.model.pixels()));
  encode_batches(*network, images.count(), [&](int64_t first, int64_t rows) {
    network->load(source.batch(first, rows));
    append(*backend, network->shown(rows), out.values);
  });
  return out;
}

Array Model::targets(const ImageSet& images, std::optional<Binarization> binarization,
                     std::optional<uint64_t> seed) {
  VAE_CHECK(!config().has_class_target(), "targets: those of this model are classes (model.target ",
            to_string(config().target), "); ImageSet::labels(), masks() and boxes() have them");
  Network& network = *impl().network;
  ImageReader reader = impl().reader(images, binarization, seed);
  Array out{{images.count(), config().pixels()}, {}};
  encode_batches(network, images.count(), [&](int64_t first, int64_t rows) {
    network.load(reader.batch(first, rows));
    append(*impl().backend, network.clean(rows), out.values);
  });
  return out;
}

bool Model::restores() const { return impl().network->restores(); }

void Model::set_corruption(const Corruption& corruption) {
  Config checked;  // a model that is told what is seen may be shown images as they are
  checked.model.channels = config().channels;
  checked.data.corrupt = corruption;
  validate(checked);
  impl().network->set_corruption(corruption);
}

}  // namespace vae

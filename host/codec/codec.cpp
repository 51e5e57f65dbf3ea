// SPDX-License-Identifier: MIT
#include "vae/codec.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "host/codec/chain.h"
#include "host/codec/mean_slices.h"
#include "host/codec/model_hash.h"
#include "host/codec/vaez_file.h"
#include "host/codec/value_slices.h"
#include "host/io/atomic_file.h"
#include "host/model/model_impl.h"
#include "kernels/check.h"
#include "kernels/floating_point_mode.h"
#include "kernels/math_double.h"
#include "kernels/rules/binarization.h"
#include "kernels/rules/levels.h"

namespace vae {

namespace {

/// Why a model's bound is none on the probability of an image alone; empty where it is one.
std::string other_than_images(const Model::Impl& model) {
  const ModelConfig& config = model.config.model;
  if (config.has_class_target()) {
    return concat("decodes classes (model.target ", to_string(config.target), "), no images");
  }
  if (config.condition != Condition::none) {
    return concat("is told something of each image (model.condition ", to_string(config.condition),
                  "), which the file does not hold");
  }
  if (model.network->restores()) {
    return "was trained to restore images (data.corrupt): it encodes others than it decodes";
  }
  if (config.decodes_with_image()) {
    return "has a decoder that reads layers of the encoder (skip) or frames of the image "
           "(transport), which needs the image itself";
  }
  if (config.top_latent > 0) return "has latents above the latents (model.top_latent)";
  if (config.prior != Prior::standard) {
    return concat("has a prior of its own (model.prior ", to_string(config.prior), ")");
  }
  return {};
}

void require_fp32(const Backend& backend) {
  VAE_CHECK(backend.precision() == Precision::fp32, "compression needs the same numbers on every ",
            "machine, which ", backend.name(), " has in fp32 alone: load the model with ",
            "Precision::fp32 (--precision fp32)");
}

static_assert(Chain::kMostSamples == 1 << kMostSampleBits);

int sample_bits_of(int64_t samples) {
  for (int bits = 0; bits <= kMostSampleBits; ++bits) {
    if (samples == int64_t{1} << bits) return bits;
  }
  fail(ErrorCode::invalid_argument, "compress: ", samples, " samples; take 1, 2, 4, 8 or 16");
}

/// Of the steps of means.
double coarseness_of(double quality) {
  return exponential((75.0 - quality) / 12.5 * logarithm(2.0));
}

/// About what a stack costs (its state and what the first image is not paid back) in 1/1000 of what
/// all images do, as small images with these protocols do, three times: so many stacks at most.
int64_t lanes_for(const VaezHeader& header, int64_t images) {
  const int64_t values_of_lane = header.content == VaezContent::black_and_white ? 330'000 : 40'000;
  return std::clamp<int64_t>(images * header.values() / values_of_lane, 1,
                             header.most_lanes(images));
}

std::string hex(const ModelHash& hash) {
  std::string text;
  for (const uint8_t byte : hash) {
    for (const int digit : {byte >> 4, byte & 15}) text += "0123456789abcdef"[digit];
  }
  return text;
}

bool go_on(const std::function<bool(double)>& progress, double share) {
  return !progress || progress(share);
}

}  // namespace

void require_quality_compression(const Model& model) {
  const Model::Impl& impl = model.impl();
  const std::string reason = other_than_images(impl);
  VAE_CHECK(reason.empty(),
            "compression takes models of images alone, under N(0, I), and this one ", reason,
            "; train one without");
  require_fp32(*impl.backend);
}

Binarization compressed_binarization(const Model& model, std::optional<Binarization> binarization) {
  require_quality_compression(model);
  const Likelihood likelihood = model.config().likelihood;
  const std::optional<Binarization> kept = protocol_of(likelihood);
  VAE_CHECK(kept.has_value(), "compression takes probabilities of pixels, and this model has ",
            "densities (model.likelihood ", to_string(likelihood),
            "): train one with --likelihood ",
            "logistic or beta-binomial and --binarization none, or with a Bernoulli and ",
            "--binarization threshold; or keep means alone, with a quality (--lossy)");
  const Binarization wanted = binarization.value_or(model.run_config().training.binarization);
  VAE_CHECK(wanted == *kept, "a model of likelihood ", to_string(likelihood), " compresses pixels ",
            "with binarization ", to_string(*kept), ", and ",
            binarization ? "what was asked for is " : "it was trained with ", to_string(wanted),
            makes_grey_levels(*kept) ? std::string(": all levels of a pixel are kept")
                                     : concat(": give --binarization ", to_string(*kept),
                                              " to keep black and white alone, or train with it"));
  return *kept;
}

namespace {

void check_images(const ModelConfig& config, const ImageSet& images) {
  VAE_CHECK(images.count() > 0, "compress: there are no images");
  VAE_CHECK(images.height() == config.height && images.width() == config.width &&
                images.channels() == config.channels,
            "compress: the images are ", images.height(), "x", images.width(), "x",
            images.channels(), " (height x width x channels) but the model takes ", config.height,
            "x", config.width, "x", config.channels);
}

VaezContent content_of(Binarization kept) {
  return kept == Binarization::threshold ? VaezContent::black_and_white : VaezContent::levels;
}

VaezHeader header_of(const Model& model, const ImageSet& images, VaezContent content) {
  check_images(model.config(), images);
  VaezHeader header;
  header.content = content;
  header.height = images.height();
  header.width = images.width();
  header.channels = images.channels();
  header.images = images.count();
  header.model = model_hash(*model.impl().network);
  return header;
}

/// A file as far as it is made.
class FileBytes {
 public:
  explicit FileBytes(const VaezHeader& header) { append(encode_vaez_header(header)); }
  void append(const std::vector<std::byte>& bytes) {
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
  }
  int64_t write(const std::string& path) const {
    write_file_atomically(path, bytes_);
    return std::ssize(bytes_);
  }

 private:
  std::vector<std::byte> bytes_;
};

/// Calls body(block, first image, number of images) for each block until that returns false.
template <typename Body>
bool for_blocks(const VaezHeader& header, Body body) {
  for (int64_t block = 0; block < header.blocks(); ++block) {
    const int64_t first = block * header.images_of_block();
    if (!body(block, first, std::min(header.images_of_block(), header.images - first)))
      return false;
  }
  return true;
}

int64_t compress_lossless(Model& model, const ImageSet& images, const std::string& path,
                          const CompressOptions& options) {
  const Binarization kept = compressed_binarization(model, options.binarization);
  VaezHeader header = header_of(model, images, content_of(kept));
  header.sample_bits = sample_bits_of(options.samples);
  const auto all = static_cast<double>(images.count());
  FileBytes file(header);
  const bool done = for_blocks(header, [&](int64_t block, int64_t first, int64_t count) {
    Chain chain(*model.impl().network, lanes_for(header, count), header.sample_bits);
    const auto pixels = images.pixels().subspan(first * header.values(), count * header.values());
    const auto progress = [&](double share) {
      const double images_done = static_cast<double>(first) + share * static_cast<double>(count);
      return go_on(options.progress, images_done / all);
    };
    const std::vector<BitStack> stacks = chain.push(pixels, progress);
    if (!stacks.empty()) file.append(encode_vaez_block(block, stacks));
    return !stacks.empty();
  });
  return done ? file.write(path) : 0;
}

int64_t compress_means(Model& model, const ImageSet& images, const std::string& path,
                       const CompressOptions& options) {
  VAE_CHECK(*options.quality >= 0.0 && *options.quality <= 100.0, "compress: a quality of ",
            *options.quality, "; take 0 to 100");
  VAE_CHECK(options.samples == 1, "compress: ", options.samples,
            " samples, of which a file of means, with a quality, has no use");
  require_quality_compression(model);
  const VaezHeader header = header_of(model, images, VaezContent::means);
  const Posterior posterior = model.encode(images, options.binarization);
  const std::vector<MeanScale> scales = mean_scales(posterior, coarseness_of(*options.quality));
  FileBytes file(header);
  file.append(encode_vaez_scales(scales));
  const auto all = static_cast<double>(images.count());
  const bool done = for_blocks(header, [&](int64_t block, int64_t first, int64_t count) {
    std::vector<int32_t> symbols;
    for (int64_t i = 0; i < count * posterior.mean.row_size(); ++i) {
      const MeanScale& scale = scales[static_cast<std::size_t>(i) % scales.size()];
      symbols.push_back(quantised(posterior.mean.row(first)[i], scale));
    }
    std::vector<BitStack> stacks(1);
    push_means(stacks.front(), scales, symbols);
    file.append(encode_vaez_block(block, stacks));
    return go_on(options.progress, static_cast<double>(first + count) / all);
  });
  return done ? file.write(path) : 0;
}

/// Whether a file with this header can be of this model, as far as its name and its sizes say.
bool is_of(const VaezHeader& header, const ModelConfig& config, const ModelHash& name) {
  const std::optional<Binarization> kept = protocol_of(config.likelihood);
  const bool has_content =
      header.content == VaezContent::means || (kept && header.content == content_of(*kept));
  return has_content && header.model == name && header.height == config.height &&
         header.width == config.width && header.channels == config.channels;
}

}  // namespace

int64_t compress(Model& model, const ImageSet& images, const std::string& path,
                 const CompressOptions& options) {
  const FloatingPointMode mode;
  return options.quality ? compress_means(model, images, path, options)
                         : compress_lossless(model, images, path, options);
}

struct CompressedImages::Impl {
  Model& model;
  VaezReader file;
  std::vector<MeanScale> scales = {};  // where the file holds means

  std::vector<uint8_t> pop_images(std::vector<BitStack>& stacks, int64_t images,
                                  const std::function<bool(double)>& progress);
  std::vector<uint8_t> decode_means(std::vector<BitStack>& stacks, int64_t images);
};

CompressedImages::CompressedImages(Model& model, const std::string& path)
    : impl_(new Impl{model, VaezReader(path)}) {
  const VaezHeader& header = impl_->file.header();
  const ModelHash own = model_hash(*model.impl().network);
  const ModelConfig& config = model.config();
  if (!is_of(header, config, own)) {
    fail(ErrorCode::corrupt, path, ": it was compressed with another model, ", hex(header.model),
         ", of ", header.height, "x", header.width, "x", header.channels,
         " values an image; this one is ", hex(own), ", of ", config.height, "x", config.width, "x",
         config.channels, ": name the run or checkpoint that it was made with");
  }
  require_quality_compression(model);
  if (header.content == VaezContent::means) {
    impl_->scales = impl_->file.read_scales(config.latent);
  }
}

CompressedImages::~CompressedImages() = default;

int64_t CompressedImages::count() const { return impl_->file.header().images; }

std::optional<Binarization> CompressedImages::binarization() const {
  switch (impl_->file.header().content) {
    case VaezContent::black_and_white:
      return Binarization::threshold;
    case VaezContent::levels:
      return Binarization::none;
    case VaezContent::means:
      break;
  }
  return std::nullopt;
}

ImageSet CompressedImages::next(const std::function<bool(double)>& progress) {
  const FloatingPointMode mode;
  VaezReader& file = impl_->file;
  const int64_t images = file.next_images();
  if (images <= 0) return {};
  std::vector<BitStack> stacks = file.read_block();
  std::vector<uint8_t> pixels = impl_->scales.empty() ? impl_->pop_images(stacks, images, progress)
                                                      : impl_->decode_means(stacks, images);
  if (pixels.empty() || !go_on(progress, 1.0)) return {};
  const VaezHeader& header = file.header();
  return ImageSet(header.height, header.width, header.channels, std::move(pixels)).as(Split::test);
}

std::vector<uint8_t> CompressedImages::Impl::pop_images(
    std::vector<BitStack>& stacks, int64_t images, const std::function<bool(double)>& progress) {
  Chain chain(*model.impl().network, std::ssize(stacks), file.header().sample_bits);
  return chain.pop(stacks, images, file.path(),
                   [&](double share) { return go_on(progress, share); });
}

std::vector<uint8_t> CompressedImages::Impl::decode_means(std::vector<BitStack>& stacks,
                                                          int64_t images) {
  std::vector<int32_t> symbols(static_cast<std::size_t>(images) * scales.size());
  pop_means(stacks.front(), scales, symbols);
  if (stacks.size() != 1 || !stacks.front().is_at_bottom()) Chain::fail_unlike(file.path());
  constexpr int64_t kAtOnce = 512;  // means of all pixels of a block take four times its memory
  const int64_t latents = std::ssize(scales);
  std::vector<uint8_t> pixels;
  for (int64_t first = 0; first < images; first += kAtOnce) {
    Array codes{{std::min(kAtOnce, images - first), latents}, {}};
    for (int64_t i = first * latents; i < (first + codes.rows()) * latents; ++i) {
      const float step = scales[static_cast<std::size_t>(i % latents)].step;
      codes.values.push_back(static_cast<float>(symbols[static_cast<std::size_t>(i)]) * step);
    }
    const Array means = model.decode(codes);
    for (const float mean : means.values) {
      pixels.push_back(static_cast<uint8_t>(level_of(number_or_zero(mean))));
    }
  }
  return pixels;
}

ImageSet decompress(Model& model, const std::string& path) {
  CompressedImages file(model, path);
  return with_memory_for("decompress the images", [&] {
    ImageSet part = file.next();
    if (part.count() == file.count()) return part;
    std::vector<uint8_t> pixels;
    for (; part.count() > 0; part = file.next()) {
      pixels.insert(pixels.end(), part.pixels().begin(), part.pixels().end());
    }
    const ModelConfig& config = model.config();
    return ImageSet(config.height, config.width, config.channels, std::move(pixels))
        .as(Split::test);
  });
}

}  // namespace vae

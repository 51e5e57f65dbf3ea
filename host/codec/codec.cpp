// SPDX-License-Identifier: MIT
#include "vae/codec.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "host/codec/chain.h"
#include "host/codec/model_hash.h"
#include "host/codec/vaez_file.h"
#include "host/codec/value_slices.h"
#include "host/io/atomic_file.h"
#include "host/model/model_impl.h"
#include "kernels/check.h"
#include "kernels/floating_point_mode.h"
#include "kernels/rules/binarization.h"

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
  if (config.has_skips()) {
    return "has a decoder that reads layers of the encoder (skip), which needs the image itself";
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

/// About what a stack costs (its state and what the first image is not paid back) in 1/1000 of what
/// all images do, as small images with these protocols do, three times: so many stacks at most.
int64_t lanes_for(const VaezHeader& header, int64_t images) {
  constexpr int64_t kMost = 64;
  const int64_t values_of_lane = header.protocol == Binarization::threshold ? 330'000 : 40'000;
  return std::clamp<int64_t>(images * header.values() / values_of_lane, 1, std::min(kMost, images));
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

Binarization compressed_binarization(const Model& model, std::optional<Binarization> binarization) {
  const Model::Impl& impl = model.impl();
  const std::string reason = other_than_images(impl);
  VAE_CHECK(reason.empty(),
            "compression takes models of images alone, under N(0, I), and this one ", reason,
            "; train one without");
  const Likelihood likelihood = impl.config.model.likelihood;
  const std::optional<Binarization> kept = protocol_of(likelihood);
  VAE_CHECK(kept.has_value(), "compression takes probabilities of pixels, and this model has ",
            "densities (model.likelihood ", to_string(likelihood),
            "): train one with --likelihood ",
            "logistic or beta-binomial and --binarization none, or with a Bernoulli and ",
            "--binarization threshold");
  const Binarization wanted = binarization.value_or(impl.config.training.binarization);
  VAE_CHECK(wanted == *kept, "a model of likelihood ", to_string(likelihood), " compresses pixels ",
            "with binarization ", to_string(*kept), ", and ",
            binarization ? "what was asked for is " : "it was trained with ", to_string(wanted),
            makes_grey_levels(*kept) ? std::string(": all levels of a pixel are kept")
                                     : concat(": give --binarization ", to_string(*kept),
                                              " to keep black and white alone, or train with it"));
  require_fp32(*impl.backend);
  return *kept;
}

int64_t compress(Model& model, const ImageSet& images, const std::string& path,
                 const CompressOptions& options) {
  VaezHeader header;
  header.protocol = compressed_binarization(model, options.binarization);
  const ModelConfig& config = model.config();
  VAE_CHECK(images.count() > 0, "compress: there are no images");
  VAE_CHECK(images.height() == config.height && images.width() == config.width &&
                images.channels() == config.channels,
            "compress: the images are ", images.height(), "x", images.width(), "x",
            images.channels(), " (height x width x channels) but the model takes ", config.height,
            "x", config.width, "x", config.channels);
  const FloatingPointMode mode;
  Network& network = *model.impl().network;
  header.height = images.height();
  header.width = images.width();
  header.channels = images.channels();
  header.images = images.count();
  header.model = model_hash(network);
  std::vector<std::byte> file = encode_vaez_header(header);
  for (int64_t block = 0; block < header.blocks(); ++block) {
    const int64_t first = block * header.images_of_block();
    const int64_t count = std::min(header.images_of_block(), images.count() - first);
    Chain chain(network, lanes_for(header, count));
    const auto pixels = images.pixels().subspan(first * header.values(), count * header.values());
    const std::vector<BitStack> stacks = chain.push(pixels, [&](double share) {
      return go_on(options.progress,
                   (static_cast<double>(first) + share * static_cast<double>(count)) /
                       static_cast<double>(images.count()));
    });
    if (stacks.empty()) return 0;
    const std::vector<std::byte> bytes = encode_vaez_block(block, stacks);
    file.insert(file.end(), bytes.begin(), bytes.end());
  }
  write_file_atomically(path, file);
  return std::ssize(file);
}

struct CompressedImages::Impl {
  Model& model;
  VaezReader file;
};

CompressedImages::CompressedImages(Model& model, const std::string& path) {
  const std::optional<Binarization> kept = protocol_of(model.config().likelihood);
  compressed_binarization(model, kept);
  impl_ = std::unique_ptr<Impl>(new Impl{model, VaezReader(path)});
  const VaezHeader& header = impl_->file.header();
  const ModelHash own = model_hash(*model.impl().network);
  const ModelConfig& config = model.config();
  if (header.model == own && header.protocol == *kept && header.height == config.height &&
      header.width == config.width && header.channels == config.channels) {
    return;
  }
  fail(ErrorCode::corrupt, path, ": it was compressed with another model, ", hex(header.model),
       ", of ", header.height, "x", header.width, "x", header.channels,
       " values an image; this one is ", hex(own), ", of ", config.height, "x", config.width, "x",
       config.channels, ": name the run or checkpoint that it was made with");
}

CompressedImages::~CompressedImages() = default;

int64_t CompressedImages::count() const { return impl_->file.header().images; }
Binarization CompressedImages::binarization() const { return impl_->file.header().protocol; }

ImageSet CompressedImages::next(const std::function<bool(double)>& progress) {
  const FloatingPointMode mode;
  VaezReader& file = impl_->file;
  const int64_t images = file.next_images();
  if (images <= 0) return {};
  std::vector<BitStack> stacks = file.read_block();
  Chain chain(*impl_->model.impl().network, std::ssize(stacks));
  std::vector<uint8_t> pixels =
      chain.pop(stacks, images, file.path(), [&](double share) { return go_on(progress, share); });
  if (pixels.empty()) return {};
  const VaezHeader& header = file.header();
  return ImageSet(header.height, header.width, header.channels, std::move(pixels)).as(Split::test);
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

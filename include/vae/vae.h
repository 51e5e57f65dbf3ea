// SPDX-License-Identifier: MIT
//
// Everything the library offers.

/// \mainpage
/// Variational autoencoders: train, evaluate and use them, on the CPU or an NVIDIA card.
///
///     #include <vae/vae.h>
///
///     vae::Dataset data = vae::Dataset::load("mnist");
///     vae::Model model = vae::train(vae::preset("mlp-400-20"), data);
///     vae::save_png("digits.png", vae::make_grid(vae::to_images(model.sample(64), 28, 28, 1)));
///
/// - Data: vae::ImageSet, vae::Dataset; one's own from memory or files.
/// - Training: vae::Config, vae::Layer, vae::Trainer, vae::TrainOptions, vae::train().
/// - Using a model: vae::Model, vae::Posterior, vae::Evaluation; codes with vae/latent.h.
/// - Pictures and arrays: vae::Image, vae::Array, vae::save_png(), vae::save_npy(); a page that
///   decodes, vae::write_explorer().
/// - Machines: vae::Device, vae::list_devices(), vae::diagnose().
///
/// Errors are vae::Error with a code. The library never prints, exits or installs a signal handler;
/// vae::LogCallback receives what it has to say. X stands for the pixel values of an image (height
/// x width x channels), Z for the latent dimensions, n for a number of images; arrays are
/// row-major. Names in brackets such as [AEVB] are papers, listed in docs/design.md. The folder
/// examples/ holds whole programs.

/// \namespace vae
/// All of the library.
#pragma once

#include "vae/require_cxx20.h"

#include "vae/anomaly.h"
#include "vae/array.h"
#include "vae/bench.h"
#include "vae/codec.h"
#include "vae/config.h"
#include "vae/dataset.h"
#include "vae/detection.h"
#include "vae/device.h"
#include "vae/diagnosis.h"
#include "vae/doubts.h"
#include "vae/error.h"
#include "vae/explorer.h"
#include "vae/image.h"
#include "vae/label_spreading.h"
#include "vae/latent.h"
#include "vae/latent_map.h"
#include "vae/layers.h"
#include "vae/log.h"
#include "vae/model.h"
#include "vae/overlays.h"
#include "vae/prediction.h"
#include "vae/printable.h"
#include "vae/reconstructions.h"
#include "vae/report.h"
#include "vae/restoration.h"
#include "vae/roc.h"
#include "vae/trainer.h"
#include "vae/version.h"
#include "vae/volumes.h"

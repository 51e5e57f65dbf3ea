// SPDX-License-Identifier: MIT
#pragma once

#include <memory>

#include "host/cli/command.h"

namespace vae::cli {

std::unique_ptr<Verb> make_train();
std::unique_ptr<Verb> make_eval();
std::unique_ptr<Verb> make_sample();
std::unique_ptr<Verb> make_reconstruct();
std::unique_ptr<Verb> make_interpolate();
std::unique_ptr<Verb> make_traverse();
std::unique_ptr<Verb> make_manifold();
std::unique_ptr<Verb> make_encode();
std::unique_ptr<Verb> make_decode();
std::unique_ptr<Verb> make_bench();
std::unique_ptr<Verb> make_inspect();
std::unique_ptr<Verb> make_import();
std::unique_ptr<Verb> make_devices();
std::unique_ptr<Verb> make_doctor();

}  // namespace vae::cli

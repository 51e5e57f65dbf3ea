// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "host/cli/command.h"

namespace vae::cli {

/// A verb of the program with the table of its options: what the command line is parsed with, and
/// what help, completion and manual are made of.
struct VerbEntry {
  std::string name;
  std::string summary;
  std::unique_ptr<Verb> verb;
  Command command;
};

/// Every verb, in the order of the help.
std::vector<VerbEntry> all_verbs();

/// The verb of this name; throws Error(invalid_argument) with the closest one.
const VerbEntry& find_verb(const std::vector<VerbEntry>& verbs, const std::string& name);

std::unique_ptr<Verb> make_train();
std::unique_ptr<Verb> make_eval();
std::unique_ptr<Verb> make_sample();
std::unique_ptr<Verb> make_reconstruct();
std::unique_ptr<Verb> make_restore();
std::unique_ptr<Verb> make_predict();
std::unique_ptr<Verb> make_interpolate();
std::unique_ptr<Verb> make_traverse();
std::unique_ptr<Verb> make_manifold();
std::unique_ptr<Verb> make_map();
std::unique_ptr<Verb> make_explore();
std::unique_ptr<Verb> make_classify();
std::unique_ptr<Verb> make_segment();
std::unique_ptr<Verb> make_detect();
std::unique_ptr<Verb> make_score();
std::unique_ptr<Verb> make_encode();
std::unique_ptr<Verb> make_compress();
std::unique_ptr<Verb> make_decompress();
std::unique_ptr<Verb> make_compare();
std::unique_ptr<Verb> make_decode();
std::unique_ptr<Verb> make_bench();
std::unique_ptr<Verb> make_inspect();
std::unique_ptr<Verb> make_import();
std::unique_ptr<Verb> make_devices();
std::unique_ptr<Verb> make_doctor();
std::unique_ptr<Verb> make_help();
std::unique_ptr<Verb> make_completion();
std::unique_ptr<Verb> make_manual();

}  // namespace vae::cli

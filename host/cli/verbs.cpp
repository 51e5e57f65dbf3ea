// SPDX-License-Identifier: MIT
#include "host/cli/verbs.h"

#include <fmt/format.h>

#include <utility>

#include "host/cli/terminal.h"
#include "host/text/suggest.h"
#include "vae/error.h"

namespace vae::cli {

std::vector<VerbEntry> all_verbs() {
  std::vector<VerbEntry> verbs;
  const auto add = [&verbs](std::string name, std::string summary, std::unique_ptr<Verb> verb) {
    VerbEntry& entry =
        verbs.emplace_back(VerbEntry{std::move(name), std::move(summary), std::move(verb), {}});
    entry.verb->declare(entry.command);
    entry.command.group("General");
    entry.command.argument(help_argument());
  };
  add("train", "train a model on a data set, into a run folder", make_train());
  add("eval", "bounds and latent statistics of a model on a data set", make_eval());
  add("sample", "pictures drawn from the prior", make_sample());
  add("reconstruct", "images above their reconstructions", make_reconstruct());
  add("segment", "the class of each pixel of images", make_segment());
  add("restore", "noise taken off images, or what is hidden of them found", make_restore());
  add("predict", "the next frames of clips", make_predict());
  add("interpolate", "the path between two images in latent space", make_interpolate());
  add("traverse", "what each latent dimension changes", make_traverse());
  add("manifold", "the plane of a 2-dimensional latent as pictures", make_manifold());
  add("map", "the latent space as dots coloured by label", make_map());
  add("explore", "a page in which one moves about in the latent space", make_explore());
  add("classify", "classes of images from a few known labels", make_classify());
  add("detect", "boxes around what is in images, with class and score", make_detect());
  add("score", "how odd images are to a model, as a distance and a p-value", make_score());
  add("encode", "images to latents (.npy)", make_encode());
  add("decode", "latents (.npy) to pictures or pixels", make_decode());
  add("compress", "images to a file about as small as the model's bound says", make_compress());
  add("decompress", "the images of such a file", make_decompress());
  add("compare", "one page about several runs", make_compare());
  add("bench", "measure training speed", make_bench());
  add("inspect", "what a checkpoint, run folder or data file holds", make_inspect());
  add("import", "take over a checkpoint that another program saved", make_import());
  add("devices", "list the devices of this machine", make_devices());
  add("doctor", "what this machine and this build can do, and advice", make_doctor());
  add("help", "explain a verb", make_help());
  add("completion", "teach a shell to complete verbs and options", make_completion());
  add("manual", "the pages for man(1)", make_manual());
  return verbs;
}

const VerbEntry& find_verb(const std::vector<VerbEntry>& verbs, const std::string& name) {
  std::vector<std::string> names;
  for (const VerbEntry& entry : verbs) {
    if (entry.name == name) return entry;
    names.push_back(entry.name);
  }
  throw Error(ErrorCode::invalid_argument,
              fmt::format("there is no verb '{}'{} (`{} --help` lists all)", name.substr(0, 80),
                          did_you_mean(name, names), program_name()));
}

}  // namespace vae::cli

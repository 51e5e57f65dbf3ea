// SPDX-License-Identifier: MIT
//
// Classes of many images from the labels of a few: labels spread from code to code of a model that
// was trained without any.
//
//     few_labels RUN DATA KNOWN     RUN: a run folder; DATA: as `vae train --data` takes it, with
//                                   labels; KNOWN: how many of them are used
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>
#include <vector>

#include <vae/vae.h>

namespace {

int classify(const std::string& run, const std::string& where, int64_t known) {
  vae::Model model = vae::Model::load(run);
  const vae::ImageSet images = vae::Dataset::load(where).test;
  const vae::LabelSpreading graph(model.encode(images).mean);  // finds each code's neighbours

  std::vector<int> labels(images.count(), -1);
  for (const int64_t image : vae::balanced_choice(images.labels(), known, /*seed=*/1)) {
    labels[image] = images.labels()[image];
  }
  const vae::SpreadLabels found = graph.spread(labels);

  int64_t asked = 0, right = 0;
  for (int64_t i = 0; i < images.count(); ++i) {
    if (labels[i] >= 0) continue;
    ++asked;
    right += found.classes[i] == images.labels()[i] ? 1 : 0;
  }
  std::printf("%ld labels known, %ld of %ld others found\n", static_cast<long>(known),
              static_cast<long>(right), static_cast<long>(asked));
  return EXIT_SUCCESS;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: few_labels RUN DATA KNOWN\n");
    return 2;
  }
  try {
    return classify(argv[1], argv[2], std::atoll(argv[3]));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "few_labels: %s\n", error.what());
    return EXIT_FAILURE;
  }
}

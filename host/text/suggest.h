// SPDX-License-Identifier: MIT
//
// "Did you mean": the known word closest to a mistyped one. Standard C++ only, so that both the
// configuration and the program use the same one.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace vae {

/// Insertions, deletions, substitutions and swaps of neighbours that turn a into b.
/// Optimal string alignment; three rows of the table are enough.
inline std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1), above(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) above[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t substitution = above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, substitution});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
    std::swap(before, above);
    std::swap(above, row);
  }
  return above[b.size()];
}

/// The closest of `candidates`, or "" when none is close enough to be a slip of the hand.
template <typename Candidates>
std::string closest_word(std::string_view word, const Candidates& candidates) {
  word = word.substr(0, 64);  // the table is quadratic and the word comes from outside
  std::string best;
  std::size_t best_distance = std::max<std::size_t>(1, word.size() / 3) + 1;
  for (const auto& candidate : candidates) {
    const std::size_t distance = edit_distance(word, candidate);
    if (distance < best_distance && distance < word.size()) {
      best_distance = distance;
      best = candidate;
    }
  }
  if (!best.empty() || word.size() < 3) return best;
  for (const auto& candidate : candidates) {  // an abbreviation: "recon", "batch"
    if (std::string_view(candidate).substr(0, word.size()) == word) return std::string(candidate);
  }
  return {};
}

/// "; did you mean 'X'?" or "".
template <typename Candidates>
std::string did_you_mean(std::string_view word, const Candidates& candidates) {
  const std::string best = closest_word(word, candidates);
  return best.empty() ? best : "; did you mean '" + best + "'?";
}

}  // namespace vae

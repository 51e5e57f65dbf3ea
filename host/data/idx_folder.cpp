// SPDX-License-Identifier: MIT
//
// A data set is up to four IDX files, named like MNIST's, in any case of letters:
//   [prefix-](train|t10k|test)-(images|labels)[-.]idxR-TYPE[.gz]      R, TYPE: the file knows
//   better
#include "host/data/idx_folder.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <string_view>
#include <vector>

#include "host/data/file_names.h"
#include "host/io/ascii.h"
#include "host/io/folder.h"
#include "host/text/shell_quote.h"
#include "host/text/suggest.h"
#include "kernels/check.h"

namespace vae {
namespace {

namespace fs = std::filesystem;

template <typename Words>
bool begins_with_any(std::string_view text, const Words& words) {
  return std::any_of(words.begin(), words.end(),
                     [&](std::string_view word) { return text.starts_with(word); });
}

template <typename Words>
bool ends_with_any(std::string_view text, const Words& words) {
  return std::any_of(words.begin(), words.end(),
                     [&](std::string_view word) { return text.ends_with(word); });
}

using Words = std::vector<std::string_view>;

bool consume_suffix(std::string_view& text, std::string_view suffix) {
  if (!text.ends_with(suffix)) return false;
  text.remove_suffix(suffix.size());
  return true;
}

/// A file of a data set by its name.
struct Candidate {
  std::string path;
  std::string prefix;  // with its dash: "emnist-letters-"
  DataPart part = kTrainImages;
  char separator = '-';     // before "idx"
  bool named_test = false;  // "test" where MNIST says "t10k"
  bool compressed = false;

  bool is_test() const { return part == kTestImages || part == kTestLabels; }
  std::string name() const { return fs::path(path).filename().string(); }
};

/// "-idx3-ubyte" or ".idx3-ubyte"; QMNIST has "-idx2-int". Returns the separator, 0 for none.
char consume_type(std::string_view& text) {
  const size_t dash = text.rfind('-');
  if (dash == std::string_view::npos || dash < 5) return 0;
  const std::string_view type = text.substr(dash + 1);
  const Words types = {"ubyte", "byte", "short", "int", "float", "double"};
  if (std::find(types.begin(), types.end(), type) == types.end()) return 0;
  const std::string_view rank = text.substr(dash - 5, 5);
  if ((rank[0] != '-' && rank[0] != '.') || rank.substr(1, 3) != "idx") return 0;
  if (rank[4] < '1' || rank[4] > '9') return 0;
  text.remove_suffix(text.size() - dash + 5);
  return rank[0];
}

/// What file managers call a second copy; its name would pass for a prefix.
bool is_copy(std::string_view lowered) {
  const Words words = {"copy of ", "copy (", "kopie von ", "copie de ", "copia de ", "copia di "};
  return begins_with_any(lowered, words);
}

std::optional<Candidate> parse_name(const std::string& name) {
  const std::string lowered = lower_case(name);
  if (is_copy(lowered)) return std::nullopt;
  std::string_view text = lowered;
  Candidate file;
  file.compressed = consume_suffix(text, ".gz");
  file.separator = consume_type(text);
  if (file.separator == 0) return std::nullopt;
  const bool labels = consume_suffix(text, "-labels");
  if (!labels && !consume_suffix(text, "-images")) return std::nullopt;
  const bool train = consume_suffix(text, "train");
  file.named_test = !train && consume_suffix(text, "test");
  if (!train && !file.named_test && !consume_suffix(text, "t10k")) return std::nullopt;
  file.part = static_cast<DataPart>((train ? 0 : 2) + (labels ? 1 : 0));
  file.prefix = name.substr(0, text.size());
  return file;
}

using Candidates = std::vector<Candidate>;

/// What a folder holds, as far as messages and data sets need it.
struct FolderContent {
  std::map<std::string, Candidates> sets;                                   // by prefix
  std::vector<std::string> arrays, foreign, archives, unfinished, folders;  // names, sorted
};

void sort_in(const std::string& folder, const std::string& name, FolderContent& content) {
  const std::string lowered = lower_case(name);
  if (is_unfinished_download(name)) content.unfinished.push_back(name);
  if (is_litter(name)) return;
  if (std::optional<Candidate> file = parse_name(name)) {
    file->path = (fs::path(folder) / name).string();
    content.sets[file->prefix].push_back(*file);
  } else if (ends_with_any(lowered, Words{".npy", ".npz"})) {
    content.arrays.push_back(name);
  } else if (ends_with_any(lowered, Words{".pt", ".pth", ".pkl", ".mat", ".csv", ".parquet", ".h5",
                                          ".hdf5"})) {
    content.foreign.push_back(name);
  } else if (ends_with_any(lowered, Words{".zip", ".tar", ".tgz", ".tar.gz", ".7z", ".rar"})) {
    content.archives.push_back(name);
  }
}

FolderContent list_folder(const std::string& folder) {
  std::vector<std::string> names;
  FolderContent content;
  for (const std::string& name : names_in_folder(folder)) {
    std::error_code ignored;
    const fs::path path = fs::path(folder) / name;
    if (fs::is_regular_file(path, ignored)) names.push_back(name);
    if (fs::is_directory(path, ignored) && !is_litter(name)) content.folders.push_back(name);
  }
  std::sort(names.begin(), names.end());
  std::sort(content.folders.begin(), content.folders.end());
  for (const std::string& name : names) sort_in(folder, name, content);
  return content;
}

void say(const LogCallback& warn, const std::string& text) {
  if (warn) warn(LogLevel::warning, text);
}

const Candidate* find(const Candidates& files, DataPart part) {
  const auto found = std::find_if(files.begin(), files.end(),
                                  [&](const Candidate& file) { return file.part == part; });
  return found == files.end() ? nullptr : &*found;
}

/// Keeps the files for which `keep` holds. Returns the names of the others.
template <typename Keep>
std::string drop_others(Candidates& files, const Keep& keep) {
  std::string dropped;
  for (const Candidate& file : files) {
    if (!keep(file)) dropped += (dropped.empty() ? "" : ", ") + file.name();
  }
  std::erase_if(files, [&](const Candidate& file) { return !keep(file); });
  return dropped;
}

/// Whether some part is there twice, once with `key` true and once false.
template <typename Key>
bool conflict(const Candidates& files, const Key& key) {
  return std::any_of(files.begin(), files.end(), [&](const Candidate& one) {
    return key(one) && std::any_of(files.begin(), files.end(), [&](const Candidate& other) {
             return other.part == one.part && !key(other);
           });
  });
}

/// Of two spellings, train-images-idx3-ubyte and train-images.idx3-ubyte, the more complete one:
/// images of one and labels of the other need not belong together.
void choose_spelling(Candidates& files, const LogCallback& warn) {
  const auto dotted = [](const Candidate& file) { return file.separator == '.'; };
  if (!conflict(files, dotted)) return;
  const auto completeness = [&](bool dot) {
    int count = 0;
    for (const int part : {kTrainImages, kTrainLabels, kTestImages, kTestLabels}) {
      const bool there = std::any_of(files.begin(), files.end(), [&](const Candidate& file) {
        return file.part == part && dotted(file) == dot;
      });
      // Both sets of images weigh more than any labels.
      count += there ? (part == kTrainImages || part == kTestImages ? 4 : 1) : 0;
    }
    return count;
  };
  const bool dot = completeness(true) > completeness(false);
  const std::string dropped =
      drop_others(files, [&](const auto& file) { return dotted(file) == dot; });
  say(warn, concat("the folder holds two spellings of the same names; taken are those with a ",
                   dot ? "dot" : "dash", " (such as ", files.front().name(), "), not read are ",
                   dropped));
}

/// Of "t10k" and "test" the first one, MNIST's own.
void choose_test_set(Candidates& files, const LogCallback& warn) {
  const auto named_test = [](const Candidate& file) { return file.named_test; };
  if (!conflict(files, named_test)) return;
  const std::string dropped = drop_others(
      files, [&](const Candidate& file) { return !file.is_test() || !file.named_test; });
  const Candidate* taken = find(files, kTestImages);
  say(warn, concat("the folder holds two test sets; taken is ",
                   taken != nullptr ? taken->name() : files.front().name(), ", not read is ",
                   dropped, "; to use that one, move the other away"));
}

DataFiles choose_files(Candidates files, const LogCallback& warn) {
  choose_spelling(files, warn);
  choose_test_set(files, warn);
  std::stable_sort(files.begin(), files.end(), [](const Candidate& a, const Candidate& b) {
    return a.compressed < b.compressed;  // of a file and its .gz the plain one is taken
  });
  DataFiles chosen;
  for (const int part : {kTrainImages, kTrainLabels, kTestImages, kTestLabels}) {
    const Candidate* file = find(files, static_cast<DataPart>(part));
    if (file != nullptr) chosen[static_cast<size_t>(part)] = file->path;
  }
  return chosen;
}

/// A folder at most three below that holds training images, or "". Archives and torchvision
/// (MNIST/raw) put them there. `budget` bounds the folders that are listed.
std::string data_set_below(const std::string& folder, const FolderContent& content, int& budget,
                           int depth = 3) {
  for (const std::string& name : content.folders) {
    if (--budget < 0) return {};
    const std::string inner = (fs::path(folder) / name).string();
    try {
      const FolderContent below = list_folder(inner);
      for (const auto& [prefix, files] : below.sets) {
        if (find(files, kTrainImages) != nullptr) return inner;
      }
      if (depth == 1) continue;
      std::string found = data_set_below(inner, below, budget, depth - 1);
      if (!found.empty()) return found;
    } catch (const Error&) {  // a folder that cannot be read is none to advise
    }
  }
  return {};
}

std::string few(const std::vector<std::string>& names) {
  std::string text = names.front();
  if (names.size() > 1) text += ", " + names[1];
  return names.size() > 2 ? concat(text, " and ", names.size() - 2, " more") : text;
}

/// What a folder holds instead of a data set, and what to do. Empty where there is nothing to say.
std::string what_else(const std::string& folder, const FolderContent& content) {
  std::string text;
  if (!content.unfinished.empty()) {
    text += concat("; ", few(content.unfinished), ": an unfinished download, fetch it again");
  }
  if (!content.archives.empty()) text += concat("; unpack ", few(content.archives), " first");
  if (!content.arrays.empty()) {
    text += concat("; name the array file itself: ",
                   shell_quoted_path((fs::path(folder) / content.arrays.front()).string()));
  }
  if (!content.foreign.empty()) {
    text += concat("; ", few(content.foreign),
                   " is not read, docs/data.md has the line of Python that makes it .npz");
  }
  int budget = 200;
  if (const std::string below = data_set_below(folder, content, budget); !below.empty()) {
    text += concat("; but the folder ", shell_quoted_path(below), " holds one, name that");
  }
  return text;
}

[[noreturn]] void fail_choice(const std::string& folder, const FolderContent& content) {
  std::string list;
  for (const auto& [prefix, files] : content.sets) {
    std::string_view plain = prefix;
    consume_suffix(plain, "-");
    list += list.empty() ? "" : ", ";
    list += shell_quoted_path((fs::path(folder) / (plain.empty() ? "train" : plain)).string());
  }
  fail(ErrorCode::invalid_argument, folder, ": this folder holds ", content.sets.size(),
       " data sets; name one of them: ", list);
}

[[noreturn]] void fail_missing(const std::string& folder, const std::string& prefix,
                               const FolderContent& content) {
  const std::string what =
      prefix.empty() ? concat(folder, ": no data set")
                     : concat("there is no folder ", (fs::path(folder) / prefix).string(),
                              " and no data set with the prefix '", prefix, "' in ", folder,
                              did_you_mean(prefix, std::vector<std::string>{"mnist"}));
  fail(ErrorCode::io, what,
       "; expected PNG or JPEG files, CIFAR's binary files, or IDX files named like "
       "train-images-idx3-ubyte.gz and t10k-images-idx3-ubyte.gz (or test-images-...)",
       prefix.empty() ? what_else(folder, content) : "");
}

/// The files of the one data set, or of the one whose prefix is given.
const Candidates& select_set(const std::string& folder, const std::string& prefix,
                             const FolderContent& content) {
  const auto& sets = content.sets;
  if (!prefix.empty()) {
    auto found = sets.find(prefix + "-");
    if (found == sets.end()) found = sets.find(prefix);
    // "train" and its like choose the files without a prefix.
    if (found == sets.end() && prefix == "train") found = sets.find("");
    if (found != sets.end()) return found->second;
    if (sets.size() > 1) fail_choice(folder, content);
  } else if (sets.size() > 1) {
    fail_choice(folder, content);
  } else if (sets.size() == 1) {
    return sets.begin()->second;
  }
  fail_missing(folder, prefix, content);
}

}  // namespace

bool holds_idx_files(const std::string& folder) { return !list_folder(folder).sets.empty(); }

bool is_part_of_data_set(const std::string& path) {
  const fs::path parent = fs::path(path).parent_path();
  const auto file = parse_name(fs::path(path).filename().string());
  if (!file) return false;
  const FolderContent content = list_folder(parent.empty() ? "." : parent.string());
  const auto set = content.sets.find(file->prefix);
  return set != content.sets.end() && find(set->second, kTrainImages) != nullptr &&
         find(set->second, kTestImages) != nullptr;
}

DataFiles find_data_files(const std::string& folder, const std::string& prefix,
                          const LogCallback& warn) {
  const FolderContent content = list_folder(folder);
  const DataFiles files = choose_files(select_set(folder, prefix, content), warn);
  for (const DataPart part : {kTrainImages, kTestImages}) {
    if (!files[part].empty()) continue;
    fail(ErrorCode::io, folder, ": the ", part == kTrainImages ? "training" : "test",
         " images are missing; expected a file named ",
         part == kTrainImages ? "train-images-idx3-ubyte.gz"
                              : "t10k-images-idx3-ubyte.gz or test-images-idx3-ubyte.gz",
         " (with the prefix of the others, gzipped or not)",
         content.unfinished.empty()
             ? ""
             : concat("; ", few(content.unfinished), ": an unfinished download, fetch it again"));
  }
  return files;
}

}  // namespace vae

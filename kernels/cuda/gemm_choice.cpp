// SPDX-License-Identifier: MIT
#include "kernels/cuda/gemm_choice.h"

#include <charconv>
#include <cstdlib>
#include <limits>

#include "kernels/check.h"

namespace vae::cuda {

namespace {

constexpr int64_t kLibraryFrom = int64_t{1} << 31;  // multiply-adds
constexpr std::string_view kFirstLine = "vae gemm choices 1";

// Words of the text, in the order of the enumerations.
constexpr std::string_view kOperations[] = {"forward", "backward_input", "backward_weights",
                                            "gemm"};
constexpr std::string_view kEpilogues[] = {"none", "bias", "relu_bias", "bias_gradient"};
constexpr std::string_view kPrecisions[] = {"automatic", "fp32", "tf32", "bf16"};

uint64_t fnv1a(std::string_view text) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash;
}

std::string hexadecimal(uint64_t number) {
  std::string text(16, '0');
  for (std::size_t i = 16; i-- > 0; number >>= 4) text[i] = "0123456789abcdef"[number & 15];
  return text;
}

/// Takes a text apart; once something was not as it must be, `ok` stays false.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  bool ok() const { return ok_; }
  bool done() const { return text_.empty(); }

  /// The text up to `end`, which is taken too.
  std::string_view until(char end) {
    const std::size_t length = text_.find(end);
    if (length == std::string_view::npos) {
      ok_ = false;
      return {};
    }
    const std::string_view piece = text_.substr(0, length);
    text_.remove_prefix(length + 1);
    return piece;
  }

  /// Whether `piece` comes next; then it is taken.
  bool skip(std::string_view piece) {
    if (text_.substr(0, piece.size()) != piece) return false;
    text_.remove_prefix(piece.size());
    return true;
  }
  bool must_skip(std::string_view piece) {
    if (!skip(piece)) ok_ = false;
    return ok_;
  }

  int64_t number(int64_t least, int64_t most) {
    const int64_t value = parse<int64_t>(until(' '), 10);
    if (value < least || value > most) ok_ = false;
    return ok_ ? value : least;
  }

  uint64_t hexadecimal_number() {
    const std::string_view digits = text_.substr(0, 16);
    text_.remove_prefix(digits.size());
    return parse<uint64_t>(digits, 16);
  }

  template <typename Enum, std::size_t kCount>
  Enum word(const std::string_view (&words)[kCount]) {
    const std::string_view piece = until(' ');
    for (std::size_t i = 0; i < kCount; ++i) {
      if (words[i] == piece) return static_cast<Enum>(i);
    }
    ok_ = false;
    return {};
  }

  bool flag(std::string_view on, std::string_view off) {
    const std::string_view piece = until(' ');
    ok_ = ok_ && (piece == on || piece == off);
    return piece == on;
  }

 private:
  template <typename T>
  T parse(std::string_view digits, int base) {
    T value{};
    const char* const end = digits.data() + digits.size();
    const auto [last, error] = std::from_chars(digits.data(), end, value, base);
    ok_ = ok_ && error == std::errc() && last == end;
    return value;
  }

  std::string_view text_;
  bool ok_ = true;
};

GemmKey read_key(Reader& line) {
  constexpr int64_t kMost = std::numeric_limits<int32_t>::max();
  GemmKey key;
  key.operation = line.word<GemmOperation>(kOperations);
  key.epilogue = line.word<GemmEpilogue>(kEpilogues);
  key.transpose_a = line.flag("t", "n");
  key.transpose_b = line.flag("t", "n");
  key.rows = line.number(1, kMost);
  key.columns = line.number(1, kMost);
  key.depth = line.number(1, kMost);
  key.precision = line.word<Precision>(kPrecisions);
  key.capability = static_cast<int>(line.number(0, 9999));
  return key;
}

GemmChoice read_choice(Reader& line) {
  GemmChoice choice;
  if (line.skip("own\n")) return choice;
  choice.library = line.must_skip("library");
  for (uint64_t& word : choice.algorithm) {
    line.must_skip(" ");
    word = line.hexadecimal_number();
  }
  line.must_skip("\n");
  return choice;
}

template <typename Enum>
auto index_of(Enum value) {
  return static_cast<std::size_t>(value);
}

void write_line(std::string& text, const GemmKey& key, const GemmChoice& choice) {
  text += concat(kOperations[index_of(key.operation)], ' ', kEpilogues[index_of(key.epilogue)], ' ',
                 key.transpose_a ? "t " : "n ", key.transpose_b ? "t " : "n ", key.rows, ' ',
                 key.columns, ' ', key.depth, ' ', kPrecisions[index_of(key.precision)], ' ',
                 key.capability, choice.library ? " library" : " own");
  if (choice.library) {
    for (const uint64_t word : choice.algorithm) text += ' ' + hexadecimal(word);
  }
  text += '\n';
}

std::string header_of(const GemmOrigin& origin) {
  return concat(kFirstLine, "\ncard ", origin.card, "\ncublas ", origin.blas_version, '\n');
}

std::string end_of(std::string_view text) { return "end " + hexadecimal(fnv1a(text)) + '\n'; }

}  // namespace

GemmMode gemm_mode_from_environment() {
  const char* const value = std::getenv("VAE_GEMM");
  const std::string_view wanted = value != nullptr ? value : "reproducible";
  if (wanted == "reproducible") return GemmMode::reproducible;
  if (wanted == "autotune") return GemmMode::autotune;
  if (wanted == "own") return GemmMode::own;
  if (wanted == "library") return GemmMode::library;
  fail(ErrorCode::invalid_argument, "VAE_GEMM: '", wanted,
       "' is none of reproducible, autotune, own, library");
}

bool rule_gives_library(const GemmKey& key) {
  // Each size fits 31 bits, so two of them fit a product; the third is divided by instead.
  return key.rows * key.columns >= (kLibraryFrom + key.depth - 1) / key.depth;
}

std::string GemmOrigin::file_name() const {
  std::string name = "gemm-";
  for (const char c : card) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    name += plain ? c : '-';
  }
  return name + concat('-', blas_version, ".txt");
}

const GemmChoice* GemmTable::find(const GemmKey& key) const {
  const auto found = choices_.find(key);
  return found == choices_.end() ? nullptr : &found->second;
}

std::set<GemmKey> GemmTable::keys() const {
  std::set<GemmKey> keys;
  for (const auto& [key, choice] : choices_) keys.insert(key);
  return keys;
}

std::string GemmTable::to_text(const GemmOrigin& origin) const {
  std::string text = header_of(origin);
  for (const auto& [key, choice] : choices_) write_line(text, key, choice);
  return text + end_of(text);
}

std::optional<GemmTable> GemmTable::from_text(std::string_view text, const GemmOrigin& origin) {
  const std::size_t end_bytes = end_of({}).size();
  if (text.size() < end_bytes) return std::nullopt;
  const std::string_view body = text.substr(0, text.size() - end_bytes);
  if (text.substr(body.size()) != end_of(body)) return std::nullopt;
  Reader reader(body);
  if (!reader.skip(header_of(origin))) return std::nullopt;
  GemmTable table;
  while (!reader.done()) {
    const GemmKey key = read_key(reader);
    const GemmChoice choice = read_choice(reader);
    if (!reader.ok() || table.size() == kMostEntries) return std::nullopt;
    table.set(key, choice);
  }
  return table;
}

}  // namespace vae::cuda

// SPDX-License-Identifier: MIT
//
// How a verb declares its options. The one file that includes the parser library is parser.cpp:
// it costs seconds to compile, and its number parsing and messages are not the ones we want.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vae::cli {

/// Takes the text of an option; throws Error(invalid_argument) when it is no value.
using Setter = std::function<void(const std::string&)>;

/// One option or positional argument.
struct Argument {
  std::string name;         ///< "--count", or "RUN" for a positional argument.
  std::string placeholder;  ///< What stands for the value in the help.
  std::string help;
  Setter set;
  bool required = false;
  bool value_optional = false;  ///< The bare option is passed as "true".
  std::string values = {};      ///< What it takes: "a|b|c", "0..1024", "> 0"; "" is anything.
  bool repeated = false;        ///< A positional argument of one or more words; set() has each.

  bool is_option() const { return name.front() == '-'; }
};

inline constexpr std::string_view kHelpName = "--help";
inline constexpr std::string_view kVersionHelp = "print version and build, and exit";
/// -h, --help, which every verb has.
Argument help_argument();

/// A whole number low..high; throws Error(invalid_argument) naming the option.
int64_t parse_integer(const std::string& name, const std::string& text, int64_t low, int64_t high);

/// The arguments of one verb. Declared first, filled by the parser.
class Command {
 public:
  /// Heading of the arguments that follow, in the help.
  void group(std::string title) { title_ = std::move(title); }
  void argument(Argument argument);

  void flag(const std::string& name, bool& value, const std::string& help);
  /// A placeholder such as "mnist|PATH" also says which words there are.
  void text(const std::string& name, const std::string& placeholder, std::string& value,
            const std::string& help);
  void required_text(const std::string& name, const std::string& placeholder, std::string& value,
                     const std::string& help);
  /// A positional argument that may be left out.
  void optional_text(const std::string& name, const std::string& placeholder, std::string& value,
                     const std::string& help);
  /// A positional argument of one or more words.
  void required_texts(const std::string& name, std::vector<std::string>& values,
                      const std::string& help);
  /// A whole number low..high.
  void integer(const std::string& name, int64_t& value, int64_t low, int64_t high,
               const std::string& help);
  void seed(uint64_t& value, const std::string& help);
  /// A seed whose default is known later; `otherwise` says what it is.
  void seed(std::optional<uint64_t>& value, const std::string& otherwise, const std::string& help);
  /// A number above low, up to high.
  void real(const std::string& name, double& value, double low, double high,
            const std::string& help);
  /// A number from low to high that may be left out; `otherwise` says what that means.
  void real(const std::string& name, std::optional<double>& value, double low, double high,
            const std::string& otherwise, const std::string& help);
  /// A list of whole numbers low..high with commas.
  void integers(const std::string& name, std::vector<int64_t>& values, int64_t low, int64_t high,
                const std::string& help);
  void word(const std::string& name, std::string& value, const std::vector<std::string>& words,
            const std::string& help);
  void required_word(const std::string& name, std::string& value,
                     const std::vector<std::string>& words, const std::string& help);
  /// Shell lines shown at the end of the help.
  void examples(std::string text) { examples_ = std::move(text); }

  struct Declared {
    Argument argument;
    std::string group;
  };
  const std::vector<Declared>& declared() const { return declared_; }
  const std::string& example_text() const { return examples_; }

 private:
  std::vector<Declared> declared_;
  std::string title_ = "Options";
  std::string examples_;
};

/// One verb of the program.
class Verb {
 public:
  virtual ~Verb() = default;
  virtual void declare(Command& command) = 0;
  /// Returns the exit status; throws Error.
  virtual int run() = 0;
};

}  // namespace vae::cli

// SPDX-License-Identifier: MIT
//
// A file system in memory: what a program did to a folder, and what a power cut leaves of it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace vae::crash {

/// A change of the file system, or a request to make changes durable. Inodes are numbered by the
/// recorder; 0 is the root.
struct Operation {
  enum class Kind {
    make_folder,  ///< folder/name becomes the new folder `inode`
    create,       ///< folder/name becomes the new file `inode`
    rename,       ///< folder/name becomes folder/to_name, replacing what was there
    unlink,       ///< folder/name is gone
    write,        ///< `data` at `offset` of `inode`
    resize,       ///< `inode` has `offset` bytes; new ones are zero
    sync,         ///< `inode` is on disk: a file's bytes, a folder's names
  };
  Kind kind;
  int inode = 0;
  int folder = 0;
  std::string name, to_name;
  uint64_t offset = 0;
  std::string data;

  bool changes_names() const { return kind <= Kind::unlink; }
  bool changes_bytes() const { return kind == Kind::write || kind == Kind::resize; }
  /// The inode whose sync makes it durable.
  int durable_with() const { return changes_names() ? folder : inode; }
};

/// Folders, files and their bytes.
class FileTree {
 public:
  /// What lies below a real folder.
  static FileTree read(const std::string& path);

  void apply(const Operation& operation);
  /// The inode that an operation made, without its name.
  void add_nameless(const Operation& operation);
  /// Writes it below an empty real folder.
  void materialize(const std::string& path) const;
  /// Names and bytes as one text: equal trees have equal texts.
  std::string text() const;
  /// The same without the bytes, for a person.
  std::string names() const;

  /// The inode of an entry; -1 where there is none.
  int find(int folder, const std::string& name) const;
  bool is_folder(int inode) const { return nodes_.at(inode).folder; }
  uint64_t size(int inode) const { return nodes_.at(inode).bytes.size(); }
  /// A number that no inode has.
  int next_inode() const { return nodes_.rbegin()->first + 1; }

 private:
  struct Node {
    bool folder = false;
    std::map<std::string, int> entries;
    std::string bytes;
  };
  void walk(int inode, const std::string& path,
            const std::function<void(const std::string&, const Node&)>& visit) const;

  std::map<int, Node> nodes_{{0, {true, {}, {}}}};
};

/// Which changes before a power cut the disk has. What was synced it always has.
struct Loss {
  bool names = false;    ///< names that were not synced are kept
  bool bytes = false;    ///< bytes that were not synced are kept
  bool sizes = false;    ///< sizes that were not synced are kept
  uint64_t shuffle = 0;  ///< unless 0: which ones, and which writes are torn or zero, by chance
};

/// What is there after a power cut before operation `cut`. `counts` says which syncs are believed;
/// tests of the model leave some out.
FileTree after_power_cut(const FileTree& initial, const std::vector<Operation>& operations,
                         std::size_t cut, const Loss& loss,
                         const std::function<bool(const Operation&)>& counts);

}  // namespace vae::crash

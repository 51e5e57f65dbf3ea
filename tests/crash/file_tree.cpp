// SPDX-License-Identifier: MIT
#include "tests/crash/file_tree.h"

#include <algorithm>
#include <filesystem>
#include <random>
#include <set>

#include "tests/support/tiny_run.h"

namespace vae::crash {

namespace fs = std::filesystem;
using Kind = Operation::Kind;

FileTree FileTree::read(const std::string& path) {
  FileTree tree;
  const std::function<void(const fs::path&, int)> read_folder = [&](const fs::path& at,
                                                                    int folder) {
    for (const auto& entry : fs::directory_iterator(at)) {
      const int inode = tree.next_inode();
      tree.nodes_[folder].entries[entry.path().filename().string()] = inode;
      tree.nodes_[inode].folder = entry.is_directory();
      if (entry.is_directory()) {
        read_folder(entry.path(), inode);
      } else {
        tree.nodes_[inode].bytes = test::read_text(entry.path().string());
      }
    }
  };
  read_folder(path, 0);
  return tree;
}

/// An operation whose object was lost does nothing.
void FileTree::apply(const Operation& operation) {
  auto& entries = nodes_[operation.folder].entries;
  switch (operation.kind) {
    case Kind::make_folder:
    case Kind::create:
      entries[operation.name] = operation.inode;
      nodes_[operation.inode].folder = operation.kind == Kind::make_folder;
      break;
    case Kind::rename:
      if (const auto found = entries.find(operation.name); found != entries.end()) {
        entries[operation.to_name] = found->second;
        entries.erase(operation.name);
      }
      break;
    case Kind::unlink:
      entries.erase(operation.name);
      break;
    case Kind::write: {
      std::string& bytes = nodes_[operation.inode].bytes;
      bytes.resize(std::max<std::size_t>(bytes.size(), operation.offset + operation.data.size()));
      bytes.replace(operation.offset, operation.data.size(), operation.data);
      break;
    }
    case Kind::resize:
      nodes_[operation.inode].bytes.resize(operation.offset);
      break;
    case Kind::sync:
      break;
  }
}

void FileTree::add_nameless(const Operation& operation) {
  nodes_[operation.inode].folder = operation.kind == Kind::make_folder;
}

void FileTree::walk(int inode, const std::string& path,
                    const std::function<void(const std::string&, const Node&)>& visit) const {
  const Node& node = nodes_.at(inode);
  visit(path, node);
  for (const auto& [name, child] : node.entries) walk(child, path + "/" + name, visit);
}

void FileTree::materialize(const std::string& path) const {
  walk(0, path, [](const std::string& name, const Node& node) {
    if (node.folder) {
      fs::create_directories(name);
    } else {
      test::write_text(name, node.bytes);
    }
  });
}

std::string FileTree::names() const {
  std::string names;
  walk(0, "", [&](const std::string& name, const Node& node) {
    names += name + (node.folder ? "/\n" : " " + std::to_string(node.bytes.size()) + " bytes\n");
  });
  return names;
}

std::string FileTree::text() const {
  std::string text = names();
  walk(0, "", [&](const std::string&, const Node& node) { text += node.bytes; });
  return text;
}

int FileTree::find(int folder, const std::string& name) const {
  const auto& entries = nodes_.at(folder).entries;
  const auto found = entries.find(name);
  return found == entries.end() ? -1 : found->second;
}

namespace {

/// A write as a disk may have done half of it.
Operation torn(Operation write, std::mt19937_64& random) {
  switch (random() % 3) {
    case 0:
      write.data.resize(random() % (write.data.size() + 1));  // the front
      break;
    case 1:
      std::fill(write.data.begin(), write.data.end(), '\0');  // the size and not the bytes
      break;
    default:
      break;
  }
  return write;
}

}  // namespace

FileTree after_power_cut(const FileTree& initial, const std::vector<Operation>& operations,
                         std::size_t cut, const Loss& loss,
                         const std::function<bool(const Operation&)>& counts) {
  // From the end: what a later sync names is durable.
  std::vector<bool> durable(cut);
  std::set<int> synced;
  for (std::size_t i = cut; i-- > 0;) {
    const Operation& operation = operations[i];
    if (operation.kind == Kind::sync && counts(operation)) synced.insert(operation.inode);
    durable[i] = synced.contains(operation.durable_with());
  }
  std::mt19937_64 random(loss.shuffle * 1'000'003 + cut);
  FileTree tree = initial;
  for (std::size_t i = 0; i < cut; ++i) {
    const Operation& operation = operations[i];
    const bool kept = operation.changes_names()       ? loss.names
                      : operation.kind == Kind::write ? loss.bytes
                                                      : loss.sizes || loss.bytes;
    if (durable[i] || (loss.shuffle == 0 && kept)) {
      tree.apply(operation);
    } else if (loss.shuffle != 0 && random() % 2 == 0) {
      tree.apply(operation.kind == Kind::write ? torn(operation, random) : operation);
    } else if (operation.kind == Kind::create || operation.kind == Kind::make_folder) {
      tree.add_nameless(operation);
    }
  }
  return tree;
}

}  // namespace vae::crash

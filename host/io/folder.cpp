// SPDX-License-Identifier: MIT
#include "host/io/folder.h"

#include <dirent.h>

#include <cerrno>
#include <memory>
#include <string_view>

#include "host/io/file_descriptor.h"

namespace vae {

std::vector<std::string> names_in_folder(const std::string& path) {
  struct Close {
    void operator()(DIR* folder) const { ::closedir(folder); }
  };
  std::vector<std::string> names;
  const std::unique_ptr<DIR, Close> folder(::opendir(path.c_str()));
  if (folder == nullptr) {
    if (errno == ENOENT) return names;
    fail_io("list the folder", path, errno);
  }
  while (true) {
    errno = 0;
    const dirent* entry = ::readdir(folder.get());
    if (entry == nullptr) break;
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  if (errno != 0) fail_io("list the folder", path, errno);
  return names;
}

}  // namespace vae

// SPDX-License-Identifier: MIT
//
// plugin_host PLUGIN: a program that loads such a library and knows of vae only the headers.
#include <dlfcn.h>

#include <cstdio>
#include <exception>

#include <vae/error.h>

int main(int argc, char** argv) {
  void* const plugin = argc == 2 ? dlopen(argv[1], RTLD_NOW | RTLD_LOCAL) : nullptr;
  if (plugin == nullptr) {
    std::printf("cannot load the plugin: %s\n", dlerror());
    return 1;
  }
  const auto run = reinterpret_cast<int (*)()>(dlsym(plugin, "plugin_run"));
  const auto fail = reinterpret_cast<void (*)()>(dlsym(plugin, "plugin_fail"));
  if (run == nullptr || fail == nullptr || run() <= 0) return 1;
  try {
    fail();
  } catch (const vae::Error& error) {
    std::printf("caught across the border: %s\n", error.what());
    return error.code() == vae::ErrorCode::io ? 0 : 1;
  } catch (const std::exception& error) {
    std::printf("caught as another type: %s\n", error.what());
  }
  return 1;
}

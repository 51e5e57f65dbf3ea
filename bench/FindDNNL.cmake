# SPDX-License-Identifier: MIT
# Finds oneDNN (libdnnl), version 2 or 3, without its own CMake package, which on Debian asks for
# OpenCL. Defines the imported target DNNL::dnnl, DNNL_FOUND and DNNL_VERSION.
find_path(DNNL_INCLUDE_DIR dnnl.h)
find_library(DNNL_LIBRARY dnnl)
mark_as_advanced(DNNL_INCLUDE_DIR DNNL_LIBRARY)

# dnnl_version.h only includes oneapi/dnnl/dnnl_version.h since version 2.
unset(DNNL_VERSION)
foreach(header oneapi/dnnl/dnnl_version.h dnnl_version.h)
  if(NOT DNNL_VERSION AND EXISTS "${DNNL_INCLUDE_DIR}/${header}")
    file(STRINGS "${DNNL_INCLUDE_DIR}/${header}" lines
      REGEX "^#define DNNL_VERSION_(MAJOR|MINOR|PATCH) +[0-9]+")
    string(REGEX REPLACE "[^0-9;]" "" numbers "${lines}")
    list(JOIN numbers "." DNNL_VERSION)
  endif()
endforeach()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(DNNL
  REQUIRED_VARS DNNL_LIBRARY DNNL_INCLUDE_DIR VERSION_VAR DNNL_VERSION)
if(DNNL_FOUND AND NOT TARGET DNNL::dnnl)
  add_library(DNNL::dnnl UNKNOWN IMPORTED)
  set_target_properties(DNNL::dnnl PROPERTIES
    IMPORTED_LOCATION "${DNNL_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES "${DNNL_INCLUDE_DIR}")
endif()

# For CONVTUNE_STATIC: what Debian has no static library of is built from the sources that
# `scripts/setup.sh --portable` fetched.
include(FetchContent)

# convtune_add_source(NAME): the targets of NAME from its tarball in build/deps.
function(convtune_add_source name)
  file(GLOB tarball ${PROJECT_SOURCE_DIR}/build/deps/${name}_*.orig.tar.gz)
  if(NOT tarball)
    message(FATAL_ERROR
      "The sources of ${name} are not in build/deps: run scripts/setup.sh --portable first")
  endif()
  set(CMAKE_POLICY_DEFAULT_CMP0077 NEW)
  set(BUILD_SHARED_LIBS OFF)
  set(BUILD_TESTING OFF)
  set(BENCHMARK_ENABLE_INSTALL OFF)
  set(BENCHMARK_ENABLE_TESTING OFF)
  set(BENCHMARK_ENABLE_WERROR OFF)
  set(BENCHMARK_INSTALL_DOCS OFF)
  set(HWY_ENABLE_CONTRIB OFF)
  set(HWY_ENABLE_EXAMPLES OFF)
  set(HWY_ENABLE_INSTALL OFF)
  FetchContent_Declare(${name} URL ${tarball} DOWNLOAD_EXTRACT_TIMESTAMP ON)
  FetchContent_GetProperties(${name})
  FetchContent_Populate(${name})
  add_subdirectory(${${name}_SOURCE_DIR} ${${name}_BINARY_DIR} EXCLUDE_FROM_ALL)
  set(${name}_SOURCE_DIR ${${name}_SOURCE_DIR} PARENT_SCOPE)
endfunction()

convtune_add_source(highway)
get_target_property(convtune_hwy_source hwy SOURCE_DIR)
target_include_directories(hwy SYSTEM INTERFACE ${convtune_hwy_source})
get_directory_property(hwy_VERSION DIRECTORY ${convtune_hwy_source} DEFINITION hwy_VERSION)
add_library(PkgConfig::hwy ALIAS hwy)

convtune_add_source(benchmark)

# Debian's fmt is a shared library, so its headers do without it.
find_path(CONVTUNE_FMT_INCLUDE_DIR NAMES fmt/format.h REQUIRED)
add_library(fmt::fmt INTERFACE IMPORTED)
target_include_directories(fmt::fmt INTERFACE ${CONVTUNE_FMT_INCLUDE_DIR})
target_compile_definitions(fmt::fmt INTERFACE FMT_HEADER_ONLY=1)

set(Boost_USE_STATIC_LIBS ON)  # of the emulator's conformance program, which goes along to a GPU
add_link_options(-static-libgcc -static-libstdc++)

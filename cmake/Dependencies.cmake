# Libraries that the build links. Versions are those of Debian 12, the oldest that are tested.
if(CONVTUNE_STATIC)
  set(CMAKE_FIND_LIBRARY_SUFFIXES .a)
endif()

find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(nlohmann_json 3.11 REQUIRED)
find_package(CLI11 2.1 REQUIRED)
find_package(SQLite3 3.40 REQUIRED)
pkg_check_modules(xxhash REQUIRED IMPORTED_TARGET libxxhash>=0.8.1)
pkg_check_modules(zstd REQUIRED IMPORTED_TARGET libzstd>=1.5.4)

if(CONVTUNE_STATIC)
  include(cmake/StaticDependencies.cmake)
else()
  find_package(fmt 9.1 REQUIRED)
  find_package(benchmark 1.7 REQUIRED)
  pkg_check_modules(hwy REQUIRED IMPORTED_TARGET libhwy>=1.0.3)
endif()

# oneDNN's own package file is not used: Debian's fails where OpenCL is not installed. The library
# runs its threads through OpenMP, whose number of threads must be set to ours.
if(CONVTUNE_WITH_ONEDNN)
  find_path(CONVTUNE_ONEDNN_INCLUDE_DIR NAMES oneapi/dnnl/dnnl.hpp)
  find_library(CONVTUNE_ONEDNN_LIBRARY NAMES dnnl)
  find_package(OpenMP QUIET COMPONENTS CXX)
  if(CONVTUNE_ONEDNN_INCLUDE_DIR AND CONVTUNE_ONEDNN_LIBRARY AND OpenMP_CXX_FOUND)
    add_library(DNNL::dnnl UNKNOWN IMPORTED)
    set_target_properties(DNNL::dnnl PROPERTIES
      IMPORTED_LOCATION ${CONVTUNE_ONEDNN_LIBRARY}
      INTERFACE_INCLUDE_DIRECTORIES ${CONVTUNE_ONEDNN_INCLUDE_DIR}
      INTERFACE_LINK_LIBRARIES OpenMP::OpenMP_CXX)
  else()
    message(STATUS "oneDNN not found: built without it as a candidate")
  endif()
endif()

# Only headers of the CUDA toolkit are needed: NVRTC and the driver are loaded at run time. The
# wheels of scripts/setup.sh put them where the last hint says.
set(convtune_have_cuda OFF)
if(CONVTUNE_WITH_CUDA)
  # NVRTC knows C++20 since 12.0.
  function(convtune_usable_cuda result directory)
    set(${result} FALSE PARENT_SCOPE)
    if(EXISTS ${directory}/nvrtc.h)
      file(STRINGS ${directory}/cuda.h version REGEX "^#define CUDA_VERSION [0-9]+")
      if(version MATCHES "([0-9]+)$" AND CMAKE_MATCH_1 GREATER_EQUAL 12000)
        set(${result} TRUE PARENT_SCOPE)
      endif()
    endif()
  endfunction()

  file(GLOB convtune_toolkits /usr/local/cuda-*/include)
  find_path(CONVTUNE_CUDA_INCLUDE_DIR NAMES cuda.h VALIDATOR convtune_usable_cuda
    HINTS $ENV{CUDA_HOME}/include /usr/local/cuda/include ${convtune_toolkits}
          ${PROJECT_SOURCE_DIR}/build/cuda/nvidia/cu13/include)
  if(CONVTUNE_CUDA_INCLUDE_DIR)
    set(convtune_have_cuda ON)
    cmake_path(GET CONVTUNE_CUDA_INCLUDE_DIR PARENT_PATH convtune_cuda_root)
    add_library(convtune_cuda_headers INTERFACE)
    target_include_directories(convtune_cuda_headers SYSTEM INTERFACE ${CONVTUNE_CUDA_INCLUDE_DIR})
    target_compile_definitions(convtune_cuda_headers INTERFACE
      CONVTUNE_CUDA_HINT="${convtune_cuda_root}")
  else()
    message(STATUS "CUDA headers of 12.0 or newer not found: the CPU product is built")
  endif()
endif()

# Likewise of cuDNN 9. Its headers want those of the whole toolkit, and older ones cannot ask the
# heuristics about a GPU that is not there.
if(convtune_have_cuda AND CONVTUNE_WITH_CUDNN)
  function(convtune_usable_cudnn result directory)
    set(${result} FALSE PARENT_SCOPE)
    if(EXISTS ${directory}/cudnn_graph.h AND EXISTS ${CONVTUNE_CUDA_INCLUDE_DIR}/cuda_runtime_api.h)
      file(STRINGS ${directory}/cudnn_graph.h found REGEX "CUDNN_ATTR_ENGINEHEUR_DEVICEPROP")
      if(found)
        set(${result} TRUE PARENT_SCOPE)
      endif()
    endif()
  endfunction()

  find_path(CONVTUNE_CUDNN_INCLUDE_DIR NAMES cudnn_backend.h VALIDATOR convtune_usable_cudnn
    HINTS ${CONVTUNE_CUDA_INCLUDE_DIR})
  if(CONVTUNE_CUDNN_INCLUDE_DIR)
    add_library(convtune_cudnn_headers INTERFACE)
    target_include_directories(convtune_cudnn_headers SYSTEM INTERFACE ${CONVTUNE_CUDNN_INCLUDE_DIR})
    target_link_libraries(convtune_cudnn_headers INTERFACE convtune_cuda_headers)
  else()
    message(STATUS "cuDNN's headers not found: built without it as a candidate")
  endif()
endif()

# What every target of the project is compiled with.
add_library(convtune_options INTERFACE)
target_include_directories(convtune_options INTERFACE $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>)
target_compile_options(convtune_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Werror
  -Wno-missing-field-initializers)  # designated initialisers leave out what has a default
if(CONVTUNE_SANITIZE)
  target_compile_options(convtune_options INTERFACE
    -fsanitize=${CONVTUNE_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer
    $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)  # GCC sees it in every std::optional that is instrumented
  target_link_options(convtune_options INTERFACE -fsanitize=${CONVTUNE_SANITIZE})
endif()

# convtune_add_layer(NAME SOURCES... DEPENDS ...): one layer of the product as a static library.
function(convtune_add_layer name)
  cmake_parse_arguments(arg "" "" "SOURCES;DEPENDS;PRIVATE_DEPENDS" ${ARGN})
  add_library(convtune_${name} STATIC ${arg_SOURCES})
  target_link_libraries(convtune_${name}
    PUBLIC ${arg_DEPENDS}
    PRIVATE $<BUILD_INTERFACE:convtune_options> ${arg_PRIVATE_DEPENDS})
  target_include_directories(convtune_${name} PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>)
endfunction()

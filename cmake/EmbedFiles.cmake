# convtune_embed_files(TARGET FUNCTION BASE FILES...)
#
# Embeds files as bytes: adds to TARGET a generated source that defines
#   std::span<const convtune::EmbeddedFile> convtune::FUNCTION();
# (kernels/embedded_file.hpp), in the order given, each named by its path relative to BASE.
function(convtune_embed_files target function base)
  set(files "")
  foreach(file IN LISTS ARGN)
    cmake_path(ABSOLUTE_PATH file NORMALIZE)
    list(APPEND files ${file})
  endforeach()
  cmake_path(ABSOLUTE_PATH base NORMALIZE)
  set(output ${CMAKE_CURRENT_BINARY_DIR}/${function}.cpp)
  set(script ${CMAKE_CURRENT_FUNCTION_LIST_FILE})
  add_custom_command(
    OUTPUT ${output}
    COMMAND ${CMAKE_COMMAND} -DFUNCTION=${function} -DBASE=${base} "-DFILES=${files}"
            -DOUTPUT=${output} -P ${script}
    DEPENDS ${files} ${script}
    COMMENT "Embedding ${function}"
    VERBATIM)
  target_sources(${target} PRIVATE ${output})
endfunction()

# Run as a script, this file writes the source. String literals compile far faster than lists of
# numbers, and escaping every byte leaves nothing for the compiler to interpret. Compilers take longer
# ones than the standard promises, which -Wpedantic would have clang refuse.
if(CMAKE_SCRIPT_MODE_FILE STREQUAL CMAKE_CURRENT_LIST_FILE)
  set(entries "")
  foreach(file IN LISTS FILES)
    cmake_path(RELATIVE_PATH file BASE_DIRECTORY ${BASE} OUTPUT_VARIABLE name)
    file(SIZE ${file} size)
    file(READ ${file} bytes HEX)
    string(REGEX REPLACE "(................................)" "\\1\"\n    \"" bytes "${bytes}")
    string(REGEX REPLACE "([0-9a-f][0-9a-f])" "\\\\x\\1" bytes "${bytes}")
    string(APPEND entries "  {\"${name}\", {\n    \"${bytes}\",\n    ${size}}},\n")
  endforeach()
  file(WRITE ${OUTPUT} "\
#include \"kernels/embedded_file.hpp\"

#pragma GCC diagnostic ignored \"-Woverlength-strings\"

namespace convtune {
namespace {

constexpr EmbeddedFile files[] = {
${entries}};

}  // namespace

std::span<const EmbeddedFile> ${FUNCTION}();
std::span<const EmbeddedFile> ${FUNCTION}() { return files; }

}  // namespace convtune
")
endif()

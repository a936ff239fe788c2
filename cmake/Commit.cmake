# convtune_commit_source(TARGET): adds to TARGET a generated source that defines
#   const char* convtune::source_commit();
# the commit that is built, "-dirty" behind it where files differ from it, or "unknown" where the
# sources are neither a checkout of their own nor made by `git archive` (archived.txt). Every build
# looks; only a change of the text compiles anything again.
function(convtune_commit_source target)
  set(output ${CMAKE_CURRENT_BINARY_DIR}/source_commit.cpp)
  add_custom_target(convtune_commit
    COMMAND ${CMAKE_COMMAND} -DSOURCE=${PROJECT_SOURCE_DIR} -DOUTPUT=${output}
            -P ${CMAKE_CURRENT_FUNCTION_LIST_FILE}
    BYPRODUCTS ${output}
    COMMENT "Looking at the commit"
    VERBATIM)
  target_sources(${target} PRIVATE ${output})
  add_dependencies(${target} convtune_commit)
endfunction()

# Run as a script, this file writes the source.
if(CMAKE_SCRIPT_MODE_FILE STREQUAL CMAKE_CURRENT_LIST_FILE)
  cmake_policy(VERSION 3.25)
  set(commit unknown)
  file(STRINGS ${CMAKE_CURRENT_LIST_DIR}/archived.txt archived)
  if(archived MATCHES "^[0-9a-f]")
    string(SUBSTRING ${archived} 0 12 commit)
  elseif(EXISTS ${SOURCE}/.git)  # else git would answer for a project around this one
    execute_process(
      COMMAND git -C ${SOURCE} describe --always --exclude=* --dirty --abbrev=12
      OUTPUT_VARIABLE found OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE status)
    if(status EQUAL 0)
      set(commit ${found})
    endif()
  endif()
  # Leaves a file with that content as it is.
  file(CONFIGURE OUTPUT ${OUTPUT} @ONLY CONTENT "\
#include \"tuner/build_info.hpp\"

namespace convtune {

const char* source_commit() { return \"@commit@\"; }

}  // namespace convtune
")
endif()

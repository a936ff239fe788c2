# convtune_digest_of(RESULT FILES...): a digest of all that decides how the code of FILES (paths in
# the project) runs: their text, that of all headers of their folders that they include, directly or
# not, the compiler and its flags, and Highway's version. RESULT_files: what was read.
function(convtune_digest_of result)
  string(TOUPPER "${CMAKE_BUILD_TYPE}" build_type)
  set(text "${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION} ${CMAKE_SYSTEM_PROCESSOR}\n")
  string(APPEND text "${CMAKE_CXX_FLAGS} ${CMAKE_CXX_FLAGS_${build_type}} ${CONVTUNE_SANITIZE}\n")
  string(APPEND text "${hwy_VERSION}\n")
  set(pending ${ARGN})
  set(seen "")
  while(pending)
    list(POP_FRONT pending file)
    if(file IN_LIST seen)
      continue()
    endif()
    list(APPEND seen ${file})
    file(SHA256 ${PROJECT_SOURCE_DIR}/${file} digest)
    string(APPEND text "${digest}\n")
    cmake_path(GET file PARENT_PATH folder)
    file(STRINGS ${PROJECT_SOURCE_DIR}/${file} includes REGEX "^#include \"${folder}/")
    list(TRANSFORM includes REPLACE "^#include \"([^\"]+)\".*" "\\1")
    list(APPEND pending ${includes})
  endwhile()
  string(SHA256 digest "${text}")
  string(SUBSTRING ${digest} 0 32 digest)
  set(${result} ${digest} PARENT_SCOPE)
  set(${result}_files ${seen} PARENT_SCOPE)
endfunction()

# convtune_source_digest(SOURCE OTHERS...): defines CONVTUNE_SOURCE_DIGEST for SOURCE as the digest of
# it and of OTHERS, which run with it. Editing one of them changes the digest of exactly the sources
# that see it.
function(convtune_source_digest source)
  convtune_digest_of(digest ${source} ${ARGN})
  list(TRANSFORM digest_files PREPEND ${PROJECT_SOURCE_DIR}/)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${digest_files})
  set_property(SOURCE ${PROJECT_SOURCE_DIR}/${source} APPEND PROPERTY
    COMPILE_DEFINITIONS CONVTUNE_SOURCE_DIGEST="${digest}")
endfunction()

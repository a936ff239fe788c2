# THIRD_PARTY_NOTICES: the licences of the libraries whose code is in what is built, inlined from their
# headers or, with CONVTUNE_STATIC, linked in. GCC's libraries ask for none, by their exception.
set(CONVTUNE_COPYRIGHT_DIR /usr/share/doc CACHE PATH
  "Folder with PACKAGE/copyright of the libraries that are built in, for THIRD_PARTY_NOTICES")

# convtune_add_notice(NAME PACKAGE): of the sources that it was built from, else of Debian's PACKAGE.
set(convtune_notices "")
function(convtune_add_notice name package)
  set(file ${CONVTUNE_COPYRIGHT_DIR}/${package}/copyright)
  string(TOLOWER ${name} source)
  if(DEFINED ${source}_SOURCE_DIR AND EXISTS ${${source}_SOURCE_DIR}/LICENSE)
    set(file ${${source}_SOURCE_DIR}/LICENSE)
  endif()
  list(APPEND convtune_notices "${name} (${package})|${file}")
  set(convtune_notices ${convtune_notices} PARENT_SCOPE)
endfunction()

convtune_add_notice(Highway libhwy-dev)
convtune_add_notice(CLI11 libcli11-dev)
convtune_add_notice(fmt libfmt-dev)
convtune_add_notice(nlohmann-json nlohmann-json3-dev)
convtune_add_notice(xxHash libxxhash-dev)
convtune_add_notice(Benchmark libbenchmark-dev)
if(TARGET DNNL::dnnl)
  convtune_add_notice(oneDNN libdnnl-dev)
endif()
# The headers of these only declare, so that nothing of a shared library is built in.
if(SQLite3_LIBRARIES MATCHES "\\.a$")
  convtune_add_notice(SQLite libsqlite3-dev)
endif()
if(zstd_LINK_LIBRARIES MATCHES "\\.a$")
  convtune_add_notice(zstd libzstd-dev)
endif()

# Written when something is made to be passed on, so that a build alone does not need the texts.
set(convtune_notices_file ${PROJECT_BINARY_DIR}/THIRD_PARTY_NOTICES)
set(convtune_write_notices ${PROJECT_BINARY_DIR}/write_notices.cmake)
configure_file(cmake/write_notices.cmake.in ${convtune_write_notices} @ONLY)
set(convtune_all "")
if(CONVTUNE_STATIC)  # its program is copied out of the build folder
  set(convtune_all ALL)
endif()
add_custom_target(convtune_notices ${convtune_all}
  COMMAND ${CMAKE_COMMAND} -P ${convtune_write_notices}
  BYPRODUCTS ${convtune_notices_file}
  COMMENT "Gathering the licences of what is built in"
  VERBATIM)

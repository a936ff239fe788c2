# The target header_check compiles every header on its own, so that each includes what it needs.
file(GLOB_RECURSE convtune_headers CONFIGURE_DEPENDS RELATIVE ${PROJECT_SOURCE_DIR}
  kernels/*.hpp generator/*.hpp runtime/*.hpp results/*.hpp tuner/*.hpp tests/*.hpp)
add_library(header_check OBJECT EXCLUDE_FROM_ALL)
if(NOT TARGET convtune_cudnn_headers)
  list(FILTER convtune_headers EXCLUDE REGEX "cudnn_")
endif()
foreach(header IN LISTS convtune_headers)
  set(unit ${PROJECT_BINARY_DIR}/header_check/${header}.cpp)
  file(CONFIGURE OUTPUT ${unit} CONTENT "#include \"@header@\"\n" @ONLY)
  target_sources(header_check PRIVATE ${unit})
endforeach()
target_link_libraries(header_check PRIVATE convtune_tuner convtune_options GTest::gmock
  $<TARGET_NAME_IF_EXISTS:convtune_cudnn_headers>)

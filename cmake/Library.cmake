# convtune_library: one shared library of all layers but the tuner. The target's name leaves `convtune`
# to the command.
set(convtune_layers convtune_kernels convtune_generator convtune_runtime convtune_results)

add_library(convtune_library SHARED)
foreach(layer IN LISTS convtune_layers)
  target_sources(convtune_library PRIVATE $<TARGET_OBJECTS:${layer}>)
endforeach()
target_link_libraries(convtune_library PRIVATE ${convtune_layers} convtune_options)
set(convtune_exports ${CMAKE_CURRENT_LIST_DIR}/exports.map)
target_link_options(convtune_library PRIVATE
  LINKER:--no-undefined LINKER:--as-needed LINKER:--version-script=${convtune_exports})
if(CONVTUNE_STATIC)  # parts of libstdc++ that nothing uses call what only newer versions of glibc have
  target_link_options(convtune_library PRIVATE LINKER:--gc-sections)
endif()
set_property(TARGET convtune_library PROPERTY LINK_DEPENDS ${convtune_exports})
target_compile_features(convtune_library INTERFACE cxx_std_20)
target_include_directories(convtune_library INTERFACE
  $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>
  "$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/runtime/include;${PROJECT_SOURCE_DIR}>")
set_target_properties(convtune_library PROPERTIES
  OUTPUT_NAME convtune
  EXPORT_NAME convtune
  EXCLUDE_FROM_ALL ${CONVTUNE_STATIC}  # there it is for the wheel alone
  VERSION ${PROJECT_VERSION}
  SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
add_library(convtune::convtune ALIAS convtune_library)


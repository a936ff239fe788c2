# What `cmake --install` gives beside the command: the run-time library and what finds it.
include(CMakePackageConfigHelpers)

set(convtune_layers convtune_kernels convtune_generator convtune_runtime convtune_results)

# One shared library of all layers but the tuner. The target's name leaves `convtune` to the command.
add_library(convtune_library SHARED)
foreach(layer IN LISTS convtune_layers)
  target_sources(convtune_library PRIVATE $<TARGET_OBJECTS:${layer}>)
endforeach()
target_link_libraries(convtune_library PRIVATE ${convtune_layers} convtune_options)
set(convtune_exports ${CMAKE_CURRENT_LIST_DIR}/exports.map)
target_link_options(convtune_library PRIVATE
  LINKER:--no-undefined LINKER:--as-needed LINKER:--version-script=${convtune_exports})
set_property(TARGET convtune_library PROPERTY LINK_DEPENDS ${convtune_exports})
target_compile_features(convtune_library INTERFACE cxx_std_20)
target_include_directories(convtune_library INTERFACE
  $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>
  "$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/runtime/include;${PROJECT_SOURCE_DIR}>")
set_target_properties(convtune_library PROPERTIES
  OUTPUT_NAME convtune
  EXPORT_NAME convtune
  VERSION ${PROJECT_VERSION}
  SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
add_library(convtune::convtune ALIAS convtune_library)

install(TARGETS convtune_library EXPORT convtune LIBRARY)
install(DIRECTORY runtime/include/convtune TYPE INCLUDE)
# The public headers include these by this path, which a quoted include finds beside them.
install(FILES kernels/enums.hpp kernels/error.hpp
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/convtune/kernels)

set(convtune_package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/convtune)
install(EXPORT convtune
  NAMESPACE convtune:: FILE convtune-targets.cmake DESTINATION ${convtune_package_dir})
configure_package_config_file(cmake/convtune-config.cmake.in
  ${PROJECT_BINARY_DIR}/convtune-config.cmake INSTALL_DESTINATION ${convtune_package_dir})
write_basic_package_version_file(
  ${PROJECT_BINARY_DIR}/convtune-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES
  ${PROJECT_BINARY_DIR}/convtune-config.cmake ${PROJECT_BINARY_DIR}/convtune-config-version.cmake
  DESTINATION ${convtune_package_dir})

# Relative to the file itself, so that an installed tree can be moved.
file(RELATIVE_PATH convtune_pc_prefix /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
cmake_path(SET convtune_pc_prefix NORMALIZE ${convtune_pc_prefix}.)
configure_file(cmake/convtune.pc.in ${PROJECT_BINARY_DIR}/convtune.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/convtune.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

install(FILES README.md CHANGELOG.md LICENSE TYPE DOC)

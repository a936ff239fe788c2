# What `cmake --install` gives beside the command: the run-time library and what finds it.
include(CMakePackageConfigHelpers)

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

install(SCRIPT ${convtune_write_notices})
install(FILES README.md CHANGELOG.md LICENSE ${convtune_notices_file} TYPE DOC)

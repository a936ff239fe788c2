# `cpack` in a build folder makes convtune_VERSION_ARCH.deb of what `cmake --install` gives.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME convtune)
set(CPACK_PACKAGE_VERSION ${CONVTUNE_VERSION})
set(CPACK_PACKAGE_VENDOR "the convtune maintainers")
set(CPACK_PACKAGE_CONTACT "the convtune maintainers <convtune@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY ${PROJECT_DESCRIPTION})
set(CPACK_RESOURCE_FILE_LICENSE ${PROJECT_SOURCE_DIR}/LICENSE)
set(CPACK_VERBATIM_VARIABLES ON)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
  OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)

set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
string(REPLACE .dev ~dev CPACK_DEBIAN_PACKAGE_VERSION ${CONVTUNE_VERSION})  # earlier than the release
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)       # "Depends" out of the binaries
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON) # and ldconfig when the library comes or goes
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "python3-matplotlib, python3-jinja2") # for `convtune report`
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "python3-numpy, python3-torch") # for the Python package
install(FILES LICENSE TYPE DOC RENAME copyright) # where Debian looks for it
include(CPack)

# SPDX-License-Identifier: Apache-2.0
# What a developer gets: headers, the two shared libraries, a CMake package and pkg-config files, all of which find
# their way from where they lie, so that the tree may be installed under any prefix (or DESTDIR) and be moved.
# promised, promisectl and the service's files are installed by their own folders.
include(CMakePackageConfigHelpers)

install(TARGETS promised_client promised_worker EXPORT promisedTargets
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
foreach(part client worker common)
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/${part}/include/promised DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
    FILES_MATCHING PATTERN "*.hpp")
endforeach()

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/promised)
install(EXPORT promisedTargets NAMESPACE promised:: DESTINATION ${package_dir})
configure_package_config_file(cmake/promisedConfig.cmake.in ${PROJECT_BINARY_DIR}/promisedConfig.cmake
  INSTALL_DESTINATION ${package_dir} NO_SET_AND_CHECK_MACRO)
# Before 1.0 a minor version may change what others build on.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/promisedConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/promisedConfig.cmake ${PROJECT_BINARY_DIR}/promisedConfigVersion.cmake
  DESTINATION ${package_dir})

# pkg-config knows the folder of a .pc file; the prefix is so many steps above it.
set(pkgconfig_dir ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
file(RELATIVE_PATH PROMISED_PREFIX_FROM_PC /prefix/${pkgconfig_dir} /prefix)
foreach(part client worker)
  configure_file(cmake/promised-${part}.pc.in ${PROJECT_BINARY_DIR}/promised-${part}.pc @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/promised-${part}.pc DESTINATION ${pkgconfig_dir})
endforeach()

# Under a prefix whose libraries the system's linker does not look for, promisectl finds its own beside it.
if(NOT CMAKE_INSTALL_PREFIX STREQUAL "/usr")
  file(RELATIVE_PATH lib_from_bin /prefix/${CMAKE_INSTALL_BINDIR} /prefix/${CMAKE_INSTALL_LIBDIR})
  set_target_properties(promisectl PROPERTIES INSTALL_RPATH "$ORIGIN/${lib_from_bin}")
  file(RELATIVE_PATH lib_from_libexec /prefix/${CMAKE_INSTALL_LIBEXECDIR}/promised /prefix/${CMAKE_INSTALL_LIBDIR})
  set_target_properties(promised-exec PROPERTIES INSTALL_RPATH "$ORIGIN/${lib_from_libexec}")
endif()

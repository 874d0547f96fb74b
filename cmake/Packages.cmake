# SPDX-License-Identifier: Apache-2.0
# Third parties, from the distribution. Each is linked by the one module that may know it.
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(Protobuf REQUIRED)
find_package(Boost 1.74 REQUIRED COMPONENTS program_options)
find_package(spdlog REQUIRED)
find_package(nlohmann_json REQUIRED)
pkg_check_modules(ZeroMQ REQUIRED IMPORTED_TARGET libzmq)
pkg_check_modules(SQLite REQUIRED IMPORTED_TARGET sqlite3)
pkg_check_modules(Systemd REQUIRED IMPORTED_TARGET libsystemd)
pkg_check_modules(Seccomp REQUIRED IMPORTED_TARGET libseccomp)

# libbacktrace comes with GCC (Debian: libgcc-12-dev), in a folder that clang does not look into: its header is copied,
# so that nothing else of that folder is found.
file(GLOB gcc_folders /usr/lib/gcc/*/* /usr/lib64/gcc/*/*)
find_library(PROMISED_LIBBACKTRACE libbacktrace.a HINTS ${gcc_folders})
find_path(PROMISED_BACKTRACE_HEADER backtrace.h HINTS ${gcc_folders} PATH_SUFFIXES include)
if(NOT PROMISED_LIBBACKTRACE OR NOT PROMISED_BACKTRACE_HEADER)
  message(FATAL_ERROR "libbacktrace.a and backtrace.h are missing; on Debian they come with g++ (libgcc-12-dev)")
endif()
configure_file(${PROMISED_BACKTRACE_HEADER}/backtrace.h ${PROJECT_BINARY_DIR}/libbacktrace/backtrace.h COPYONLY)
add_library(libbacktrace STATIC IMPORTED)
set_target_properties(libbacktrace PROPERTIES IMPORTED_LOCATION ${PROMISED_LIBBACKTRACE})
target_include_directories(libbacktrace SYSTEM INTERFACE ${PROJECT_BINARY_DIR}/libbacktrace)

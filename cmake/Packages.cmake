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

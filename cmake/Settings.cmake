# SPDX-License-Identifier: Apache-2.0
# How everything here is compiled. Modules link promised_settings privately; nothing of it reaches users.
# The system's configuration: below /etc for what is installed where Debian's or the administrator's own programs are,
# else below the prefix.
if(CMAKE_INSTALL_PREFIX MATCHES "^/usr(/local)?/?$" AND CMAKE_INSTALL_SYSCONFDIR STREQUAL "etc")
  set(PROMISED_SYSCONFDIR /etc)
else()
  set(PROMISED_SYSCONFDIR ${CMAKE_INSTALL_FULL_SYSCONFDIR})
endif()

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "" FORCE)
endif()

find_program(PROMISED_CCACHE ccache)
if(PROMISED_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # ccache takes precompiled headers only when it is told that their defines are the same. Another clone of the same
  # sources finds what this one has compiled, but for batches (CMAKE_UNITY_BUILD), which name their sources by whole paths.
  set(CMAKE_CXX_COMPILER_LAUNCHER
    ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros CCACHE_BASEDIR=${PROJECT_SOURCE_DIR}
    CCACHE_NOHASHDIR=1 ${PROMISED_CCACHE})
  add_compile_options($<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess>)
endif()
# Linking is most of what a small change costs.
find_program(PROMISED_MOLD ld.mold)
if(PROMISED_MOLD)
  add_link_options(-fuse-ld=mold)
endif()

add_library(promised_settings INTERFACE)
target_compile_options(promised_settings INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Wold-style-cast -Wcast-align -Woverloaded-virtual
  -Wdouble-promotion -Wformat=2 -Werror
  # Of these two g++ 12 makes noise about std::variant, std::optional and std::vector as soon as it optimizes.
  $<IF:$<CXX_COMPILER_ID:GNU>,-Wno-maybe-uninitialized,-Wnull-dereference>)
if(CMAKE_UNITY_BUILD)
  # Of a source that another one includes g++ thinks that it is a header.
  target_compile_options(promised_settings INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wno-subobject-linkage>)
endif()
target_compile_definitions(promised_settings INTERFACE PROMISED_VERSION="${PROJECT_VERSION}")
target_include_directories(promised_settings INTERFACE
  ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/common/include ${PROJECT_BINARY_DIR}/generated)
if(PROMISED_SANITIZE)
  add_compile_options(-fsanitize=${PROMISED_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all -O1 -g1)
  add_link_options(-fsanitize=${PROMISED_SANITIZE})
  if(PROMISED_SANITIZE MATCHES undefined AND CMAKE_CXX_COMPILER_ID STREQUAL GNU)
    # These look at every access, which takes g++ as long as all the rest. AddressSanitizer finds most of that, and the
    # fuzz targets have them.
    add_compile_options(-fno-sanitize=null,alignment,object-size,vptr)
  endif()
  add_compile_definitions(PROMISED_SANITIZED=1)
else()
  add_compile_options(-fstack-protector-strong)
  add_compile_definitions($<$<NOT:$<CONFIG:Debug>>:_FORTIFY_SOURCE=2>)
  add_link_options(-Wl,-z,relro,-z,now)
endif()

# A module of the house: a static library with explicit links, so that a back edge does not link.
function(promised_module name)
  cmake_parse_arguments(ARG "" "" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_link_libraries(${name} PUBLIC ${ARG_PUBLIC} PRIVATE promised_settings ${ARG_PRIVATE})
  target_include_directories(${name} INTERFACE ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/common/include)
endfunction()

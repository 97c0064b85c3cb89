# Compiler, linker, ccache, sanitizers, the packages every room needs.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bin")
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/lib")
set(CMAKE_ARCHIVE_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/lib")

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
endif()
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG")

find_package(MLIR REQUIRED CONFIG PATHS /usr/lib/llvm-22/lib/cmake/mlir)
find_package(Threads REQUIRED)
find_package(Eigen3 REQUIRED NO_MODULE)
# By file, so that the exported targets name nothing of MLIR's.
set(DIPTYCH_LLVM_LIBRARIES)
foreach(name IN ITEMS MLIR LLVM)
  find_library(DIPTYCH_${name}_LIBRARY NAMES ${name} HINTS "${LLVM_LIBRARY_DIR}" NO_DEFAULT_PATH REQUIRED)
  list(APPEND DIPTYCH_LLVM_LIBRARIES "${DIPTYCH_${name}_LIBRARY}")
endforeach()
separate_arguments(DIPTYCH_LLVM_DEFINITIONS NATIVE_COMMAND "${LLVM_DEFINITIONS}")
list(TRANSFORM DIPTYCH_LLVM_DEFINITIONS REPLACE "^-D" "")

# -fPIC everywhere (not CMake's -fPIE for executables), so that all MLIR units can share one precompiled header.
# No contraction: in strict mode a fused multiply-add is only ever one that was asked for.
add_compile_options(-Wall -Wextra -fPIC -ffp-contract=off)
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  # Deprecation: libstdc++'s own std::stable_sort calls what it deprecates.
  add_compile_options(-Wno-unused-parameter -Wno-deprecated-declarations "$<$<COMPILE_LANGUAGE:CXX>:SHELL:-Xclang -fno-pch-timestamp>")
  find_program(DIPTYCH_LLD NAMES ld.lld-22 ld.lld HINTS "${LLVM_TOOLS_BINARY_DIR}")
  if(DIPTYCH_LLD)
    add_link_options("--ld-path=${DIPTYCH_LLD}")
  endif()
endif()

if(DIPTYCH_SANITIZE)
  # Not `function`: it reads what stands before a function's code, and before a compiled kernel's nothing need stand.
  add_compile_options(-fsanitize=${DIPTYCH_SANITIZE} -fno-sanitize=function -fno-sanitize-recover=all
    -fno-omit-frame-pointer -g1)
  add_link_options(-fsanitize=${DIPTYCH_SANITIZE})
endif()

find_program(DIPTYCH_CCACHE ccache)
if(DIPTYCH_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER
    env CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime "${DIPTYCH_CCACHE}")
endif()

# Code that calls the DSL itself: its lines are not the user's, and are told by the name of the file.
function(diptych_own_lines target)
  target_compile_options(${target} PRIVATE "-fmacro-prefix-map=${PROJECT_SOURCE_DIR}/=<diptych>/")
endfunction()

# Adds the include folders and the order of generation that every room shares.
function(diptych_room target)
  target_include_directories(${target} PRIVATE
    "${PROJECT_SOURCE_DIR}" "${PROJECT_SOURCE_DIR}/include" "${PROJECT_BINARY_DIR}" "${PROJECT_BINARY_DIR}/include")
  if(TARGET diptych-generated)
    add_dependencies(${target} diptych-generated)
  endif()
endfunction()

# A room on the compiler's side: LLVM's headers as system headers, the shared precompiled header.
function(diptych_mlir_room target)
  diptych_room(${target})
  target_include_directories(${target} SYSTEM PRIVATE ${LLVM_INCLUDE_DIRS} ${MLIR_INCLUDE_DIRS})
  target_compile_definitions(${target} PRIVATE ${DIPTYCH_LLVM_DEFINITIONS})
  if(TARGET diptych-dialect-generated)
    add_dependencies(${target} diptych-dialect-generated)
  endif()
  if(TARGET diptych-mlir-pch AND NOT target STREQUAL "diptych-mlir-pch")
    target_precompile_headers(${target} REUSE_FROM diptych-mlir-pch)
  endif()
endfunction()

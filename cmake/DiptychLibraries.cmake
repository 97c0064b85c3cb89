# libdiptych (eager, tape; no LLVM) and libdiptych-compiler (dialect, passes, code generation, jit).
# The rooms are object libraries, because kernelgen, which makes the eager kernels that libdiptych contains,
# needs the table and the code generator before libdiptych exists.

function(diptych_glob result)
  file(GLOB_RECURSE files CONFIGURE_DEPENDS ${ARGN})
  set(${result} ${files} PARENT_SCOPE)
endfunction()

file(GLOB ir_sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/ir/*.cpp")
file(GLOB autodiff_sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/autodiff/*.cpp")
file(GLOB codegen_sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/codegen/*.cpp" "${PROJECT_SOURCE_DIR}/codegen/*/*.cpp")
file(GLOB passes_sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/passes/*.cpp")
file(GLOB aot_sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/aot/*.cpp")
diptych_glob(runtime_sources "${PROJECT_SOURCE_DIR}/runtime/*.cpp")
diptych_glob(frontend_sources "${PROJECT_SOURCE_DIR}/frontend/*.cpp")
file(GLOB kernelgen_sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/tools/diptych-kernelgen/*.cpp")

# By name: these files know MLIR, the rest of their rooms do not (tests/structure checks it).
set(dialect_sources ${ir_sources})
list(FILTER dialect_sources INCLUDE REGEX "/(Dialect|IrEmitter|IrValue|Folders|Verify)[A-Za-z]*\\.cpp$")
set(emitter_sources ${ir_sources})
list(FILTER emitter_sources INCLUDE REGEX "/(Emitter|Value)[A-Za-z]*\\.cpp$")
set(table_sources ${ir_sources})
if(dialect_sources OR emitter_sources)
  list(REMOVE_ITEM table_sources ${dialect_sources} ${emitter_sources})
endif()
set(jit_sources ${frontend_sources})
list(FILTER jit_sources INCLUDE REGEX "/(Jit|Trace)[A-Za-z]*\\.cpp$")
if(jit_sources)
  list(REMOVE_ITEM frontend_sources ${jit_sources})
endif()

set(eager_objects)
foreach(room IN ITEMS table emitter runtime autodiff frontend)
  if(${room}_sources)
    add_library(diptych-${room} OBJECT ${${room}_sources})
    diptych_room(diptych-${room})
    # Thread-local words are read several times an eager operator, and there are few of them: they fit in the room that
    # the loader has for libraries opened at run time.
    target_compile_options(diptych-${room} PRIVATE -ftls-model=initial-exec)
    list(APPEND eager_objects $<TARGET_OBJECTS:diptych-${room}>)
  endif()
endforeach()

# Eigen is inside runtime/library alone. Those files ask for what the kernels ask of the CPU (x86-64-v3), which decides how
# Eigen aligns memory: under a name of its own it never meets a user's Eigen, built otherwise, in the linker.
get_target_property(eigen_folder Eigen3::Eigen INTERFACE_INCLUDE_DIRECTORIES)
file(GLOB matrix_sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/runtime/library/*.cpp")
set(matrix_options "-isystem${eigen_folder}" -DEIGEN_MPL2_ONLY -DEIGEN_DONT_PARALLELIZE
  -DEigen=DiptychEigen)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  list(APPEND matrix_options -mavx2 -mfma)
endif()
set_source_files_properties(${matrix_sources} PROPERTIES COMPILE_OPTIONS "${matrix_options}")

if(codegen_sources OR dialect_sources OR passes_sources OR jit_sources OR kernelgen_sources)
  file(WRITE "${PROJECT_BINARY_DIR}/mlir_pch.cpp" "")
  add_library(diptych-mlir-pch OBJECT "${PROJECT_BINARY_DIR}/mlir_pch.cpp")
  diptych_mlir_room(diptych-mlir-pch)
  target_precompile_headers(diptych-mlir-pch PRIVATE "${PROJECT_SOURCE_DIR}/cmake/mlir_pch.h")
endif()

set(compiler_objects)
foreach(room IN ITEMS codegen dialect passes jit aot)
  if(${room}_sources)
    add_library(diptych-${room} OBJECT ${${room}_sources})
    diptych_mlir_room(diptych-${room})
    list(APPEND compiler_objects $<TARGET_OBJECTS:diptych-${room}>)
  endif()
endforeach()

diptych_own_lines(diptych-frontend)
diptych_own_lines(diptych-jit)

if(TARGET diptych-aot)
  diptych_bitcode(bitcode_source)
  target_sources(diptych-aot PRIVATE "${bitcode_source}")
  target_compile_definitions(diptych-aot PRIVATE DIPTYCH_VERSION="${PROJECT_VERSION}")
endif()
set_source_files_properties("${PROJECT_SOURCE_DIR}/codegen/ObjectCache.cpp"
  PROPERTIES COMPILE_DEFINITIONS DIPTYCH_VERSION="${PROJECT_VERSION}")

# Eager kernels: the code generator's own output, one object per x86-64 level, chosen at run time.
set(kernel_objects)
if(kernelgen_sources AND TARGET diptych-codegen)
  # An archive, so that kernelgen takes only what it uses: the kernel registry would ask for the kernels.
  set(bootstrap_objects $<TARGET_OBJECTS:diptych-codegen>)
  foreach(room IN ITEMS table emitter runtime)
    if(TARGET diptych-${room})
      list(APPEND bootstrap_objects $<TARGET_OBJECTS:diptych-${room}>)
    endif()
  endforeach()
  add_library(diptych-bootstrap STATIC ${bootstrap_objects})
  set_target_properties(diptych-bootstrap PROPERTIES LINKER_LANGUAGE CXX)

  add_executable(diptych-kernelgen ${kernelgen_sources})
  diptych_mlir_room(diptych-kernelgen)
  target_link_libraries(diptych-kernelgen PRIVATE diptych-bootstrap ${DIPTYCH_LLVM_LIBRARIES} Threads::Threads z)

  foreach(level IN ITEMS v3 v4)
    set(object "${PROJECT_BINARY_DIR}/kernels/kernels_${level}.o")
    add_custom_command(OUTPUT "${object}"
      COMMAND "${CMAKE_COMMAND}" -E make_directory "${PROJECT_BINARY_DIR}/kernels"
      COMMAND env ASAN_OPTIONS=detect_leaks=0:detect_container_overflow=0
        $<TARGET_FILE:diptych-kernelgen> --cpu x86-64-${level} --suffix ${level} -o "${object}"
      DEPENDS diptych-kernelgen
      COMMENT "Generating eager kernels for x86-64-${level}"
      VERBATIM)
    set_source_files_properties("${object}" PROPERTIES EXTERNAL_OBJECT ON GENERATED ON)
    list(APPEND kernel_objects "${object}")
  endforeach()
  # The GPU's: PTX for any device from sm_80 on. Needs no toolkit. They follow code generation and the table, not
  # all that the generator is linked from: writing them takes a while.
  option(DIPTYCH_EAGER_PTX "Carry eager kernels for CUDA, as PTX" ON)
  if(DIPTYCH_EAGER_PTX)
    set(object "${PROJECT_BINARY_DIR}/kernels/eager_ptx.o")
    add_custom_command(OUTPUT "${object}"
      COMMAND "${CMAKE_COMMAND}" -E make_directory "${PROJECT_BINARY_DIR}/kernels"
      COMMAND env ASAN_OPTIONS=detect_leaks=0:detect_container_overflow=0
        "$<TARGET_FILE_DIR:diptych-kernelgen>/$<TARGET_FILE_NAME:diptych-kernelgen>"
        --cpu x86-64-v3 --gpu sm_80 -o "${object}"
      DEPENDS $<TARGET_OBJECTS:diptych-codegen> $<TARGET_OBJECTS:diptych-table>
        "${PROJECT_SOURCE_DIR}/runtime/cuda/EagerPtx.cpp"
      COMMENT "Generating eager kernels for CUDA"
      VERBATIM)
    set_source_files_properties("${object}" PROPERTIES EXTERNAL_OBJECT ON GENERATED ON)
    list(APPEND kernel_objects "${object}")
  endif()
  add_custom_target(diptych-kernels DEPENDS ${kernel_objects})
  add_dependencies(diptych-kernels diptych-kernelgen)
endif()

if(eager_objects)
  add_library(diptych ${eager_objects} ${kernel_objects})
  add_library(Diptych::diptych ALIAS diptych)
  set_target_properties(diptych PROPERTIES LINKER_LANGUAGE CXX EXPORT_NAME diptych
    VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
  target_include_directories(diptych INTERFACE
    "$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>" "$<BUILD_INTERFACE:${PROJECT_BINARY_DIR}/include>"
    "$<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>")
  target_compile_features(diptych INTERFACE cxx_std_20)
  target_link_libraries(diptych PRIVATE Threads::Threads ${CMAKE_DL_LIBS} z)
  if(kernel_objects)
    add_dependencies(diptych diptych-kernels)
  endif()
endif()

if(compiler_objects AND TARGET diptych)
  add_library(diptych-compiler ${compiler_objects})
  add_library(Diptych::compiler ALIAS diptych-compiler)
  set_target_properties(diptych-compiler PROPERTIES LINKER_LANGUAGE CXX EXPORT_NAME compiler
    VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
  target_link_libraries(diptych-compiler PUBLIC diptych PRIVATE ${DIPTYCH_LLVM_LIBRARIES})
endif()

# Hidden but for our own names: what is linked in never meets a user's copy of it.
foreach(library IN ITEMS diptych diptych-compiler)
  if(TARGET ${library} AND BUILD_SHARED_LIBS AND CMAKE_SYSTEM_NAME STREQUAL "Linux")
    target_link_options(${library} PRIVATE "LINKER:--version-script=${PROJECT_SOURCE_DIR}/cmake/exports.map")
    set_property(TARGET ${library} APPEND PROPERTY LINK_DEPENDS "${PROJECT_SOURCE_DIR}/cmake/exports.map")
  endif()
endforeach()
# Functions of libdiptych are called where they are, not through a table that somebody might have changed: a quarter of what
# a small eager operator takes. Not the compiler's, in front of whose checks fuzz targets stand theirs.
if(TARGET diptych AND BUILD_SHARED_LIBS AND CMAKE_SYSTEM_NAME STREQUAL "Linux")
  target_link_options(diptych PRIVATE "LINKER:-Bsymbolic-functions")
endif()

# For diptych-gpu, which is linked from the objects themselves.
set(DIPTYCH_EAGER_OBJECTS ${eager_objects})
set(DIPTYCH_COMPILER_OBJECTS ${compiler_objects})
set(DIPTYCH_KERNEL_OBJECTS ${kernel_objects})
